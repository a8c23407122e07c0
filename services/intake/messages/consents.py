"""Consents and their withdrawal, and what the hub's other services are told of them."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

from datetime import datetime
from uuid import UUID

import contracts
from contracts import Draft, Message, codes
from services.intake.rules.consents import Consent, Withdrawal


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


def withdrawal(said: contracts.ConsentWithdrawn) -> Withdrawal:
    """Read how and when a consent was taken back."""
    return Withdrawal(said.consent_id, said.withdrawn_by, said.manner, said.withdrawn_at)


def consent_recorded(said: contracts.ConsentGranted, *, granted_to: str) -> Draft:
    """Tell the hub's services of a consent that they may rely on."""
    recorded = contracts.ConsentRecorded(
        consent_id=said.consent_id,
        person_id=said.person_id,
        case_code=said.case_code,
        purposes=said.purposes,
        recipients=said.recipients,
        field_groups=said.field_groups,
        valid_from=said.valid_from,
        valid_until=said.valid_until,
        granted_to=granted_to,
    )
    return Draft(recorded, subject=str(said.consent_id))


def consent_ended(consent_id: UUID, *, at: datetime) -> Draft:
    """Tell the hub's services that nothing may rely on a consent any longer."""
    ended = contracts.ConsentEnded(consent_id=consent_id, reason=codes.ConsentEnd.WITHDRAWN, ended_at=at)
    return Draft(ended, subject=str(consent_id))
