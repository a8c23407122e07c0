"""Employers, what they have agreed to, and the vacancies they offer: pure decisions; time is an argument."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from messaging.answers import Refused
from messaging.plausible import check_planned, check_zones
from services.employment.rules.days import day_in_colombia

PROGRAMMES_AT_MOST: Final = 50  # as many as `employer.recorded` can name


@dataclass(frozen=True, slots=True)
class Employer:
    """A company that an organisation works with, and the programmes it has agreed to hire through."""

    employer_id: UUID
    organisation: str
    registered_at: datetime
    name: str
    economic_sector: str
    zone: str
    programmes: tuple[str, ...] = ()
    sequence: int = 1


def register(known: Employer | None, said: Employer) -> Employer:
    """Take the first word on an employer, or a correction of the organisation that registered it."""
    check_zones([said.zone])
    return said if known is None else correct(known, said)


def correct(known: Employer, said: Employer) -> Employer:
    """Take a newer word of the organisation that registered the employer, which keeps what it has agreed to."""
    if known.organisation != said.organisation:
        raise Refused("registered_by_another")
    if said.registered_at <= known.registered_at:
        raise Refused("already_registered" if said.registered_at == known.registered_at else "superseded")
    return replace(said, programmes=known.programmes, sequence=known.sequence + 1)


def check_agreement(*, ends_on: date | None, at: datetime) -> None:
    """Let an agreement end on a day that can be."""
    check_planned(ends_on, now=at)


def sign(employer: Employer, programme: str) -> Employer:
    """The employer agrees to hire through a programme; that stays true after the agreement has ended."""
    programmes = tuple(sorted({*employer.programmes, programme}))
    if len(programmes) > PROGRAMMES_AT_MOST:
        raise Refused("too_many_programmes")
    return replace(employer, programmes=programmes, sequence=employer.sequence + 1)


@dataclass(frozen=True, slots=True)
class Vacancy:
    """The places that an employer offers, and how many of them are taken."""

    vacancy_id: UUID
    organisation: str
    employer_id: UUID
    title: str
    occupation: str
    places: int
    zone: str
    contract_offered: str
    opened_at: datetime
    apply_by: date | None = None
    closed_at: datetime | None = None
    placed: int = 0


def open_vacancy(vacancy: Vacancy, *, at: datetime) -> Vacancy:
    """The employer looks for people, somewhere, and until a day that can be."""
    check_zones([vacancy.zone])
    check_planned(vacancy.apply_by, now=at)
    return vacancy


def close(vacancy: Vacancy, *, at: datetime) -> Vacancy:
    """The employer looks no longer."""
    if vacancy.closed_at is not None:
        raise Refused("already_closed")
    return replace(vacancy, closed_at=at)


def check_takes_candidates(vacancy: Vacancy, *, at: datetime) -> None:
    """Let somebody be put forward until the vacancy is closed, and through the whole of its last day in Colombia.

    What counts is when they were put forward, not when we hear of it.
    """
    if vacancy.closed_at is not None and at > vacancy.closed_at:
        raise Refused("vacancy_closed")
    if vacancy.apply_by is not None and day_in_colombia(at) > vacancy.apply_by:
        raise Refused("apply_by_passed")


def fill(vacancy: Vacancy) -> Vacancy:
    """Somebody takes one of the places: also after the closing, which is when employers choose."""
    if vacancy.placed >= vacancy.places:
        raise Refused("no_places_left")
    return replace(vacancy, placed=vacancy.placed + 1)


def vacate(vacancy: Vacancy) -> Vacancy:
    """A placement that was recorded should not have been: its place is free again."""
    return replace(vacancy, placed=vacancy.placed - 1)
