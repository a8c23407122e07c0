"""The registration for the Temporary Statute for Temporary Protection (ETPV): pure decisions; time is an argument."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from messaging.answers import MissingPrerequisite, Refused


class Step(StrEnum):
    """The steps, in the order in which they are taken when nothing goes wrong."""

    RUMV_ACCOUNT = "rumv_account"
    PRE_REGISTRATION = "pre_registration"
    CHARACTERISATION_SURVEY = "characterisation_survey"
    APPOINTMENT = "appointment"
    BIOMETRIC_REGISTRATION = "biometric_registration"
    UNDER_EVALUATION = "under_evaluation"
    MORE_DOCUMENTS_ASKED = "more_documents_asked"
    PPT_AUTHORISED = "ppt_authorised"
    PPT_DENIED = "ppt_denied"
    PPT_DELIVERED = "ppt_delivered"
    CORRECTION = "correction"
    RENEWAL = "renewal"


# Without their class, so that the table below reads like one. In the order of above.
(
    RUMV_ACCOUNT, PRE_REGISTRATION, CHARACTERISATION_SURVEY, APPOINTMENT, BIOMETRIC_REGISTRATION, UNDER_EVALUATION,
    MORE_DOCUMENTS_ASKED, PPT_AUTHORISED, PPT_DENIED, PPT_DELIVERED, CORRECTION, RENEWAL,
) = Step  # fmt: skip

PLACE: Final[Mapping[Step, int]] = {step: place for place, step in enumerate(Step)}

BEFORE_A_DECISION: Final = frozenset(
    {RUMV_ACCOUNT, PRE_REGISTRATION, CHARACTERISATION_SURVEY, APPOINTMENT, BIOMETRIC_REGISTRATION, UNDER_EVALUATION,
     MORE_DOCUMENTS_ASKED}
)  # fmt: skip

# What may come next. Nobody is helped with every step, so that before a decision any step may follow any other, also
# an earlier one: appointments are moved, surveys are taken again. What a decision leads to is another matter: who was
# denied a permit is not handed one, nor is who holds one registered anew, without what has to come between.
MAY_FOLLOW: Final[Mapping[Step, Set[Step]]] = {
    **dict.fromkeys(BEFORE_A_DECISION, frozenset(Step)),
    PPT_AUTHORISED: {PPT_AUTHORISED, PPT_DELIVERED, CORRECTION, RENEWAL},
    PPT_DENIED: {PPT_DENIED, *BEFORE_A_DECISION},  # another look at it, or a new beginning
    PPT_DELIVERED: {PPT_DELIVERED, CORRECTION, RENEWAL},  # delivered again: a lost card
    **dict.fromkeys((CORRECTION, RENEWAL), frozenset(Step) - {RUMV_ACCOUNT, PRE_REGISTRATION}),
}


@dataclass(frozen=True, slots=True)
class StepTaken:
    """A step that a person has taken, with the help of an organisation."""

    step_id: UUID
    person_id: UUID
    step: Step
    taken_at: datetime
    jornada_id: UUID | None
    organisation: str
    struck_out_at: datetime | None = None


Taken = tuple[datetime, Step]
"""When a step was taken, and which."""
TakenWith = tuple[datetime, Step, str]
"""The same, and which organisation has told of it."""


def check_new(known: StepTaken | None) -> None:
    """Let a step be said once; one that was struck out is said anew under another id."""
    if known is not None:
        raise Refused("already_recorded")


def binding(taken: Sequence[TakenWith], *, on: str, registered_by: str | None, coordinators: Set[str]) -> list[Taken]:
    """Return the steps that what an organisation (`on`) says is held against.

    Its own, those of who registered the person, and the coordinators': a stranger's word that a permit was delivered
    would keep the others from telling of the way to it, and only the stranger could take it back.
    """
    believed = {on, registered_by, *coordinators}
    return [(taken_at, step) for taken_at, step, organisation in taken if organisation in believed]


def check_step(step: StepTaken, *, taken: Sequence[Taken]) -> None:
    """Let a step pass that may follow the one before it; `taken` are the person's known steps that stand, in any order.

    Steps become known late and out of order. One is held against the step before it by the time it was taken, whatever
    has been said since, and those after it stand as they are. Raises `MissingPrerequisite` where something has to come
    between, which may be on its way; it is refused when that never comes (`not_after_<the step before>`).
    """
    before = max((one for one in taken if _order(one) <= _order((step.taken_at, step.step))), key=_order, default=None)
    if before is None or step.step in MAY_FOLLOW[before[1]]:
        return
    raise MissingPrerequisite("step", str(step.person_id), code=f"not_after_{before[1]}")


def strike_out(step: StepTaken | None, step_id: UUID, *, by: str, at: datetime) -> StepTaken:
    """Let the organisation that recorded a step take it back, once; those before and after it stand as they are."""
    if step is None:
        raise MissingPrerequisite("step", str(step_id))
    if step.organisation != by:
        raise Refused("recorded_by_another")
    if step.struck_out_at is not None:
        raise Refused("already_struck_out")
    return replace(step, struck_out_at=at)


def _order(taken: Taken) -> tuple[datetime, int]:
    """Of steps at one time, which is often a mere day, the one that comes first on the way came first."""
    return taken[0], PLACE[taken[1]]
