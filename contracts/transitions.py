"""The states of a referral, who may move it from one to the next, and what somebody may do with it now."""

from collections.abc import Mapping, Set
from enum import StrEnum
from functools import cache
from typing import Final

from .codes import ReferralState

State = ReferralState


class Actor(StrEnum):
    """In which part somebody acts on a referral. A coordinator acts for the hub; a person through any organisation."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    HUB = "hub"
    PERSON = "person"


# Without their class, so that the table below reads like the one the organisations agreed on. In its order.
(
    SENT, RECEIVED, ACCEPTED, DECLINED, WAITLISTED, REDIRECTED, INFO_REQUESTED, EXPIRED, SCHEDULED, IN_SERVICE, NO_SHOW,
    VISIT_CANCELLED, COMPLETED, CLOSED, CANCEL_REQUESTED, CANCELLED, CONSENT_WITHDRAWN, ENTERED_IN_ERROR,
) = State  # fmt: skip
SENDER, RECIPIENT, HUB, PERSON = Actor

ENDED: Final[Set[State]] = frozenset(
    {DECLINED, REDIRECTED, EXPIRED, CANCELLED, CLOSED, CONSENT_WITHDRAWN, ENTERED_IN_ERROR}
)
OPEN: Final[Set[State]] = frozenset(State) - ENDED  # the indexes one_open_referral_of_… say the same in SQL
NOTED_IN: Final[Set[State]] = frozenset(State) - {CONSENT_WITHDRAWN, ENTERED_IN_ERROR}  # where notes may be written
DECISIONS: Final[Set[State]] = frozenset({ACCEPTED, DECLINED, WAITLISTED, REDIRECTED})
UNDECIDED: Final[Set[State]] = frozenset({SENT, RECEIVED, INFO_REQUESTED, WAITLISTED})

# The table of the domain, row by row: from, to, who. It begins with what is sent: a draft is its sender's own affair.
TABLE: Final[tuple[tuple[Set[State], Set[State], Set[Actor]], ...]] = (
    ({SENT}, {RECEIVED}, {RECIPIENT}),
    ({RECEIVED}, {ACCEPTED, DECLINED, WAITLISTED, REDIRECTED}, {RECIPIENT}),
    ({RECEIVED}, {INFO_REQUESTED}, {RECIPIENT}),
    ({INFO_REQUESTED}, {RECEIVED}, {SENDER}),
    ({WAITLISTED}, {ACCEPTED, DECLINED}, {RECIPIENT}),
    ({WAITLISTED}, {WAITLISTED}, {HUB}),  # somebody before it has left the list
    ({SENT, RECEIVED, INFO_REQUESTED, WAITLISTED}, {EXPIRED}, {HUB}),
    ({ACCEPTED}, {SCHEDULED, IN_SERVICE, COMPLETED}, {RECIPIENT}),
    ({SCHEDULED}, {SCHEDULED, NO_SHOW, VISIT_CANCELLED, IN_SERVICE, COMPLETED}, {RECIPIENT}),
    ({NO_SHOW}, {SCHEDULED, VISIT_CANCELLED}, {RECIPIENT}),
    ({VISIT_CANCELLED}, {SCHEDULED}, {RECIPIENT}),
    ({IN_SERVICE}, {IN_SERVICE, SCHEDULED, VISIT_CANCELLED, COMPLETED}, {RECIPIENT}),
    ({ACCEPTED, SCHEDULED, NO_SHOW, VISIT_CANCELLED, IN_SERVICE}, {DECLINED}, {RECIPIENT}),
    (OPEN - {CANCEL_REQUESTED, COMPLETED}, {CANCEL_REQUESTED}, {SENDER}),  # "sent … in_service, visit_cancelled"
    ({CANCEL_REQUESTED}, {CANCELLED, COMPLETED}, {RECIPIENT}),
    ({CANCEL_REQUESTED}, {CANCELLED}, {HUB}),  # at once, where the recipient had not accepted
    ({COMPLETED}, {CLOSED}, {SENDER, HUB}),
    ({CLOSED}, {IN_SERVICE}, {HUB}),
    (OPEN, {CONSENT_WITHDRAWN}, {PERSON}),
    (frozenset(State) - {ENTERED_IN_ERROR}, {ENTERED_IN_ERROR}, {SENDER, HUB}),
)

MOVES: Final[Set[tuple[State, State, Actor]]] = frozenset(
    (state, target, actor)
    for states, targets, actors in TABLE
    for state in states
    for target in targets
    for actor in actors
)


# By which contract who says that it moves where. A coordinator acts as the hub; what deadlines do nobody says.
ACTS: Final[Mapping[str, tuple[State, Set[Actor]]]] = {
    "referral.received": (RECEIVED, {RECIPIENT}),
    "referral.accepted": (ACCEPTED, {RECIPIENT}),
    "referral.declined": (DECLINED, {RECIPIENT}),
    "referral.waitlisted": (WAITLISTED, {RECIPIENT}),
    "referral.redirected": (REDIRECTED, {RECIPIENT}),
    "referral.info_requested": (INFO_REQUESTED, {RECIPIENT}),
    "referral.info_provided": (RECEIVED, {SENDER}),
    "referral.scheduled": (SCHEDULED, {RECIPIENT}),
    "referral.no_show": (NO_SHOW, {RECIPIENT}),
    "referral.visit_cancelled": (VISIT_CANCELLED, {RECIPIENT}),
    "referral.service_started": (IN_SERVICE, {RECIPIENT}),
    "referral.service_noted": (IN_SERVICE, {RECIPIENT}),
    "referral.completed": (COMPLETED, {RECIPIENT}),
    "referral.closed": (CLOSED, {SENDER}),
    "referral.reopened": (IN_SERVICE, {HUB}),
    "referral.cancel_requested": (CANCEL_REQUESTED, {SENDER}),
    "referral.cancelled": (CANCELLED, {RECIPIENT}),
    "referral.entered_in_error": (ENTERED_IN_ERROR, {SENDER, HUB}),
}
# What a coordinator does that moves it nowhere, and while it stands where.
AWAITED: Final[Set[State]] = UNDECIDED | {COMPLETED, CANCEL_REQUESTED}  # where a deadline runs
COORDINATED: Final[Mapping[str, Set[State]]] = {
    "referral.chased": OPEN,
    "referral.taken_on": OPEN,
    "referral.deadline_extended": AWAITED,
}
# The same move is the start of a service, or a note from one that is under way.
_NOT_FROM: Final[Mapping[str, Set[State]]] = {
    "referral.service_started": frozenset({IN_SERVICE}),
    "referral.service_noted": frozenset(State) - {IN_SERVICE},
}


@cache
def acts(state: State, actor: Actor) -> frozenset[str]:
    """The contracts by which somebody may act on a referral that stands in this state; a coordinator acts as the hub.

    What else may stand against it, or for it, the table does not know: a consent that has ended, a note's key, an
    organisation's own deadline; that a purge is owed for what has ended.
    """
    moves = {
        name
        for name, (target, actors) in ACTS.items()
        if actor in actors and (state, target, actor) in MOVES and state not in _NOT_FROM.get(name, ())
    }
    return frozenset(moves | {name for name, states in COORDINATED.items() if actor is HUB and state in states})


@cache
def own_reach(state: State, actor: Actor) -> frozenset[State]:
    """The states that an organisation can bring about from here with nobody else moving."""
    if actor not in (SENDER, RECIPIENT):  # the hub and a consent do not send one message after another
        return frozenset()
    reached: set[State] = set()
    ahead = [state]
    while ahead:
        here = ahead.pop()
        nexts = {target for (source, target, mover) in MOVES if source == here and mover == actor} - reached
        reached |= nexts
        ahead.extend(nexts)
    return frozenset(reached)
