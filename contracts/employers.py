"""Employers, their vacancies, and the people put forward for them."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from .codes import EmployabilityStep, FollowUpResult, JobContract, LeaveReason, ParticipationState, StrikeReason
from .fields import (
    Code,
    Model,
    Need,
    OrganisationId,
    PlannedOn,
    PublicText,
    Said,
    SaidOn,
    Several,
    Zone,
    present,
    wrong_field,
)
from .registry import contract

# ---------------------------------------------------------------------------------------------------------------------
# Employers and vacancies
# ---------------------------------------------------------------------------------------------------------------------


@contract("employer.registered.v1", sent_by="partner", received_by="hub", personal_data=False, about="employer_id")
class EmployerRegistered(Model):
    """An organisation works with an employer, or corrects what it said of it before."""

    employer_id: UUID
    registered_at: Said
    name: PublicText
    """Of the company; of somebody self-employed a trade name, never their own."""
    economic_sector: Code
    zone: Zone


@contract(
    "employer.agreement_signed.v1", sent_by="partner", received_by="hub", personal_data=False, about="employer_id"
)
class EmployerAgreementSigned(Model):
    """An employer has agreed to hire through a programme or an inclusive-hiring project."""

    agreement_id: UUID
    employer_id: UUID
    programme: Code
    """Such as `employment_pilot`, `cafes_por_la_integracion`."""
    signed_on: SaidOn
    ends_on: PlannedOn | None = None

    @model_validator(mode="after")
    def _ends_after_it_is_signed(self) -> Self:
        if self.ends_on is not None and self.ends_on < self.signed_on:
            raise wrong_field("ends_on", "An agreement ends after it is signed")
        return self


@contract("vacancy.opened.v1", sent_by="partner", received_by="hub", personal_data=False, about="vacancy_id")
class VacancyOpened(Model):
    """An employer looks for people."""

    vacancy_id: UUID
    employer_id: UUID
    title: PublicText
    occupation: Annotated[str, Field(pattern="^[0-9]{4}$")]
    """ISCO-08 unit group, such as `5223`."""
    places: Annotated[int, Field(ge=1, le=10_000)]
    zone: Zone
    contract_offered: JobContract
    opened_at: Said
    apply_by: PlannedOn | None = None


@contract("vacancy.closed.v1", sent_by="partner", received_by="hub", personal_data=False, about="vacancy_id")
class VacancyClosed(Model):
    """An employer no longer looks for people for this vacancy."""

    vacancy_id: UUID
    closed_at: Said


# ---------------------------------------------------------------------------------------------------------------------
# Participants
# ---------------------------------------------------------------------------------------------------------------------


@contract(
    "participation.started.v1", sent_by="partner", received_by="hub", personal_data=True, about="participation_id"
)
class ParticipationStarted(Model):
    """A person takes part in an employment programme."""

    participation_id: UUID
    person_id: UUID
    programme: Code
    started_at: Said
    referral_id: UUID | None = None
    """The referral that brought them, if one did."""


class _OfParticipation(Model):
    participation_id: UUID


@contract(
    "participation.step_taken.v1", sent_by="partner", received_by="hub", personal_data=True, about="participation_id"
)
class ParticipationStepTaken(_OfParticipation):
    """A participant has taken a step of the employability route."""

    step: EmployabilityStep
    taken_at: Said


@contract(
    "participation.service_received.v1",
    sent_by="partner",
    received_by="hub",
    personal_data=True,
    about="participation_id",
)
class ParticipationServiceReceived(_OfParticipation):
    """A participant has received one of the programme's wrap-around services."""

    delivery_id: UUID
    need_code: Need
    """One of the wrap-around services of the programme."""
    delivered_by: OrganisationId
    delivered_at: Said
    zone: Zone


@contract("participation.ended.v1", sent_by="partner", received_by="hub", personal_data=True, about="participation_id")
class ParticipationEnded(_OfParticipation):
    """A participant has completed the programme or left it."""

    model_config = ConfigDict(
        json_schema_extra={"if": {"properties": {"completed": {"const": True}}}, "then": {"not": present("reason")}}
    )

    completed: bool
    ended_at: Said
    reason: LeaveReason | None = None
    """Why somebody has left, where it is known; never of somebody who has completed."""

    @model_validator(mode="after")
    def _gives_reasons_for_leaving_alone(self) -> Self:
        if self.completed and self.reason is not None:
            raise wrong_field("reason", "A reason is for leaving, not for completing")
        return self


@contract(
    "participation.struck_out.v1", sent_by="partner", received_by="hub", personal_data=True, about="participation_id"
)
class ParticipationStruckOut(_OfParticipation):
    """A participation that was recorded should not have been: it no longer counts."""

    reason: StrikeReason


# ---------------------------------------------------------------------------------------------------------------------
# From a vacancy to work
# ---------------------------------------------------------------------------------------------------------------------


class _OfCandidacy(Model):
    candidacy_id: UUID


@contract("candidacy.put_forward.v1", sent_by="partner", received_by="hub", personal_data=True, about="candidacy_id")
class CandidacyPutForward(_OfCandidacy):
    """A participant is put forward for a vacancy (remisión a vacante)."""

    participation_id: UUID
    vacancy_id: UUID
    put_forward_at: Said


@contract("candidacy.interviewed.v1", sent_by="partner", received_by="hub", personal_data=True, about="candidacy_id")
class CandidacyInterviewed(_OfCandidacy):
    """The employer has interviewed the participant."""

    interviewed_at: Said


@contract("candidacy.rejected.v1", sent_by="partner", received_by="hub", personal_data=True, about="candidacy_id")
class CandidacyRejected(_OfCandidacy):
    """The employer does not hire the participant, or the participant does not want the work."""

    by_employer: bool
    rejected_at: Said


@contract("candidacy.placed.v1", sent_by="partner", received_by="hub", personal_data=True, about="candidacy_id")
class CandidacyPlaced(_OfCandidacy):
    """The participant works for the employer."""

    starts_on: PlannedOn
    contract_signed: JobContract


@contract(
    "placement.follow_up_due.v1",
    sent_by="service",
    received_by="whoever sent it",
    personal_data=True,
    about="candidacy_id",
)
class PlacementFollowUpDue(_OfCandidacy):
    """It is time to ask how somebody who was placed is doing."""

    day: Annotated[int, Field(ge=1, le=365)]
    """30, 90 or 180 days after the start."""
    due_on: PlannedOn


@contract("placement.followed_up.v1", sent_by="partner", received_by="hub", personal_data=True, about="candidacy_id")
class PlacementFollowedUp(_OfCandidacy):
    """Somebody who was placed has been asked how they are doing."""

    day: Annotated[int, Field(ge=1, le=365)]
    result: FollowUpResult
    followed_up_at: Said


# ---------------------------------------------------------------------------------------------------------------------
# What the hub's services count
# ---------------------------------------------------------------------------------------------------------------------


@contract(
    "employer.recorded.v1",
    sent_by="service",
    received_by="hub services",
    personal_data=False,
    about="employer_id",
    numbered=True,
)
class EmployerRecorded(Model):
    """An employer and the programmes it has agreed to hire through; the newest number is the one that holds."""

    employer_id: UUID
    organisation: OrganisationId
    economic_sector: Code
    zone: Zone
    programmes: Annotated[Several[Code], Field(max_length=50)] = ()


@contract(
    "participation.recorded.v1",
    sent_by="service",
    received_by="hub services",
    personal_data=True,
    about="participation_id",
    numbered=True,
)
class ParticipationRecorded(Model):
    """Somebody's part in an employment programme; the newest number is the one that holds."""

    participation_id: UUID
    person_id: UUID
    organisation: OrganisationId
    programme: Code
    state: ParticipationState
    started_at: Said
    steps: Annotated[Several[EmployabilityStep], Field(max_length=4)] = ()
    placed: bool


@contract(
    "placement.recorded.v1",
    sent_by="service",
    received_by="hub services",
    personal_data=True,
    about="candidacy_id",
    numbered=True,
)
class PlacementRecorded(Model):
    """Somebody works for an employer, and what the follow-ups found; the newest number is the one that holds."""

    candidacy_id: UUID
    participation_id: UUID
    person_id: UUID
    organisation: OrganisationId
    programme: Code
    employer_id: UUID
    starts_on: PlannedOn
    day: Annotated[int, Field(ge=1, le=365)] | None = None
    """Of the last follow-up."""
    result: FollowUpResult | None = None
