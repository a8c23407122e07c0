"""What is answered to who wants to move a referral as the table does not allow."""

from contracts.transitions import MOVES, Actor, State, own_reach
from messaging.answers import MissingPrerequisite, Refused


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
