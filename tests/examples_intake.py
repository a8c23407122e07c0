"""What organisations tell intake of households, steps of the Statute, triage and needs to be referred."""

import json
from typing import Any
from uuid import UUID

import contracts
from contracts import codes
from tests.examples import (
    CONSENT_ID,
    COORDINATOR,
    NEED_ID,
    NOW,
    PERSON_ID,
    RECIPIENT,
    REFERRAL_ID,
    SERVICE_ID,
    consent_granted,
    sealed_with_header,
)

HOUSEHOLD_ID = UUID("01950000-0000-7000-8000-000000000006")
CHILD_ID = UUID("01950000-0000-7000-8000-000000000007")
STEP_ID = UUID("01950000-0000-7000-8000-000000000008")
JORNADA_ID = UUID("01950000-0000-7000-8000-000000000009")
BATCH_ID = UUID("01950000-0000-7000-8000-00000000000a")
WITHDRAWAL_ID = UUID("01950000-0000-7000-8000-00000000000b")

CHILD = {
    "given_names": "Samuel David",
    "family_names": "Guerrero Urdaneta",
    "birth_date": "2015-03-03",
    "caregiver": {"name": "Yuleisy Guerrero", "relation": "mother", "phone": "+573004815162"},
}
"""The son of the examples' person, as a sealed block holds him."""


def household_recorded(**overrides: Any) -> contracts.HouseholdRecorded:
    members = (
        contracts.Member(person_id=PERSON_ID, role=codes.HouseholdRole.HEAD),
        contracts.Member(person_id=CHILD_ID, role=codes.HouseholdRole.CHILD),
    )
    return contracts.HouseholdRecorded(
        **{"household_id": HOUSEHOLD_ID, "recorded_at": NOW, "members": members, **overrides}
    )


def withdrawn_by_receipt(receipt_code: str, **overrides: Any) -> contracts.ConsentWithdrawnByReceipt:
    return contracts.ConsentWithdrawnByReceipt(
        **{
            "withdrawal_id": WITHDRAWAL_ID,
            "receipt_code": receipt_code,
            "withdrawn_by": codes.ConsentGivenBy.PERSON,
            "manner": codes.ConsentManner.SPOKEN_AND_WITNESSED,
            "withdrawn_at": NOW,
            **overrides,
        }
    )


def etpv_step_taken(**overrides: Any) -> contracts.EtpvStepTaken:
    return contracts.EtpvStepTaken(
        **{
            "step_id": STEP_ID,
            "person_id": PERSON_ID,
            "step": codes.EtpvStep.PRE_REGISTRATION,
            "taken_at": NOW,
            "jornada_id": JORNADA_ID,
            **overrides,
        }
    )


def etpv_step_struck_out(**overrides: Any) -> contracts.EtpvStepStruckOut:
    return contracts.EtpvStepStruckOut(**{"step_id": STEP_ID, "reason": codes.StrikeReason.WRONG_PERSON, **overrides})


def need_triaged(**overrides: Any) -> contracts.NeedTriaged:
    return contracts.NeedTriaged(
        **{
            "need_id": NEED_ID,
            "urgency": codes.Urgency.URGENT,
            "vulnerabilities": ("pregnant",),
            "triaged_at": NOW,
            **overrides,
        }
    )


def need_referred(**overrides: Any) -> contracts.NeedReferred:
    return contracts.NeedReferred(
        **{
            "referral_id": REFERRAL_ID,
            "need_id": NEED_ID,
            "recipient": RECIPIENT,
            "service_id": SERVICE_ID,
            "consent_id": CONSENT_ID,
            **overrides,
        }
    )


def coordination_allowed(**overrides: Any) -> contracts.ConsentGranted:
    """The person allows the coordinator to know their name."""
    terms = {"purposes": (codes.ConsentPurpose.COORDINATE,), "recipients": (COORDINATOR,)}
    return consent_granted(**{**terms, **overrides})


def name_for(organisation: str) -> str:
    """A name as it looks that is sealed to an organisation; nobody opens it."""
    return sealed_with_header(json.dumps({"kid": organisation}))


def person_named(**overrides: Any) -> contracts.PersonNamed:
    said = {"person_id": PERSON_ID, "consent_id": CONSENT_ID, "recipient": COORDINATOR}
    return contracts.PersonNamed(**{**said, "sealed": name_for(COORDINATOR), **overrides})


def needs_referred(*referrals: contracts.NeedReferred, **overrides: Any) -> contracts.NeedsReferred:
    return contracts.NeedsReferred(**{"batch_id": BATCH_ID, "referrals": referrals or (need_referred(),), **overrides})
