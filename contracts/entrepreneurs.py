"""Entrepreneurs, and what a centre for opportunities does for them."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from .codes import EntrepreneurStage, LeaveReason, StrikeReason
from .fields import Code, Model, OrganisationId, Said, SaidOn, StaffCode, Zone
from .registry import contract


class _Entrepreneur(Model):
    entrepreneur_id: UUID


@contract("entrepreneur.enrolled.v1", sent_by="partner", received_by="hub", personal_data=True, about="entrepreneur_id")
class EntrepreneurEnrolled(_Entrepreneur):
    """A person is accompanied with a business of their own; of somebody whom a referral brought, what business."""

    person_id: UUID
    business: Code
    """The line of business, such as `food`, `tailoring`, `hairdressing`."""
    zone: Zone
    enrolled_at: Said
    referral_id: UUID | None = None


@contract(
    "entrepreneur.mentor_assigned.v1", sent_by="partner", received_by="hub", personal_data=True, about="entrepreneur_id"
)
class EntrepreneurMentorAssigned(_Entrepreneur):
    """The entrepreneur has a mentor."""

    mentor: StaffCode
    assigned_at: Said


@contract(
    "entrepreneur.session_held.v1", sent_by="partner", received_by="hub", personal_data=True, about="entrepreneur_id"
)
class EntrepreneurSessionHeld(_Entrepreneur):
    """Mentor and entrepreneur have met."""

    session_id: UUID
    held_at: Said
    minutes: Annotated[int, Field(ge=5, le=600)]


@contract(
    "entrepreneur.plan_approved.v1", sent_by="partner", received_by="hub", personal_data=True, about="entrepreneur_id"
)
class EntrepreneurPlanApproved(_Entrepreneur):
    """The business plan has been approved."""

    approved_at: Said


@contract(
    "entrepreneur.capital_granted.v1", sent_by="partner", received_by="hub", personal_data=True, about="entrepreneur_id"
)
class EntrepreneurCapitalGranted(_Entrepreneur):
    """The entrepreneur has received seed capital."""

    grant_id: UUID
    pesos: Annotated[int, Field(ge=1, le=1_000_000_000)]
    """In Colombian pesos."""
    granted_at: Said


@contract(
    "entrepreneur.formalised.v1", sent_by="partner", received_by="hub", personal_data=True, about="entrepreneur_id"
)
class EntrepreneurFormalised(_Entrepreneur):
    """The business has been registered with the chamber of commerce."""

    formalised_on: SaidOn


@contract(
    "entrepreneur.followed_up.v1", sent_by="partner", received_by="hub", personal_data=True, about="entrepreneur_id"
)
class EntrepreneurFollowedUp(_Entrepreneur):
    """The entrepreneur has been asked how the business is doing."""

    followed_up_at: Said
    trading: bool
    """Whether the business still trades."""
    jobs: Annotated[int, Field(ge=0, le=10_000)]
    """How many people work in it, the entrepreneur included."""


@contract("entrepreneur.left.v1", sent_by="partner", received_by="hub", personal_data=True, about="entrepreneur_id")
class EntrepreneurLeft(_Entrepreneur):
    """The entrepreneur is no longer accompanied."""

    reason: LeaveReason
    left_at: Said


@contract(
    "entrepreneur.struck_out.v1", sent_by="partner", received_by="hub", personal_data=True, about="entrepreneur_id"
)
class EntrepreneurStruckOut(_Entrepreneur):
    """An entrepreneur who was recorded should not have been: they no longer count."""

    reason: StrikeReason


@contract(
    "entrepreneur.recorded.v1",
    sent_by="service",
    received_by="hub services",
    personal_data=True,
    about="entrepreneur_id",
    numbered=True,
)
class EntrepreneurRecorded(_Entrepreneur):
    """How far an entrepreneur is; the newest number is the one that holds."""

    person_id: UUID
    organisation: OrganisationId
    zone: Zone | None = None
    """Where the business is; None until the organisation has said so of somebody whom a referral brought."""
    stage: EntrepreneurStage
    mentored: bool
    """Whether they have a mentor and have met."""
    enrolled_at: Said
