"""People are registered, consent is given and taken back, needs are identified."""

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

import contracts
from contracts import codes, sealing, uuid7
from services.intake import rules
from tests.examples import (
    ANOTHER,
    CONSENT_ID,
    NEED_ID,
    NOW,
    PERSON,
    PERSON_ID,
    RECIPIENT,
    SEALED,
    SENDER,
    consent_granted,
    consent_withdrawn,
    need_identified,
    person_registered,
)
from tests.services.conftest import ServiceUnderTest

DAY = timedelta(days=1)
CHILD = {**PERSON, "birth_date": "2015-03-03"}


@pytest.fixture
def registered(intake: ServiceUnderTest, hub_key: sealing.Key) -> ServiceUnderTest:
    """Intake, knowing the examples' person."""
    intake.hear(person_registered(sealing.public_part(hub_key)), source=SENDER)
    return intake


# -- people -----------------------------------------------------------------------------------------------------------


def test_a_registration_is_opened_and_kept_whole(registered: ServiceUnderTest) -> None:
    (person,) = registered.rows("select * from person")
    assert {name: person[name] for name in ("given_names", "family_names", "phone", "place", "nationality")} == {
        name: PERSON[name] for name in ("given_names", "family_names", "phone", "place", "nationality")
    }
    assert (person["birth_date"], person["registered_by"]) == (date(1991, 7, 24), SENDER)
    assert registered.rows("select type, number from document") == [{"type": "PT", "number": "4815162"}]


def test_a_registration_tells_the_hubs_services_what_a_person_is_counted_by_and_nothing_that_names_them(
    intake: ServiceUnderTest, hub_key: sealing.Key
) -> None:
    (profiled,) = intake.hear(person_registered(sealing.public_part(hub_key)), source=SENDER)
    assert profiled.recipient is None
    assert profiled.data == contracts.PersonProfiled(
        person_id=PERSON_ID,
        organisation=SENDER,
        registered_at=NOW,
        birth_year=1991,
        sex=codes.Sex.FEMALE,
    )
    # without the ids that are drawn for each message: a short number can stand in one by chance
    said = profiled.model_dump_json(exclude={"id", "correlationid", "causationid"})
    assert [name for name in ("Yuleisy", "Guerrero", "4815162", "1991-07-24", "VEN", "08001") if name in said] == []


@pytest.mark.parametrize(
    ("block", "birth_year"),
    [
        ({"age": 30}, 1996),
        ({"birth_date": "2026-01-31", "age": 30}, 2026),
        ({"birth_date": "1026-01-31"}, None),  # a slip of the finger, told to nobody
        ({}, None),
    ],
)
def test_the_birth_year_comes_from_the_birth_date_or_else_from_the_age(
    intake: ServiceUnderTest, hub_key: sealing.Key, block: dict[str, Any], birth_year: int | None
) -> None:
    (profiled,) = intake.hear(person_registered(sealing.public_part(hub_key), person=block), source=SENDER)
    assert profiled.data.birth_year == birth_year


def test_how_a_person_is_reached_is_kept(intake: ServiceUnderTest, hub_key: sealing.Key) -> None:
    reached = {"email": "ana@example.org", "language": "guc", "contact_channel": "email"}
    intake.hear(person_registered(sealing.public_part(hub_key), person={**PERSON, **reached}), source=SENDER)
    assert intake.rows("select email, language, contact_channel from person") == [reached]


def test_people_and_their_consents_that_arrive_together_are_written_in_any_order(
    registered: ServiceUnderTest, hub_key: sealing.Key
) -> None:
    registered.hear(consent_granted(), source=SENDER)  # what another consent is written with, before its person
    registered.hear(person_registered(sealing.public_part(hub_key), person_id=NEED_ID), source=SENDER)
    registered.hear(consent_granted(consent_id=uuid7(), person_id=NEED_ID), source=SENDER)
    registered.check_constraints()
    assert len(registered.rows("select 1 from consent join person using (person_id)")) == 2


def test_a_registration_and_its_correction_that_arrive_together_leave_the_correction(
    intake: ServiceUnderTest, hub_key: sealing.Key
) -> None:
    public = sealing.public_part(hub_key)
    corrected = {**PERSON, "phone": "+573009999999", "documents": [{"type": "CE", "number": "23"}]}
    two = {**PERSON, "documents": [{"type": "PT", "number": "1"}, {"type": "PA", "number": "2"}]}
    intake.hear(person_registered(public, person=two), source=SENDER)
    (profiled,) = intake.hear(person_registered(public, person=corrected, registered_at=NOW + DAY), source=SENDER)
    assert profiled.data.registered_at == NOW + DAY
    assert intake.rows("select phone from person") == [{"phone": "+573009999999"}]
    assert intake.rows("select type, number from document") == [{"type": "CE", "number": "23"}]


def test_a_correction_by_the_same_organisation_replaces_what_was_known(
    registered: ServiceUnderTest, hub_key: sealing.Key
) -> None:
    corrected = {**PERSON, "phone": "+573009999999", "documents": [{"type": "CE", "number": "23"}]}
    again = person_registered(sealing.public_part(hub_key), person=corrected, registered_at=NOW + DAY)
    registered.hear(again, source=SENDER)
    assert registered.rows("select phone from person") == [{"phone": "+573009999999"}]
    assert registered.rows("select type, number from document") == [{"type": "CE", "number": "23"}]


@pytest.mark.parametrize(
    ("source", "registered_at", "code"),
    [
        (SENDER, NOW, "already_registered"),
        (SENDER, NOW - DAY, "superseded"),
        (ANOTHER, NOW + DAY, "registered_by_another"),
    ],
)
def test_a_repeat_an_older_word_and_anothers_word_change_nothing(
    registered: ServiceUnderTest, hub_key: sealing.Key, source: str, registered_at: Any, code: str
) -> None:
    other = {**PERSON, "phone": "+573009999999"}
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        registered.hear(
            person_registered(sealing.public_part(hub_key), person=other, registered_at=registered_at), source=source
        )
    assert registered.rows("select phone from person") == [{"phone": PERSON["phone"]}]
    assert len(registered.rows("select 1 from document")) == 1


@pytest.mark.parametrize(
    "block",
    [
        {"given_names": "Yuleisy", "sex": "unheard of"},
        {"phone": "call Yuleisy"},
        {"given_names": "x" * 201},
    ],
)
def test_a_block_that_holds_something_else_is_refused_and_nobody_hears_what_was_in_it(
    intake: ServiceUnderTest, hub_key: sealing.Key, block: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(rules.Refused) as refused:
        intake.hear(person_registered(sealing.public_part(hub_key), person=block), source=SENDER)
    assert refused.value.code == "sealed_block_unreadable"
    assert (refused.value.__cause__, refused.value.__context__) == (None, None)
    assert "Yuleisy" not in caplog.text
    assert intake.rows("select 1 from person") == []


@pytest.mark.parametrize("how", ["for another key", "not a block at all"])
def test_a_block_that_does_not_open_is_refused(intake: ServiceUnderTest, how: str) -> None:
    registration = person_registered(sealing.public_part(sealing.new_key()))
    if how == "not a block at all":
        registration = registration.model_copy(update={"sealed": SEALED})
    with pytest.raises(rules.Refused, match=r"^sealed_block_unreadable$"):
        intake.hear(registration, source=SENDER)


def test_a_person_never_shows_in_print() -> None:
    person = rules.people.Person(PERSON_ID, SENDER, NOW, given_names="Yuleisy")
    assert "Yuleisy" not in f"{person} {person!r} {[person]}"


def test_an_unknown_municipality_is_a_warning_and_no_refusal(
    intake: ServiceUnderTest, hub_key: sealing.Key, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        person = {**PERSON, "place": "99998"}
        intake.hear(person_registered(sealing.public_part(hub_key), person=person), source=SENDER)
        intake.hear(need_identified(zone="08001"), source=SENDER)
    assert [record.getMessage() for record in caplog.records] == ["a municipality is not in the list"]
    assert intake.rows("select place from person") == [{"place": "99998"}]


# -- consent ----------------------------------------------------------------------------------------------------------


def test_a_consent_is_kept_and_told_to_the_hubs_services(registered: ServiceUnderTest) -> None:
    recorded, _ = registered.hear(consent_granted(), source=SENDER)
    assert recorded.recipient is None
    assert isinstance(recorded.data, contracts.ConsentRecorded)
    assert (recorded.data.granted_to, recorded.data.recipients) == (SENDER, (RECIPIENT,))
    (kept,) = registered.rows("select granted_to, given_by, manner, ended_at from consent")
    assert kept == {"granted_to": SENDER, "given_by": "person", "manner": "signed", "ended_at": None}


def test_a_consent_for_a_case_code_needs_no_person(intake: ServiceUnderTest) -> None:
    recorded, _ = intake.hear(consent_granted(person_id=None, case_code="GBV-0001"), source=SENDER)
    assert recorded.data.case_code == "GBV-0001"


def test_a_consent_granted_twice_is_refused_as_a_repeat(registered: ServiceUnderTest) -> None:
    registered.hear(consent_granted(), source=SENDER)
    with pytest.raises(rules.Refused, match=r"^already_granted$"):
        registered.hear(consent_granted(recipients=(ANOTHER,)), source=ANOTHER)


@pytest.mark.parametrize(
    ("days", "code"), [(731, "too_far_ahead"), (-3651, "too_long_ago"), (365 * 73, "too_far_ahead")]
)
def test_a_consent_that_begins_when_nobody_meant_it_to_is_refused_and_the_right_day_is_taken_under_its_id(
    registered: ServiceUnderTest, days: int, code: str
) -> None:
    begins = registered.clock.now + timedelta(days=days)
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        registered.hear(consent_granted(valid_from=begins, valid_until=None), source=SENDER)
    assert registered.rows("select 1 from consent") == []

    within = registered.clock.now + timedelta(days=729 if days > 0 else -3649)
    registered.hear(consent_granted(valid_from=within, valid_until=None), source=SENDER)

    assert len(registered.rows("select 1 from consent")) == 1


def test_a_childs_consent_comes_from_a_caregiver(intake: ServiceUnderTest, hub_key: sealing.Key) -> None:
    intake.hear(person_registered(sealing.public_part(hub_key), person=CHILD), source=SENDER)
    with pytest.raises(rules.Refused, match=r"^caregiver_needed$"):
        intake.hear(consent_granted(), source=SENDER)
    intake.hear(consent_granted(given_by=codes.ConsentGivenBy.CAREGIVER), source=SENDER)
    assert len(intake.rows("select 1 from consent")) == 1


def test_a_child_comes_of_age_when_its_birthday_begins_in_colombia(
    intake: ServiceUnderTest, hub_key: sealing.Key
) -> None:
    born = {**PERSON, "birth_date": "2008-03-02"}
    intake.hear(person_registered(sealing.public_part(hub_key), person=born), source=SENDER)
    intake.clock.now = datetime(2026, 3, 2, 4, 59, tzinfo=UTC)
    with pytest.raises(rules.Refused, match=r"^caregiver_needed$"):
        intake.hear(consent_granted(), source=SENDER)
    intake.clock.now = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)
    assert len(intake.hear(consent_granted(), source=SENDER)) == 2


def test_a_withdrawal_through_whom_it_was_granted_to_ends_the_consent_at_once(registered: ServiceUnderTest) -> None:
    registered.hear(consent_granted(), source=SENDER)
    (ended,) = registered.hear(consent_withdrawn(withdrawn_at=NOW - DAY), source=SENDER)
    assert isinstance(ended.data, contracts.ConsentEnded)
    assert (ended.data.consent_id, ended.data.reason, ended.data.ended_at) == (CONSENT_ID, "withdrawn", NOW)
    (kept,) = registered.rows("select ended_at, withdrawn_at, withdrawn_by, ended_through from consent")
    assert kept == {
        "ended_at": NOW,
        "withdrawn_at": NOW - DAY,
        "withdrawn_by": "person",
        "ended_through": SENDER,
    }


# -- needs ------------------------------------------------------------------------------------------------------------


def test_a_need_is_kept(registered: ServiceUnderTest) -> None:
    registered.hear(need_identified(), source=SENDER)
    (need,) = registered.rows("select need_id, need_code, urgency, identified_by from need")
    assert need == {
        "need_id": NEED_ID,
        "need_code": "health.consultation",
        "urgency": "normal",
        "identified_by": SENDER,
    }


def test_a_need_of_a_confidential_case_needs_no_person(intake: ServiceUnderTest) -> None:
    confidential = need_identified(person_id=None, case_code="GBV-0001", need_code="gbv.case_management")
    (recorded,) = intake.hear(confidential, source=SENDER)
    assert (recorded.data.person_id, recorded.data.need_code) == (None, "gbv.case_management")
