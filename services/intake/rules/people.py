"""People as organisations have registered them: pure decisions; time is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from messaging.answers import MissingPrerequisite, Refused
from services.intake.rules.days import day_of

ADULT_AT: Final = 18  # years
BIRTH_YEARS: Final = range(1880, 2201)  # what else stands in a birth date is a mistake, and is told to nobody


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
    email: str | None = None
    language: str | None = None  # ISO 639
    contact_channel: str | None = None  # how it is safe to reach them
    address: str | None = None
    place: str | None = None  # DIVIPOLA
    caregiver: Mapping[str, str | None] | None = None
    notes: str | None = None

    def __repr__(self) -> str:
        return f"<Person {self.person_id}>"

    @property
    def registration(self) -> "Registration":
        """What the rules ask about a person who is known."""
        return Registration(self.registered_by, self.registered_at, self.birth_date, self.age)

    @property
    def birth_year(self) -> int | None:
        """The year of the birth date; where only an age is known, the year that it points to, a year more or less."""
        if self.birth_date is not None:
            year = self.birth_date.year
        elif self.age is not None:
            year = day_of(self.registered_at).year - self.age
        else:
            return None
        return year if year in BIRTH_YEARS else None


@dataclass(frozen=True, slots=True)
class Registration:
    """Who registered a person, when, and what is known of the person's age: a birth date, an age then, or neither."""

    registered_by: str
    registered_at: datetime
    birth_date: date | None
    age: int | None
    erased: bool = False  # the person has been: nothing more is said of them


def check_registration(known: Registration | None, person: Person) -> None:
    """Let only who registered a person correct it, and only with something newer."""
    if known is None:
        return
    if known.erased:
        raise Refused("person_erased")
    if known.registered_by != person.registered_by:
        raise Refused("registered_by_another")
    if person.registered_at == known.registered_at:
        raise Refused("already_registered")
    if person.registered_at < known.registered_at:
        raise Refused("superseded")


def check_known(registration: Registration | None, person_id: UUID) -> Registration:
    """Let nothing be said of a person whom nobody has registered yet, nor of one who has been erased."""
    if registration is None:
        raise MissingPrerequisite("person", str(person_id))
    if registration.erased:
        raise Refused("person_erased")
    return registration


def is_minor(registration: Registration, *, on: date) -> bool:
    """Tell whether somebody is under age on a day; not so where neither birth date nor age is known."""
    birth_date, age = registration.birth_date, registration.age
    if birth_date is not None:
        had_birthday = (on.month, on.day) >= (birth_date.month, birth_date.day)
        return on.year - birth_date.year - (not had_birthday) < ADULT_AT
    if age is not None:
        return age + (on - day_of(registration.registered_at)).days // 365 < ADULT_AT
    return False
