"""Deadlines on real rows: reminded, escalated, given alternatives, expired or closed; each stage once and in order."""

from dataclasses import replace
from datetime import timedelta

import pytest

from contracts import Message, uuid7
from messaging import database
from messaging.transaction import Transaction, transaction
from services.referrals import store
from tests.examples import (
    ANOTHER,
    COORDINATOR,
    NOW,
    RECIPIENT,
    SENDER,
    a_draft,
    a_sent_referral,
    referral_requested,
    say,
    send,
    service_published,
)
from tests.services import stories
from tests.services.conftest import ServiceUnderTest
from tests.services.stories import bring_to, state_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def let_time_pass(referrals: ServiceUnderTest, *, until: timedelta, every: timedelta = HOUR) -> list[Message]:
    """Tick until so long after NOW; return everything that was said meanwhile."""
    heard = []
    while referrals.clock.now < NOW + until:
        referrals.clock.now += every
        heard += referrals.tick()
    return heard


def said(heard: list[Message]) -> list[tuple[str, str | None]]:
    return [(message.type.split(".")[1], message.recipient) for message in heard]


TO_EXPIRY = [
    ("escalated", COORDINATOR),
    ("alternatives_suggested", SENDER),
    ("status", SENDER),
    ("status", RECIPIENT),
]


@pytest.mark.parametrize(
    ("state", "awaited", "about", "days"),
    [
        ("sent", RECIPIENT, "receipt", 3),
        ("received", RECIPIENT, "decision", 14),
        ("waitlisted", RECIPIENT, "decision", 20),
        ("info_requested", SENDER, "answer", 7),
    ],
)
def test_whoever_is_silent_is_reminded_and_in_the_end_the_referral_expires(
    referrals: ServiceUnderTest, state: str, awaited: str, about: str, days: int
) -> None:
    bring_to(referrals, state)
    heard = let_time_pass(referrals, until=days * DAY)
    assert said(heard) == [("reminder", awaited), *TO_EXPIRY]
    assert (heard[0].data.waits_for, heard[0].data.due_at) == (about, NOW + days * DAY)
    assert heard[-1].data.state == "expired"
    assert state_of(referrals) == "expired"
    assert let_time_pass(referrals, until=(days + 30) * DAY, every=DAY) == []


def test_what_the_clock_did_is_in_the_history_and_only_transitions_are_numbered(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "sent")
    let_time_pass(referrals, until=3 * DAY)
    history = referrals.rows("select what, organisation, sequence, message_id from history order by history_id")
    assert [(step["what"], step["organisation"], step["sequence"]) for step in history] == [
        ("sent", SENDER, 1),
        ("remind", "hub", None),
        ("escalate", "hub", None),
        ("suggest", "hub", None),
        ("expired", "hub", 2),
    ]
    assert all(step["message_id"] is None for step in history[1:])


def test_alternatives_are_active_services_of_others_that_meet_the_same_need(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "sent")
    good, inactive, other_need, own = (uuid7() for _ in range(4))
    referrals.hear(service_published(service_id=good), source=ANOTHER)
    referrals.hear(service_published(service_id=inactive, active=False), source=ANOTHER)
    referrals.hear(service_published(service_id=other_need, need_codes=("wash.water",)), source=ANOTHER)
    referrals.hear(service_published(service_id=own), source=SENDER)
    referrals.hear(service_published(service_id=uuid7()), source=RECIPIENT)
    heard = let_time_pass(referrals, until=3 * DAY)
    (suggested,) = [message.data for message in heard if message.type.startswith("referral.alternatives")]
    assert [(one.organisation, one.service_id) for one in suggested.alternatives] == [(ANOTHER, good)]


def test_a_hub_that_was_away_for_weeks_does_every_step_once_and_in_order(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "received")
    referrals.clock.now = NOW + 40 * DAY
    assert said(referrals.tick()) == [("reminder", RECIPIENT)]
    assert referrals.tick() == []
    assert said(let_time_pass(referrals, until=43 * DAY)) == TO_EXPIRY


def test_the_question_stops_the_clock_and_the_answer_lets_it_go_on(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "received")
    assert said(let_time_pass(referrals, until=8 * DAY)) == [("reminder", RECIPIENT)]
    (question, asker), (answer, answerer) = (stories.info_requested, stories.info_provided)
    referrals.hear(question, source=asker)
    referrals.clock.now += 3 * DAY
    told = referrals.hear(answer, source=answerer)
    assert {status.data.due_at for status in told} == {NOW + 17 * DAY}
    assert said(let_time_pass(referrals, until=17 * DAY)) == TO_EXPIRY


def test_a_completed_referral_is_closed_by_the_hub_when_its_sender_says_nothing(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "completed")
    heard = let_time_pass(referrals, until=14 * DAY)
    assert said(heard) == [("reminder", SENDER), ("status", SENDER), ("status", RECIPIENT)]
    assert [heard[0].data.waits_for, heard[1].data.state, heard[1].data.outcome] == ["outcome", "closed", "need_met"]


def test_a_cancellation_that_is_not_confirmed_is_reminded_and_escalated(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "cancel_requested")
    heard = let_time_pass(referrals, until=60 * DAY, every=6 * HOUR)
    assert said(heard) == [("reminder", RECIPIENT), ("escalated", COORDINATOR)]


def test_only_holders_that_owe_a_purge_receipt_are_reminded(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "consent_withdrawn")
    data, _ = stories.purged
    referrals.hear(data, source=SENDER)
    heard = let_time_pass(referrals, until=30 * DAY, every=6 * HOUR)
    assert said(heard) == [("reminder", RECIPIENT), ("escalated", COORDINATOR)]
    assert heard[0].data.waits_for == "purge"


def test_work_that_is_under_way_is_left_alone(referrals: ServiceUnderTest) -> None:
    bring_to(referrals, "in_service")
    assert let_time_pass(referrals, until=100 * DAY, every=DAY) == []


def test_one_run_takes_a_few_hundred_and_the_next_the_rest(referrals: ServiceUnderTest) -> None:
    cause = say(referral_requested())
    count = store.DUE_AT_ONCE + 1
    for _ in range(count):
        another = replace(a_sent_referral(), referral_id=uuid7(), person_id=uuid7())
        store.insert_referral(referrals.tx, another, {}, cause)
    referrals.clock.now = NOW + 2 * DAY
    assert [len(referrals.tick()), len(referrals.tick()), len(referrals.tick())] == [store.DUE_AT_ONCE, 1, 0]


def test_a_referral_that_another_process_is_changing_is_left_to_it(committed: str, referrals: ServiceUnderTest) -> None:
    with database.connect(committed) as other:
        with transaction(other) as tx:
            store.insert_referral(tx, send(a_draft()), {}, say(referral_requested()))
        tx = Transaction(other)
        store.lock_referral(tx, a_draft().referral_id, of=SENDER)
        referrals.clock.now = NOW + 2 * DAY
        assert referrals.tick() == []
        other.rollback()
    assert said(referrals.tick()) == [("reminder", RECIPIENT)]
