"""Who the network knows, what they allow and what they need: pure decisions; time is an argument."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID


class Refused(Exception):
    """A rule says no. `code` is what the sender is told; nothing of the message is applied."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TooEarly(Exception):
    """Not possible yet: `what`, under the subject `key`, may be on its way. `code` refuses it if that never comes."""

    def __init__(self, what: str, key: str) -> None:
        self.what = what
        self.key = key
        self.code = f"{what}_unknown"
        super().__init__(self.code)


ADULT_AT: Final = 18  # years


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """A person as an organisation has registered them. Every detail may be missing; none is ever printed."""

    person_id: UUID
    registered_by: str
    registered_at: datetime
    given_names: str | None = None
    family_names: str | None = None
    documents: tuple[tuple[str, str | None], ...] = ()  # type and number
    birth_date: date | None = None
    age: int | None = None  # in years when registered, where the birth date is not known
    sex: str | None = None
    gender: str | None = None
    nationality: str | None = None  # ISO 3166 alpha-3
    profile: str | None = None
    phone: str | None = None  # E.164
    address: str | None = None
    place: str | None = None  # DIVIPOLA
    caregiver: Mapping[str, str | None] | None = None
    notes: str | None = None

    def __repr__(self) -> str:
        return f"<Person {self.person_id}>"


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


@dataclass(frozen=True, slots=True)
class Born:
    """What intake knows of a person's age: a birth date, or an age when they were registered, or neither."""

    birth_date: date | None
    age: int | None
    registered_at: datetime


def check_correction(known_by: str, known_at: datetime, person: Person) -> None:
    """Let only who registered a person correct it, and only with something newer."""
    if known_by != person.registered_by:
        raise Refused("registered_by_another")
    if person.registered_at == known_at:
        raise Refused("already_registered")
    if person.registered_at < known_at:
        raise Refused("superseded")


def check_consent_giver(born: Born | None, *, given_by: str, on: date) -> None:
    """Let a child's consent come from a caregiver only; where the age is not known, take the organisation's word."""
    if born is not None and given_by == "person" and is_minor(born, on=on):
        raise Refused("caregiver_needed")


def is_minor(born: Born, *, on: date) -> bool:
    """Tell whether somebody is under age on a day; not so where neither birth date nor age is known."""
    if born.birth_date is not None:
        had_birthday = (on.month, on.day) >= (born.birth_date.month, born.birth_date.day)
        return on.year - born.birth_date.year - (not had_birthday) < ADULT_AT
    if born.age is not None:
        return born.age + (on - born.registered_at.date()).days // 365 < ADULT_AT
    return False


def check_withdrawal(ended_at: datetime | None) -> None:
    """Let a consent be withdrawn once, through whichever organisation the person went to."""
    if ended_at is not None:
        raise Refused("already_withdrawn")
