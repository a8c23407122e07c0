"""How long each state of a referral may last, as the organisations agreed on it; and how often more time is given."""

from collections.abc import Mapping
from datetime import timedelta
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
