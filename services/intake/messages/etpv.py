"""Steps of the registration for the Statute, and what the hub's other services are told of them."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import contracts
from contracts import Draft, Message, codes
from services.intake.rules.etpv import Step, StepTaken


def step_taken(message: Message[contracts.EtpvStepTaken]) -> StepTaken:
    """Read a step."""
    said = message.data
    return StepTaken(
        said.step_id, said.person_id, Step(said.step), said.taken_at, said.jornada_id, organisation=message.source
    )


def step_recorded(step: StepTaken) -> Draft:
    """Tell the hub's services of a step that is kept."""
    recorded = contracts.EtpvStepRecorded(
        step_id=step.step_id,
        person_id=step.person_id,
        step=codes.EtpvStep(step.step),
        taken_at=step.taken_at,
        jornada_id=step.jornada_id,
        organisation=step.organisation,
    )
    return Draft(recorded, subject=str(step.step_id))


def step_unrecorded(step: StepTaken) -> Draft:
    """Tell the hub's services that a step was struck out."""
    unrecorded = contracts.EtpvStepUnrecorded(step_id=step.step_id, person_id=step.person_id)
    return Draft(unrecorded, subject=str(step.step_id))
