"""Jornadas: planned, confirmed, held and reported, or cancelled; who may do what, and when."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from messaging.answers import Refused
from messaging.plausible import check_planned, check_zones


class State(StrEnum):
    """How far a jornada is."""

    PLANNED = "planned"
    CONFIRMED = "confirmed"
    HELD = "held"
    REPORTED = "reported"
    CANCELLED = "cancelled"


PLANNED, CONFIRMED, HELD, REPORTED, CANCELLED = State

# From, to: all of it is the organiser's to say.
MOVES: Final[Mapping[State, Set[State]]] = {
    PLANNED: {CONFIRMED, CANCELLED},
    CONFIRMED: {HELD, CANCELLED},
    HELD: {REPORTED},
    REPORTED: frozenset(),
    CANCELLED: frozenset(),
}
AHEAD: Final[Set[State]] = {PLANNED, CONFIRMED}
"""In these its plan may still change, and its partners confirm."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen where and when; what each organisation brings, by organisation."""

    planned_at: datetime
    kind: str
    name: str
    zone: str  # DIVIPOLA
    place: str
    starts_at: datetime
    ends_at: datetime
    capacity: int | None
    contributions: Mapping[str, tuple[str, ...]]

    @property
    def when_and_where(self) -> tuple[object, ...]:
        return self.starts_at, self.ends_at, self.zone, self.place


@dataclass(frozen=True, slots=True)
class Jornada:
    """A jornada as it stands."""

    jornada_id: UUID
    organiser: str
    plan: Plan
    state: State
    sequence: int  # of its last change
    changed_at: datetime  # by this service's clock
    confirmed_by: Set[str] = frozenset()  # partners
    held_at: datetime | None = None
    cancel_reason: str | None = None

    @property
    def partners(self) -> Set[str]:
        """Who takes part beside the organiser."""
        return self.plan.contributions.keys() - {self.organiser}

    @property
    def parties(self) -> Set[str]:
        return self.partners | {self.organiser}


def plan(known: Jornada | None, jornada_id: UUID, plan: Plan, *, organiser: str, by: str, at: datetime) -> Jornada:
    """Plan a jornada, or change the plan of one that has not been held.

    Another day or place has to be confirmed anew, by everybody; whoever is no longer a partner has confirmed nothing.
    """
    if by != organiser or (known is not None and by != known.organiser):
        raise Refused("not_yours")
    check_zones([plan.zone])
    check_planned(plan.starts_at, now=at)
    check_planned(plan.ends_at, now=at)
    if known is None:
        return Jornada(jornada_id, organiser, plan, PLANNED, sequence=1, changed_at=at)
    if plan.planned_at == known.plan.planned_at:
        raise Refused("already_planned")
    if plan.planned_at < known.plan.planned_at:
        raise Refused("superseded")
    if known.state not in AHEAD:
        raise Refused(f"not_while_{known.state}")
    changed = _next(known, at=at, plan=plan)
    if plan.when_and_where != known.plan.when_and_where:
        return replace(changed, state=PLANNED, confirmed_by=frozenset())
    return replace(changed, confirmed_by=known.confirmed_by & changed.partners)


def confirm_partner(jornada: Jornada, brings: tuple[str, ...], *, by: str, at: datetime) -> Jornada:
    """Let a partner say that it comes, and what it brings."""
    if by not in jornada.partners:
        raise Refused("not_a_partner")
    if jornada.state not in AHEAD:
        raise Refused(f"not_while_{jornada.state}")
    contributions = {**jornada.plan.contributions, by: brings}
    if by in jornada.confirmed_by and contributions == jornada.plan.contributions:
        raise Refused("already_confirmed")
    plan = replace(jornada.plan, contributions=contributions)
    return _next(jornada, at=at, plan=plan, confirmed_by=jornada.confirmed_by | {by})


def confirm(jornada: Jornada, *, by: str, at: datetime) -> Jornada:
    """Let the organiser say that it takes place as planned."""
    return _move(jornada, CONFIRMED, by=by, at=at)


def hold(jornada: Jornada, held_at: datetime, *, by: str, at: datetime) -> Jornada:
    """Let the organiser say that it has taken place: not before it starts."""
    held = _move(jornada, HELD, by=by, at=at, held_at=held_at)
    if held_at < jornada.plan.starts_at:
        raise Refused("not_started")
    return held


def report(jornada: Jornada, *, by: str, at: datetime) -> Jornada:
    """Let the organiser say that all attendance has been sent."""
    return _move(jornada, REPORTED, by=by, at=at)


def cancel(jornada: Jornada, reason: str, *, attended: bool, by: str, at: datetime) -> Jornada:
    """Let the organiser say that it does not take place; not while somebody counts as present at it."""
    cancelled = _move(jornada, CANCELLED, by=by, at=at, cancel_reason=reason)
    if attended:
        raise Refused("has_attendance")
    return cancelled


def _move(jornada: Jornada, target: State, *, by: str, at: datetime, **facts: object) -> Jornada:
    if by != jornada.organiser:
        raise Refused("not_yours")
    if jornada.state == target:
        raise Refused(f"already_{target}")
    if target not in MOVES[jornada.state]:
        raise Refused(f"not_while_{jornada.state}")
    return _next(jornada, at=at, state=target, **facts)


def _next(jornada: Jornada, *, at: datetime, **facts: object) -> Jornada:
    return replace(jornada, sequence=jornada.sequence + 1, changed_at=at, **facts)  # type: ignore[arg-type]
