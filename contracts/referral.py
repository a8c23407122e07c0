"""What organisations say to the hub in the life of a referral."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from .codes import (
    Accessibility,
    CancelReason,
    ChaseMeans,
    ChaseResult,
    ContactChannel,
    DeclineReason,
    DocumentType,
    EligibilityCriterion,
    ErrorReason,
    ExtensionReason,
    FieldGroup,
    InfoTopic,
    NoteKind,
    NotMetReason,
    Outcome,
    OverrideReason,
    ReferralReason,
    ReopenReason,
    Urgency,
    VisitCancelledBy,
    VisitMode,
    Weekday,
    is_confidential,
)
from .fields import (
    CONFIDENTIAL_NEED,
    CaseCode,
    HourMinute,
    Language,
    Model,
    Need,
    OrganisationId,
    Planned,
    PlannedOn,
    Said,
    SealedToAddressee,
    SealedToNamed,
    SealedToRecipient,
    SealedToSender,
    Several,
    StaffCode,
    exactly_one,
    only_when,
    present,
    wrong_field,
)
from .registry import contract


class SafeTime(Model):
    """A stretch of a weekday in which it is safe to reach the person."""

    day: Weekday
    starts: HourMinute
    ends: HourMinute

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> Self:
        if self.starts >= self.ends:
            raise wrong_field("ends", "A safe time should end after it starts, on the same day")
        return self


class Contact(Model):
    """How to reach the person safely; the number or address itself is in the sealed block."""

    channel: ContactChannel
    language: Language
    interpreter: bool = False
    safe_times: Annotated[Several[SafeTime], Field(max_length=21)] = ()
    """Empty: at any time."""


class Minor(Model):
    """The person is under age: who answers for them is in the sealed block, and these marks say that it is."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"properties": {"caregiver_is_sealed": {"const": True}, "unaccompanied": {"const": False}}},
                {"properties": {"caregiver_is_sealed": {"const": False}, "unaccompanied": {"const": True}}},
            ]
        }
    )

    caregiver_is_sealed: bool
    """Whether the sealed block names the caregiver."""
    unaccompanied: bool
    """Whether the child has no caregiver; then child protection has been told."""
    best_interest_assessed: bool

    @model_validator(mode="after")
    def _has_a_caregiver_or_none(self) -> Self:
        if self.caregiver_is_sealed == self.unaccompanied:
            raise wrong_field("unaccompanied", "A child either has a caregiver in the sealed block or is unaccompanied")
        return self


class ConsentOverride(Model):
    """Why a referral goes out without consent; it ends by itself and is audited."""

    authorised_by: StaffCode
    reason: OverrideReason
    expires_after_hours: Annotated[int, Field(ge=1, le=72)]


class FollowUp(Model):
    """When and how the sender wants to hear from the person, or about them, after the service."""

    channel: ContactChannel
    on: PlannedOn


class _Request(Model):
    """What both versions of `referral.requested` carry."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                exactly_one("person_id", "case_code"),
                exactly_one("consent_id", "override"),
                {"if": {"properties": CONFIDENTIAL_NEED}, "then": present("case_code")},
                {
                    "if": present("case_code"),
                    "then": {"not": present("need_id"), "properties": {"services_given": {"maxItems": 0}}},
                },
            ]
        }
    )

    referral_id: UUID
    recipient: OrganisationId
    """The organisation that is asked."""
    service_id: UUID
    """The service of the recipient that is asked for."""
    urgency: Urgency
    person_id: UUID | None = None
    """Who the referral is for; absent when the case is confidential."""
    case_code: CaseCode | None = None
    """What a confidential case is called; then no person id travels."""
    need_id: UUID | None = None
    """The need identified before, if it was."""
    need_code: Need
    reason_code: ReferralReason
    services_given: Annotated[Several[Need], Field(max_length=20)] = ()
    """What the sender has already done for the person."""
    minor: Minor | None = None
    """Present when the person is under age."""
    shares: Annotated[Several[FieldGroup], Field(min_length=1, max_length=20)]
    """The groups of fields in the sealed block; consent has to cover each."""
    consent_id: UUID | None = None
    override: ConsentOverride | None = None
    """In place of a consent, when a life is at risk."""
    answer_by: Planned | None = None
    """When the sender needs a decision; the urgency decides when absent."""
    sealed: SealedToNamed
    """A person block, sealed to the recipient."""

    @model_validator(mode="after")
    def _names_one_person_and_one_permission(self) -> Self:
        if (self.person_id is None) == (self.case_code is None):
            raise wrong_field("person_id", "A referral is for a person id or a case code, and not for both")
        if is_confidential(self.need_code) and self.case_code is None:
            raise wrong_field("case_code", "A confidential need travels under a case code")
        if self.case_code is not None and (self.need_id is not None or self.services_given):
            raise wrong_field("case_code", "A confidential case carries the least: no need id, no services given")
        if (self.consent_id is None) == (self.override is None):
            raise wrong_field("consent_id", "A referral has a consent or an override, and not both")
        return self


@contract("referral.requested.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralRequestedV1(_Request):
    """The sender asks the recipient to meet a person's need; version 2 also says how to reach the person safely."""

    language: Language
    phone_ok: bool
    """Whether it is safe to telephone."""


@contract("referral.requested.v2", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralRequestedV2(_Request):
    """The sender asks the recipient to meet a person's need."""

    contact: Contact
    accessibility: Annotated[Several[Accessibility], Field(max_length=10)] = ()
    follow_up: FollowUp | None = None


ReferralRequested = ReferralRequestedV2


class _Step(Model):
    """What every later step carries."""

    referral_id: UUID


@contract("referral.received.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralReceived(_Step):
    """The recipient's system has the referral and could open its sealed block."""


@contract("referral.accepted.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralAccepted(_Step):
    """The recipient takes the person on."""


@contract("referral.declined.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralDeclined(_Step):
    """The recipient does not take the person on, or gives up a referral that it had accepted."""

    model_config = ConfigDict(json_schema_extra=only_when({"reason": {"const": "not_eligible"}}, "criterion"))

    reason: DeclineReason
    criterion: EligibilityCriterion | None = None
    """Which criterion is not met; present when the reason is `not_eligible`, and only then."""
    missing_documents: Annotated[Several[DocumentType], Field(max_length=10)] = ()

    @model_validator(mode="after")
    def _names_the_criterion(self) -> Self:
        if (self.reason is DeclineReason.NOT_ELIGIBLE) != (self.criterion is not None):
            raise wrong_field("criterion", "A criterion belongs to the reason not_eligible, and to no other")
        return self


@contract("referral.waitlisted.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralWaitlisted(_Step):
    """The recipient puts the person on its waiting list."""

    place_in_line: Annotated[int, Field(ge=1, le=100_000)]
    estimate_days: Annotated[int, Field(ge=0, le=730)] | None = None
    """How long the recipient thinks it will take."""


@contract("referral.redirected.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralRedirected(_Step):
    """The recipient passes the person on to another organisation, with fresh consent, as a new linked referral."""

    new_referral_id: UUID
    recipient: OrganisationId
    """The organisation that is asked now."""
    service_id: UUID
    consent_id: UUID
    """The consent for the new recipient."""
    reason: DeclineReason | None = None
    """Why it does not take the person on itself; who asked hears it as the `decline_reason` of `referral.status`."""
    sealed: SealedToNamed
    """The person block, sealed anew to the new recipient."""

    @model_validator(mode="after")
    def _is_another_referral(self) -> Self:
        if self.new_referral_id == self.referral_id:
            raise wrong_field("new_referral_id", "A redirected referral goes on under a new id")
        return self


@contract("referral.info_requested.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralInfoRequested(_Step):
    """The recipient asks the sender a question before it decides; the deadline stops."""

    topic: InfoTopic
    sealed: SealedToSender | None = None
    """A note block with the question in words, sealed to the sender."""


@contract("referral.info_provided.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralInfoProvided(_Step):
    """The sender answers the recipient's question; the deadline goes on."""

    sealed: SealedToRecipient
    """A note block with the answer, sealed to the recipient."""


@contract("referral.scheduled.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralScheduled(_Step):
    """The recipient has set a visit, or a next one."""

    visit_at: Planned
    mode: VisitMode
    sealed: SealedToSender | None = None
    """A note block with what the person has to know (where, whom to ask for, what to bring), sealed to the sender."""


@contract("referral.no_show.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralNoShow(_Step):
    """The person did not come to the visit."""


@contract("referral.visit_cancelled.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralVisitCancelled(_Step):
    """The visit was called off; the referral stays open."""

    cancelled_by: VisitCancelledBy


@contract("referral.service_started.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralServiceStarted(_Step):
    """The recipient serves the person."""


@contract("referral.service_noted.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralServiceNoted(_Step):
    """The recipient tells the sender how the service goes, while it goes on."""

    sealed: SealedToSender
    """A note block, sealed to the sender."""


class _Result(_Step):
    """What became of the need."""

    model_config = ConfigDict(json_schema_extra=only_when({"outcome": {"const": "not_met"}}, "not_met_reason"))

    outcome: Outcome
    not_met_reason: NotMetReason | None = None
    """Why not; present when the outcome is `not_met`, and only then."""

    @model_validator(mode="after")
    def _says_why_not(self) -> Self:
        if (self.outcome is Outcome.NOT_MET) != (self.not_met_reason is not None):
            raise wrong_field("not_met_reason", "A reason belongs to the outcome not_met, and to no other")
        return self


@contract("referral.completed.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralCompleted(_Result):
    """The recipient has done what it could, and says what came of it."""

    services_given: Annotated[Several[Need], Field(max_length=20)] = ()
    onward_referral_id: UUID | None = None
    """The referral that goes on from here, when the outcome is `referred_onward`."""
    sealed: SealedToSender | None = None
    """A note block, sealed to the sender."""


@contract("referral.closed.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralClosed(_Result):
    """The sender confirms what came of it, having heard from the person; this outcome is the one that counts."""


@contract("referral.cancel_requested.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralCancelRequested(_Step):
    """The sender takes the referral back; once the recipient has accepted it, the recipient has to agree."""

    reason: CancelReason


@contract("referral.cancelled.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralCancelled(_Step):
    """The recipient agrees that the referral is taken back."""


@contract("referral.reopened.v1", sent_by="coordinator", received_by="hub", personal_data=True, about="referral_id")
class ReferralReopened(_Step):
    """A coordinator opens a closed referral again: the recipient serves on."""

    reason: ReopenReason


@contract("referral.chased.v1", sent_by="coordinator", received_by="hub", personal_data=True, about="referral_id")
class ReferralChased(_Step):
    """A coordinator has asked an organisation for its answer, by telephone or otherwise outside the network."""

    organisation: OrganisationId
    """Whom it has asked: the sender or the recipient."""
    means: ChaseMeans
    result: ChaseResult
    chased_at: Said
    """When it did; the envelope's `time` is when it says so."""


@contract(
    "referral.deadline_extended.v1", sent_by="coordinator", received_by="hub", personal_data=True, about="referral_id"
)
class ReferralDeadlineExtended(_Step):
    """A coordinator gives whoever is awaited more time: a later end of the deadline that is under way."""

    due_at: Planned
    """The new end: later than the present one, by no more than the urgency gave at first; three times at most."""
    reason: ExtensionReason


@contract("referral.taken_on.v1", sent_by="coordinator", received_by="hub", personal_data=True, about="referral_id")
class ReferralTakenOn(_Step):
    """A coordinator sees to it that a referral goes on, after an escalation or before: others leave it to that one."""

    taken_over_from: OrganisationId | None = None
    """The coordinator that had taken it on before, where there is one: nobody takes it over unawares."""


class AddressedNote(Model):
    """A note for one organisation."""

    addressee: OrganisationId
    """The other party, or an organisation that coordinates."""
    sealed: SealedToAddressee
    """A note block, sealed to the addressee."""


@contract("referral.note_added.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralNoteAdded(_Step):
    """A party, or a coordinator, writes to others who see to the referral: in whatever state it is, unless its consent
    has ended; it moves nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": present("call_back_at"),
            "then": {"properties": {"kind": {"const": "call"}}, "required": ["kind"]},
        }
    )

    kind: NoteKind = NoteKind.NOTE
    call_back_at: Planned | None = None
    """When to telephone again, as was agreed in a call."""
    notes: Annotated[Several[AddressedNote], Field(min_length=1, max_length=5)]
    """One block for each who is to read it."""

    @model_validator(mode="after")
    def _is_called_back_after_a_call(self) -> Self:
        if self.call_back_at is not None and self.kind is not NoteKind.CALL:
            raise wrong_field("call_back_at", "Only after a call somebody is called back")
        return self


@contract("referral.entered_in_error.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralEnteredInError(_Step):
    """The sender, or a coordinator, strikes out a referral that should never have been; it stays in the audit."""

    reason: ErrorReason


@contract("referral.purged.v1", sent_by="partner", received_by="hub", personal_data=True, about="referral_id")
class ReferralPurged(_Step):
    """A holder has deleted what it held under a consent that was withdrawn: the receipt."""

    purged_at: Said
