"""Whom reports believe."""

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from typing import Final
from uuid import UUID

from contracts.places import places
from messaging.answers import MissingPrerequisite, Refused
from messaging.plausible import check_not_long_ago, check_zones

HUB: Final = "hub"


def check_speaks_for(organisation: str, *, by: str) -> None:
    """Raise Refused where an organisation's own service speaks of another: only the hub's speak of all."""
    if by not in (HUB, organisation):
        raise Refused("not_yours")


def check_delivery(delivered_by: str, *, by: str, together: bool) -> None:
    """Raise Refused where somebody reports what another has delivered, but at a jornada or in a programme.

    Whether both take part in the programme is seen when it is counted: facts come in any order.
    """
    if not together:
        check_speaks_for(delivered_by, by=by)


def check_happened(zone: str, at: datetime, *, now: datetime) -> None:
    """Raise Refused where something is said to have been done where there is no place, or on a day that cannot be."""
    check_zones([zone])
    check_not_long_ago(at, now=now)


def check_publication(zones: Iterable[str], *, owner: str | None, by: str) -> None:
    """Raise Refused where a service is of whoever published it before, or is said to be where there is no place."""
    if owner not in (None, by):
        raise Refused("service_of_another")
    check_zones(zones)


def zone_if_known(zone: str | None) -> str | None:
    """Return a municipality, and none in place of one that there is not: what is counted there would stand nowhere."""
    return zone if zone in places() else None


def check_takes_part(delivered_by: str, jornada_id: UUID, parties: Mapping[str, Set[str]], *, by: str) -> None:
    """Raise Refused where somebody reports what another has delivered at a jornada in which not both take part.

    `parties`: who takes part, by the word of each who speaks of it. Only what the hub says refuses anybody: by the word
    of an organisation alone a delivery waits, for the true one may be on its way.
    """
    if by in (HUB, delivered_by) or any({by, delivered_by} <= named for named in parties.values()):
        return
    if HUB in parties:
        raise Refused("not_a_partner")
    raise MissingPrerequisite("jornada", str(jornada_id))
