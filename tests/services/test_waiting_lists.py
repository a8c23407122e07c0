"""The hub keeps the places on waiting lists: when somebody leaves, those behind are told of their new one."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

import contracts
from contracts import Message, codes, uuid7
from tests.examples import (
    RECIPIENT,
    SENDER,
    SERVICE_ID,
    consent_ended,
    consent_recorded,
    referral_requested,
    service_published,
)
from tests.services.conftest import ReferralsUnderTest
from tests.services.test_seeking_services import answer

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def wait_at(referrals: ReferralsUnderTest, place: int, **consent: Any) -> UUID:
    """Send another person's referral and have the recipient put it at this place in line; return its id."""
    referral_id, person_id, consent_id = uuid7(), uuid7(), uuid7()
    referrals.hear(service_published(), source=RECIPIENT, said_at=referrals.clock.now)
    referrals.clock.now += MINUTE / 60
    referrals.hear(consent_recorded(consent_id=consent_id, person_id=person_id), source="hub")
    asked = referral_requested(referral_id=referral_id, person_id=person_id, consent_id=consent_id)
    referrals.hear(asked, source=SENDER)
    referrals.hear(contracts.ReferralReceived(referral_id=referral_id), source=RECIPIENT)
    waits = contracts.ReferralWaitlisted(referral_id=referral_id, place_in_line=place, estimate_days=20)
    referrals.hear(waits, source=RECIPIENT)
    referrals.clock.now += MINUTE / 60
    return referral_id


def accept(referrals: ReferralsUnderTest, referral_id: UUID) -> None:
    referrals.hear(contracts.ReferralAccepted(referral_id=referral_id), source=RECIPIENT)


def close_ranks(referrals: ReferralsUnderTest, *, after: timedelta = MINUTE) -> list[Message]:
    referrals.clock.now += after
    return referrals.tick("move_up_lines")


def told(heard: list[Message]) -> set[tuple[UUID, str | None, int | None]]:
    return {(message.data.referral_id, message.recipient, message.data.place_in_line) for message in heard}


def test_who_stands_behind_is_told_of_the_new_place_under_the_next_number(referrals: ReferralsUnderTest) -> None:
    first, second, third = (wait_at(referrals, place) for place in (1, 2, 3))
    accept(referrals, second)
    heard = close_ranks(referrals)
    assert told(heard) == {(third, SENDER, 2), (third, RECIPIENT, 2)}
    assert {(message.type, message.sequence, message.data.state) for message in heard} == {
        ("referral.status.v1", 4, "waitlisted")
    }
    assert referrals.facts[-1].type == "referral.recorded.v1"
    assert first not in {message.data.referral_id for message in heard}


LEAVING: dict[str, Any] = {
    "accepted": lambda one: (contracts.ReferralAccepted(referral_id=one), RECIPIENT),
    "declined": lambda one: (
        contracts.ReferralDeclined(referral_id=one, reason=codes.DeclineReason.NO_LONGER_INTERESTED),
        RECIPIENT,
    ),
    "cancelled": lambda one: (
        contracts.ReferralCancelRequested(referral_id=one, reason=codes.CancelReason.PERSON_WITHDREW),
        SENDER,
    ),
    "entered_in_error": lambda one: (
        contracts.ReferralEnteredInError(referral_id=one, reason=codes.ErrorReason.DUPLICATE),
        SENDER,
    ),
}


@pytest.mark.parametrize("how", sorted(LEAVING))
def test_however_somebody_leaves_those_behind_move_up(referrals: ReferralsUnderTest, how: str) -> None:
    first, second = wait_at(referrals, 1), wait_at(referrals, 2)
    data, source = LEAVING[how](first)
    referrals.hear(data, source=source)
    assert told(close_ranks(referrals)) == {(second, SENDER, 1), (second, RECIPIENT, 1)}


def test_whose_consent_ends_leaves_the_line(referrals: ReferralsUnderTest) -> None:
    first, second = wait_at(referrals, 1), wait_at(referrals, 2)
    (row,) = referrals.rows("select consent_id from referral where referral_id = %s", first)
    referrals.hear(consent_ended(consent_id=row["consent_id"]), source="hub")
    assert told(close_ranks(referrals)) == {(second, SENDER, 1), (second, RECIPIENT, 1)}


def test_whose_place_expires_leaves_the_line(referrals: ReferralsUnderTest) -> None:
    first = wait_at(referrals, 1)
    for _ in range(15):
        referrals.clock.now += DAY
        referrals.tick()
    second = wait_at(referrals, 2)  # before the first has left
    while referrals.rows("select 1 from referral where referral_id = %s and state = 'waitlisted'", first):
        referrals.clock.now += DAY
        referrals.tick()
    assert told(close_ranks(referrals)) == {(second, SENDER, 1), (second, RECIPIENT, 1)}


def test_many_who_leave_at_once_are_one_message_to_each_behind_them(referrals: ReferralsUnderTest) -> None:
    line = [wait_at(referrals, place) for place in range(1, 7)]
    for referral_id in line[:5]:
        accept(referrals, referral_id)
    assert told(close_ranks(referrals)) == {(line[5], SENDER, 1), (line[5], RECIPIENT, 1)}
    assert close_ranks(referrals) == []


def test_nobody_is_told_more_than_once_a_minute(referrals: ReferralsUnderTest) -> None:
    first, second, third = (wait_at(referrals, place) for place in (1, 2, 3))
    accept(referrals, first)
    assert len(close_ranks(referrals)) == 4
    accept(referrals, second)
    assert close_ranks(referrals, after=MINUTE / 2) == []
    assert told(close_ranks(referrals, after=MINUTE / 2)) == {(third, SENDER, 1), (third, RECIPIENT, 1)}


def test_who_leaves_before_being_told_is_told_nothing(referrals: ReferralsUnderTest) -> None:
    first, second = wait_at(referrals, 1), wait_at(referrals, 2)
    accept(referrals, first)
    accept(referrals, second)
    assert close_ranks(referrals) == []
    assert referrals.rows("select 1 from place_in_line") == []


def test_the_lists_of_two_services_do_not_touch(referrals: ReferralsUnderTest) -> None:
    first = wait_at(referrals, 1)
    wait_at(referrals, 2)
    other = uuid7()
    referrals.hear(service_published(service_id=other), source=RECIPIENT)
    referrals.rows(
        "update place_in_line set service_id = %s where referral_id <> %s returning referral_id", other, first
    )
    accept(referrals, first)
    assert close_ranks(referrals) == []


def test_the_list_is_the_capacity_of_a_service_that_states_none(referrals: ReferralsUnderTest) -> None:
    for place in (1, 2, 9):
        wait_at(referrals, place)
    (one,) = answer(referrals).data.services
    assert (one.service_id, one.capacity, one.waiting, one.estimate_days) == (SERVICE_ID, "waiting_list", 9, 20)
