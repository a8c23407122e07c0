"""How long each state of a referral may last, as the organisations agreed on it; and how often more time is given."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from .codes import Urgency as Urgency
from .transitions import CANCEL_REQUESTED, COMPLETED, INFO_REQUESTED, RECEIVED, SENT, WAITLISTED, State

HOURS = timedelta(hours=1)
DAYS = timedelta(days=1)

RECEIVE_WITHIN = {Urgency.EMERGENCY: 2 * HOURS, Urgency.URGENT: 12 * HOURS, Urgency.NORMAL: 3 * DAYS}
DECIDE_WITHIN = {Urgency.EMERGENCY: 24 * HOURS, Urgency.URGENT: 72 * HOURS, Urgency.NORMAL: 14 * DAYS}
ANSWER_WITHIN = {Urgency.EMERGENCY: 12 * HOURS, Urgency.URGENT: 36 * HOURS, Urgency.NORMAL: 7 * DAYS}
PLACE_WITHIN = 30 * DAYS  # on a waiting list without an estimate
CLOSE_AFTER = 14 * DAYS  # completed, and the sender says nothing
PURGE_WITHIN = 15 * DAYS
EXTENDED_AT_MOST: Final = 3
"""How often coordinators give more time, of one referral: whoever still does not answer will not."""

# How long each state may last. A sender may ask for a decision sooner; a waiting list has the estimate that was given.
LENGTHS: Final[Mapping[State, Mapping[Urgency, timedelta]]] = {
    SENT: RECEIVE_WITHIN,
    RECEIVED: DECIDE_WITHIN,  # from the sending
    INFO_REQUESTED: ANSWER_WITHIN,
    WAITLISTED: dict.fromkeys(Urgency, PLACE_WITHIN),
    COMPLETED: dict.fromkeys(Urgency, CLOSE_AFTER),
    CANCEL_REQUESTED: DECIDE_WITHIN,
}

Absence = tuple[datetime, datetime]
"""From when to when the hub's console was away from an organisation whose staff answer by nothing else."""
AWAY_AT_MOST: Final = 31 * DAYS
"""No absence is longer: what is said of a longer one is no moment that anybody has waited for."""


def counts_from(due_at: datetime, absences: Iterable[Absence], *, since: datetime) -> datetime:
    """From when on a deadline counts that has run since then; `absences` are of whoever owes the answer.

    One that ends while the console is away, or before it has been there again for as long as it was away, counts from
    that moment on: nobody can answer by a page that is not there, and whoever had an hour less has an hour more. Once
    moved it is a deadline like any other, for another absence too. So what is moved by some of them and then by all
    ends where all would have moved it at once.
    """
    for began_at, ended_at in sorted(absences):
        there_as_long = ended_at + (ended_at - began_at)
        if since < ended_at and began_at <= due_at < there_as_long:
            due_at = there_as_long
    return due_at


def time_away(since: datetime, until: datetime, absences: Iterable[Absence]) -> timedelta:
    """How much of a time the console was away; what lies in several absences counts once."""
    away = timedelta()
    for began_at, ended_at in sorted(absences):
        away += max(min(ended_at, until) - max(began_at, since), timedelta())
        since = max(since, ended_at)
    return away
