"""People who take part in an employment programme, and their way to work: pure decisions; time is an argument."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID, uuid5

from messaging.answers import MissingPrerequisite, Refused
from messaging.plausible import check_zones


class Step(StrEnum):
    """The steps of the employability route, in their order."""

    CV_REGISTERED = "cv_registered"
    VOCATIONAL_GUIDANCE = "vocational_guidance"
    TRAINING = "training"
    SHORTLISTED = "shortlisted"


# Which step has to have been taken before. Training is for those who lack it: nothing waits for it.
NEEDS: Final[Mapping[Step, Step | None]] = {
    Step.CV_REGISTERED: None,
    Step.VOCATIONAL_GUIDANCE: Step.CV_REGISTERED,
    Step.TRAINING: Step.VOCATIONAL_GUIDANCE,
    Step.SHORTLISTED: Step.VOCATIONAL_GUIDANCE,
}


class State(StrEnum):
    """Whether somebody takes part."""

    ENROLLED = "enrolled"
    COMPLETED = "completed"
    LEFT = "left"
    STRUCK_OUT = "struck_out"


@dataclass(frozen=True, slots=True)
class Participation:
    """Somebody's part in a programme of an organisation's."""

    participation_id: UUID
    organisation: str
    person_id: UUID
    programme: str
    started_at: datetime
    referral_id: UUID | None = None  # the one that brought them
    referred: bool = False  # whether any has, or found them here
    steps: Mapping[Step, datetime] = field(default_factory=dict)
    state: State = State.ENROLLED
    ended_at: datetime | None = None
    placed: bool = False
    sequence: int = 1


def id_from_referral(referral_id: UUID) -> UUID:
    """Return the id of the participation that a referral becomes; its organisation finds it by the same calculation."""
    return uuid5(referral_id, "participation")


def find_by_referral(participation: Participation) -> Participation:
    """A referral finds somebody who takes part already: what happens to them answers it."""
    return replace(participation, referred=True)


def check_under_way(participation: Participation, *, at: datetime) -> None:
    """Let something be said of a participation for a time at which it had not ended, however late it is said."""
    if participation.state == State.STRUCK_OUT or (participation.ended_at is not None and at > participation.ended_at):
        raise Refused(f"not_while_{participation.state}")


def take_step(participation: Participation, step: Step, *, at: datetime) -> Participation:
    """The participant takes a step, once, after the one that it needs."""
    check_under_way(participation, at=at)
    if step in participation.steps:
        raise Refused("already_taken")
    check_reached(participation, NEEDS[step])
    return replace(participation, steps={**participation.steps, step: at}, sequence=participation.sequence + 1)


def check_reached(participation: Participation, step: Step | None) -> None:
    """Let pass what needs a step that has been taken; what has overtaken that step waits for it.

    The days that are written down do not decide: registers are filled in afterwards, the CV often last.
    """
    if step is not None and step not in participation.steps:
        raise MissingPrerequisite("participation", str(participation.participation_id), code="step_missing")


def check_service(participation: Participation, need_code: str, services: Set[str], *, zone: str, at: datetime) -> None:
    """Let a participant receive the wrap-around services of the programme, which are these, and no others."""
    check_zones([zone])
    check_under_way(participation, at=at)
    if need_code not in services:
        raise Refused("not_a_service_of_the_programme")


def end(participation: Participation, *, completed: bool, at: datetime) -> Participation:
    """The participant has come to the end of the programme, or leaves before."""
    if participation.state == State.STRUCK_OUT:
        raise Refused(f"not_while_{participation.state}")
    if participation.state != State.ENROLLED:
        raise Refused("already_ended")
    return _end(participation, State.COMPLETED if completed else State.LEFT, at=at)


def stop(participation: Participation, *, at: datetime) -> Participation:
    """Nobody goes on with this: it ends as left, unless it had ended before."""
    return _end(participation, State.LEFT, at=at) if participation.state == State.ENROLLED else participation


def undo(participation: Participation, *, at: datetime) -> Participation:
    """The referral that brought the participant was a mistake: strike out what has not begun, stop what has."""
    if participation.state == State.ENROLLED and not participation.steps:
        return strike_out(participation)
    return stop(participation, at=at)


def strike_out(participation: Participation) -> Participation:
    """It should never have been recorded: it no longer counts."""
    if participation.state == State.STRUCK_OUT:
        raise Refused("already_struck_out")
    return replace(participation, state=State.STRUCK_OUT, sequence=participation.sequence + 1)


def place(participation: Participation) -> Participation:
    """The participant has found work, be it after the programme ended."""
    if participation.state == State.STRUCK_OUT:
        raise Refused(f"not_while_{participation.state}")
    return replace(participation, placed=True, sequence=participation.sequence + 1)


def _end(participation: Participation, state: State, *, at: datetime) -> Participation:
    return replace(participation, state=state, ended_at=at, sequence=participation.sequence + 1)
