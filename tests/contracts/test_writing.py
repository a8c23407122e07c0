"""Writing: what a handler returns becomes a message that every reader accepts."""

import json
import time
from datetime import UTC, datetime
from uuid import UUID

import pytest
from pydantic import ValidationError

import contracts
from contracts.codes import DeclineReason, ReferralState

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
REFERRAL = UUID("019a0000-0000-7000-8000-000000000001")


def status(**changes: object) -> contracts.ReferralStatus:
    fields = {
        "referral_id": REFERRAL,
        "state": ReferralState.ACCEPTED,
        "changed_at": NOON,
        "changed_by": "iom",
        "sender": "redcross",
        "recipient": "iom",
        "service_id": UUID(int=2),
    }
    return contracts.ReferralStatus.model_validate({**fields, **changes})


def test_a_stamped_draft_is_a_message_that_can_be_read() -> None:
    draft = contracts.Draft(status(), str(REFERRAL), recipient="redcross", sequence=7)
    message = contracts.stamp(draft, source="hub", time=NOON)
    assert contracts.parse(message.to_json()) == message
    assert (message.type, message.recipient, message.sequence) == ("referral.status.v1", "redcross", 7)


def test_a_number_travels_as_ten_digits() -> None:
    message = contracts.stamp(contracts.Draft(status(), str(REFERRAL), sequence=7), source="hub", time=NOON)
    assert json.loads(message.to_json())["sequence"] == "0000000007"


def test_what_is_absent_is_not_written() -> None:
    message = contracts.stamp(
        contracts.Draft(contracts.ReferralAccepted(referral_id=REFERRAL), str(REFERRAL)), source="iom", time=NOON
    )
    assert b"null" not in message.to_json()
    assert "sequence" not in json.loads(message.to_json())


def test_the_first_message_begins_a_conversation_and_what_follows_belongs_to_it() -> None:
    draft = contracts.Draft(contracts.ReferralAccepted(referral_id=REFERRAL), str(REFERRAL))
    first = contracts.stamp(draft, source="iom", time=NOON)
    second = contracts.stamp(draft, source="hub", time=NOON, cause=first)
    third = contracts.stamp(draft, source="hub", time=NOON, cause=second)
    assert first.correlationid == second.correlationid == third.correlationid == first.id
    assert (first.causationid, second.causationid, third.causationid) == (None, first.id, second.id)


def test_who_at_an_organisation_said_it_says_what_the_hub_says_for_that_organisation_and_nothing_else() -> None:
    data = contracts.ReferralAccepted(referral_id=REFERRAL)
    first = contracts.Draft(data, str(REFERRAL))
    cause = contracts.parse(contracts.stamp(first, source="iom", time=NOON, staff="E-17", system="crm").to_json())

    def said(*, by: str | None) -> tuple[str | None, str | None]:
        draft = contracts.Draft(data, str(REFERRAL), source=by)
        message = contracts.stamp(draft, source=by or "hub", time=NOON, cause=cause)
        return message.staff, message.system

    assert [said(by=by) for by in ("iom", "redcross", None)] == [("E-17", "crm"), (None, None), (None, None)]


def test_what_goes_to_whom_it_answers_names_the_system_that_asked() -> None:
    data = contracts.ReferralAccepted(referral_id=REFERRAL)
    cause = contracts.stamp(contracts.Draft(data, str(REFERRAL)), source="iom", time=NOON, system="crm")

    def to(recipient: str | None) -> str | None:
        draft = contracts.Draft(status(), str(REFERRAL), recipient=recipient, sequence=7)
        return contracts.stamp(draft, source="hub", time=NOON, cause=cause).recipientsystem

    assert [to(one) for one in ("iom", "redcross", None)] == ["crm", None, None]


def test_a_conversation_begins_with_a_message_that_names_none() -> None:
    raw = {
        "specversion": "1.0",
        "id": str(UUID(int=9)),
        "source": "iom",
        "type": "referral.accepted.v1",
        "subject": str(REFERRAL),
        "time": "2026-03-02T12:00:00Z",
        "data": {"referral_id": str(REFERRAL)},
    }
    cause = contracts.parse(json.dumps(raw).encode())
    draft = contracts.Draft(contracts.ReferralAccepted(referral_id=REFERRAL), str(REFERRAL))
    assert contracts.stamp(draft, source="hub", time=NOON, cause=cause).correlationid == UUID(int=9)


@pytest.mark.parametrize(
    "draft",
    [
        contracts.Draft(contracts.ReferralAccepted(referral_id=REFERRAL), "something else"),
        contracts.Draft(contracts.ReferralAccepted(referral_id=REFERRAL), str(UUID(int=1))),
        contracts.Draft(status(), str(REFERRAL)),
        contracts.Draft(status(), str(REFERRAL), sequence=0),
        contracts.Draft(status(), str(REFERRAL), sequence=1, recipient="Red Cross"),
    ],
    ids=["subject of no form", "subject of another", "no number", "number zero", "recipient of no form"],
)
def test_a_draft_that_breaks_its_contract_is_not_stamped(draft: contracts.Draft) -> None:
    with pytest.raises(ValidationError):
        contracts.stamp(draft, source="hub", time=NOON)


def test_a_time_without_zone_is_not_written() -> None:
    draft = contracts.Draft(contracts.ReferralAccepted(referral_id=REFERRAL), str(REFERRAL))
    with pytest.raises(ValidationError):
        contracts.stamp(draft, source="hub", time=datetime(2026, 3, 2, 12))  # noqa: DTZ001


def test_a_writers_mistake_shows_no_value() -> None:
    with pytest.raises(ValidationError) as mistake:
        contracts.PersonBlock(phone="call Yuleisy at home")
    assert "Yuleisy" not in str(mistake.value)


def test_messages_cannot_be_changed() -> None:
    declined = contracts.ReferralDeclined(referral_id=REFERRAL, reason=DeclineReason.SAFETY)
    with pytest.raises(ValidationError):
        declined.reason = DeclineReason.DUPLICATE


def test_identifiers_are_unique_and_sort_by_the_time_they_were_made() -> None:
    before = time.time_ns() // 1_000_000
    made = [contracts.uuid7() for _ in range(10_000)]
    after = time.time_ns() // 1_000_000
    assert len(set(made)) == len(made)
    assert {(identifier.version, identifier.variant) for identifier in made} == {(7, "specified in RFC 4122")}
    moments = [identifier.int >> 80 for identifier in made]
    assert moments == sorted(moments)
    assert before <= moments[0] <= moments[-1] <= after
