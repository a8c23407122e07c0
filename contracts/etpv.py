"""The registration for the Temporary Statute for Temporary Protection (ETPV), step by step."""

from typing import Annotated
from uuid import UUID

from .codes import EtpvStep, StrikeReason
from .fields import Model, OrganisationId, Past, Time
from .registry import contract


class _Step(Model):
    step_id: UUID
    person_id: UUID
    step: EtpvStep
    taken_at: Annotated[Time, Past("taken_in_the_future")]
    jornada_id: UUID | None = None
    """The outreach event at which it was taken, if it was at one."""


@contract("etpv.step_taken.v1", sent_by="partner", received_by="hub", personal_data=True, about="step_id")
class EtpvStepTaken(_Step):
    """A person has taken a step of their registration for the Statute, with the help of an organisation."""


@contract("etpv.step_recorded.v1", sent_by="hub", received_by="hub services", personal_data=True, about="step_id")
class EtpvStepRecorded(_Step):
    """Intake holds this step."""

    organisation: OrganisationId
    """Who helped with it."""


@contract("etpv.step_struck_out.v1", sent_by="partner", received_by="hub", personal_data=True, about="step_id")
class EtpvStepStruckOut(Model):
    """A step that was reported should not have been: it no longer counts."""

    step_id: UUID
    reason: StrikeReason


@contract("etpv.step_unrecorded.v1", sent_by="hub", received_by="hub services", personal_data=True, about="step_id")
class EtpvStepUnrecorded(Model):
    """Intake holds this step no longer: it was struck out, and the person does not count by it."""

    step_id: UUID
    person_id: UUID
