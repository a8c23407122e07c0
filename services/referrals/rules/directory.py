"""The services that organisations offer: whom each is for, and whether it can take people on."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from messaging.answers import Refused
from messaging.plausible import check_planned, check_zones


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Whom a service is for, as far as a machine can tell; what is None or empty is not asked."""

    minimum_age: int | None = None
    maximum_age: int | None = None
    sexes: Set[str] = frozenset()
    profiles: Set[str] = frozenset()
    nationalities: Set[str] = frozenset()
    documents: Set[str] = frozenset()  # any one of them has to be held
    zones: Set[str] = frozenset()  # where the person has to live


@dataclass(frozen=True, slots=True)
class Service:
    """What an organisation offers, as it last published it."""

    service_id: UUID
    organisation: str
    need_codes: Set[str]
    active: bool
    published_at: datetime
    name: str = ""
    zones: Set[str] = frozenset()  # the municipalities it serves
    languages: Set[str] = frozenset()
    eligibility: Eligibility = Eligibility()
    answered_by_hub: bool = False  # the hub's employment service answers its referrals on its behalf

    @property
    def only_zone(self) -> str | None:
        """The municipality it serves, where it serves one."""
        return next(iter(self.zones)) if len(self.zones) == 1 else None


class CapacityState(StrEnum):
    """Whether a service can take people on."""

    OPEN = "open"
    ASSESS_FIRST = "assess_first"
    WAITING_LIST = "waiting_list"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Capacity:
    """What an organisation last stated of a service: how many wait, for how many days, and until when that holds."""

    service_id: UUID
    state: CapacityState
    waiting: int | None
    estimate_days: int | None
    stated_at: datetime
    valid_until: datetime

    def is_stale(self, *, now: datetime) -> bool:
        """Whether it has expired; it is then shown, and counts for less."""
        return self.valid_until <= now


def check_publishable(service: Service, *, zones: Iterable[str], may_be_answered_for: Set[str]) -> None:
    """Let a service name only municipalities that there are, and be answered by the hub where that says what it may.

    `zones` are where it is, whom it serves, where they have to live. What the hub's employment service says for an
    organisation, that organisation has to be allowed to say itself.
    """
    check_zones(zones)
    if service.answered_by_hub and service.organisation not in may_be_answered_for:
        raise Refused("answered_by_not_allowed")


def state_capacity(stated: Capacity, *, service: Service, by: str, now: datetime) -> Capacity:
    """Let an organisation speak of its own services only, and of no far time to come."""
    if service.organisation != by:
        raise Refused("service_of_another")
    check_planned(stated.valid_until, now=now)
    return stated


def check_newer(stated: Capacity, *, known: Capacity | None) -> None:
    """Let no older word on a service's capacity replace a newer one."""
    if known is not None and stated.stated_at <= known.stated_at:
        raise Refused("superseded")


def check_publication(service: Service, *, known: Service) -> None:
    """Let an organisation speak of its own services only, and no older word on one replace a newer one."""
    if known.organisation != service.organisation:
        raise Refused("service_of_another")
    if service.published_at <= known.published_at:
        raise Refused("superseded")
