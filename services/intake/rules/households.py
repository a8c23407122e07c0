"""Who lives together, and who may follow them: pure decisions; time is an argument."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.answers import MissingPrerequisite, Refused
from services.intake.rules.consents import Consent, holds

FOLLOW_UP: Final = "follow_up"  # what a consent has to allow for another organisation to follow a person


@dataclass(frozen=True, slots=True)
class Household:
    """A household as an organisation has registered it: everybody who lives there, and what they are to the head."""

    household_id: UUID
    recorded_by: str
    recorded_at: datetime
    members: tuple[tuple[UUID, str], ...]  # person id and role


@dataclass(frozen=True, slots=True)
class Member:
    """What decides who may follow a person: who registered them, and what they have allowed that organisation."""

    registered_by: str
    erased: bool = False
    consents: Sequence[Consent] = ()


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


def check_members(household: Household, known: Mapping[UUID, Member], *, coordinators: Set[str], at: datetime) -> None:
    """Let those be members who are registered and not erased, and whom the organisation may follow."""
    for person_id, _ in household.members:
        if person_id not in known:
            raise MissingPrerequisite("person", str(person_id))
    if any(known[person_id].erased for person_id, _ in household.members):
        raise Refused("person_erased")
    for person_id, _ in household.members:
        if not may_follow(household.recorded_by, known[person_id], coordinators=coordinators, at=at):
            raise Refused("not_shared_with_you")


def may_follow(organisation: str, member: Member, *, coordinators: Set[str], at: datetime) -> bool:
    """Tell whether an organisation may name a person in a household, and hear how far that is.

    Who registered them may, a coordinator, and whom the person lets the former share them with for follow-up; by the
    mere word that somebody consents nobody may.
    """
    return (
        organisation in coordinators
        or organisation == member.registered_by
        or any(
            one.granted_to == member.registered_by
            and organisation in one.recipients
            and FOLLOW_UP in one.purposes
            and holds(one, at=at)
            for one in member.consents
        )
    )
