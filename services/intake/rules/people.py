"""People as organisations have registered them: pure decisions; time is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from services.intake.rules.answers import Refused

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


def is_minor(born: Born, *, on: date) -> bool:
    """Tell whether somebody is under age on a day; not so where neither birth date nor age is known."""
    if born.birth_date is not None:
        had_birthday = (on.month, on.day) >= (born.birth_date.month, born.birth_date.day)
        return on.year - born.birth_date.year - (not had_birthday) < ADULT_AT
    if born.age is not None:
        return born.age + (on - born.registered_at.date()).days // 365 < ADULT_AT
    return False
