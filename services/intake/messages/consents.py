"""Consents and their withdrawal, and what the hub's other services are told of them."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

from datetime import date, datetime
from typing import Any
from uuid import UUID

import contracts
from contracts import Draft, Message, codes
from services.intake.rules.consents import Consent, Withdrawal
from services.intake.rules.naming import PURPOSE


def consent(message: Message[contracts.ConsentGranted]) -> Consent:
    """Read a consent; the organisation that says it is the one that may share under it."""
    said = message.data
    return Consent(
        consent_id=said.consent_id,
        person_id=said.person_id,
        case_code=said.case_code,
        granted_to=message.source,
        purposes=frozenset(said.purposes),
        recipients=frozenset(said.recipients),
        field_groups=frozenset(said.field_groups),
        valid_from=said.valid_from,
        valid_until=said.valid_until,
        given_by=said.given_by,
        manner=said.manner,
        language=said.language,
        evidence_sha256=said.evidence_sha256,
    )


def withdrawal(consent_id: UUID, said: contracts.ConsentWithdrawn | contracts.ConsentWithdrawnByReceipt) -> Withdrawal:
    """Read how and when a consent was taken back."""
    return Withdrawal(consent_id, said.withdrawn_by, said.manner, said.withdrawn_at)


def consent_recorded(consent: Consent) -> Draft:
    """Tell the hub's services of a consent that they may rely on."""
    how: dict[str, Any] = {}
    if consent.case_code is None:
        how = {
            "given_by": codes.ConsentGivenBy(consent.given_by),
            "manner": codes.ConsentManner(consent.manner),
            "language": consent.language,
        }
    recorded = contracts.ConsentRecorded(**_terms(consent), granted_to=consent.granted_to, **how)
    return Draft(recorded, subject=str(consent.consent_id))


def receipt_issued(consent: Consent, *, receipt_code: str, at: datetime) -> Draft:
    """Bring the organisation that asked what it prints for the person."""
    # Who says the new purpose reads the new version; all others read the one that they know.
    version = contracts.ConsentReceiptIssuedV1 if PURPOSE not in consent.purposes else contracts.ConsentReceiptIssuedV2
    issued = version(
        **_terms(consent),
        receipt_code=receipt_code,
        granted_to=consent.granted_to,
        given_by=codes.ConsentGivenBy(consent.given_by),
        manner=codes.ConsentManner(consent.manner),
        language=consent.language,
        recorded_at=at,
    )
    return Draft(issued, subject=str(consent.consent_id), recipient=consent.granted_to)


def consent_withdrawn(consent: Consent, withdrawal: Withdrawal, *, through: str, at: datetime) -> Draft:
    """Tell the hub's services that the person has taken a consent back, to whom, and how."""
    how: dict[str, Any] = {}
    if consent.case_code is None:
        how = {
            "withdrawn_by": codes.ConsentGivenBy(withdrawal.withdrawn_by),
            "manner": codes.ConsentManner(withdrawal.withdrawn_manner),
            "withdrawn_at": withdrawal.withdrawn_at,
            "withdrawn_through": through,
        }
    return _ended(consent, codes.ConsentEnd.WITHDRAWN, at, **how)


def withdrawal_claimed(
    consent: Consent, withdrawal: Withdrawal, *, by: str, answer_by: date, at: datetime
) -> list[Draft]:
    """Tell the hub's services that nothing is shared under a consent, and both organisations what is said of it."""
    claimed = contracts.ConsentWithdrawalClaimed(
        consent_id=consent.consent_id,
        claimed_by=by,
        withdrawn_by=codes.ConsentGivenBy(withdrawal.withdrawn_by),
        manner=codes.ConsentManner(withdrawal.withdrawn_manner),
        withdrawn_at=withdrawal.withdrawn_at,
        answer_by=answer_by,
        may_be_contested=not consent.contested,
    )
    subject = str(consent.consent_id)
    told = [Draft(claimed, subject=subject, recipient=one) for one in (consent.granted_to, by)]
    return [consent_suspended(consent, at=at), *told]


def consent_suspended(consent: Consent, *, at: datetime) -> Draft:
    """Tell the hub's services that nothing is shared under a consent for now."""
    suspended = contracts.ConsentSuspended(
        consent_id=consent.consent_id, suspended_at=at, confidential=consent.case_code is not None
    )
    return Draft(suspended, subject=str(consent.consent_id))


def consent_resumed(consent: Consent, *, at: datetime) -> Draft:
    """Tell the hub's services that a consent holds as before."""
    resumed = contracts.ConsentResumed(
        consent_id=consent.consent_id, resumed_at=at, confidential=consent.case_code is not None
    )
    return Draft(resumed, subject=str(consent.consent_id))


def consent_lapsed(consent: Consent, *, at: datetime) -> Draft:
    """Tell the hub's services that the time of a consent is over."""
    return _ended(consent, codes.ConsentEnd.LAPSED, at)


def _ended(consent: Consent, reason: codes.ConsentEnd, at: datetime, **how: Any) -> Draft:
    ended = contracts.ConsentEnded(
        consent_id=consent.consent_id, reason=reason, ended_at=at, confidential=consent.case_code is not None, **how
    )
    return Draft(ended, subject=str(consent.consent_id))


def _terms(consent: Consent) -> dict[str, Any]:
    """What the person allows, as contracts have it."""
    return {
        "consent_id": consent.consent_id,
        "person_id": consent.person_id,
        "case_code": consent.case_code,
        "purposes": tuple(codes.ConsentPurpose(one) for one in sorted(consent.purposes)),
        "recipients": tuple(sorted(consent.recipients)),
        "field_groups": tuple(codes.FieldGroup(one) for one in sorted(consent.field_groups)),
        "valid_from": consent.valid_from,
        "valid_until": consent.valid_until,
    }
