"""Who came to a jornada is recorded, corrected and struck out."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, LiteralString
from uuid import uuid5

import psycopg
import pytest

import contracts
from contracts import Message, codes, uuid7
from messaging.database import Row
from messaging.identity import Identity
from messaging.transaction import Transaction
from services.events import rules
from services.events import service as events_service
from services.events.store.attendance import LOCK_ATTENDANCES, PEOPLE
from services.events.store.jornadas import LOCK_JORNADAS
from tests.examples import CONSENT_ID, NEED_ID, NOW, PERSON_ID, REFERRAL_ID, SEALED, SERVICE_ID
from tests.examples_events import (
    ATTENDANCE_ID,
    JORNADA_ID,
    ORGANISER,
    PARTNER,
    PRESENT,
    STARTS,
    STRANGER,
    attendance_corrected,
    attendance_recorded,
    attendance_struck_out,
    jornada_cancelled,
    jornada_confirmed,
    jornada_held,
    jornada_planned,
    jornada_reported,
    need_referred_from_there,
)
from tests.services.conftest import ServiceUnderTest

HOUR = timedelta(hours=1)


@pytest.fixture
def confirmed(events: ServiceUnderTest) -> ServiceUnderTest:
    events.hear(jornada_planned(), source=ORGANISER)
    events.hear(jornada_confirmed(), source=ORGANISER)
    return events


@pytest.fixture
def attended(confirmed: ServiceUnderTest) -> ServiceUnderTest:
    confirmed.hear(attendance_recorded(), source=PARTNER)
    return confirmed


def by_type(said: list[Message[Any]]) -> dict[str, list[Message[Any]]]:
    found: dict[str, list[Message[Any]]] = {}
    for one in said:
        found.setdefault(one.type, []).append(one)
    return found


def outcome(said: list[Message[Any]]) -> tuple[str, bool]:
    (settled,) = by_type(said)["attendance.settled.v1"]
    return settled.data.outcome, settled.data.late


# -- recorded ---------------------------------------------------------------------------------------------------------


def test_what_happened_to_the_person_is_said_on_behalf_of_whoever_sent_it_and_in_order(
    confirmed: ServiceUnderTest,
) -> None:
    said = confirmed.hear(attendance_recorded(), source=PARTNER)
    assert [(one.type, one.source) for one in said] == [
        ("person.registered.v1", PARTNER),
        ("consent.granted.v1", PARTNER),
        ("etpv.step_taken.v1", PARTNER),
        ("need.identified.v1", PARTNER),
        ("service.delivered.v1", PARTNER),
        ("attendance.counted.v1", "hub"),
        ("attendance.settled.v1", "hub"),
    ]


def test_each_says_what_the_attendance_said(confirmed: ServiceUnderTest) -> None:
    registered, consent, step, need, delivered, counted, settled = confirmed.hear(attendance_recorded(), source=PARTNER)
    assert registered.data == contracts.PersonRegistered(person_id=PERSON_ID, registered_at=PRESENT, sealed=SEALED)
    assert (consent.data.consent_id, consent.data.person_id, consent.data.recipients, consent.data.valid_from) == (
        CONSENT_ID,
        PERSON_ID,
        (ORGANISER, PARTNER),
        PRESENT,
    )
    assert (step.data.person_id, step.data.step, step.data.taken_at, step.data.jornada_id) == (
        PERSON_ID,
        codes.EtpvStep.PRE_REGISTRATION,
        PRESENT,
        JORNADA_ID,
    )
    assert (need.data.need_id, need.data.need_code, need.data.urgency, need.data.identified_at) == (
        NEED_ID,
        "shelter.rent",
        codes.Urgency.URGENT,
        PRESENT,
    )
    assert (delivered.data.delivered_by, delivered.data.zone, delivered.data.jornada_id, delivered.data.person_id) == (
        ORGANISER,
        "08001",
        JORNADA_ID,
        PERSON_ID,
    )
    assert (counted.sequence, counted.recipient, counted.data.present, counted.data.recorded_by) == (
        1,
        None,
        True,
        PARTNER,
    )
    assert (settled.recipient, settled.data.outcome, settled.data.row) == (
        PARTNER,
        "accepted",
        attendance_recorded().row,
    )


def test_ids_of_what_follows_are_made_from_the_attendance(confirmed: ServiceUnderTest) -> None:
    said = by_type(confirmed.hear(attendance_recorded(), source=PARTNER))
    assert said["etpv.step_taken.v1"][0].data.step_id == uuid5(ATTENDANCE_ID, "step pre_registration")
    assert said["service.delivered.v1"][0].data.delivery_id == uuid5(
        ATTENDANCE_ID, f"service 1 health.consultation {ORGANISER}"
    )


def test_somebody_registered_before_is_present_with_nothing_else(confirmed: ServiceUnderTest) -> None:
    bare = attendance_recorded(sealed=None, consent=None, served=(), needs=(), etpv_steps=(), row=None)
    said = confirmed.hear(bare, source=ORGANISER)
    assert [one.type for one in said] == ["attendance.counted.v1", "attendance.settled.v1"]


def test_who_came_to_another_jornada_before_is_matched(attended: ServiceUnderTest) -> None:
    another = uuid7()
    attended.hear(jornada_planned(jornada_id=another), source=ORGANISER)
    said = attended.hear(attendance_recorded(attendance_id=uuid7(), jornada_id=another), source=ORGANISER)
    assert outcome(said) == ("matched", False)


def test_what_comes_after_the_report_is_late_and_counts(confirmed: ServiceUnderTest) -> None:
    confirmed.hear(jornada_held(), source=ORGANISER)
    confirmed.hear(jornada_reported(), source=ORGANISER)
    said = confirmed.hear(attendance_recorded(), source=ORGANISER)
    assert outcome(said) == ("accepted", True)
    assert by_type(said)["attendance.counted.v1"][0].data.present


def test_history_says_how_it_was_taken_down(attended: ServiceUnderTest) -> None:
    (kept,) = attended.rows("select what, organisation, details from history where subject_id = %s", ATTENDANCE_ID)
    assert kept == {
        "what": "recorded",
        "organisation": PARTNER,
        "details": {"check_in": "spreadsheet", "file_sha256": "9f" * 32, "line": 12},
    }


def test_the_database_holds_that_somebody_is_present_once(attended: ServiceUnderTest) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        attended.rows(
            "insert into attendance select gen_random_uuid(), jornada_id, person_id, recorded_by, present, present_at,"
            " sequence, late, deliveries, consent_id, need_ids, corrected_at, registered_at, strike_reason, erased,"
            " steps, referral_ids from attendance"
        )


# -- referred from there ----------------------------------------------------------------------------------------------

REFERRED = contracts.NeedReferred(
    referral_id=REFERRAL_ID, need_id=NEED_ID, recipient=ORGANISER, service_id=SERVICE_ID, consent_id=CONSENT_ID
)


def batches_of(said: list[Message[Any]]) -> list[tuple[Any, ...]]:
    """Who refers what, in batches of which id."""
    found = by_type(said).get("needs.referred.v1", [])
    return [(one.source, one.data.batch_id, *one.data.referrals) for one in found]


def test_a_need_is_referred_after_it_was_said_on_behalf_of_whoever_found_it(confirmed: ServiceUnderTest) -> None:
    said = confirmed.hear(attendance_recorded(needs=(need_referred_from_there(),)), source=PARTNER)
    assert batches_of(said) == [(PARTNER, uuid5(ATTENDANCE_ID, "referrals 1"), REFERRED)]
    order = [*by_type(said)]
    for before in ("person.registered.v1", "consent.granted.v1", "need.identified.v1"):
        assert order.index(before) < order.index("needs.referred.v1")
    assert confirmed.rows("select referral_ids from attendance") == [{"referral_ids": [REFERRAL_ID]}]


def test_a_need_that_no_consent_lets_go_is_refused_with_the_whole_attendance(confirmed: ServiceUnderTest) -> None:
    elsewhere = need_referred_from_there(recipient=STRANGER)
    with pytest.raises(rules.Refused, match=r"^consent_not_for_recipient$"):
        confirmed.hear(attendance_recorded(needs=(elsewhere,)), source=PARTNER)
    assert confirmed.rows("select 1 from attendance") == []


def test_a_need_is_referred_once_however_often_it_is_said(confirmed: ServiceUnderTest) -> None:
    referred = {"needs": (need_referred_from_there(),)}
    confirmed.hear(attendance_recorded(**referred), source=PARTNER)
    with pytest.raises(rules.Refused, match=r"^already_recorded$"):
        confirmed.hear(attendance_recorded(**referred), source=PARTNER)
    assert batches_of(confirmed.hear(attendance_corrected(**referred, served=()), source=PARTNER)) == []


def test_a_correction_refers_a_need_that_was_found_before(attended: ServiceUnderTest) -> None:
    corrected = attendance_corrected(needs=(need_referred_from_there(),), consent=None)
    said = attended.hear(corrected, source=PARTNER)
    assert batches_of(said) == [(PARTNER, uuid5(ATTENDANCE_ID, "referrals 2"), REFERRED)]
    assert "need.identified.v1" not in by_type(said)


def test_what_was_referred_of_the_wrong_person_is_struck_out_with_the_attendance(confirmed: ServiceUnderTest) -> None:
    confirmed.hear(attendance_recorded(needs=(need_referred_from_there(),)), source=PARTNER)
    said = confirmed.hear(attendance_struck_out(reason=codes.StrikeReason.WRONG_PERSON), source=ORGANISER)
    (struck,) = by_type(said)["referral.entered_in_error.v1"]
    assert (struck.source, struck.data.referral_id, struck.data.reason) == (
        PARTNER,
        REFERRAL_ID,
        codes.ErrorReason.WRONG_PERSON,
    )


def test_what_was_referred_of_somebody_who_is_there_twice_goes_on(confirmed: ServiceUnderTest) -> None:
    confirmed.hear(attendance_recorded(needs=(need_referred_from_there(),)), source=PARTNER)
    said = confirmed.hear(attendance_struck_out(reason=codes.StrikeReason.DUPLICATE), source=ORGANISER)
    assert "referral.entered_in_error.v1" not in by_type(said)


# -- at an organisation that runs its own copy -------------------------------------------------------------------------


@pytest.fixture
def own(confirmed: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch) -> ServiceUnderTest:
    """The organiser's own copy, which can speak for nobody else."""
    monkeypatch.setattr(events_service, "IDENTITY", Identity(ORGANISER))
    return confirmed


NOTHING_PERSONAL: dict[str, Any] = {"sealed": None, "consent": None, "needs": (), "etpv_steps": ()}
PERSONAL = sorted(NOTHING_PERSONAL)


def only(part: str) -> dict[str, Any]:
    """Everything personal left out, but for one part."""
    return {name: nothing for name, nothing in NOTHING_PERSONAL.items() if name != part}


def test_an_organisations_own_copy_says_what_the_organisation_recorded_itself(own: ServiceUnderTest) -> None:
    said = own.hear(attendance_recorded(), source=ORGANISER)
    assert {one.source for one in said} == {"hub"}  # no draft names anybody: whoever runs the copy says it
    assert len(by_type(said)) == 7


@pytest.mark.parametrize("part", PERSONAL)
def test_a_partners_people_and_consents_are_never_taken_over_by_the_organisers_copy(
    own: ServiceUnderTest, part: str
) -> None:
    with pytest.raises(rules.Refused, match=r"^register_it_yourself$"):
        own.hear(attendance_recorded(**only(part)), source=PARTNER)
    assert own.rows("select 1 from attendance") == []


def test_a_partner_says_there_that_somebody_came_and_was_served(own: ServiceUnderTest) -> None:
    said = own.hear(attendance_recorded(**NOTHING_PERSONAL), source=PARTNER)
    assert list(by_type(said)) == ["service.delivered.v1", "attendance.counted.v1", "attendance.settled.v1"]
    assert by_type(said)["attendance.settled.v1"][0].recipient == PARTNER
    assert by_type(said)["attendance.counted.v1"][0].data.recorded_by == PARTNER


@pytest.mark.parametrize("part", PERSONAL)
def test_a_partners_correction_takes_no_more_along(own: ServiceUnderTest, part: str) -> None:
    own.hear(attendance_recorded(**NOTHING_PERSONAL), source=PARTNER)
    with pytest.raises(rules.Refused, match=r"^register_it_yourself$"):
        own.hear(attendance_corrected(**only(part)), source=PARTNER)
    said = own.hear(attendance_corrected(**NOTHING_PERSONAL, served=()), source=PARTNER)
    assert outcome(said) == ("corrected", False)


# -- recorded again ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "source", "code"),
    [
        ({}, PARTNER, "already_recorded"),
        ({"row": contracts.Row(file_sha256="9f" * 32, line=40)}, PARTNER, "already_recorded"),
        ({"served": ()}, PARTNER, "recorded_differently"),
        ({}, ORGANISER, "attendance_of_another"),
        ({"attendance_id": uuid7()}, ORGANISER, "already_present"),
    ],
)
def test_the_same_person_at_the_same_jornada_is_one_presence(
    attended: ServiceUnderTest, overrides: dict[str, Any], source: str, code: str
) -> None:
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        attended.hear(attendance_recorded(**overrides), source=source)
    assert len(attended.rows("select 1 from attendance")) == 1


def test_other_details_of_an_attendance_are_told_from_a_repeat_and_corrected(confirmed: ServiceUnderTest) -> None:
    confirmed.hear(attendance_recorded(details_digest="a" * 64), source=PARTNER)
    for digest, code in (("a", "already_recorded"), ("b", "recorded_differently")):
        with pytest.raises(rules.Refused, match=rf"^{code}$"):
            confirmed.hear(attendance_recorded(details_digest=digest * 64), source=PARTNER)
    said = confirmed.hear(attendance_corrected(details_digest="b" * 64), source=PARTNER)
    assert "person.registered.v1" in by_type(said)
    with pytest.raises(rules.Refused, match=r"^already_recorded$"):
        confirmed.hear(attendance_recorded(details_digest="b" * 64), source=PARTNER)


def test_who_was_struck_out_comes_back_under_a_new_id_only(attended: ServiceUnderTest) -> None:
    attended.hear(attendance_struck_out(), source=PARTNER)
    with pytest.raises(rules.Refused, match=r"^struck_out$"):
        attended.hear(attendance_recorded(), source=PARTNER)
    assert outcome(attended.hear(attendance_recorded(attendance_id=uuid7()), source=PARTNER)) == ("matched", False)


# -- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overrides", "source", "code"),
    [
        ({}, STRANGER, "not_a_partner"),
        ({"organiser": PARTNER}, ORGANISER, "of_another_jornada"),
        ({"present_at": STARTS - 13 * HOUR}, ORGANISER, "not_that_day"),
        (
            {"served": (contracts.Served(need_code="health.consultation", delivered_by=STRANGER),)},
            ORGANISER,
            "delivered_by_no_partner",
        ),
    ],
)
def test_an_attendance_that_cannot_be_is_refused(
    confirmed: ServiceUnderTest, overrides: dict[str, Any], source: str, code: str
) -> None:
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        confirmed.hear(attendance_recorded(**overrides), source=source)
    assert confirmed.rows("select 1 from attendance") == []


def test_nobody_was_at_a_jornada_that_was_cancelled(confirmed: ServiceUnderTest) -> None:
    confirmed.hear(jornada_cancelled(), source=ORGANISER)
    with pytest.raises(rules.Refused, match=r"^not_while_cancelled$"):
        confirmed.hear(attendance_recorded(), source=ORGANISER)


# -- corrected --------------------------------------------------------------------------------------------------------


def test_a_correction_says_the_difference(attended: ServiceUnderTest) -> None:
    corrected = attendance_corrected(
        served=(contracts.Served(need_code="protection.legal_advice", delivered_by=PARTNER),),
        etpv_steps=(codes.EtpvStep.PRE_REGISTRATION, codes.EtpvStep.APPOINTMENT),
    )
    said = attended.hear(corrected, source=PARTNER)
    assert [(one.type, one.source) for one in said] == [
        ("person.registered.v1", PARTNER),
        ("etpv.step_taken.v1", PARTNER),
        ("service.delivery_struck_out.v1", PARTNER),
        ("service.delivered.v1", PARTNER),
        ("attendance.counted.v1", "hub"),
        ("attendance.settled.v1", "hub"),
    ]
    found = by_type(said)
    assert found["etpv.step_taken.v1"][0].data.step == codes.EtpvStep.APPOINTMENT
    assert found["service.delivery_struck_out.v1"][0].data.reason == codes.StrikeReason.CORRECTED
    assert found["service.delivered.v1"][0].data.need_code == "protection.legal_advice"
    assert found["attendance.counted.v1"][0].sequence == 2
    assert outcome(said) == ("corrected", False)


def test_a_correction_strikes_out_the_very_delivery_that_was_said(confirmed: ServiceUnderTest) -> None:
    first = by_type(confirmed.hear(attendance_recorded(), source=PARTNER))
    second = by_type(confirmed.hear(attendance_corrected(served=()), source=PARTNER))
    assert second["service.delivery_struck_out.v1"][0].subject == first["service.delivered.v1"][0].subject


def test_a_correction_takes_back_the_very_step_that_was_said_and_one_said_again_is_another(
    confirmed: ServiceUnderTest,
) -> None:
    first = by_type(confirmed.hear(attendance_recorded(), source=PARTNER))
    second = by_type(confirmed.hear(attendance_corrected(etpv_steps=()), source=PARTNER))
    (struck,) = second["etpv.step_struck_out.v1"]
    assert (struck.source, struck.subject) == (PARTNER, first["etpv.step_taken.v1"][0].subject)
    assert struck.data.reason == codes.StrikeReason.CORRECTED
    assert "etpv.step_taken.v1" not in second

    again = attendance_corrected(corrected_at=NOW + HOUR / 2)
    third = by_type(confirmed.hear(again, source=PARTNER))
    assert third["etpv.step_taken.v1"][0].data.step_id == uuid5(ATTENDANCE_ID, "step 3 pre_registration")

    fourth = by_type(confirmed.hear(attendance_struck_out(), source=PARTNER))
    assert fourth["etpv.step_struck_out.v1"][0].subject == third["etpv.step_taken.v1"][0].subject


def test_history_keeps_what_a_correction_replaced(attended: ServiceUnderTest) -> None:
    attended.hear(attendance_corrected(served=()), source=PARTNER)
    (kept,) = attended.rows("select details from history where what = 'corrected'")
    assert kept["details"]["deliveries"][0]["need_code"] == "health.consultation"


@pytest.mark.parametrize(
    ("overrides", "source", "code"),
    [
        ({"corrected_at": NOW}, PARTNER, "already_corrected"),
        ({"corrected_at": NOW - HOUR}, PARTNER, "superseded"),
        ({"corrected_at": NOW + HOUR}, ORGANISER, "not_yours"),
        ({"corrected_at": NOW + HOUR, "person_id": uuid7()}, PARTNER, "of_another_person"),
    ],
)
def test_a_correction_said_again_or_by_another_changes_nothing(
    attended: ServiceUnderTest, overrides: dict[str, Any], source: str, code: str
) -> None:
    attended.hear(attendance_corrected(), source=PARTNER)
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        attended.hear(attendance_corrected(**overrides), source=source)


# -- struck out -------------------------------------------------------------------------------------------------------


def test_what_is_struck_out_counts_no_longer_and_both_are_told(attended: ServiceUnderTest) -> None:
    said = attended.hear(attendance_struck_out(), source=ORGANISER)
    assert [(one.type, one.source, one.recipient) for one in said] == [
        ("etpv.step_struck_out.v1", PARTNER, None),  # it was PARTNER that had said it
        ("service.delivery_struck_out.v1", PARTNER, None),
        ("attendance.counted.v1", "hub", None),
        ("attendance.settled.v1", "hub", PARTNER),
        ("attendance.settled.v1", "hub", ORGANISER),
    ]
    assert (said[2].data.present, said[2].sequence) == (False, 2)
    assert {one.data.reason for one in said[:2]} == {codes.StrikeReason.NOT_PRESENT}
    assert said[0].data.step_id == uuid5(ATTENDANCE_ID, "step pre_registration")


@pytest.mark.parametrize("source", [ORGANISER, PARTNER])
def test_what_was_struck_out_is_not_struck_out_again(attended: ServiceUnderTest, source: str) -> None:
    attended.hear(attendance_struck_out(), source=PARTNER)
    with pytest.raises(rules.Refused, match=r"^already_struck_out$"):
        attended.hear(attendance_struck_out(), source=source)


# -- erased -----------------------------------------------------------------------------------------------------------


def test_of_an_erased_person_the_presence_is_left_and_nothing_else(attended: ServiceUnderTest) -> None:
    erased = contracts.PersonErased(person_id=PERSON_ID, erased_at=NOW)
    assert attended.hear(erased, source="hub") == []
    (kept,) = attended.rows("select present, deliveries, consent_id, need_ids, steps from attendance")
    assert kept == {"present": True, "deliveries": [], "consent_id": None, "need_ids": [], "steps": {}}
    assert attended.rows("select details from history where subject_id = %s", ATTENDANCE_ID) == [{"details": None}]


def test_erasing_again_changes_nothing_and_nobody_says_more_of_them(attended: ServiceUnderTest) -> None:
    erased = contracts.PersonErased(person_id=PERSON_ID, erased_at=NOW)
    attended.hear(erased, source="hub")
    assert attended.hear(erased, source="hub") == []
    with pytest.raises(rules.Refused, match=r"^person_erased$"):
        attended.hear(attendance_recorded(), source=PARTNER)
    with pytest.raises(rules.Refused, match=r"^person_erased$"):
        attended.hear(attendance_recorded(attendance_id=uuid7()), source=PARTNER)


def test_who_was_erased_before_they_were_known_here_is_not_recorded_late(confirmed: ServiceUnderTest) -> None:
    assert confirmed.hear(contracts.PersonErased(person_id=PERSON_ID, erased_at=NOW), source="hub") == []
    with pytest.raises(rules.Refused, match=r"^person_erased$"):
        confirmed.hear(attendance_recorded(), source=PARTNER)
    confirmed.tx.flush()
    confirmed.tx = Transaction(confirmed.tx._connection)  # as for a new batch: now the database has to say it
    with pytest.raises(rules.Refused, match=r"^person_erased$"):
        confirmed.hear(attendance_recorded(), source=PARTNER)
    assert confirmed.rows("select 1 from attendance") == []
    assert confirmed.rows("select * from erased_person") == [{"person_id": PERSON_ID}]


# -- in a batch -------------------------------------------------------------------------------------------------------


def test_a_batch_of_plans_and_attendances_is_applied_in_the_order_in_which_it_was_said(
    events: ServiceUnderTest,
) -> None:
    """Nothing is read between the messages: what they write is gathered, and the last word on each counts."""
    another = uuid7()
    events.tx.mention([JORNADA_ID, ATTENDANCE_ID, PERSON_ID, another])
    for data, source in (
        (jornada_planned(), ORGANISER),
        (attendance_recorded(), ORGANISER),
        (attendance_corrected(served=()), ORGANISER),
        (jornada_planned(jornada_id=another), ORGANISER),
        (attendance_recorded(attendance_id=uuid7(), jornada_id=another), ORGANISER),
        (attendance_struck_out(), ORGANISER),
        (attendance_recorded(attendance_id=uuid7()), ORGANISER),
    ):
        events.hear(data, source=source)
    events.tx.flush()
    assert events.rows("select present, sequence from attendance where attendance_id = %s", ATTENDANCE_ID) == [
        {"present": False, "sequence": 3}
    ]
    assert events.rows("select count(*) as present from attendance where present") == [{"present": 2}]


def test_a_hundred_people_nobody_knows_cost_as_many_questions_to_the_database_as_one(
    confirmed: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [attendance_recorded(attendance_id=uuid7(), person_id=uuid7()) for _ in range(100)]
    questions = []
    ask = Transaction._read

    def count(tx: Transaction, sql: LiteralString, params: Sequence[Any], lock: LiteralString | None) -> list[Row]:
        questions.append(sql)
        return ask(tx, sql, params, lock)

    monkeypatch.setattr(Transaction, "_read", count)
    confirmed.tx.flush()
    confirmed.tx = Transaction(confirmed.tx._connection)  # as for a new batch, in which nothing is known yet
    confirmed.tx.mention([JORNADA_ID, *(one.attendance_id for one in people), *(one.person_id for one in people)])
    for one in people:
        confirmed.hear(one, source=ORGANISER)
    assert questions == [LOCK_JORNADAS, LOCK_ATTENDANCES, PEOPLE]
