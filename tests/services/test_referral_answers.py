"""Each message about a referral that is there: applied and told to both parties, or refused."""

from itertools import pairwise

import pytest

from contracts import uuid7
from messaging.database import Row
from services.referrals import rules
from tests.examples import ANOTHER, COORDINATOR, NOW, RECIPIENT, SENDER, referral_requested
from tests.services import stories
from tests.services.conftest import ServiceUnderTest
from tests.services.stories import TO, bring_to, prepare, state_of

# What is said, where the referral stands, where it stands afterwards.
DONE: list[tuple[str, str, str]] = [
    ("received", "sent", "received"),
    ("accepted", "received", "accepted"),
    ("accepted", "waitlisted", "accepted"),
    ("declined", "received", "declined"),
    ("declined", "waitlisted", "declined"),
    ("declined", "in_service", "declined"),
    ("waitlisted", "received", "waitlisted"),
    ("info_requested", "received", "info_requested"),
    ("info_provided", "info_requested", "received"),
    ("scheduled", "accepted", "scheduled"),
    ("scheduled", "no_show", "scheduled"),
    ("scheduled", "visit_cancelled", "scheduled"),
    ("no_show", "scheduled", "no_show"),
    ("visit_cancelled", "scheduled", "visit_cancelled"),
    ("service_started", "accepted", "in_service"),
    ("service_started", "scheduled", "in_service"),
    ("service_noted", "in_service", "in_service"),
    ("completed", "in_service", "completed"),
    ("completed", "cancel_requested", "completed"),
    ("closed", "completed", "closed"),
    ("cancel_requested", "accepted", "cancel_requested"),
    ("cancelled", "cancel_requested", "cancelled"),
    ("reopened", "closed", "in_service"),
    ("entered_in_error", "sent", "entered_in_error"),
    ("entered_in_error", "closed", "entered_in_error"),
]


def everything(referrals: ServiceUnderTest) -> list[list[Row]]:
    return [referrals.rows(f"select * from {table} order by 1") for table in ("referral", "history")]


@pytest.mark.parametrize(("said", "before", "after"), DONE)
def test_a_move_is_kept_and_told_to_both_parties_with_the_next_number(
    referrals: ServiceUnderTest, said: str, before: str, after: str
) -> None:
    bring_to(referrals, before)
    (kept,) = referrals.rows("select sequence from referral")
    data, source = getattr(stories, said)
    answers = referrals.hear(data, source=source)
    assert state_of(referrals) == after
    assert {(answer.recipient, answer.sequence, answer.data.state) for answer in answers} == {
        (SENDER, kept["sequence"] + 1, after),
        (RECIPIENT, kept["sequence"] + 1, after),
    }
    (last,) = referrals.rows("select * from history order by history_id desc limit 1")
    assert (last["what"], last["organisation"], last["sequence"]) == (after, source, kept["sequence"] + 1)


def test_a_cancellation_that_needed_no_answer_is_not_asked_for_again(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "cancelled")
    data, source = stories.cancel_requested
    with pytest.raises(rules.Refused, match=r"^already_cancelled$"):
        referrals.hear(data, source=source)
    assert state_of(referrals) == "cancelled"


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("accepted", "declined"),
        ("declined", "closed"),
        ("waitlisted", "accepted"),
        ("info_requested", "accepted"),
        ("info_provided", "accepted"),
        ("received", "accepted"),
        ("scheduled", "completed"),
        ("no_show", "completed"),
        ("visit_cancelled", "completed"),
        ("service_started", "completed"),
        ("service_noted", "completed"),
        ("completed", "declined"),
        ("closed", "accepted"),
        ("cancel_requested", "completed"),
        ("cancelled", "completed"),
        ("reopened", "completed"),
        ("purged", "closed"),
        ("accepted", "consent_withdrawn"),
    ],
)
def test_a_move_that_the_state_does_not_allow_is_refused_and_changes_nothing(
    referrals: ServiceUnderTest, said: str, state: str
) -> None:
    bring_to(referrals, state)
    before = everything(referrals)
    data, source = getattr(stories, said)
    with pytest.raises(rules.Refused, match=rf"^not_while_{state}$"):
        referrals.hear(data, source=source)
    assert everything(referrals) == before


@pytest.mark.parametrize("said", sorted({said for said, _, _ in DONE} | {"redirected", "purged"}))
def test_a_stranger_cannot_tell_a_referral_that_exists_from_one_that_does_not(
    referrals: ServiceUnderTest, said: str
) -> None:
    data, _ = getattr(stories, said)
    with pytest.raises(rules.MissingPrerequisite) as unknown:
        referrals.hear(data, source=ANOTHER)
    bring_to(referrals, "received")
    with pytest.raises(rules.MissingPrerequisite) as known:
        referrals.hear(data, source=ANOTHER)
    assert (known.value.code, known.value.key) == (unknown.value.code, unknown.value.key)
    assert unknown.value.code == "not_a_party"


def test_every_party_sees_every_number_without_a_gap(referrals: ServiceUnderTest) -> None:
    prepare(referrals)
    said = [(referral_requested(), SENDER), *TO["info_requested"], stories.info_provided, *TO["closed"][1:]]
    heard = [answer for data, source in said for answer in referrals.hear(data, source=source)]
    for party in (SENDER, RECIPIENT):
        numbers = [message.sequence for message in heard if message.recipient == party]
        assert numbers[0] == 1
        assert all(later == earlier + 1 for earlier, later in pairwise(numbers) if earlier and later)


def test_a_cancellation_before_acceptance_is_two_numbers_at_once(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "received")
    data, source = stories.cancel_requested
    answers = referrals.hear(data, source=source)
    assert [(answer.recipient, answer.sequence, answer.data.state, answer.data.changed_by) for answer in answers] == [
        (SENDER, 3, "cancel_requested", SENDER),
        (RECIPIENT, 3, "cancel_requested", SENDER),
        (SENDER, 4, "cancelled", "hub"),
        (RECIPIENT, 4, "cancelled", "hub"),
    ]


@pytest.mark.parametrize(
    ("said", "state", "reader"),
    [
        ("info_requested", "received", SENDER),
        ("info_provided", "info_requested", RECIPIENT),
        ("service_noted", "in_service", SENDER),
    ],
)
def test_a_sealed_note_goes_only_to_the_party_it_is_sealed_to(
    referrals: ServiceUnderTest, said: str, state: str, reader: str
) -> None:
    bring_to(referrals, state)
    data, source = getattr(stories, said)
    notes = {answer.recipient: answer.data.sealed for answer in referrals.hear(data, source=source)}
    assert notes == {SENDER: None, RECIPIENT: None} | {reader: data.sealed}


@pytest.mark.parametrize(
    ("said", "state", "field", "value"),
    [
        ("declined", "received", "decline_reason", "no_capacity"),
        ("waitlisted", "received", "place_in_line", 4),
        ("info_requested", "received", "topic", "documents"),
        ("scheduled", "accepted", "visit_at", stories.VISIT),
        ("visit_cancelled", "scheduled", "visit_cancelled_by", "person"),
        ("completed", "accepted", "outcome", "need_met"),
        ("closed", "completed", "outcome", "partly_met"),
        ("cancel_requested", "accepted", "cancel_reason", "safety"),
        ("reopened", "closed", "reopen_reason", "need_returned"),
        ("entered_in_error", "closed", "error_reason", "duplicate"),
    ],
)
def test_the_parties_are_told_the_reason(
    referrals: ServiceUnderTest, said: str, state: str, field: str, value: object
) -> None:
    bring_to(referrals, state)
    data, source = getattr(stories, said)
    assert {getattr(answer.data, field) for answer in referrals.hear(data, source=source)} == {value}


def test_a_reopening_beside_another_open_referral_is_refused(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "closed")
    other = uuid7()
    referrals.hear(referral_requested(referral_id=other), source=SENDER)
    data, source = stories.reopened
    with pytest.raises(rules.Refused, match=r"^open_referral_exists$"):
        referrals.hear(data, source=source)


def test_a_coordinator_may_strike_out_what_is_not_its_own(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "accepted")
    data, _ = stories.entered_in_error
    referrals.hear(data, source=COORDINATOR)
    (last,) = referrals.rows("select * from history order by history_id desc limit 1")
    assert (last["organisation"], last["actor"], last["reason"]) == (COORDINATOR, "hub", "duplicate")


def test_history_keeps_the_hubs_time_and_the_senders_claim(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "sent")
    claimed = NOW.replace(year=2025)
    data, source = stories.received
    referrals.hear(data, source=source, said_at=claimed)
    (last,) = referrals.rows("select * from history order by history_id desc limit 1")
    assert (last["claimed_at"], last["recorded_at"]) == (claimed, NOW)


@pytest.mark.parametrize("state", TO)
def test_the_stories_reach_the_states_they_are_named_after(referrals: ServiceUnderTest, state: str) -> None:
    bring_to(referrals, state)
    assert state_of(referrals) == state
