"""What the hub does when the clock of a referral comes to its next step."""

from dataclasses import replace
from datetime import datetime

from services.referrals.rules.clocks import Action, start_clock
from services.referrals.rules.referrals import Referral, Step, enter, note
from services.referrals.rules.states import CLOSED, COMPLETED, DECLINED, EXPIRED, HUB, INFO_REQUESTED

# Why a recipient declines what another may take on; the other reasons lie with the person, or with the referral.
ANOTHER_MAY_TAKE_IT = frozenset({"no_capacity", "outside_area", "not_eligible"})


def run_clock(referral: Referral, *, now: datetime) -> Referral:
    """Do the step of the clock that is due; the referral as it was where none is."""
    clock = referral.clock
    if clock is None or clock.due_at > now:
        return referral
    match referral.clock_steps[clock.step][1]:
        case Action.EXPIRE:
            return enter(referral, EXPIRED, actor=HUB, by="hub", at=now)
        case Action.CLOSE:
            return enter(referral, CLOSED, actor=HUB, by="hub", at=now, reason=referral.outcome)
        case action:
            following = start_clock(
                referral.clock_steps, clock.length, ends_at=clock.ends_at, at=now, step=clock.step + 1
            )
            return note(replace(referral, clock=following), Step(action, "hub", HUB, now))


def seeks_alternatives(referral: Referral) -> bool:
    """Whether its clock has just come to where other providers are suggested."""
    return any(step.what == Action.SUGGEST for step in referral.steps)


def may_be_met_elsewhere(referral: Referral) -> bool:
    """Whether it has just been declined for a reason that others may not have."""
    return any(step.what == DECLINED and step.reason in ANOTHER_MAY_TAKE_IT for step in referral.steps)


def awaited(referral: Referral) -> tuple[str, ...]:
    """The organisations whose move the clock is waiting for."""
    if referral.unpurged:
        return referral.unpurged
    if referral.state in (INFO_REQUESTED, COMPLETED):
        return (referral.sender,)
    return (referral.recipient,)
