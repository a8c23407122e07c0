"""How long everybody has for their next step, and what the hub does meanwhile: no referral stays unanswered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from services.referrals.rules.states import (
    CANCEL_REQUESTED,
    COMPLETED,
    INFO_REQUESTED,
    RECEIVED,
    SENT,
    WAITLISTED,
    State,
)


class Urgency(StrEnum):
    """How soon a referral must be decided."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    NORMAL = "normal"


class Action(StrEnum):
    """What the hub does when a clock comes to one of its steps."""

    REMIND = "remind"
    ESCALATE = "escalate"
    SUGGEST = "suggest"
    EXPIRE = "expire"
    CLOSE = "close"


HOURS = timedelta(hours=1)
DAYS = timedelta(days=1)

RECEIVE_WITHIN = {Urgency.EMERGENCY: 2 * HOURS, Urgency.URGENT: 12 * HOURS, Urgency.NORMAL: 3 * DAYS}
DECIDE_WITHIN = {Urgency.EMERGENCY: 24 * HOURS, Urgency.URGENT: 72 * HOURS, Urgency.NORMAL: 14 * DAYS}
ANSWER_WITHIN = {Urgency.EMERGENCY: 12 * HOURS, Urgency.URGENT: 36 * HOURS, Urgency.NORMAL: 7 * DAYS}
CONFIRM_CANCEL_WITHIN = DECIDE_WITHIN
PLACE_WITHIN = 30 * DAYS  # on a waiting list without an estimate
CLOSE_AFTER = 14 * DAYS  # completed, and the sender says nothing
PURGE_WITHIN = 15 * DAYS
CLOCKS_DIFFER = HOURS  # a partner's clock may be that far ahead of the hub's

# What happens at which part of a clock's length.
_TO_EXPIRY = ((0.5, Action.REMIND), (0.75, Action.ESCALATE), (0.9, Action.SUGGEST), (1.0, Action.EXPIRE))
_TO_CLOSING = ((0.5, Action.REMIND), (1.0, Action.CLOSE))
_TO_ESCALATION = ((0.5, Action.REMIND), (1.0, Action.ESCALATE))
Steps = tuple[tuple[float, Action], ...]
STEPS: Final[Mapping[State, Steps]] = {
    SENT: _TO_EXPIRY,
    RECEIVED: _TO_EXPIRY,
    INFO_REQUESTED: _TO_EXPIRY,
    WAITLISTED: _TO_EXPIRY,
    COMPLETED: _TO_CLOSING,
    CANCEL_REQUESTED: _TO_ESCALATION,  # the table lets nobody but the recipient end it
}
PURGE_STEPS: Final[Steps] = _TO_ESCALATION  # whatever the state, until every holder has sent a purge receipt

# After an outage of the hub the steps still come one by one, never closer together than this part of the clock: a
# reminder that arrives together with the expiry it warns of is none.
_APART = 0.05


@dataclass(frozen=True, slots=True)
class Clock:
    """A deadline under way: the steps of the referral's state or of a purge, the next of them due at `due_at`."""

    length: timedelta
    ends_at: datetime
    due_at: datetime
    step: int = 0


@dataclass(frozen=True, slots=True)
class StoppedClock:
    """The clock to a decision while the sender is asked a question: how much of it was left, and its next step."""

    length: timedelta
    left: timedelta
    step: int


def start_clock(steps: Steps, length: timedelta, *, ends_at: datetime, at: datetime, step: int = 0) -> Clock | None:
    """Start a clock, or go on with one at a later step; nothing where all its steps are behind it."""
    if step >= len(steps):
        return None
    planned = ends_at - length * (1 - steps[step][0])
    return Clock(length=length, ends_at=ends_at, due_at=max(planned, at + length * _APART), step=step)


def stop_clock(clock: Clock | None, *, at: datetime) -> StoppedClock | None:
    """Keep what is left of a clock (never less than nothing)."""
    if clock is None:
        return None
    return StoppedClock(length=clock.length, left=max(clock.ends_at - at, timedelta()), step=clock.step)
