"""No referral stays unanswered: every deadline reminds, escalates, suggests and ends, in order, whatever happens."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.referrals import rules
from services.referrals.rules import Referral, State, Urgency
from tests.examples import NOW, a_draft, a_sent_referral, send

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def run(referral: Referral, *, until: datetime, every: timedelta) -> Referral:
    """Let the clock tick from when the referral last changed."""
    now = referral.steps[-1].at if referral.steps else NOW
    while now <= until:
        referral = rules.run_deadline(referral, now=now)
        now += every
    return referral


def what_happened(referral: Referral) -> list[str]:
    return [step.what for step in referral.steps]


def received(**overrides: object) -> Referral:
    referral = a_sent_referral(**overrides)
    return rules.receive(referral, by=referral.recipient, at=NOW + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("urgency", "receipt", "decision"),
    [
        (Urgency.EMERGENCY, 2 * HOUR, 24 * HOUR),
        (Urgency.URGENT, 12 * HOUR, 72 * HOUR),
        (Urgency.NORMAL, 3 * DAY, 14 * DAY),
    ],
)
def test_each_urgency_has_its_time_to_a_receipt_and_to_a_decision(
    urgency: Urgency, receipt: timedelta, decision: timedelta
) -> None:
    sent = a_sent_referral(urgency=urgency)
    assert sent.deadline is not None
    assert sent.deadline.ends_at == NOW + receipt
    deadline = rules.receive(sent, by=sent.recipient, at=NOW + HOUR).deadline
    assert deadline is not None
    assert deadline.ends_at == NOW + decision


def test_the_sender_may_ask_for_an_earlier_answer_but_not_for_a_later_one() -> None:
    assert send(a_draft(answer_by=NOW + DAY)).answer_by == NOW + DAY
    assert send(a_draft(answer_by=NOW + 90 * DAY)).answer_by == NOW + 14 * DAY
    with pytest.raises(rules.Refused, match="answer_by_passed"):
        send(a_draft(answer_by=NOW - HOUR))


@pytest.mark.parametrize("referral", [a_sent_referral(), received()], ids=["to a receipt", "to a decision"])
def test_a_referral_nobody_answers_is_reminded_escalated_given_alternatives_and_expires(referral: Referral) -> None:
    referral = run(replace(referral, steps=()), until=NOW + 15 * DAY, every=HOUR)
    assert what_happened(referral) == ["remind", "escalate", "suggest", "expired"]
    assert referral.state == State.EXPIRED
    assert referral.deadline is None


def test_steps_come_one_at_a_time_and_apart_when_the_hub_was_away_for_days() -> None:
    referral = replace(received(), steps=())
    back = NOW + 30 * DAY
    once = rules.run_deadline(referral, now=back)
    assert what_happened(once) == ["remind"]
    assert rules.run_deadline(once, now=back + timedelta(seconds=1)) == once
    assert what_happened(run(once, until=back + 3 * DAY, every=HOUR)) == ["remind", "escalate", "suggest", "expired"]


def test_nothing_happens_before_its_time() -> None:
    referral = received()
    assert rules.run_deadline(referral, now=NOW + 6 * DAY) is referral


def test_an_answer_counts_until_the_hub_has_said_expired() -> None:
    sent = a_sent_referral()
    assert rules.receive(sent, by=sent.recipient, at=NOW + 30 * DAY).state == State.RECEIVED
    expired = run(sent, until=NOW + 4 * DAY, every=HOUR)
    with pytest.raises(rules.Refused, match="not_while_expired"):
        rules.receive(expired, by=expired.recipient, at=NOW + 5 * DAY)


def test_a_question_stops_the_clock_and_its_answer_lets_it_go_on_with_what_was_left_and_no_step_twice() -> None:
    referral = run(received(), until=NOW + 8 * DAY, every=HOUR)
    assert what_happened(referral)[-1] == "remind"
    asked = rules.request_info(referral, by=referral.recipient, at=NOW + 8 * DAY, topic="documents")
    answered = rules.provide_info(asked, by=referral.sender, at=NOW + 11 * DAY)
    assert answered.deadline is not None
    assert answered.deadline.ends_at == NOW + 17 * DAY
    assert answered.stopped_deadline is None
    rest = run(replace(answered, steps=answered.steps[-1:]), until=NOW + 20 * DAY, every=HOUR)
    assert what_happened(rest)[1:] == ["escalate", "suggest", "expired"]


def test_a_question_that_stays_unanswered_expires_by_a_clock_of_its_own() -> None:
    referral = received()
    asked = rules.request_info(referral, by=referral.recipient, at=NOW + HOUR, topic="documents")
    assert rules.awaited(asked) == (referral.sender,)
    assert run(asked, until=NOW + 8 * DAY, every=HOUR).state == State.EXPIRED


def test_a_place_in_line_is_kept_until_its_estimate() -> None:
    referral = received()
    waiting = rules.waitlist(referral, by=referral.recipient, at=NOW, estimate=60 * DAY)
    assert run(waiting, until=NOW + 59 * DAY, every=6 * HOUR).state == State.WAITLISTED
    assert run(waiting, until=NOW + 60 * DAY, every=6 * HOUR).state == State.EXPIRED
    for estimate, lasts in ((None, 30 * DAY), (0 * DAY, DAY)):
        deadline = rules.waitlist(referral, by=referral.recipient, at=NOW, estimate=estimate).deadline
        assert deadline is not None
        assert deadline.ends_at == NOW + lasts


def test_a_completed_referral_is_closed_when_its_sender_says_nothing() -> None:
    referral = a_sent_referral(state=State.IN_SERVICE)
    done = rules.complete(referral, by=referral.recipient, at=NOW, outcome="need_met")
    assert rules.awaited(done) == (referral.sender,)
    closed = run(replace(done, steps=done.steps[-1:]), until=NOW + 15 * DAY, every=HOUR)
    assert what_happened(closed) == ["completed", "remind", "closed"]
    assert closed.outcome == "need_met"


def test_a_cancellation_that_nobody_confirms_is_reminded_and_escalated() -> None:
    referral = a_sent_referral(state=State.SCHEDULED)
    asked = rules.request_cancel(referral, by=referral.sender, at=NOW, reason="safety")
    assert what_happened(run(asked, until=NOW + 60 * DAY, every=HOUR))[-2:] == ["remind", "escalate"]


def test_purge_receipts_are_asked_for_until_every_holder_has_answered() -> None:
    referral = rules.withdraw_consent(a_sent_referral(), by="iom", at=NOW)
    assert referral.unpurged == (referral.sender, referral.recipient)
    referral = rules.record_purge(referral, by=referral.sender, at=NOW + HOUR)
    assert rules.awaited(referral) == (referral.recipient,)
    assert what_happened(run(referral, until=NOW + 60 * DAY, every=HOUR))[-2:] == ["remind", "escalate"]
    assert rules.record_purge(referral, by=referral.recipient, at=NOW + DAY).deadline is None


@pytest.mark.parametrize("state", sorted(rules.ENDED - {State.CONSENT_WITHDRAWN}))
def test_a_withdrawal_starts_the_clock_of_what_has_ended_and_moves_it_nowhere(state: State) -> None:
    ended = replace(a_sent_referral(state=state), deadline=None)
    asked = rules.withdraw_consent(ended, by="hub", at=NOW)
    assert (asked.state, asked.sequence, asked.unpurged) == (state, ended.sequence, ended.parties)
    assert rules.awaited(asked) == ended.parties
    waited = run(replace(asked, steps=asked.steps[-1:]), until=NOW + 60 * DAY, every=HOUR)
    assert what_happened(waited) == ["purge_asked", "remind", "escalate"]
    assert waited.state == state


def test_an_error_found_later_leaves_the_clock_of_a_purge_running() -> None:
    withdrawn = rules.withdraw_consent(a_sent_referral(), by="hub", at=NOW)
    wrong = rules.enter_in_error(withdrawn, by="redcross", at=NOW + DAY, reason="duplicate", coordinators=set())
    assert (wrong.deadline, wrong.unpurged) == (withdrawn.deadline, withdrawn.unpurged)
    assert what_happened(run(wrong, until=NOW + 60 * DAY, every=HOUR))[-3:] == [
        "entered_in_error",
        "remind",
        "escalate",
    ]


def test_work_under_way_has_no_clock() -> None:
    referral = received()
    assert rules.accept(referral, by=referral.recipient, at=NOW + HOUR).deadline is None
