"""Who counts as present at a jornada, and what a correction changes."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts import uuid7
from services.events.rules import Refused
from services.events.rules.attendance import (
    PRESENT_WITHIN,
    Outcome,
    Person,
    Referral,
    correct,
    erase,
    meet,
    record,
    strike_out,
)
from services.events.rules.jornadas import CANCELLED, HELD, PLANNED, REPORTED, State
from tests.examples import CONSENT_ID, DAY, NEED_ID, NOW, REFERRAL_ID
from tests.examples_events import (
    ENDS,
    JORNADA_ID,
    ORGANISER,
    PARTNER,
    PRESENT,
    STARTS,
    STRANGER,
    a_jornada,
    an_attendance,
    said,
    said_with_a_referral,
)

NOBODY = Person()
HOUR = timedelta(hours=1)
SERVICE, ANOTHER_SERVICE = ("health.consultation", ORGANISER), ("protection.legal_advice", PARTNER)


# -- recording --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [ORGANISER, PARTNER])
def test_the_organiser_and_a_partner_say_who_came(by: str) -> None:
    change = record(said(), a_jornada(), None, NOBODY, by=by)
    kept = change.attendance
    assert (change.outcome, kept.recorded_by, kept.present, kept.sequence, kept.late) == (
        Outcome.ACCEPTED,
        by,
        True,
        1,
        False,
    )
    assert (change.registers, change.consents, change.found_needs, {*change.taken_steps}) == (
        True,
        True,
        {NEED_ID},
        {"pre_registration"},
    )
    assert [(one.need_code, one.delivered_by) for one in change.delivered] == [SERVICE]


def test_nobody_else_does() -> None:
    with pytest.raises(Refused, match=r"^not_a_partner$"):
        record(said(), a_jornada(), None, NOBODY, by=STRANGER)


def test_who_is_known_here_is_matched() -> None:
    assert record(said(), a_jornada(), None, Person(known=True), by=ORGANISER).outcome == Outcome.MATCHED


@pytest.mark.parametrize(("state", "late"), [(PLANNED, False), (HELD, False), (REPORTED, True)])
def test_what_comes_after_the_report_is_late_and_counts(state: State, late: bool) -> None:
    attendance = record(said(), a_jornada(state=state), None, NOBODY, by=ORGANISER).attendance
    assert (attendance.present, attendance.late) == (True, late)


def test_nobody_was_at_what_was_cancelled() -> None:
    with pytest.raises(Refused, match=r"^not_while_cancelled$"):
        record(said(), a_jornada(state=CANCELLED), None, NOBODY, by=ORGANISER)


def test_somebody_is_present_once() -> None:
    with pytest.raises(Refused, match=r"^already_present$"):
        record(said(), a_jornada(), None, Person(frozenset({JORNADA_ID}), known=True), by=ORGANISER)


@pytest.mark.parametrize("edge", [STARTS - PRESENT_WITHIN, ENDS])
def test_within_twelve_hours_of_the_jornada_somebody_may_have_been_there(edge: object) -> None:
    assert record(said(present_at=edge), a_jornada(), None, NOBODY, by=ORGANISER).attendance.present


def test_on_another_day_nobody_was_there() -> None:
    for wrong in (STARTS - PRESENT_WITHIN - HOUR, ENDS + PRESENT_WITHIN + HOUR):
        with pytest.raises(Refused, match=r"^not_that_day$"):
            record(said(present_at=wrong), a_jornada(), None, NOBODY, by=ORGANISER)


def test_services_are_delivered_by_who_takes_part() -> None:
    strange = said(services=frozenset({("health.consultation", STRANGER)}))
    with pytest.raises(Refused, match=r"^delivered_by_no_partner$"):
        record(strange, a_jornada(), None, NOBODY, by=ORGANISER)


def test_what_names_another_organiser_is_of_another_jornada() -> None:
    with pytest.raises(Refused, match=r"^of_another_jornada$"):
        record(said(organiser=PARTNER), a_jornada(), None, NOBODY, by=ORGANISER)


def test_older_details_than_those_passed_on_stay_here() -> None:
    known = Person(known=True, registered_at=PRESENT + HOUR)
    change = record(said(), a_jornada(), None, known, by=ORGANISER)
    assert (change.registers, change.attendance.registered_at) == (False, None)
    assert not record(said(with_details=False), a_jornada(), None, NOBODY, by=ORGANISER).registers


def test_an_erased_person_is_not_recorded_again() -> None:
    with pytest.raises(Refused, match=r"^person_erased$"):
        record(said(), a_jornada(), None, Person(known=True, erased=True), by=ORGANISER)


# -- referring --------------------------------------------------------------------------------------------------------


def test_a_need_is_referred_from_there_under_the_consent_given_there() -> None:
    change = record(said_with_a_referral(), a_jornada(), None, NOBODY, by=ORGANISER)
    assert (change.referred, change.attendance.referral_ids) == ({REFERRAL_ID}, {REFERRAL_ID})


@pytest.mark.parametrize(
    ("overrides", "by", "code"),
    [
        ({"consent_id": None}, ORGANISER, "consent_missing"),
        ({"consented_purposes": frozenset({"register", "serve"})}, ORGANISER, "consent_not_for_purpose"),
        ({"consented_recipients": frozenset({ORGANISER})}, ORGANISER, "consent_not_for_recipient"),
        ({}, PARTNER, "recipient_is_sender"),
    ],
)
def test_nobody_is_referred_without_their_consent_nor_to_whoever_refers_them(
    overrides: dict[str, Any], by: str, code: str
) -> None:
    with pytest.raises(Refused, match=rf"^{code}$"):
        record(said_with_a_referral(**overrides), a_jornada(), None, NOBODY, by=by)
    known = an_attendance(recorded_by=by, consent_id=None)
    with pytest.raises(Refused, match=rf"^{code}$"):
        correct(said_with_a_referral(said_at=NOW, **overrides), a_jornada(), known, NOBODY, by=by)


def test_what_another_consent_says_is_for_intake_to_see() -> None:
    under_another = {Referral(REFERRAL_ID, STRANGER, consent_id=uuid7())}
    for consent_id in (None, CONSENT_ID):
        came = said_with_a_referral(consent_id=consent_id, referrals=under_another)
        assert record(came, a_jornada(), None, NOBODY, by=ORGANISER).referred == {REFERRAL_ID}


def test_a_correction_refers_what_had_not_been_and_takes_no_referral_back() -> None:
    known = an_attendance(referral_ids=frozenset({REFERRAL_ID}))
    again = said_with_a_referral(said_at=NOW)
    assert correct(again, a_jornada(), known, NOBODY, by=ORGANISER).referred == set()
    other = uuid7()
    another = said_with_a_referral(said_at=NOW, referrals=frozenset({Referral(other, PARTNER)}))
    change = correct(another, a_jornada(), known, NOBODY, by=ORGANISER)
    assert (change.referred, change.referred_in_error) == ({other}, set())
    assert change.attendance.referral_ids == {REFERRAL_ID, other}


def test_a_correction_refers_under_the_consent_that_the_attendance_came_with() -> None:
    without = said_with_a_referral(said_at=NOW, consent_id=None)
    assert correct(without, a_jornada(), an_attendance(), NOBODY, by=ORGANISER).referred == {REFERRAL_ID}


@pytest.mark.parametrize(
    ("reason", "in_error"),
    [
        ("wrong_person", {REFERRAL_ID}),
        ("not_present", {REFERRAL_ID}),
        ("training_or_test", {REFERRAL_ID}),
        ("duplicate", set()),
        ("corrected", set()),
    ],
)
def test_an_attendance_that_was_not_true_of_the_person_takes_its_referrals_along(
    reason: str, in_error: set[object]
) -> None:
    known = an_attendance(referral_ids=frozenset({REFERRAL_ID}))
    change = strike_out(known, a_jornada(), organiser=ORGANISER, reason=reason, by=ORGANISER)
    assert change.referred_in_error == in_error


# -- at an organisation that runs its own copy -------------------------------------------------------------------------

BARE: dict[str, Any] = {"with_details": False, "consent_id": None, "need_ids": frozenset(), "steps": frozenset()}


@pytest.mark.parametrize("carried", sorted(BARE))
def test_an_own_copy_takes_nothing_personal_from_another_organisation(carried: str) -> None:
    of_anothers = said(**{name: nothing for name, nothing in BARE.items() if name != carried})
    jornada, known = a_jornada(), an_attendance(recorded_by=PARTNER)
    with pytest.raises(Refused, match=r"^register_it_yourself$"):
        record(of_anothers, jornada, None, NOBODY, by=PARTNER, only_sender=ORGANISER)
    with pytest.raises(Refused, match=r"^register_it_yourself$"):
        correct(of_anothers, jornada, known, NOBODY, by=PARTNER, only_sender=ORGANISER)


def test_an_own_copy_takes_presence_and_services_from_anybody_and_everything_from_its_own() -> None:
    change = record(said(**BARE), a_jornada(), None, NOBODY, by=PARTNER, only_sender=ORGANISER)
    assert (change.registers, change.consents, len(change.delivered)) == (False, False, 1)
    assert record(said(), a_jornada(), None, NOBODY, by=ORGANISER, only_sender=ORGANISER).registers


# -- repeats ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "code"),
    [
        ({}, "already_recorded"),
        ({"with_details": False}, "already_recorded"),
        ({"services": frozenset({SERVICE, ANOTHER_SERVICE})}, "recorded_differently"),
        ({"present_at": PRESENT + HOUR}, "recorded_differently"),
        ({"steps": frozenset()}, "recorded_differently"),
        ({"person_id": uuid7()}, "attendance_of_another"),
        ({"referrals": frozenset({Referral(REFERRAL_ID, PARTNER)})}, "recorded_differently"),
    ],
)
def test_what_is_said_again_changes_nothing_and_what_differs_is_told_apart(
    overrides: dict[str, object], code: str
) -> None:
    with pytest.raises(Refused, match=rf"^{code}$"):
        record(said(**overrides), a_jornada(), an_attendance(), Person(known=True), by=ORGANISER)


@pytest.mark.parametrize(
    ("known", "again", "code"),
    [
        ("a" * 64, "a" * 64, "already_recorded"),
        ("a" * 64, "b" * 64, "recorded_differently"),
        ("a" * 64, None, "already_recorded"),
        (None, "b" * 64, "already_recorded"),
    ],
)
def test_other_details_are_told_from_a_repeat_where_both_have_a_digest(
    known: str | None, again: str | None, code: str
) -> None:
    attendance = record(said(details_digest=known), a_jornada(), None, NOBODY, by=ORGANISER).attendance
    with pytest.raises(Refused, match=rf"^{code}$"):
        record(said(details_digest=again), a_jornada(), attendance, Person(known=True), by=ORGANISER)


@pytest.mark.parametrize(
    ("held", "by", "again", "code"),
    [
        ("b" * 64, ORGANISER, "a" * 64, "recorded_differently"),
        ("a" * 64, ORGANISER, "a" * 64, "already_recorded"),
        ("b" * 64, ORGANISER, None, "already_recorded"),
        (None, ORGANISER, "a" * 64, "already_recorded"),
        ("b" * 64, PARTNER, "a" * 64, "already_recorded"),  # by another's key
    ],
)
def test_details_that_were_not_newer_and_never_passed_on_are_told_from_those_that_hold(
    held: str | None, by: str, again: str | None, code: str
) -> None:
    person = Person(known=True, registered_at=PRESENT, registered_by=by, details_digest=held)
    attendance = record(said(details_digest="a" * 64), a_jornada(), None, person, by=ORGANISER).attendance
    with pytest.raises(Refused, match=rf"^{code}$"):
        record(said(details_digest=again), a_jornada(), attendance, meet(person, attendance), by=ORGANISER)


def test_a_referral_that_is_said_again_is_not_asked_for_again() -> None:
    known = record(said_with_a_referral(), a_jornada(), None, NOBODY, by=ORGANISER).attendance
    with pytest.raises(Refused, match=r"^already_recorded$"):
        record(said_with_a_referral(), a_jornada(), known, Person(known=True), by=ORGANISER)


def test_anothers_attendance_is_not_said_again() -> None:
    with pytest.raises(Refused, match=r"^attendance_of_another$"):
        record(said(), a_jornada(), an_attendance(), Person(known=True), by=PARTNER)


def test_who_was_struck_out_does_not_come_back_with_the_same_file() -> None:
    struck = an_attendance(present=False, strike_reason="not_present")
    with pytest.raises(Refused, match=r"^struck_out$"):
        record(said(), a_jornada(), struck, Person(known=True), by=ORGANISER)


# -- correcting -------------------------------------------------------------------------------------------------------


def test_a_correction_is_the_difference() -> None:
    known = an_attendance()
    services = frozenset({ANOTHER_SERVICE})
    need = uuid7()
    change = correct(
        said(services=services, need_ids=frozenset({need}), steps=frozenset({"appointment"}), said_at=NOW),
        a_jornada(),
        known,
        Person(known=True, registered_at=PRESENT),
        by=ORGANISER,
    )
    assert (change.outcome, change.attendance.sequence, change.consents) == (Outcome.CORRECTED, 2, False)
    assert change.undelivered == known.deliveries
    assert [(one.need_code, one.delivered_by) for one in change.delivered] == [ANOTHER_SERVICE]
    assert (change.found_needs, {*change.taken_steps}, change.registers) == ({need}, {"appointment"}, True)
    assert change.untaken_steps.keys() == {"pre_registration"}
    assert change.attendance.need_ids == {NEED_ID, need}  # what was found stays found


def test_what_a_correction_says_again_is_not_passed_on_again() -> None:
    known = an_attendance()
    change = correct(said(with_details=False, said_at=NOW), a_jornada(), known, NOBODY, by=ORGANISER)
    assert (change.delivered, change.undelivered, change.found_needs) == ((), (), set())
    assert (change.taken_steps, change.untaken_steps) == ({}, {})
    assert (change.registers, change.consents, change.attendance.consent_id) == (False, False, CONSENT_ID)


def test_services_of_another_hour_are_other_services() -> None:
    known = an_attendance()
    change = correct(said(present_at=PRESENT + HOUR, said_at=NOW), a_jornada(), known, NOBODY, by=ORGANISER)
    assert change.undelivered == known.deliveries
    assert {one.delivery_id for one in change.delivered}.isdisjoint(one.delivery_id for one in known.deliveries)


def test_a_service_struck_out_and_said_again_is_another_delivery() -> None:
    known = an_attendance()
    without = correct(said(services=frozenset(), said_at=NOW), a_jornada(), known, NOBODY, by=ORGANISER)
    again = correct(said(said_at=NOW + HOUR), a_jornada(), without.attendance, NOBODY, by=ORGANISER)
    assert again.delivered[0].delivery_id != known.deliveries[0].delivery_id


def test_a_step_no_longer_named_is_taken_back_and_said_again_it_is_another_step() -> None:
    first = record(said(), a_jornada(), None, NOBODY, by=ORGANISER)
    without = correct(said(steps=frozenset(), said_at=NOW), a_jornada(), first.attendance, NOBODY, by=ORGANISER)
    assert (without.untaken_steps, without.taken_steps) == (first.taken_steps, {})
    again = correct(said(said_at=NOW + HOUR), a_jornada(), without.attendance, NOBODY, by=ORGANISER)
    assert again.taken_steps.keys() == first.taken_steps.keys()
    assert again.taken_steps != first.taken_steps
    struck = strike_out(again.attendance, a_jornada(), organiser=ORGANISER, reason="duplicate", by=ORGANISER)
    assert struck.untaken_steps == again.taken_steps


@pytest.mark.parametrize(("hours", "code"), [(0, "already_corrected"), (-1, "superseded")])
def test_the_same_correction_and_an_older_one_change_nothing(hours: int, code: str) -> None:
    known = an_attendance(corrected_at=NOW)
    with pytest.raises(Refused, match=rf"^{code}$"):
        correct(said(said_at=NOW + hours * HOUR), a_jornada(), known, NOBODY, by=ORGANISER)


@pytest.mark.parametrize(
    ("by", "overrides", "code"),
    [
        (PARTNER, {}, "not_yours"),
        (ORGANISER, {"person_id": uuid7()}, "of_another_person"),
        (ORGANISER, {"jornada_id": uuid7()}, "of_another_jornada"),
        (ORGANISER, {"present_at": NOW - 2 * DAY}, "not_that_day"),
    ],
)
def test_a_correction_that_is_none_is_refused(by: str, overrides: dict[str, object], code: str) -> None:
    with pytest.raises(Refused, match=rf"^{code}$"):
        correct(said(**{"said_at": NOW, **overrides}), a_jornada(), an_attendance(), NOBODY, by=by)


def test_what_was_struck_out_or_erased_is_not_corrected() -> None:
    for known, code in (
        (an_attendance(present=False, strike_reason="duplicate"), "struck_out"),
        (erase(an_attendance()), "person_erased"),
    ):
        with pytest.raises(Refused, match=rf"^{code}$"):
            correct(said(said_at=NOW), a_jornada(), known, NOBODY, by=ORGANISER)


# -- striking out -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [ORGANISER, PARTNER])
def test_the_organiser_and_whoever_said_it_strike_it_out_with_its_services(by: str) -> None:
    known = an_attendance(recorded_by=PARTNER)
    change = strike_out(known, a_jornada(), organiser=ORGANISER, reason="duplicate", by=by)
    assert change.undelivered == known.deliveries
    assert change.untaken_steps.keys() == {"pre_registration"}
    struck = change.attendance
    assert struck.steps == {}
    assert (struck.present, struck.sequence, struck.deliveries, struck.strike_reason) == (False, 2, (), "duplicate")


def test_nobody_else_strikes_it_out_nor_twice_nor_from_another_jornada() -> None:
    with pytest.raises(Refused, match=r"^not_yours$"):
        strike_out(an_attendance(), a_jornada(), organiser=ORGANISER, reason="duplicate", by=PARTNER)
    struck = an_attendance(present=False, strike_reason="duplicate")
    with pytest.raises(Refused, match=r"^already_struck_out$"):
        strike_out(struck, a_jornada(), organiser=ORGANISER, reason="duplicate", by=ORGANISER)
    elsewhere = replace(an_attendance(), jornada_id=uuid7())
    with pytest.raises(Refused, match=r"^of_another_jornada$"):
        strike_out(elsewhere, a_jornada(), organiser=ORGANISER, reason="duplicate", by=ORGANISER)


# -- people -----------------------------------------------------------------------------------------------------------


def test_a_person_is_where_they_count_as_present() -> None:
    person = meet(NOBODY, an_attendance())
    assert (person.jornadas, person.known, person.registered_at) == ({JORNADA_ID}, True, PRESENT)
    struck = an_attendance(present=False, strike_reason="duplicate")
    assert meet(person, struck).jornadas == set()
    assert meet(person, struck).known


def test_of_an_erased_persons_attendance_the_presence_is_left() -> None:
    erased = erase(an_attendance(referral_ids=frozenset({REFERRAL_ID})))
    assert (erased.present, erased.erased) == (True, True)
    assert (erased.deliveries, erased.consent_id, erased.need_ids, erased.steps) == ((), None, set(), {})
    assert erased.referral_ids == set()
