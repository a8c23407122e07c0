"""What people lack, and how soon it has to be met: pure decisions."""

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from messaging.answers import MissingPrerequisite, Refused


@dataclass(frozen=True, slots=True)
class Need:
    """What a person lacks."""

    need_id: UUID
    person_id: UUID | None
    case_code: str | None
    need_code: str
    urgency: str
    identified_by: str
    identified_at: datetime
    zone: str | None
    vulnerabilities: tuple[str, ...] = ()
    triaged_by: str | None = None
    triaged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Triage:
    """How soon a need has to be met, and what makes the person more vulnerable, by somebody trained to tell."""

    need_id: UUID
    urgency: str
    vulnerabilities: tuple[str, ...]
    triaged_by: str
    triaged_at: datetime


def check_new(known: Need | None) -> None:
    """Let a need be identified once."""
    if known is not None:
        raise Refused("already_identified")


def check_known(need: Need | None, need_id: UUID) -> Need:
    """Let nothing be said of a need that nobody has identified yet."""
    if need is None:
        raise MissingPrerequisite("need", str(need_id))
    return need


def check_whose(need: Need, *, by: str, coordinators: Set[str]) -> None:
    """Let who identified a need see to it, or a coordinator; a case code means nothing to anybody else."""
    if by != need.identified_by and (by not in coordinators or need.case_code is not None):
        raise Refused("identified_by_another")


def triage(need: Need, triage: Triage, *, coordinators: Set[str]) -> Need:
    """Return the need as the newest triage has it."""
    check_whose(need, by=triage.triaged_by, coordinators=coordinators)
    if need.triaged_at is not None and triage.triaged_at == need.triaged_at:
        raise Refused("already_triaged")
    if need.triaged_at is not None and triage.triaged_at < need.triaged_at:
        raise Refused("superseded")
    return replace(
        need,
        urgency=triage.urgency,
        vulnerabilities=triage.vulnerabilities,
        triaged_by=triage.triaged_by,
        triaged_at=triage.triaged_at,
    )
