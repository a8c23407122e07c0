"""Consent: what a person allows, for which purpose, to whom, for which fields, and until when."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from .codes import ConsentEnd, ConsentGivenBy, ConsentManner, ConsentPurpose, FieldGroup, PurposeV1
from .fields import (
    CaseCode,
    Language,
    Model,
    OrganisationId,
    Planned,
    PlannedOn,
    Said,
    Several,
    Sha256,
    exactly_one,
    wrong_field,
)
from .registry import contract

ReceiptCode = Annotated[str, Field(pattern="^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}$")]
"""The code that stands on a receipt: twelve of Crockford's base 32, none of which is mistaken for another."""


class _Terms(Model):
    """What the person allows."""

    model_config = ConfigDict(json_schema_extra=exactly_one("person_id", "case_code"))

    consent_id: UUID
    person_id: UUID | None = None
    case_code: CaseCode | None = None
    purposes: Annotated[Several[ConsentPurpose], Field(min_length=1, max_length=10)]
    recipients: Annotated[Several[OrganisationId], Field(min_length=1, max_length=50)]
    field_groups: Annotated[Several[FieldGroup], Field(min_length=1, max_length=20)]
    valid_from: Planned
    valid_until: Planned | None = None
    """Absent: until it is withdrawn."""

    @model_validator(mode="after")
    def _is_one_persons_and_lasts(self) -> Self:
        if (self.person_id is None) == (self.case_code is None):
            raise wrong_field("person_id", "Consent is of a person id or a case code, and not of both")
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise wrong_field("valid_until", "Consent ends after it begins")
        return self


@contract("consent.granted.v1", sent_by="partner", received_by="hub", personal_data=True, about="consent_id")
class ConsentGranted(_Terms):
    """A person, or a child's caregiver, has allowed an organisation to use or pass on their data."""

    given_by: ConsentGivenBy
    manner: ConsentManner
    language: Language
    """The language it was explained in."""
    evidence_sha256: Sha256 | None = None
    """Of the signed page or the recording, which stays with the organisation that asked."""


@contract("consent.withdrawn.v1", sent_by="partner", received_by="hub", personal_data=True, about="consent_id")
class ConsentWithdrawn(Model):
    """The person, or the caregiver, takes the consent back.

    From the organisation that it was granted to, it ends at once. Any other claims it: nothing new is shared under it
    from then on, and it ends when that organisation confirms it, or after two working days.
    """

    consent_id: UUID
    withdrawn_by: ConsentGivenBy
    manner: ConsentManner
    withdrawn_at: Said


@contract(
    "consent.withdrawn_by_receipt.v1", sent_by="partner", received_by="hub", personal_data=True, about="withdrawal_id"
)
class ConsentWithdrawnByReceipt(Model):
    """The person, or the caregiver, takes the consent back with the code of its receipt, at any organisation."""

    withdrawal_id: UUID
    receipt_code: ReceiptCode
    withdrawn_by: ConsentGivenBy
    manner: ConsentManner
    withdrawn_at: Said


@contract(
    "consent.withdrawal_contested.v1", sent_by="partner", received_by="hub", personal_data=True, about="consent_id"
)
class ConsentWithdrawalContested(Model):
    """The organisation that the consent was granted to has asked the person, who has not taken it back.

    It can be said once of a consent. The person ends it at any time by its receipt, or through any other organisation.
    """

    consent_id: UUID
    affirmed_by: ConsentGivenBy
    """Who said that it holds."""
    manner: ConsentManner
    affirmed_at: Said


@contract(
    "consent.withdrawal_claimed.v1", sent_by="hub", received_by="either party", personal_data=True, about="consent_id"
)
class ConsentWithdrawalClaimed(Model):
    """An organisation says that the person has taken a consent back that was granted to another: both are notified.

    The other confirms it (`consent.withdrawn`) or contests it (`consent.withdrawal_contested`).
    """

    consent_id: UUID
    claimed_by: OrganisationId
    withdrawn_by: ConsentGivenBy
    manner: ConsentManner
    withdrawn_at: Said
    answer_by: PlannedOn
    """The last working day of Colombia for the answer; without one the consent then ends."""
    may_be_contested: bool
    """False: a claim was contested before, and this one is not."""


@contract("consent.suspended.v1", sent_by="hub", received_by="hub services", personal_data=True, about="consent_id")
class ConsentSuspended(Model):
    """Somebody says that the person has taken it back: nothing new is shared under it, and what is open goes on."""

    consent_id: UUID
    suspended_at: Said
    confidential: bool = False
    """Whether it is of a case under a code."""


@contract("consent.resumed.v1", sent_by="hub", received_by="hub services", personal_data=True, about="consent_id")
class ConsentResumed(Model):
    """The claim that the person has taken the consent back was contested: the consent holds as before."""

    consent_id: UUID
    resumed_at: Said
    confidential: bool = False


@contract("consent.recorded.v1", sent_by="hub", received_by="hub services", personal_data=True, about="consent_id")
class ConsentRecorded(_Terms):
    """Intake holds this consent; referrals may rely on it."""

    granted_to: OrganisationId
    """The organisation that asked for it, and may share under it."""
    given_by: ConsentGivenBy | None = None
    """Absent of a case under a code, as are the two that follow."""
    manner: ConsentManner | None = None
    language: Language | None = None
    """The language it was explained in."""


@contract("consent.ended.v1", sent_by="hub", received_by="hub services", personal_data=True, about="consent_id")
class ConsentEnded(Model):
    """A consent no longer holds; what relies on it stops."""

    consent_id: UUID
    reason: ConsentEnd
    ended_at: Said
    confidential: bool = False
    """Whether it is of a case under a code; then no more is told than that it ended."""
    withdrawn_by: ConsentGivenBy | None = None
    """Who took it back; absent where it lapsed, as are those that follow."""
    manner: ConsentManner | None = None
    withdrawn_at: Said | None = None
    """When the person said so; `ended_at` is when the network heard of it, or it came about."""
    withdrawn_through: OrganisationId | None = None
    """The organisation that the person said it to."""


class _Receipt(_Terms):
    """The receipt of a consent, to be printed for the person: what they allowed, and how to take it back."""

    receipt_code: ReceiptCode
    """What the person says to withdraw without any document (`consent.withdrawn_by_receipt`)."""
    granted_to: OrganisationId
    given_by: ConsentGivenBy
    manner: ConsentManner
    language: Language
    recorded_at: Said


@contract(
    "consent.receipt_issued.v1", sent_by="hub", received_by="whoever sent it", personal_data=True, about="consent_id"
)
class ConsentReceiptIssuedV1(_Receipt):
    """The receipt of a consent, to be printed for the person: what they allowed, and how to take it back."""

    purposes: Annotated[Several[PurposeV1], Field(min_length=1, max_length=10)]


@contract(
    "consent.receipt_issued.v2", sent_by="hub", received_by="whoever sent it", personal_data=True, about="consent_id"
)
class ConsentReceiptIssuedV2(_Receipt):
    """The receipt of a consent that has the purpose `coordinate`, which version 1 does not know; of any other comes
    version 1."""


ConsentReceiptIssued = ConsentReceiptIssuedV2


@contract("consent.receipt_asked.v1", sent_by="partner", received_by="hub", personal_data=True, about="consent_id")
class ConsentReceiptAsked(Model):
    """The organisation that a consent was granted to needs its receipt once more: the person has lost it, say.

    It comes as it came when the consent was recorded, and its code is the same.
    """

    consent_id: UUID
