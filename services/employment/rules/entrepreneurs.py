"""People who build a business, and what is done for them: pure decisions; time is an argument.

A mentor comes before sessions, a session before the plan is approved, an approved plan before any capital. A business
may be formalised at any time: some come with one that already is.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid5

from messaging.answers import MissingPrerequisite, Refused
from messaging.plausible import check_zones
from services.employment.rules.days import day_in_colombia


class State(StrEnum):
    """Whether somebody is accompanied."""

    ACCOMPANIED = "accompanied"
    LEFT = "left"
    STRUCK_OUT = "struck_out"


@dataclass(frozen=True, slots=True)
class Entrepreneur:
    """A person with a business, or the plan of one, whom an organisation accompanies."""

    entrepreneur_id: UUID
    organisation: str
    person_id: UUID
    enrolled_at: datetime
    business: str | None = None  # None, as its place: not yet said of somebody whom a referral brought
    zone: str | None = None
    referral_id: UUID | None = None
    referred: bool = False  # whether any referral brought them, or found them here
    mentor: str | None = None
    assigned_at: datetime | None = None
    sessions: int = 0
    plan_approved_at: datetime | None = None
    grants: int = 0
    formalised_on: date | None = None
    state: State = State.ACCOMPANIED
    left_at: datetime | None = None
    leave_reason: str | None = None
    sequence: int = 1

    @property
    def mentored(self) -> bool:
        """Whether they have met a mentor."""
        return self.sessions > 0

    @property
    def stage(self) -> str:
        """How far they are, in the words of `entrepreneur.recorded`."""
        if self.state != State.ACCOMPANIED:
            return self.state
        reached = (
            (self.formalised_on is not None, "formalised"),
            (self.grants > 0, "capital_granted"),
            (self.plan_approved_at is not None, "plan_approved"),
            (self.mentored, "mentored"),
        )
        return next((stage for is_reached, stage in reached if is_reached), "enrolled")


def id_from_referral(referral_id: UUID) -> UUID:
    """Return the id of the entrepreneur that a referral becomes; its organisation finds it by the same calculation."""
    return uuid5(referral_id, "entrepreneur")


def enrol(known: Entrepreneur | None, said: Entrepreneur) -> Entrepreneur:
    """Take the first word on an entrepreneur, or on the business of one whom a referral brought."""
    check_zones([said.zone])
    return said if known is None else describe(known, said)


def describe(known: Entrepreneur, said: Entrepreneur) -> Entrepreneur:
    """Take the first word on the business of somebody whom a referral brought, and refuse any other repeat."""
    if known.organisation != said.organisation:
        raise Refused("enrolled_by_another")
    if known.business is not None or known.person_id != said.person_id or known.state != State.ACCOMPANIED:
        raise Refused("already_enrolled")
    return replace(known, business=said.business, zone=said.zone, sequence=known.sequence + 1)


def find_by_referral(entrepreneur: Entrepreneur) -> Entrepreneur:
    """A referral finds somebody who is accompanied already: what is done for them answers it."""
    return replace(entrepreneur, referred=True)


def check_under_way(entrepreneur: Entrepreneur, *, at: datetime) -> None:
    """Let something be said for a time at which they had not left, however late it is said."""
    struck_out = entrepreneur.state == State.STRUCK_OUT
    if struck_out or (entrepreneur.left_at is not None and at > entrepreneur.left_at):
        raise Refused(f"not_while_{entrepreneur.state}")


def assign_mentor(entrepreneur: Entrepreneur, mentor: str, *, at: datetime) -> Entrepreneur:
    """They have a mentor, or another one than before."""
    check_under_way(entrepreneur, at=at)
    if entrepreneur.mentor == mentor:
        raise Refused("already_assigned")
    if entrepreneur.assigned_at is not None and at < entrepreneur.assigned_at:
        raise Refused("superseded")
    return _step(replace(entrepreneur, mentor=mentor, assigned_at=at))


def hold_session(entrepreneur: Entrepreneur, *, at: datetime) -> Entrepreneur:
    """They have met their mentor."""
    check_under_way(entrepreneur, at=at)
    if entrepreneur.mentor is None:
        raise MissingPrerequisite("entrepreneur", str(entrepreneur.entrepreneur_id), code="no_mentor")
    return _step(replace(entrepreneur, sessions=entrepreneur.sessions + 1))


def approve_plan(entrepreneur: Entrepreneur, *, at: datetime) -> Entrepreneur:
    """Their business plan is approved, once."""
    check_under_way(entrepreneur, at=at)
    if entrepreneur.plan_approved_at is not None:
        raise Refused("already_approved")
    if not entrepreneur.mentored:
        raise MissingPrerequisite("entrepreneur", str(entrepreneur.entrepreneur_id), code="no_session")
    return _step(replace(entrepreneur, plan_approved_at=at))


def grant_capital(entrepreneur: Entrepreneur, *, at: datetime) -> Entrepreneur:
    """They receive seed capital, once or several times, for a plan that had been approved by then."""
    check_under_way(entrepreneur, at=at)
    if entrepreneur.plan_approved_at is None:
        raise MissingPrerequisite("entrepreneur", str(entrepreneur.entrepreneur_id), code="no_approved_plan")
    if at < entrepreneur.plan_approved_at:
        raise Refused("before_the_plan")
    return _step(replace(entrepreneur, grants=entrepreneur.grants + 1))


def formalise(entrepreneur: Entrepreneur, *, on: date) -> Entrepreneur:
    """The chamber of commerce has registered the business: while they are accompanied, or heard of later."""
    left_on = None if entrepreneur.left_at is None else day_in_colombia(entrepreneur.left_at)
    if entrepreneur.state == State.STRUCK_OUT or (left_on is not None and on > left_on):
        raise Refused(f"not_while_{entrepreneur.state}")
    if entrepreneur.formalised_on is not None:
        raise Refused("already_formalised")
    return _step(replace(entrepreneur, formalised_on=on))


def leave(entrepreneur: Entrepreneur, *, reason: str, at: datetime) -> Entrepreneur:
    """They are accompanied no longer."""
    if entrepreneur.state == State.LEFT:
        raise Refused("already_left")
    if entrepreneur.state == State.STRUCK_OUT:
        raise Refused(f"not_while_{entrepreneur.state}")
    return _step(replace(entrepreneur, state=State.LEFT, left_at=at, leave_reason=reason))


def stop(entrepreneur: Entrepreneur, *, at: datetime) -> Entrepreneur:
    """Nobody goes on with this: they have left, unless they had before."""
    if entrepreneur.state != State.ACCOMPANIED:
        return entrepreneur
    return _step(replace(entrepreneur, state=State.LEFT, left_at=at))


def undo(entrepreneur: Entrepreneur, *, at: datetime) -> Entrepreneur:
    """The referral that brought them was a mistake: strike out what has not begun, stop what has."""
    if entrepreneur.state == State.ACCOMPANIED and entrepreneur.assigned_at is None:
        return strike_out(entrepreneur)
    return stop(entrepreneur, at=at)


def strike_out(entrepreneur: Entrepreneur) -> Entrepreneur:
    """They should never have been recorded: they no longer count."""
    if entrepreneur.state == State.STRUCK_OUT:
        raise Refused("already_struck_out")
    return _step(replace(entrepreneur, state=State.STRUCK_OUT))


def erase(entrepreneur: Entrepreneur, *, at: datetime) -> Entrepreneur:
    """Keep what is counted, that there was somebody and how far they came; nothing of their business."""
    return replace(stop(entrepreneur, at=at), business=None, mentor=None, leave_reason=None)


def _step(entrepreneur: Entrepreneur) -> Entrepreneur:
    return replace(entrepreneur, sequence=entrepreneur.sequence + 1)
