"""Households."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import contracts
from contracts import Message
from services.intake.rules.households import Household


def household(message: Message[contracts.HouseholdRecorded]) -> Household:
    """Read who lives together."""
    said = message.data
    return Household(
        household_id=said.household_id,
        recorded_by=message.source,
        recorded_at=said.recorded_at,
        members=tuple((member.person_id, member.role) for member in said.members),
    )
