"""Erasing a person: who is asked to erase what they hold, and by when: pure decisions."""

from collections.abc import Mapping, Set
from datetime import date, datetime
from typing import Final
from uuid import UUID

from services.intake.rules.days import day_of
from services.intake.rules.people import Registration
from services.intake.rules.rights import working_days_after

ERASE_WITHIN: Final = 15  # working days: an organisation's own term for such a claim (Ley 1581 of 2012, article 15)


def erase_by(at: datetime) -> date:
    """Return the day by which organisations are asked to have erased what they were sent."""
    return working_days_after(day_of(at), ERASE_WITHIN)


def whose(registrations: Mapping[UUID, Registration]) -> Mapping[UUID, str]:
    """Return which organisation made each of a person's registrations."""
    return {person_id: one.registered_by for person_id, one in registrations.items()}


def those(registrations: Mapping[UUID, Registration], ids: Set[UUID]) -> Mapping[UUID, Registration]:
    """Return the registrations with these ids, in their order."""
    return {person_id: one for person_id, one in registrations.items() if person_id in ids}


def asked(holders: Mapping[UUID, Set[str]], *, taking_part: Set[str]) -> list[tuple[UUID, str]]:
    """Return who is asked to erase whom: every organisation of the network that holds something about the person.

    A consent may name a recipient that is none; nothing was ever sent there.
    """
    return [(person_id, one) for person_id in sorted(holders) for one in sorted(holders[person_id] & taking_part)]
