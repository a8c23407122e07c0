"""Names for whoever coordinates, which intake cannot read, and that they are to be deleted."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

from collections.abc import Iterable
from datetime import datetime

import contracts
from contracts import Draft, Message
from services.intake.rules.consents import Consent


def brought(message: Message[contracts.PersonNamed]) -> Draft:
    """Bring whoever coordinates a person's name, as it was sealed to them."""
    said = message.data
    brought = contracts.PersonNameBrought(
        person_id=said.person_id,
        consent_id=said.consent_id,
        named_by=message.source,
        named_at=message.time,
        sealed=said.sealed,
    )
    return Draft(brought, subject=str(said.person_id), recipient=said.recipient)


def ended(consent: Consent, *, to: Iterable[str], at: datetime) -> list[Draft]:
    """Ask who may have been told a name under a consent of a person's to delete it."""
    if consent.person_id is None:
        return []
    told = contracts.PersonNameEnded(person_id=consent.person_id, consent_id=consent.consent_id, ended_at=at)
    return [Draft(told, subject=str(consent.person_id), recipient=one) for one in to]
