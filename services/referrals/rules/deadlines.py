"""How long everybody has for their next step, and what the hub does meanwhile: no referral stays unanswered."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from contracts.transitions import (
    CANCEL_REQUESTED,
    COMPLETED,
    INFO_REQUESTED,
    RECEIVED,
    SENT,
    WAITLISTED,
    State,
)


class Action(StrEnum):
    """What the hub does when a deadline comes to one of its stages."""

    REMIND = "remind"
    ESCALATE = "escalate"
    SUGGEST = "suggest"
    EXPIRE = "expire"
    CLOSE = "close"


# What happens at which part of a deadline's length.
_TO_EXPIRY = ((0.5, Action.REMIND), (0.75, Action.ESCALATE), (0.9, Action.SUGGEST), (1.0, Action.EXPIRE))
_TO_CLOSING = ((0.5, Action.REMIND), (1.0, Action.CLOSE))
_TO_ESCALATION = ((0.5, Action.REMIND), (1.0, Action.ESCALATE))
Stages = tuple[tuple[float, Action], ...]
STAGES: Final[Mapping[State, Stages]] = {
    SENT: _TO_EXPIRY,
    RECEIVED: _TO_EXPIRY,
    INFO_REQUESTED: _TO_EXPIRY,
    WAITLISTED: _TO_EXPIRY,
    COMPLETED: _TO_CLOSING,
    CANCEL_REQUESTED: _TO_ESCALATION,  # the table lets nobody but the recipient end it
}
PURGE_STAGES: Final[Stages] = _TO_ESCALATION  # whatever the state, until every holder has sent a purge receipt

# After an outage of the hub the stages still come one by one, never closer together than this part of the length: a
# reminder that arrives together with the expiry it warns of is none.
_APART = 0.05


@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline under way, with the stages of the referral's state or of a purge, the next of them due at `due_at`."""

    length: timedelta
    ends_at: datetime
    due_at: datetime
    stage: int = 0


@dataclass(frozen=True, slots=True)
class StoppedDeadline:
    """The deadline of a decision while the sender is asked a question: how much time was left, and its next stage."""

    length: timedelta
    left: timedelta
    stage: int


def start_deadline(
    stages: Stages, length: timedelta, *, ends_at: datetime, at: datetime, stage: int = 0
) -> Deadline | None:
    """Start a deadline, or go on with one at a later stage; nothing where all its stages are behind it."""
    if stage >= len(stages):
        return None
    planned = ends_at - length * (1 - stages[stage][0])
    return Deadline(length=length, ends_at=ends_at, due_at=max(planned, at + length * _APART), stage=stage)


def put_off(stages: Stages, deadline: Deadline, *, until: datetime) -> Deadline:
    """Have a deadline end later: it lasts longer by that much, and what has come of its stages does not come again."""
    length = deadline.length + (until - deadline.ends_at)
    planned = until - length * (1 - stages[deadline.stage][0])
    return replace(deadline, length=length, ends_at=until, due_at=max(deadline.due_at, planned))


def stop_deadline(deadline: Deadline | None, *, at: datetime) -> StoppedDeadline | None:
    """Keep what is left of a deadline (never less than nothing)."""
    if deadline is None:
        return None
    return StoppedDeadline(length=deadline.length, left=max(deadline.ends_at - at, timedelta()), stage=deadline.stage)
