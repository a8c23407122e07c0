"""What the hub tells the organisations about a referral."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from .codes import (
    CancelReason,
    DeclineReason,
    DocumentType,
    EligibilityCriterion,
    ErrorReason,
    InfoTopic,
    NotMetReason,
    Outcome,
    ReferralState,
    ReminderAbout,
    ReopenReason,
    Urgency,
    VisitCancelledBy,
    VisitMode,
)
from .fields import Model, Need, OrganisationId, Sealed, Several, Time, Zone
from .referral import ReferralRequestedV2
from .registry import contract


@contract(
    "referral.offered.v1",
    sent_by="hub",
    received_by="recipient",
    personal_data=True,
    about="referral_id",
    numbered=True,
)
class ReferralOffered(Model):
    """The hub brings the recipient a referral that the sender has asked for; number 1 for the recipient."""

    referral_id: UUID
    sender: OrganisationId
    receive_by: Time
    """When the recipient's system has to have answered `referral.received`."""
    answer_by: Time
    """When the recipient has to have decided."""
    redirected_from: UUID | None = None
    """The referral that this one goes on from."""
    request: ReferralRequestedV2


@contract(
    "referral.status.v1",
    sent_by="hub",
    received_by="both parties",
    personal_data=True,
    about="referral_id",
    numbered=True,
)
class ReferralStatus(Model):
    """The referral has reached a state, for the reason that the fields say; every change has the next number."""

    referral_id: UUID
    state: ReferralState
    changed_at: Time
    changed_by: OrganisationId
    """Who brought the change about; `hub` when a deadline or a consent did."""
    sender: OrganisationId
    recipient: OrganisationId
    service_id: UUID
    due_at: Time | None = None
    """When the next answer is due, if one is."""

    decline_reason: DeclineReason | None = None
    criterion: EligibilityCriterion | None = None
    missing_documents: Annotated[Several[DocumentType], Field(max_length=10)] = ()
    place_in_line: Annotated[int, Field(ge=1, le=100_000)] | None = None
    estimate_days: Annotated[int, Field(ge=0, le=730)] | None = None
    new_referral_id: UUID | None = None
    """The referral that goes on from a redirected one."""
    topic: InfoTopic | None = None
    visit_at: Time | None = None
    mode: VisitMode | None = None
    visit_cancelled_by: VisitCancelledBy | None = None
    outcome: Outcome | None = None
    not_met_reason: NotMetReason | None = None
    onward_referral_id: UUID | None = None
    cancel_reason: CancelReason | None = None
    reopen_reason: ReopenReason | None = None
    error_reason: ErrorReason | None = None
    purge_by: Time | None = None
    """By when the holder deletes what it holds and answers `referral.purged`; present when consent was withdrawn."""
    sealed: Sealed | None = None
    """A note block from the other party, sealed to the reader."""


@contract("referral.reminder.v1", sent_by="hub", received_by="either party", personal_data=True, about="referral_id")
class ReferralReminder(Model):
    """A deadline comes near: whoever has to act next is asked to."""

    referral_id: UUID
    state: ReferralState
    waits_for: ReminderAbout
    due_at: Time


@contract("referral.escalated.v1", sent_by="hub", received_by="coordinator", personal_data=True, about="referral_id")
class ReferralEscalated(Model):
    """A deadline has passed unanswered: a coordinator is asked to act."""

    referral_id: UUID
    state: ReferralState
    urgency: Urgency
    sender: OrganisationId
    recipient: OrganisationId
    service_id: UUID
    waits_for: ReminderAbout
    due_at: Time


class Alternative(Model):
    """A service that could meet the need instead."""

    organisation: OrganisationId
    service_id: UUID


@contract(
    "referral.alternatives_suggested.v1", sent_by="hub", received_by="sender", personal_data=True, about="referral_id"
)
class ReferralAlternativesSuggested(Model):
    """The recipient stays silent, or said no: the sender is told who else offers what the person needs."""

    referral_id: UUID
    alternatives: Annotated[Several[Alternative], Field(max_length=10)]


@contract(
    "referral.recorded.v1",
    sent_by="hub",
    received_by="hub services",
    personal_data=True,
    about="referral_id",
    numbered=True,
)
class ReferralRecorded(Model):
    """The referral has reached a state: what the hub's other services need in order to act on it, or count it."""

    referral_id: UUID
    state: ReferralState
    changed_at: Time
    changed_by: OrganisationId
    sender: OrganisationId
    recipient: OrganisationId
    service_id: UUID
    person_id: UUID | None = None
    """Absent when the case is confidential."""
    need_id: UUID | None = None
    need_code: Need
    urgency: Urgency
    sent_at: Time
    zone: Zone | None = None
    """The municipality that the service is for."""
    redirected_from: UUID | None = None
    decline_reason: DeclineReason | None = None
    outcome: Outcome | None = None
    not_met_reason: NotMetReason | None = None
