"""What an organisation says itself of its people is what the hub's service would have said for it."""

from datetime import timedelta

from contracts import codes
from services.events.messages import attendance as messages
from services.events.rules.attendance import Person, record
from tests.examples_events import (
    ORGANISER,
    PARTNER,
    PRESENT,
    a_jornada,
    attendance_recorded,
    need_referred_from_there,
)
from tools.attendance.registering import presence, registrations

SAID = attendance_recorded(
    etpv_steps=(codes.EtpvStep.PRE_REGISTRATION, codes.EtpvStep.APPOINTMENT),
    needs=(need_referred_from_there(recipient=PARTNER),),
)


def test_it_is_what_the_hubs_service_says_of_the_same_attendance() -> None:
    change = record(messages.said(SAID), a_jornada(), None, Person(), by=ORGANISER)
    hubs = [one.data for one in messages.happened(change, a_jornada(), SAID, speaker=ORGANISER)]
    ours = [*registrations(SAID, registered_at=PRESENT)]
    assert ours == hubs[: len(ours)]
    assert len(ours) == 6  # details, consent, two steps, a need and where it goes


def test_corrected_details_are_newer_than_those_before() -> None:
    details = next(registrations(SAID, registered_at=PRESENT + timedelta(days=1)))
    assert details.registered_at > PRESENT


def test_the_organiser_hears_that_the_person_came_and_was_served_and_no_more() -> None:
    bare = presence(SAID)
    assert (bare.sealed, bare.consent, bare.needs, bare.etpv_steps) == (None, None, (), ())
    assert (bare.served, bare.row, bare.attendance_id) == (SAID.served, SAID.row, SAID.attendance_id)


def test_of_who_has_not_consented_there_is_nothing_to_say() -> None:
    assert [*registrations(presence(SAID), registered_at=PRESENT)] == []
