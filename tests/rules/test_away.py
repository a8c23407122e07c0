"""What the console's absences do to deadlines: the same, in whatever order they are told, and however often."""

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import pytest

from contracts.deadlines import AWAY_AT_MOST, DAYS, Absence, counts_from, time_away
from hub.reports.rules.asked import Asked
from hub.reports.rules.partners import Sent, count, sheet
from messaging.plausible import check_absence
from services.referrals import rules
from services.referrals.rules import Referral, Urgency
from services.referrals.rules.deadlines import STAGES, start_deadline
from tests.examples import NOW, a_sent_referral

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BEGAN: Final = NOW + HOUR
ENDED: Final = BEGAN + HOUR
ABSENCE: Final = (BEGAN, ENDED)
"""From one hour behind the sending to two."""


@pytest.mark.parametrize(
    ("due_at", "late_from"),
    [
        (BEGAN - MINUTE, BEGAN - MINUTE),
        (BEGAN, ENDED + HOUR),
        (ENDED, ENDED + HOUR),
        (ENDED + HOUR - MINUTE, ENDED + HOUR),
        (ENDED + HOUR, ENDED + HOUR),
        (ENDED + 5 * HOUR, ENDED + 5 * HOUR),
    ],
)
def test_what_ended_meanwhile_counts_once_the_console_was_there_as_long_again(
    due_at: datetime, late_from: datetime
) -> None:
    assert counts_from(due_at, [ABSENCE], since=NOW) == late_from


def test_what_began_when_the_console_was_back_is_not_delayed() -> None:
    assert counts_from(ENDED + MINUTE, [ABSENCE], since=ENDED) == ENDED + MINUTE


def test_time_that_lies_in_several_absences_is_away_once() -> None:
    absences = [ABSENCE, (BEGAN + HOUR / 2, ENDED + HOUR / 2), (BEGAN, ENDED), (ENDED + 5 * HOUR, ENDED + 6 * HOUR)]
    assert time_away(NOW, ENDED + HOUR, absences) == 1.5 * HOUR
    assert time_away(BEGAN + HOUR / 4, BEGAN + HOUR / 2, absences) == HOUR / 4
    assert time_away(ENDED + HOUR, ENDED + 2 * HOUR, absences) == timedelta()


def told(referral: Referral, absences: Sequence[Absence]) -> Referral:
    """What becomes of a referral whose hub is told of absences one after the other, and keeps each."""
    known: set[Absence] = set()
    for one in absences:
        known.add(one)
        referral = rules.make_up(referral, sorted(known), at=NOW + 50 * HOUR)
    return replace(referral, sequence=0, steps=())


def absences_of(rng: random.Random) -> list[Absence]:
    """Some that overlap, follow upon one another, or have nothing to do with each other."""
    begin = [NOW + rng.randrange(0, 24 * 60) * MINUTE for _ in range(rng.randrange(1, 6))]
    return [(one, one + rng.choice((1, 2, 30, 61, 240, 1000)) * MINUTE) for one in begin]


@pytest.mark.parametrize("seed", range(300))
def test_in_any_order_and_twice_the_end_is_the_same(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - no secret
    absences = absences_of(rng)
    referral = a_sent_referral(urgency=rng.choice((Urgency.EMERGENCY, Urgency.URGENT)))
    if rng.random() < 0.5:
        referral = rules.receive(referral, by=referral.recipient, at=NOW + rng.randrange(1, 60) * MINUTE)
    ends = {told(referral, order) for order in itertools.islice(itertools.permutations(absences), 24)}
    ends |= {told(referral, [*absences, *rng.sample(absences, len(absences))])}
    ends |= {told(told(referral, absences[:1]), absences)}
    (end,) = ends
    assert end.deadline is not None
    assert referral.deadline is not None
    assert end.deadline.ends_at == counts_from(referral.deadline.ends_at, absences, since=NOW)
    assert end.deadline.due_at >= referral.deadline.due_at
    assert end.deadline.ends_at - end.deadline.length == referral.deadline.ends_at - referral.deadline.length
    # What counts as late once all is told is so whether the deadline was moved by then or not.
    for at in (NOW + one * 30 * MINUTE for one in range(100)):
        counted = {
            count([one_sent(answer_by=answer_by, absences=tuple(order))], now=at).overdue
            for answer_by in (referral.answer_by, end.answer_by)
            for order in (absences, absences[::-1] * 2)
        }
        assert len(counted) == 1


def one_sent(**more: object) -> Sent:
    said = {"recipient": "iom", "need_code": "health.dental", "zone": None, "month": "2026-03", "state": "received"}
    return Sent(**{**said, "sent_at": NOW, **more})  # type: ignore[arg-type]


def test_a_deadline_that_is_moved_says_so_and_keeps_the_stages_that_have_come() -> None:
    referral = a_sent_referral(urgency=Urgency.EMERGENCY)
    assert referral.deadline is not None
    reminded = rules.run_deadline(referral, now=BEGAN + MINUTE)
    assert reminded.deadline is not None
    assert reminded.deadline.stage == 1
    later = rules.make_up(replace(reminded, steps=()), [ABSENCE], at=ENDED + MINUTE)
    assert later.deadline is not None
    assert (later.deadline.ends_at, later.deadline.stage) == (ENDED + HOUR, 1)
    assert later.deadline.due_at == NOW + 0.75 * (3 * HOUR)
    (step,) = later.steps
    assert (step.what, step.by, step.reason, step.sequence) == ("deadline_extended", "hub", "system_down", 2)
    assert (later.extended, later.answer_by) == (0, referral.answer_by)


def test_neither_what_has_ended_nor_a_purge_is_moved() -> None:
    expired = rules.run_deadline(
        replace(
            a_sent_referral(urgency=Urgency.EMERGENCY),
            deadline=start_deadline(STAGES[rules.State.SENT], 2 * HOUR, ends_at=NOW + 2 * HOUR, at=NOW, stage=3),
        ),
        now=NOW + 2 * HOUR,
    )
    assert expired.state == "expired"
    assert rules.make_up(expired, [ABSENCE], at=ENDED) is expired
    withdrawn = rules.withdraw_consent(a_sent_referral(urgency=Urgency.EMERGENCY), by="redcross", at=NOW)
    assert withdrawn.deadline is not None
    over = (withdrawn.deadline.ends_at - MINUTE, withdrawn.deadline.ends_at + MINUTE)
    assert rules.make_up(withdrawn, [over], at=ENDED) is withdrawn


@pytest.mark.parametrize(
    ("began_at", "ended_at", "code"),
    [
        (NOW, NOW - MINUTE, "absence_impossible"),
        (NOW, NOW, "absence_impossible"),
        (NOW - AWAY_AT_MOST - MINUTE, NOW, "absence_impossible"),
        (NOW, NOW + 2 * HOUR, "absence_impossible"),
        (NOW - 4000 * DAYS, NOW - 3999 * DAYS, "too_long_ago"),
    ],
)
def test_what_no_absence_can_be_is_refused(began_at: datetime, ended_at: datetime, code: str) -> None:
    with pytest.raises(rules.Refused, match=f"^{code}"):
        check_absence(began_at, ended_at, now=NOW)


def test_partners_count_nothing_that_the_hub_has_delayed() -> None:
    def row(*absences: Absence) -> tuple[object, ...]:
        referrals = [
            one_sent(state="expired", expired_at=BEGAN + MINUTE, absences=absences),
            one_sent(state="received", escalated_at=[ENDED + MINUTE], answer_by=ENDED, absences=absences),
            one_sent(state="accepted", received_at=ENDED, answered_at=ENDED, accepted=True, absences=absences),
        ]
        shown = sheet(referrals, Asked(), now=ENDED + HOUR / 2, running_month="2026-04")
        names = ("overdue", "expired", "escalated", "receipt_p50", "answer_p50")
        (cells,) = shown.rows
        return tuple(cells[[column.name for column in shown.columns].index(name)] for name in names)

    assert row() == (1, 1, 1, 2.0, 2.0)
    assert row(ABSENCE) == (0, 0, 0, 1.0, 1.0)


def test_whoever_was_late_before_and_whoever_is_so_afterwards_is_counted() -> None:
    before = one_sent(state="expired", expired_at=BEGAN - MINUTE, absences=[ABSENCE])
    after = one_sent(state="expired", expired_at=ENDED + HOUR, absences=[ABSENCE])
    still = one_sent(answer_by=ENDED, escalated_at=[BEGAN, ENDED + 2 * HOUR], absences=[ABSENCE])
    counted = count([before, after, still], now=ENDED + HOUR + MINUTE)
    assert (counted.expired, counted.escalated, counted.overdue) == (2, 1, 1)
