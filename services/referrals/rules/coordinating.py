"""What coordinators do about a referral that does not go on: ask for an answer, give more time, take it on."""

from collections.abc import Set
from dataclasses import replace
from datetime import datetime

from contracts.deadlines import EXTENDED_AT_MOST, LENGTHS
from contracts.transitions import AWAITED, HUB, MOVES, OPEN, RECEIVED, SENT
from messaging.answers import MissingPrerequisite, Refused
from messaging.plausible import check_not_before
from services.referrals.rules.deadlines import STAGES, start_deadline
from services.referrals.rules.referrals import Referral, Step, actor_of, note
from services.referrals.rules.timing import awaited

CHASED, DEADLINE_EXTENDED, TAKEN_ON = "chased", "deadline_extended", "taken_on"  # the steps that history keeps


def chase(
    referral: Referral,
    *,
    by: str,
    at: datetime,
    organisation: str,
    means: str,
    result: str,
    chased_at: datetime,
    coordinators: Set[str],
) -> Referral:
    """A coordinator has asked a party for its answer: nothing changes, and of two that ask at once both have asked."""
    _check_coordinates(referral, by, coordinators)
    _check_goes_on(referral)
    if organisation not in referral.parties:
        raise Refused("organisation_not_party", "data.organisation")
    check_not_before(chased_at, referral.sent_at, code="before_it_was_sent")
    details = {"organisation": organisation, "means": means, "chased_at": chased_at.isoformat()}
    return note(referral, Step(CHASED, by, HUB, at, reason=result, details=details))


def extend_deadline(
    referral: Referral, *, by: str, at: datetime, until: datetime, reason: str, coordinators: Set[str]
) -> Referral:
    """A coordinator gives whoever is awaited more time: the deadline begins anew, with all of its stages.

    Each time it ends later by no more than the urgency gives for the state, and three times at most: a referral that is
    put off for ever stays unanswered. Of two who extend at once the later end holds, whoever came first. Nobody extends
    its own, nor how long what a person has taken back is held.
    """
    _check_coordinates(referral, by, coordinators)
    if referral.unpurged:
        raise Refused("purge_not_extended")
    if referral.state not in AWAITED:
        raise Refused(f"not_while_{referral.state}")
    if by in awaited(referral):
        raise Refused("own_deadline")
    ends_at = max(referral.deadline.ends_at, at) if referral.deadline else at
    if referral.extended and referral.deadline and until == referral.deadline.ends_at:
        raise Refused("already_extended")
    if until <= ends_at:
        raise Refused("deadline_not_later", "data.due_at")
    if until > ends_at + LENGTHS[referral.state][referral.urgency]:
        raise Refused("extension_too_long", "data.due_at")
    if referral.extended >= EXTENDED_AT_MOST:
        raise Refused("extended_too_often")
    extended = replace(
        referral,
        sequence=referral.sequence + 1,
        answer_by=_answer_by(referral, until=until),
        deadline=start_deadline(STAGES[referral.state], until - at, ends_at=until, at=at),
        extended=referral.extended + 1,
    )
    details = {"due_at": until.isoformat()}
    return note(extended, Step(DEADLINE_EXTENDED, by, HUB, at, extended.sequence, reason, details))


def take_on(
    referral: Referral, *, by: str, at: datetime, taken_over_from: str | None, coordinators: Set[str]
) -> Referral:
    """A coordinator sees to it that it goes on. Who comes second is refused, or names whom it takes it over from."""
    _check_coordinates(referral, by, coordinators)
    _check_goes_on(referral)
    holder = referral.taken_on_by if referral.taken_on_by in coordinators else None
    if holder == by:
        raise Refused("already_taken_on")
    if holder is not None and holder != taken_over_from:
        raise Refused("taken_on_by_another")
    details = None if holder is None else {"taken_over_from": holder}
    return note(replace(referral, taken_on_by=by), Step(TAKEN_ON, by, HUB, at, details=details))


def _check_coordinates(referral: Referral, by: str, coordinators: Set[str]) -> None:
    if actor_of(referral, by, coordinators) is not HUB:
        raise Refused("not_yours")


def _check_goes_on(referral: Referral) -> None:
    """Let nothing be done about what has ended, unless a purge is owed; what coordinators may reopen waits for that."""
    if referral.state in OPEN or referral.unpurged:
        return
    if any((referral.state, target, HUB) in MOVES for target in OPEN):
        raise MissingPrerequisite("referral", str(referral.referral_id), code=f"not_while_{referral.state}")
    raise Refused(f"not_while_{referral.state}")


def _answer_by(referral: Referral, *, until: datetime) -> datetime:
    """When it has to be decided, once its deadline ends at `until`: a later receipt leaves as much time to decide."""
    if referral.state == RECEIVED:
        return until
    if referral.state == SENT and referral.deadline is not None:
        return referral.answer_by + (until - referral.deadline.ends_at)
    return referral.answer_by
