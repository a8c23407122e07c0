"""Between intake's own records and the contracts; the only place where a registration is opened."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

from datetime import datetime
from uuid import UUID

import contracts
from contracts import Draft, Message, codes, sealing
from services.intake import rules
from services.intake.rules import Consent, Need, Person, Withdrawal


def person(message: Message[contracts.PersonRegistered], key: sealing.Key) -> Person:
    """Open a registration with the hub's private key.

    Raises Refused(`sealed_block_unreadable`) when it is not for that key, or holds anything but a person block.
    """
    said = message.data
    try:
        block = contracts.read_block(contracts.PersonBlock, sealing.open_sealed(said.sealed, key))
    except (sealing.SealingError, contracts.Invalid):
        block = None  # and raise outside, so that no traceback leads back to the content
    if block is None:
        raise rules.Refused("sealed_block_unreadable")
    return Person(
        person_id=said.person_id,
        registered_by=message.source,
        registered_at=said.registered_at,
        given_names=block.given_names,
        family_names=block.family_names,
        documents=tuple((document.type, document.number) for document in block.documents),
        birth_date=block.birth_date,
        age=block.age,
        sex=block.sex,
        gender=block.gender,
        nationality=block.nationality,
        profile=block.profile,
        phone=block.phone,
        address=block.address,
        place=block.place,
        caregiver=None if block.caregiver is None else block.caregiver.model_dump(mode="json"),
        notes=block.notes,
    )


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


def need(message: Message[contracts.NeedIdentified]) -> Need:
    """Read a need."""
    said = message.data
    return Need(
        need_id=said.need_id,
        person_id=said.person_id,
        case_code=said.case_code,
        need_code=said.need_code,
        urgency=said.urgency,
        identified_by=message.source,
        identified_at=said.identified_at,
        zone=said.zone,
    )


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
