"""A granted erasure is carried out: what describes the person goes, holders are asked, nothing follows."""

from collections.abc import Callable
from datetime import date
from typing import Any

import psycopg
import pytest

import contracts
from contracts import Message, codes, sealing, uuid7
from services.intake import rules
from services.intake.rules.links import match_id_of, pair_of
from tests.examples import (
    ANOTHER,
    CONSENT_ID,
    COORDINATOR,
    DAY,
    NEED_ID,
    NOW,
    PERSON,
    PERSON_ID,
    RECIPIENT,
    SENDER,
    consent_granted,
    need_identified,
    organisation_recorded,
    person_registered,
)
from tests.examples_intake import (
    CHILD,
    CHILD_ID,
    HOUSEHOLD_ID,
    etpv_step_struck_out,
    etpv_step_taken,
    household_recorded,
    need_triaged,
    withdrawn_by_receipt,
)
from tests.examples_rights import REQUEST_ID, rights_answered, rights_requested
from tests.services.conftest import ServiceUnderTest

ERASURE = codes.RightsKind.ERASURE
ELSEWHERE_ID = uuid7()
BY = date(2026, 3, 24)  # fifteen working days after the Monday of the examples


@pytest.fixture
def known(intake: ServiceUnderTest, hub_key: sealing.Key) -> ServiceUnderTest:
    """Intake, knowing a person who lives with her child, has consented, needs something and asks to be erased."""
    intake.hear(organisation_recorded("oportunidades"), source="hub")  # and only Americares runs a service of its own
    key = sealing.public_part(hub_key)
    intake.hear(person_registered(key), source=SENDER)
    intake.hear(person_registered(key, person=CHILD, person_id=CHILD_ID), source=SENDER)
    intake.hear(household_recorded(), source=SENDER)
    intake.hear(consent_granted(recipients=(RECIPIENT, "nobody-we-know")), source=SENDER)
    intake.hear(need_identified(), source=SENDER)
    intake.hear(need_triaged(), source=SENDER)
    intake.hear(etpv_step_taken(), source=ANOTHER)
    intake.hear(rights_requested(kind=ERASURE), source=COORDINATOR)
    return intake


@pytest.fixture
def erased(known: ServiceUnderTest) -> ServiceUnderTest:
    known.hear(rights_answered(), source=COORDINATOR)
    return known


def facts(said: list[Message[Any]]) -> set[tuple[Any, str | None]]:
    return {(one.data.person_id, one.recipient) for one in said if isinstance(one.data, contracts.PersonErased)}


def asked(said: list[Message[Any]]) -> set[tuple[Any, str | None, date]]:
    return {
        (one.data.person_id, one.recipient, one.data.erase_by)
        for one in said
        if isinstance(one.data, contracts.PersonErasureAsked)
    }


# -- done -------------------------------------------------------------------------------------------------------------


def test_the_services_are_told_and_whoever_holds_something_is_asked(known: ServiceUnderTest) -> None:
    said = known.hear(rights_answered(), source=COORDINATOR)
    assert facts(said) == {(PERSON_ID, None), (PERSON_ID, "americares")}
    assert asked(said) == {(PERSON_ID, one, BY) for one in (SENDER, RECIPIENT, "fuvadis", COORDINATOR)}


def test_what_describes_the_person_goes_and_what_is_counted_stays(erased: ServiceUnderTest) -> None:
    (person,) = erased.rows("select * from person where person_id = %s", PERSON_ID)
    kept = {"person_id", "registered_by", "registered_at", "message_id", "recorded_at", "erased_at"}
    assert {name for name, value in person.items() if value is not None} == kept
    for table in ("document", "match_key", "match_waiting", "household_member"):
        assert erased.rows(f"select 1 from {table} where person_id = %s", PERSON_ID) == [], table
    (consent,) = erased.rows("select language, receipt_code, evidence_sha256, end_reason from consent")
    assert consent == {"language": "und", "receipt_code": None, "evidence_sha256": None, "end_reason": "erased"}
    assert erased.rows("select need_id, zone, vulnerabilities from need") == [
        {"need_id": NEED_ID, "zone": None, "vulnerabilities": []}
    ]
    assert len(erased.rows("select 1 from etpv_step where person_id = %s", PERSON_ID)) == 1


def test_others_of_the_household_keep_everything(erased: ServiceUnderTest) -> None:
    assert erased.rows("select given_names from person where erased_at is null") == [
        {"given_names": CHILD["given_names"]}
    ]
    assert erased.rows("select person_id from household_member") == [{"person_id": CHILD_ID}]


def test_the_runtime_is_to_forget_every_id_that_is_theirs(erased: ServiceUnderTest) -> None:
    forgotten = {row["id"] for row in erased.rows("select id from forgotten")}
    assert forgotten == {PERSON_ID, NEED_ID, CONSENT_ID}


def test_registrations_that_were_linked_as_one_person_are_erased_together(
    known: ServiceUnderTest, hub_key: sealing.Key
) -> None:
    elsewhere = person_registered(sealing.public_part(hub_key), person_id=ELSEWHERE_ID)
    known.hear(elsewhere, source=ANOTHER)
    pair = pair_of(PERSON_ID, ELSEWHERE_ID)
    known.hear(contracts.MatchLinked(match_id=match_id_of(pair), person_ids=pair), source=COORDINATOR)
    said = known.hear(rights_answered(), source=COORDINATOR)
    assert {person_id for person_id, _ in facts(said)} == {PERSON_ID, ELSEWHERE_ID}
    assert (ELSEWHERE_ID, ANOTHER, BY) in asked(said)
    assert known.rows("select 1 from person where given_names = %s", PERSON["given_names"]) == []
    assert len(known.rows("select 1 from network_person")) == 2  # who goes on counting once
    assert known.rows("select decision, reasons from match") == [{"decision": "linked", "reasons": None}]


def test_the_database_lets_no_detail_of_an_erased_person_in(erased: ServiceUnderTest) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="nothing_is_known_of_the_erased"):
        erased.rows("update person set phone = '+573001112233' where person_id = %s", PERSON_ID)
    erased.tx.undo()


# -- refused ----------------------------------------------------------------------------------------------------------

SAID_LATER: dict[str, Callable[[Any], Any]] = {
    "a correction": lambda key: person_registered(key, registered_at=NOW + DAY),
    "a household": lambda key: household_recorded(household_id=HOUSEHOLD_ID, recorded_at=NOW + DAY),
    "a consent": lambda key: consent_granted(consent_id=uuid7()),
    "a need": lambda key: need_identified(need_id=uuid7()),
    "a triage": lambda key: need_triaged(triaged_at=NOW + DAY),
    "a step": lambda key: etpv_step_taken(step_id=uuid7()),
    "a step struck out": lambda key: etpv_step_struck_out(),
    "a request": lambda key: rights_requested(request_id=uuid7()),
}


@pytest.mark.parametrize("later", SAID_LATER)
def test_nothing_more_is_said_of_the_erased(erased: ServiceUnderTest, hub_key: sealing.Key, later: str) -> None:
    said = SAID_LATER[later](sealing.public_part(hub_key))
    with pytest.raises(rules.Refused, match=r"^person_erased$"):
        erased.hear(said, source=ANOTHER if later == "a step struck out" else SENDER)


def test_the_receipt_of_an_erased_consent_leads_to_nothing(known: ServiceUnderTest) -> None:
    (consent,) = known.rows("select receipt_code from consent")
    known.hear(rights_answered(), source=COORDINATOR)
    with pytest.raises(rules.Refused, match=r"^receipt_unknown$"):
        known.hear(withdrawn_by_receipt(consent["receipt_code"]), source=SENDER)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (ERASURE, codes.RightsAnswer.PARTLY_GRANTED),
        (ERASURE, codes.RightsAnswer.DENIED),
        (codes.RightsKind.CORRECTION, codes.RightsAnswer.GRANTED),
    ],
)
def test_nothing_else_that_is_answered_erases(
    known: ServiceUnderTest, kind: codes.RightsKind, answer: codes.RightsAnswer
) -> None:
    other = uuid7()
    known.hear(rights_requested(request_id=other, kind=kind), source=SENDER)
    assert known.hear(rights_answered(request_id=other, answer=answer), source=SENDER) == []
    assert known.rows("select 1 from person where erased_at is not null") == []


# -- repeated ---------------------------------------------------------------------------------------------------------


def test_a_second_request_of_the_same_person_erases_nothing_twice(known: ServiceUnderTest) -> None:
    second = uuid7()
    known.hear(rights_requested(request_id=second, kind=ERASURE), source=SENDER)
    known.hear(rights_answered(), source=COORDINATOR)
    before = known.rows("select * from person order by 1")
    assert known.hear(rights_answered(request_id=second), source=SENDER) == []
    assert known.rows("select * from person order by 1") == before
    assert known.rows("select answer from rights_request where request_id = %s", REQUEST_ID) == [{"answer": "granted"}]
