# ruff: noqa: E501 - tables are read across
"""What well-formed messages may still have wrong with them, in one table: what, the answer, and nothing kept.

Messages that cannot be read at all end at the gateway and at the runtime; their tables stand with those.
"""

import logging
from datetime import timedelta, timezone
from typing import Any

import pytest

import contracts
from contracts import codes, sealing, uuid7
from tests.examples import (
    ANOTHER,
    NOW,
    PERSON,
    PERSON_ID,
    RECIPIENT,
    SENDER,
    confidential_request,
    consent_granted,
    consent_recorded,
    consent_withdrawn,
    need_identified,
    person_registered,
    referral_requested,
    service_published,
)
from tests.examples_intake import etpv_step_taken, household_recorded, need_triaged
from tests.services import stories
from tests.services.conftest import ServiceUnderTest
from tests.services.stories import bring_to

REFUSED, WAITS = "Refused", "MissingPrerequisite"


def another(**asked: Any) -> contracts.ReferralRequested:
    """A request beside the one that is there."""
    return referral_requested(referral_id=uuid7(), **asked)


OVERRIDE = contracts.ConsentOverride(
    authorised_by="RC-77", reason=codes.OverrideReason.LIFE_AT_RISK, expires_after_hours=1
)

# What is wrong; where the referral stands; what is said, and by whom; the answer and its code.
ABOUT_A_REFERRAL: list[tuple[str, str, Any, str, str, str]] = [
    ("an illegal transition", "closed", stories.accepted[0], RECIPIENT, REFUSED, "not_while_closed"),
    ("a transition by the other party", "received", stories.accepted[0], SENDER, REFUSED, "not_yours"),
    ("a transition by a stranger", "received", stories.accepted[0], ANOTHER, WAITS, "not_a_party"),
    ("a transition of what is not there", "sent", contracts.ReferralAccepted(referral_id=uuid7()), RECIPIENT, WAITS, "not_a_party"),
    ("a reopening by who is no coordinator", "closed", stories.reopened[0], RECIPIENT, REFUSED, "not_yours"),
    ("a transition before its time", "sent", stories.completed[0], RECIPIENT, WAITS, "not_while_sent"),
    ("a repeat under another id", "accepted", stories.accepted[0], RECIPIENT, REFUSED, "already_accepted"),
    ("a request under a taken id", "sent", referral_requested(), SENDER, REFUSED, "already_sent"),
    ("a second open referral", "sent", another(), SENDER, REFUSED, "open_referral_exists"),
    ("a referral without consent", "closed", another(consent_id=uuid7()), SENDER, WAITS, "consent_unknown"),
    ("a consent for somebody else", "closed", another(person_id=uuid7()), SENDER, REFUSED, "consent_of_another_person"),
    ("a consent of another organisation", "closed", another(), ANOTHER, REFUSED, "consent_not_granted_to_you"),
    ("a consent taken back", "consent_withdrawn", another(), SENDER, REFUSED, "consent_withdrawn"),
    ("a service nobody offers", "closed", another(service_id=uuid7()), SENDER, WAITS, "service_unknown"),
    ("a service of somebody else", "closed", another(recipient=ANOTHER), SENDER, REFUSED, "service_not_of_recipient"),
    ("a referral to oneself", "closed", another(recipient=SENDER), SENDER, REFUSED, "recipient_is_sender"),
    ("an answer wanted yesterday", "closed", another(answer_by=NOW), SENDER, REFUSED, "answer_by_passed"),
    ("too much about a survivor", "closed", confidential_request(referral_id=uuid7(), consent_id=None, override=OVERRIDE, shares=(codes.FieldGroup.IDENTITY,)), SENDER, REFUSED, "confidential_shares_too_much"),
    ("a service taken over", "sent", service_published(), ANOTHER, REFUSED, "service_of_another"),
    ("a receipt that nobody asked for", "accepted", stories.purged[0], RECIPIENT, REFUSED, "not_while_accepted"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("state", "data", "source", "answer", "code"),
    [row[1:] for row in ABOUT_A_REFERRAL],
    ids=[row[0] for row in ABOUT_A_REFERRAL],
)
def test_referrals_answers_with_a_code_and_keeps_nothing(
    referrals: ServiceUnderTest, state: str, data: Any, source: str, answer: str, code: str
) -> None:
    bring_to(referrals, state)
    tables = ("referral", "history", "consent", "service")
    before = [referrals.rows(f"select * from {table} order by 1") for table in tables]
    with pytest.raises(Exception, match=rf"^{code}$") as no:
        referrals.hear(data, source=source)
    assert (type(no.value).__name__, getattr(no.value, "code", None)) == (answer, code)
    assert [referrals.rows(f"select * from {table} order by 1") for table in tables] == before


ABOUT_A_PERSON: list[tuple[str, Any, str, str, str]] = [
    ("a block for another key", person_registered(sealing.public_part(sealing.new_key()), person_id=uuid7()), SENDER, REFUSED, "sealed_block_unreadable"),
    ("a consent of nobody", consent_granted(person_id=uuid7()), SENDER, WAITS, "person_unknown"),
    ("a withdrawal of nothing", consent_withdrawn(consent_id=uuid7()), SENDER, WAITS, "consent_unknown"),
    ("a need of nobody", need_identified(person_id=uuid7()), SENDER, WAITS, "person_unknown"),
    ("a triage of nothing", need_triaged(need_id=uuid7()), SENDER, WAITS, "need_unknown"),
    ("a household of somebody unknown", household_recorded(), SENDER, WAITS, "person_unknown"),
    ("a step of nobody", etpv_step_taken(person_id=uuid7()), SENDER, WAITS, "person_unknown"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "source", "answer", "code"), [row[1:] for row in ABOUT_A_PERSON], ids=[row[0] for row in ABOUT_A_PERSON]
)
def test_intake_answers_with_a_code_and_keeps_and_says_nothing(
    intake: ServiceUnderTest,
    hub_key: sealing.Key,
    data: Any,
    source: str,
    answer: str,
    code: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    intake.hear(person_registered(sealing.public_part(hub_key)), source=SENDER)
    tables = ("person", "document", "consent", "need", "household", "household_member", "etpv_step")
    before = [intake.rows(f"select * from {table} order by 1") for table in tables]
    with caplog.at_level(logging.DEBUG), pytest.raises(Exception, match=rf"^{code}$") as no:
        intake.hear(data, source=source)
    assert (type(no.value).__name__, getattr(no.value, "code", None)) == (answer, code)
    assert [intake.rows(f"select * from {table} order by 1") for table in tables] == before
    assert not any(str(PERSON[name]) in caplog.text for name in ("given_names", "family_names", "phone"))


# PostgreSQL takes no zone that is sixteen hours or more away; JSON Schema's date-time and Python take up to a day.
FAR_ZONES = [timezone(sign * timedelta(hours=23, minutes=59)) for sign in (1, -1)]


@pytest.mark.parametrize("zone", FAR_ZONES)
def test_intake_keeps_times_of_any_zone(intake: ServiceUnderTest, hub_key: sealing.Key, zone: timezone) -> None:
    there = NOW.astimezone(zone)
    intake.hear(person_registered(sealing.public_part(hub_key), registered_at=there), said_at=there)
    intake.hear(consent_granted(valid_from=there, valid_until=there + timedelta(days=1)), said_at=there)
    intake.hear(need_identified(identified_at=there), said_at=there)
    intake.hear(need_triaged(triaged_at=there), said_at=there)
    intake.hear(etpv_step_taken(taken_at=there), said_at=there)
    alone = contracts.Member(person_id=PERSON_ID, role=codes.HouseholdRole.HEAD)
    intake.hear(household_recorded(recorded_at=there, members=(alone,)), said_at=there)
    intake.hear(consent_withdrawn(withdrawn_at=there), said_at=there)
    intake.tx.flush()

    for kept in (
        "registered_at from person",
        "identified_at from need",
        "triaged_at from need",
        "valid_from from consent",
        "taken_at from etpv_step",
        "recorded_at from household",
    ):
        assert [list(row.values()) for row in intake.rows(f"select {kept}")] == [[NOW]]


@pytest.mark.parametrize("zone", FAR_ZONES)
def test_referrals_keeps_times_of_any_zone(referrals: ServiceUnderTest, zone: timezone) -> None:
    there = NOW.astimezone(zone)
    soon = there + timedelta(microseconds=90)  # of which an interval could be written with an exponent
    referrals.hear(service_published(), source=RECIPIENT, said_at=there)
    referrals.hear(consent_recorded(valid_from=there), source="hub")
    referrals.hear(referral_requested(answer_by=soon), said_at=there)
    for data, source in (stories.received, stories.accepted):
        referrals.hear(data, source=source, said_at=there)
    visit = contracts.ReferralScheduled(**stories.R, visit_at=soon, mode=codes.VisitMode.AT_PROVIDER)
    referrals.hear(visit, source=RECIPIENT, said_at=there)
    referrals.tx.flush()

    assert [row["visit_at"] for row in referrals.rows("select visit_at from referral")] == [soon]
