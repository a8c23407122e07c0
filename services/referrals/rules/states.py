"""The states of a referral, and who may move it from one to the next."""

from collections.abc import Set
from enum import StrEnum
from functools import cache
from typing import Final

from messaging.answers import MissingPrerequisite, Refused


class State(StrEnum):
    """Where a referral stands. A draft is its sender's own affair: it is here so that the table can begin with it."""

    DRAFT = "draft"
    SENT = "sent"
    RECEIVED = "received"
    INFO_REQUESTED = "info_requested"
    WAITLISTED = "waitlisted"
    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    NO_SHOW = "no_show"
    VISIT_CANCELLED = "visit_cancelled"
    IN_SERVICE = "in_service"
    CANCEL_REQUESTED = "cancel_requested"
    COMPLETED = "completed"
    DECLINED = "declined"
    REDIRECTED = "redirected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    ENTERED_IN_ERROR = "entered_in_error"


class Actor(StrEnum):
    """In which part somebody acts on a referral. A coordinator acts for the hub; a person through any organisation."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    HUB = "hub"
    PERSON = "person"


# Without their class, so that the table below reads like the one the organisations agreed on. In the order of above.
(
    DRAFT, SENT, RECEIVED, INFO_REQUESTED, WAITLISTED, ACCEPTED, SCHEDULED, NO_SHOW, VISIT_CANCELLED, IN_SERVICE,
    CANCEL_REQUESTED, COMPLETED, DECLINED, REDIRECTED, EXPIRED, CANCELLED, CLOSED, CONSENT_WITHDRAWN, ENTERED_IN_ERROR,
) = State  # fmt: skip
SENDER, RECIPIENT, HUB, PERSON = Actor

ENDED: Final[Set[State]] = frozenset(
    {DECLINED, REDIRECTED, EXPIRED, CANCELLED, CLOSED, CONSENT_WITHDRAWN, ENTERED_IN_ERROR}
)
OPEN: Final[Set[State]] = frozenset(State) - ENDED - {DRAFT}  # the indexes one_open_referral_of_… say the same in SQL
DECISIONS: Final[Set[State]] = frozenset({ACCEPTED, DECLINED, WAITLISTED, REDIRECTED})
UNDECIDED: Final[Set[State]] = frozenset({SENT, RECEIVED, INFO_REQUESTED, WAITLISTED})

# The table of the domain, row by row: from, to, who.
TABLE: Final[tuple[tuple[Set[State], Set[State], Set[Actor]], ...]] = (
    ({DRAFT}, {SENT}, {SENDER}),
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
    (frozenset(State) - {DRAFT, ENTERED_IN_ERROR}, {ENTERED_IN_ERROR}, {SENDER, HUB}),
)

MOVES: Final[Set[tuple[State, State, Actor]]] = frozenset(
    (state, target, actor)
    for states, targets, actors in TABLE
    for state in states
    for target in targets
    for actor in actors
)


def check_move(state: State, target: State, actor: Actor, *, key: str = "") -> None:
    """Let a transition pass that the table allows.

    Raises `MissingPrerequisite` (waiting on `key`) where the actor's own messages may have overtaken one another: from
    `state` it could, by moves of its own, still come to where this one is allowed. Raises `Refused` otherwise:
    `not_yours` (never this actor's to say), `already_<target>` (a repeat), `not_while_<state>`.
    """
    if (state, target, actor) in MOVES:
        return
    if not any(move[1:] == (target, actor) for move in MOVES):
        raise Refused("not_yours")
    if state == target:
        raise Refused(f"already_{target}")
    if any((later, target, actor) in MOVES for later in own_reach(state, actor)):
        raise MissingPrerequisite("referral", key, code=f"not_while_{state}")
    raise Refused(f"not_while_{state}")


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
