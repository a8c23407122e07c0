"""Who came to an outreach event, and what happened for them there."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from .codes import (
    AttendanceOutcome,
    CheckIn,
    ConsentGivenBy,
    ConsentManner,
    EtpvStep,
    FieldGroup,
    PurposeV1,
    StrikeReason,
    Urgency,
    is_confidential,
)
from .fields import (
    CONFIDENTIAL_NEED,
    Language,
    Model,
    Need,
    OrganisationId,
    Past,
    SealedToHub,
    Several,
    Sha256,
    Time,
    wrong_field,
)
from .registry import contract

_NOT_CONFIDENTIAL: dict[str, Any] = {"not": {"properties": CONFIDENTIAL_NEED}}
_EACH_ONCE: dict[str, Any] = {"uniqueItems": True}


class Row(Model):
    """Where an attendance stood in a file that was sent in."""

    file_sha256: Sha256
    line: Annotated[int, Field(ge=1, le=10_000_000)]
    """Counted from 1, the heading included; of a Kobo submission its place in the file."""


class Served(Model):
    """A service received at the event."""

    model_config = ConfigDict(json_schema_extra=_NOT_CONFIDENTIAL)

    need_code: Need
    delivered_by: OrganisationId
    """The organiser or a partner in the event."""

    @model_validator(mode="after")
    def _is_not_confidential(self) -> Self:
        if is_confidential(self.need_code):
            raise wrong_field("need_code", "A confidential service never stands beside a person id")
        return self


class ReferTo(Model):
    """Where a need found out at the event is referred to; the hub asks the recipient, in the sender's name."""

    referral_id: UUID
    recipient: OrganisationId
    """The organisation that is asked."""
    service_id: UUID
    """The service of the recipient that is asked for."""
    consent_id: UUID | None = None
    """Absent: the consent taken at the event. It has to allow `refer`, and name the recipient."""


class NeedFound(Model):
    """A need found out at the event."""

    model_config = ConfigDict(json_schema_extra=_NOT_CONFIDENTIAL)

    need_id: UUID
    need_code: Need
    urgency: Urgency
    refer: ReferTo | None = None
    """The need is referred as well (as by `needs.referred`); what cannot be is answered with `need.not_referred`."""

    @model_validator(mode="after")
    def _is_not_confidential(self) -> Self:
        if is_confidential(self.need_code):
            raise wrong_field("need_code", "A confidential need never stands beside a person id")
        return self


class ConsentTaken(Model):
    """The consent that a person gave at the event, to the organisation that took them down."""

    consent_id: UUID
    purposes: Annotated[Several[PurposeV1], Field(min_length=1, max_length=10)]
    recipients: Annotated[Several[OrganisationId], Field(min_length=1, max_length=50)]
    field_groups: Annotated[Several[FieldGroup], Field(min_length=1, max_length=20)]
    given_by: ConsentGivenBy
    manner: ConsentManner
    language: Language


class _Attendance(Model):
    attendance_id: UUID
    jornada_id: UUID
    organiser: OrganisationId
    """Who holds the event: its service keeps the attendance."""


class _Presence(_Attendance):
    person_id: UUID
    present_at: Annotated[Time, Past("in_the_future")]
    sealed: SealedToHub | None = None
    """A person block, sealed to the hub: the person is registered at the event; absent: they are registered already."""
    details_digest: Sha256 | None = None
    """A digest of what is sealed, keyed with a secret of the sender's (HMAC-SHA-256 over the block and the attendance):
    the same details of the same attendance have the same. By it alone the event's service, which cannot open the block,
    tells a repeat from other details; absent: it does not compare them. Never one without a key, for details can be
    guessed."""
    consent: ConsentTaken | None = None
    served: Annotated[Several[Served], Field(max_length=20, json_schema_extra=_EACH_ONCE)] = ()
    needs: Annotated[Several[NeedFound], Field(max_length=20, json_schema_extra=_EACH_ONCE)] = ()
    etpv_steps: Annotated[Several[EtpvStep], Field(max_length=12, json_schema_extra=_EACH_ONCE)] = ()
    row: Row | None = None

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len(set(self.served)) != len(self.served):
            raise wrong_field("served", "Each service is named once")
        if len({need.need_id for need in self.needs}) != len(self.needs):
            raise wrong_field("needs", "Each need is named once")
        referrals = [need.refer.referral_id for need in self.needs if need.refer is not None]
        if len(set(referrals)) != len(referrals):
            raise wrong_field("needs", "Each need is referred under an id of its own")
        if len(set(self.etpv_steps)) != len(self.etpv_steps):
            raise wrong_field("etpv_steps", "Each step is named once")
        return self


@contract(
    "attendance.recorded.v1", sent_by="partner", received_by="organiser", personal_data=True, about="attendance_id"
)
class AttendanceRecorded(_Presence):
    """A person came to an outreach event; said by the organiser or a partner in it, there or later.

    Where the organiser runs the service itself, that can speak for nobody else: a partner registers the person through
    the gateway under its own name first (person.registered, consent.granted, etpv.step_taken, need.identified,
    needs.referred) and leaves `sealed`, `consent`, `needs` and `etpv_steps` out here, else it is refused as
    `register_it_yourself`.
    """

    check_in: CheckIn


@contract(
    "attendance.corrected.v1", sent_by="partner", received_by="organiser", personal_data=True, about="attendance_id"
)
class AttendanceCorrected(_Presence):
    """What was said of an attendance is replaced as a whole, by whoever said it; the person stays the same.

    Services and steps of the Statute that are no longer named are struck out. What has become of needs, referrals and
    consent since is not the event's to undo.
    """

    corrected_at: Annotated[Time, Past("in_the_future")]


@contract(
    "attendance.struck_out.v1", sent_by="partner", received_by="organiser", personal_data=True, about="attendance_id"
)
class AttendanceStruckOut(_Attendance):
    """An attendance that was sent in should not have been: it no longer counts, nor do the services received there
    and the steps of the Statute taken there.

    Where nothing of it was true of the person (`wrong_person`, `not_present`, `training_or_test`), so are the referrals
    from there; otherwise they stay, for others are at work on them. Said by whoever said the attendance, or by the
    organiser.
    """

    reason: StrikeReason


@contract(
    "attendance.settled.v1",
    sent_by="service",
    received_by="whoever sent it",
    personal_data=True,
    about="attendance_id",
)
class AttendanceSettled(Model):
    """What became of an attendance that was sent in."""

    attendance_id: UUID
    jornada_id: UUID
    person_id: UUID
    outcome: AttendanceOutcome
    """`matched`: the person was known to the event's service before."""
    late: bool
    """Whether it came after the event was reported."""
    row: Row | None = None


@contract(
    "attendance.counted.v1",
    sent_by="service",
    received_by="hub services",
    personal_data=True,
    about="attendance_id",
    numbered=True,
)
class AttendanceCounted(Model):
    """Whether a person counts as present at an outreach event; the newest number is the one that holds."""

    attendance_id: UUID
    jornada_id: UUID
    organiser: OrganisationId
    person_id: UUID
    present: bool
    present_at: Annotated[Time, Past("in_the_future")]
    recorded_by: OrganisationId
