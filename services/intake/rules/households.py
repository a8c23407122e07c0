"""Who lives together: pure decisions."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.intake.rules.answers import Refused, TooEarly


@dataclass(frozen=True, slots=True)
class Household:
    """A household as an organisation has registered it: everybody who lives there, and what they are to the head."""

    household_id: UUID
    recorded_by: str
    recorded_at: datetime
    members: tuple[tuple[UUID, str], ...]  # person id and role


def check_household(known: tuple[str, datetime] | None, household: Household) -> None:
    """Let only who registered a household correct it, and only with something newer; `known`: by whom, and when."""
    if known is None:
        return
    recorded_by, recorded_at = known
    if recorded_by != household.recorded_by:
        raise Refused("recorded_by_another")
    if household.recorded_at == recorded_at:
        raise Refused("already_recorded")
    if household.recorded_at < recorded_at:
        raise Refused("superseded")


def check_members(household: Household, known: Set[UUID]) -> None:
    """Let nobody be a member whom nobody has registered yet."""
    for person_id, _ in household.members:
        if person_id not in known:
            raise TooEarly("person", str(person_id))
