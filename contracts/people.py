"""People and their needs, as organisations register them with the hub."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from .codes import ReferralReason, Sex, Urgency, is_confidential
from .fields import (
    CONFIDENTIAL_NEED,
    CaseCode,
    Code,
    Model,
    Need,
    OrganisationId,
    Said,
    SealedToHub,
    Several,
    Zone,
    exactly_one,
    present,
    wrong_field,
)
from .registry import contract


@contract("person.registered.v1", sent_by="partner", received_by="hub", personal_data=True, about="person_id")
class PersonRegistered(Model):
    """An organisation has registered a person, or corrects what it registered before."""

    person_id: UUID
    registered_at: Said
    sealed: SealedToHub
    """A person block, sealed to the hub."""


@contract("need.identified.v1", sent_by="partner", received_by="hub", personal_data=True, about="need_id")
class NeedIdentified(Model):
    """An organisation has found out what a person lacks."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                exactly_one("person_id", "case_code"),
                {"if": {"properties": CONFIDENTIAL_NEED}, "then": present("case_code")},
            ]
        }
    )

    need_id: UUID
    person_id: UUID | None = None
    case_code: CaseCode | None = None
    need_code: Need
    urgency: Urgency
    identified_at: Said
    zone: Zone | None = None
    """Where the person lives; unmet needs are counted by it."""

    @model_validator(mode="after")
    def _is_about_one_person(self) -> Self:
        if (self.person_id is None) == (self.case_code is None):
            raise wrong_field("person_id", "A need is of a person id or a case code, and not of both")
        if is_confidential(self.need_code) and self.case_code is None:
            raise wrong_field("case_code", "A confidential need travels under a case code")
        return self


class _TriagedNeed(Model):
    need_id: UUID
    urgency: Urgency
    vulnerabilities: Annotated[Several[Code], Field(max_length=20)] = ()
    """What makes the person more vulnerable, such as `pregnant`, `single_parent`, `without_shelter`."""
    triaged_at: Said


@contract("need.triaged.v1", sent_by="partner", received_by="hub", personal_data=True, about="need_id")
class NeedTriaged(_TriagedNeed):
    """Somebody trained for it has looked at a need again, and says how soon it has to be met."""


class NeedReferred(Model):
    """One need that is referred: the person's details are those that intake holds."""

    referral_id: UUID
    need_id: UUID
    recipient: OrganisationId
    service_id: UUID
    consent_id: UUID
    reason_code: ReferralReason = ReferralReason.SERVICE_NOT_OFFERED


@contract("needs.referred.v1", sent_by="partner", received_by="hub", personal_data=True, about="batch_id")
class NeedsReferred(Model):
    """An organisation refers needs that it has identified: several of a person at once, or many people's in bulk.

    Intake writes and seals a `referral.requested` for each, as that organisation, with no more than the consent covers.
    What cannot be referred is answered with `need.not_referred`; the others go on.
    """

    batch_id: UUID
    referrals: Annotated[Several[NeedReferred], Field(min_length=1, max_length=100)]


@contract("need.not_referred.v1", sent_by="hub", received_by="whoever sent it", personal_data=True, about="referral_id")
class NeedNotReferred(Model):
    """One need of several could not be referred."""

    batch_id: UUID
    referral_id: UUID
    need_id: UUID
    code: Code


@contract("need.recorded.v1", sent_by="hub", received_by="hub services", personal_data=True, about="need_id")
class NeedRecorded(Model):
    """Intake holds this need, or its triage; it is counted until it is met."""

    model_config = ConfigDict(
        json_schema_extra={"allOf": [{"if": {"properties": CONFIDENTIAL_NEED}, "then": {"not": present("person_id")}}]}
    )

    need_id: UUID
    person_id: UUID | None = None
    """Absent when the case is confidential; then it is counted without the person."""
    organisation: OrganisationId
    """Who identified it."""
    need_code: Need
    urgency: Urgency
    """As the newest triage has it, where there is one."""
    identified_at: Said
    zone: Zone | None = None
    triaged_by: OrganisationId | None = None
    """Whose trained staff looked at it last; what makes the person more vulnerable, intake tells nobody. Absent where
    there is no person id."""
    triaged_at: Said | None = None

    @model_validator(mode="after")
    def _names_nobody_in_confidence(self) -> Self:
        if is_confidential(self.need_code) and self.person_id is not None:
            raise wrong_field("person_id", "A confidential need never stands beside a person id")
        return self


@contract("person.profiled.v1", sent_by="hub", received_by="hub services", personal_data=True, about="person_id")
class PersonProfiled(Model):
    """What the hub's services may know of a registered person in order to count: nothing that names them."""

    person_id: UUID
    organisation: OrganisationId
    """Who registered them."""
    registered_at: Said
    birth_year: Annotated[int, Field(ge=1880, le=2200)] | None = None
    sex: Sex | None = None
