"""What the hub tells the organisations about a referral."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from .codes import (
    CancelReason,
    ChaseMeans,
    ChaseResult,
    CoordinatorAct,
    DeadlineStep,
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
    ReferralEvent,
    ReferralReason,
    ReferralState,
    ReminderAbout,
    ReopenReason,
    Urgency,
    VisitCancelledBy,
    VisitMode,
    is_confidential,
)
from .fields import (
    CONFIDENTIAL_NEED,
    Model,
    Need,
    OrganisationId,
    Planned,
    Said,
    SealedToReader,
    Several,
    Zone,
    present,
    wrong_field,
)
from .referral import Minor, ReferralRequestedV2
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
    receive_by: Planned
    """When the recipient's system has to have answered `referral.received`."""
    answer_by: Planned
    """When the recipient has to have decided."""
    redirected_from: UUID | None = None
    """The referral that this one goes on from."""
    also_open: Annotated[Several[UUID], Field(max_length=20)] = ()
    """Other open referrals for the same person and service that the recipient holds already, whoever sent them."""
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
    changed_at: Said
    changed_by: OrganisationId
    """Who brought the change about; `hub` when a deadline or a consent did."""
    sender: OrganisationId
    recipient: OrganisationId
    service_id: UUID
    due_at: Planned | None = None
    """When the next answer is due, if one is."""

    decline_reason: DeclineReason | None = None
    criterion: EligibilityCriterion | None = None
    missing_documents: Annotated[Several[DocumentType], Field(max_length=10)] = ()
    place_in_line: Annotated[int, Field(ge=1, le=100_000)] | None = None
    estimate_days: Annotated[int, Field(ge=0, le=730)] | None = None
    new_referral_id: UUID | None = None
    """The referral that goes on from a redirected one."""
    topic: InfoTopic | None = None
    visit_at: Planned | None = None
    mode: VisitMode | None = None
    visit_cancelled_by: VisitCancelledBy | None = None
    outcome: Outcome | None = None
    not_met_reason: NotMetReason | None = None
    onward_referral_id: UUID | None = None
    """The referral that goes on from one that was completed as referred onward."""
    onward_state: ReferralState | None = None
    """How the last referral that went on from here has ended; then nothing of this one has changed but its number."""
    onward_outcome: Outcome | None = None
    """What came of the need there."""
    cancel_reason: CancelReason | None = None
    reopen_reason: ReopenReason | None = None
    error_reason: ErrorReason | None = None
    extension_reason: ExtensionReason | None = None
    """Why a coordinator, or the hub for its own fault, has extended the deadline; then nothing else has changed but
    `due_at` and the number."""
    purge_by: Planned | None = None
    """By when the holder deletes what it holds and answers `referral.purged`; present when consent was withdrawn."""
    sealed: SealedToReader | None = None
    """A note block from the other party, sealed to the reader."""


@contract("referral.reminder.v1", sent_by="hub", received_by="either party", personal_data=True, about="referral_id")
class ReferralReminder(Model):
    """A deadline comes near: whoever has to act next is asked to."""

    referral_id: UUID
    state: ReferralState
    waits_for: ReminderAbout
    due_at: Planned


@contract(
    "referral.note_brought.v1",
    sent_by="hub",
    received_by="party or coordinator",
    personal_data=True,
    about="referral_id",
)
class ReferralNoteBrought(Model):
    """The hub brings a note on a referral to the organisation that it is addressed to."""

    referral_id: UUID
    noted_by: OrganisationId
    noted_at: Said
    kind: NoteKind
    call_back_at: Planned | None = None
    sealed: SealedToReader
    """A note block, sealed to the reader."""


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
    due_at: Planned
    taken_on_by: OrganisationId | None = None
    """The coordinator that has taken the referral on, if one has: others leave it to that one."""


@contract("referral.coordinated.v1", sent_by="hub", received_by="coordinator", personal_data=True, about="referral_id")
class ReferralCoordinated(Model):
    """Another coordinator has done something about a referral: nobody need do the same."""

    referral_id: UUID
    what: CoordinatorAct
    done_by: OrganisationId
    done_at: Said
    organisation: OrganisationId | None = None
    """Whom it has asked for an answer."""
    means: ChaseMeans | None = None
    result: ChaseResult | None = None
    chased_at: Said | None = None
    due_at: Planned | None = None
    """The new end of the deadline."""
    extension_reason: ExtensionReason | None = None
    taken_over_from: OrganisationId | None = None


@contract(
    "referral.consent_overridden.v1", sent_by="hub", received_by="coordinator", personal_data=True, about="referral_id"
)
class ReferralConsentOverridden(Model):
    """A referral has gone out without consent, because a life is at risk: a coordinator looks at it afterwards."""

    referral_id: UUID
    sender: OrganisationId
    recipient: OrganisationId
    service_id: UUID
    urgency: Urgency
    reason: OverrideReason
    expires_at: Planned
    """Until when the sender could have used it; who gave it stands in the audit."""


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


CONFIDENTIAL: Final[dict[str, Any]] = {"properties": {"confidential": {"const": True}}, "required": ["confidential"]}
"""The JSON Schema of: the case is marked as confidential."""


def _absent(*fields: str, lists: Sequence[str] = ()) -> dict[str, Any]:
    """Make the JSON Schema of: these fields have no value, and these lists nothing in them."""
    nothing = {field: {"type": "null"} for field in fields} | {field: {"maxItems": 0} for field in lists}
    return {"properties": nothing}


def _first_said(data: Model, fields: Sequence[str]) -> str | None:
    """Name the first of these fields that says anything; None where none does."""
    return next((field for field in fields if getattr(data, field) not in (None, ())), None)


_FOLLOWED = (
    "due_at",
    "waits_for",
    "next_step",
    "next_step_at",
    "purge_by",
    "consent_id",
    "override",
    "reason_code",
    "minor",
    "criterion",
    "place_in_line",
    "estimate_days",
    "topic",
    "visit_at",
    "mode",
    "visit_cancelled_by",
    "cancel_reason",
    "reopen_reason",
    "error_reason",
    "extension_reason",
    "taken_on_by",
)
_FOLLOWED_LISTS = ("shares", "missing_documents")


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

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": CONFIDENTIAL_NEED},
            "then": {"not": {"anyOf": [present("person_id"), present("need_id")]}},
            "allOf": [
                {
                    "if": {"anyOf": [{"properties": CONFIDENTIAL_NEED, "required": ["need_code"]}, CONFIDENTIAL]},
                    "then": _absent(*_FOLLOWED, lists=_FOLLOWED_LISTS),
                },
                {"if": CONFIDENTIAL, "then": _absent("person_id", "need_id")},
            ],
        }
    )

    referral_id: UUID
    state: ReferralState
    changed_at: Said
    changed_by: OrganisationId
    sender: OrganisationId
    recipient: OrganisationId
    service_id: UUID
    person_id: UUID | None = None
    """Absent when the case is confidential; so is the need's id."""
    confidential: bool = False
    """Whether it goes under a case code; then nothing is told of it but what is counted."""
    need_id: UUID | None = None
    need_code: Need
    urgency: Urgency
    sent_at: Said
    answer_by: Planned | None = None
    """When the recipient has to have decided; later where the sender was asked something meanwhile."""
    zone: Zone | None = None
    """The municipality that the service serves; absent when it serves several."""
    redirected_from: UUID | None = None
    new_referral_id: UUID | None = None
    onward_referral_id: UUID | None = None
    onward_state: ReferralState | None = None
    onward_outcome: Outcome | None = None
    decline_reason: DeclineReason | None = None
    outcome: Outcome | None = None
    not_met_reason: NotMetReason | None = None

    # What a list of work, or a timeline, shows. With each transition: where the referral stands after it.
    due_at: Planned | None = None
    """When the next answer is due, if one is: while it is `sent`, the receipt."""
    waits_for: ReminderAbout | None = None
    """What is due at `due_at`, or at `purge_by`."""
    next_step: DeadlineStep | None = None
    """What the hub does next, if nobody answers."""
    next_step_at: Planned | None = None
    purge_by: Planned | None = None
    """By when the holders delete what they hold; present while consent is withdrawn and a receipt is owed."""
    consent_id: UUID | None = None
    """The consent that it was sent under."""
    override: OverrideReason | None = None
    """Why it was sent without a consent."""
    reason_code: ReferralReason | None = None
    """Why the sender asks another; absent once the person is erased, as are the two that follow."""
    shares: Annotated[Several[FieldGroup], Field(max_length=20)] = ()
    """The groups of fields that the recipient was sent."""
    minor: Minor | None = None
    """Present when the person is under age."""
    taken_on_by: OrganisationId | None = None
    """The coordinator that sees to it that the referral goes on, if one does."""
    # With the transition that says it.
    criterion: EligibilityCriterion | None = None
    missing_documents: Annotated[Several[DocumentType], Field(max_length=10)] = ()
    place_in_line: Annotated[int, Field(ge=1, le=100_000)] | None = None
    estimate_days: Annotated[int, Field(ge=0, le=730)] | None = None
    topic: InfoTopic | None = None
    visit_at: Planned | None = None
    mode: VisitMode | None = None
    visit_cancelled_by: VisitCancelledBy | None = None
    cancel_reason: CancelReason | None = None
    reopen_reason: ReopenReason | None = None
    error_reason: ErrorReason | None = None
    extension_reason: ExtensionReason | None = None
    """Why a coordinator, or the hub for its own fault, has extended the deadline; the state is as it was."""

    @model_validator(mode="after")
    def _tells_nobody_of_a_confidential_case(self) -> Self:
        if not (self.confidential or is_confidential(self.need_code)):
            return self
        if self.person_id is not None or self.need_id is not None:
            raise wrong_field("person_id", "A confidential case is counted without the person")
        if field := _first_said(self, (*_FOLLOWED, *_FOLLOWED_LISTS)):
            raise wrong_field(field, "Of a confidential case nothing is told but what is counted")
        return self


_NOTED = (
    "waits_for",
    "due_at",
    "purge_by",
    "next_step",
    "next_step_at",
    "organisation",
    "means",
    "result",
    "chased_at",
    "taken_over_from",
)
_NOTED_LISTS = ("awaited", "alternatives")
_OF_NOTES, _OF_NOTES_LISTS = ("note_kind", "call_back_at"), ("addressees",)  # in a rule of their own: they are newer


@contract("referral.noted.v1", sent_by="hub", received_by="hub services", personal_data=True, about="referral_id")
class ReferralNoted(Model):
    """Something has happened to a referral that moves it nowhere: what the hub's services show, or count, besides."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {"if": CONFIDENTIAL, "then": _absent(*_NOTED, lists=_NOTED_LISTS)},
                {"if": CONFIDENTIAL, "then": _absent(*_OF_NOTES, lists=_OF_NOTES_LISTS)},
            ]
        }
    )

    referral_id: UUID
    what: ReferralEvent
    noted_at: Said
    noted_by: OrganisationId
    """Who brought it about: a holder, a coordinator; `hub` when a deadline or a consent did."""
    state: ReferralState
    """Where the referral stands."""
    confidential: bool = False
    """Whether it goes under a case code; then no more is told than that it happened."""
    awaited: Annotated[Several[OrganisationId], Field(max_length=20)] = ()
    """Whose move the referral waits for now: where a purge is owed, those who still owe a receipt."""
    waits_for: ReminderAbout | None = None
    due_at: Planned | None = None
    """When that is due, or was."""
    purge_by: Planned | None = None
    """By when the holders delete what they hold; present while a receipt is owed, whatever the state."""
    next_step: DeadlineStep | None = None
    """What the hub does next, if nobody answers."""
    next_step_at: Planned | None = None
    alternatives: Annotated[Several[Alternative], Field(max_length=10)] = ()
    """Who else could meet the need, as the sender was told."""
    organisation: OrganisationId | None = None
    """Whom a coordinator has asked for an answer."""
    means: ChaseMeans | None = None
    result: ChaseResult | None = None
    chased_at: Said | None = None
    taken_over_from: OrganisationId | None = None
    """The coordinator that had taken it on before."""
    note_kind: NoteKind | None = None
    """Of a note, whose words only its addressees can read."""
    call_back_at: Planned | None = None
    addressees: Annotated[Several[OrganisationId], Field(max_length=5)] = ()

    @model_validator(mode="after")
    def _tells_nobody_of_a_confidential_case(self) -> Self:
        if self.confidential and (field := _first_said(self, (*_NOTED, *_NOTED_LISTS, *_OF_NOTES, *_OF_NOTES_LISTS))):
            raise wrong_field(field, "Of a confidential case nothing is told but that it happened")
        return self
