"""What people allow, and take back: pure decisions; time is an argument."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from services.intake.rules.answers import Refused
from services.intake.rules.people import Born, is_minor


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person, or a child's caregiver, allows the organisation that asked: for what, to whom, which fields."""

    consent_id: UUID
    person_id: UUID | None
    case_code: str | None
    granted_to: str
    purposes: Set[str]
    recipients: Set[str]
    field_groups: Set[str]
    valid_from: datetime
    valid_until: datetime | None
    given_by: str
    manner: str
    language: str
    evidence_sha256: str | None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A person, or the caregiver, takes a consent back."""

    consent_id: UUID
    withdrawn_by: str
    withdrawn_manner: str
    withdrawn_at: datetime


def check_consent_giver(born: Born | None, *, given_by: str, on: date) -> None:
    """Let a child's consent come from a caregiver only; where the age is not known, take the organisation's word."""
    if born is not None and given_by == "person" and is_minor(born, on=on):
        raise Refused("caregiver_needed")


def check_withdrawal(ended_at: datetime | None) -> None:
    """Let a consent be withdrawn once, through whichever organisation the person went to."""
    if ended_at is not None:
        raise Refused("already_withdrawn")
