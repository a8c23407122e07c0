"""Erasure: the hub's services are told of it, and organisations are asked for it."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

import contracts
from contracts import Draft


def erased(person_id: UUID, *, at: datetime, also_at: Iterable[str]) -> list[Draft]:
    """Tell the hub's services, and those that organisations run themselves, that a person is no more."""
    told = contracts.PersonErased(person_id=person_id, erased_at=at)
    return [Draft(told, subject=str(person_id), recipient=one) for one in (None, *sorted(also_at))]


def asked(person_id: UUID, organisation: str, *, erase_by: date) -> Draft:
    """Ask an organisation to erase what it holds about a person."""
    data = contracts.PersonErasureAsked(person_id=person_id, erase_by=erase_by)
    return Draft(data, subject=str(person_id), recipient=organisation)
