"""What the hub does when the deadline of a referral comes to its next stage."""

from dataclasses import replace
from datetime import datetime

from contracts.transitions import CLOSED, COMPLETED, DECLINED, EXPIRED, HUB, INFO_REQUESTED
from services.referrals.rules.deadlines import STAGES, Action, start_deadline
from services.referrals.rules.referrals import Referral, Step, enter, note

# Why a recipient declines what another may take on; the other reasons lie with the person, or with the referral.
ANOTHER_MAY_TAKE_IT = frozenset({"no_capacity", "outside_area", "not_eligible"})


def run_deadline(referral: Referral, *, now: datetime) -> Referral:
    """Do the stage of the deadline that is due; the referral as it was where none is."""
    deadline = referral.deadline
    if deadline is None or deadline.due_at > now:
        return referral
    match referral.deadline_stages[deadline.stage][1]:
        case Action.EXPIRE:
            return enter(referral, EXPIRED, actor=HUB, by="hub", at=now)
        case Action.CLOSE:
            return enter(referral, CLOSED, actor=HUB, by="hub", at=now, reason=referral.outcome)
        case action:
            following = start_deadline(
                referral.deadline_stages, deadline.length, ends_at=deadline.ends_at, at=now, stage=deadline.stage + 1
            )
            return note(replace(referral, deadline=following), Step(action, "hub", HUB, now))


def next_step(referral: Referral) -> Action | None:
    """What its deadline does next, where one is under way."""
    return None if referral.deadline is None else referral.deadline_stages[referral.deadline.stage][1]


def seeks_alternatives(referral: Referral) -> bool:
    """Whether its deadline has just come to where other providers are suggested."""
    return any(step.what == Action.SUGGEST for step in referral.steps)


def may_be_met_elsewhere(referral: Referral) -> bool:
    """Whether it has just been declined for a reason that others may not have."""
    return any(step.what == DECLINED and step.reason in ANOTHER_MAY_TAKE_IT for step in referral.steps)


def awaited(referral: Referral) -> tuple[str, ...]:
    """The organisations whose move it waits for: those who owe a purge receipt, before whatever its state waits for."""
    if referral.unpurged or referral.state not in STAGES:
        return referral.unpurged
    if referral.state in (INFO_REQUESTED, COMPLETED):
        return (referral.sender,)
    return (referral.recipient,)
