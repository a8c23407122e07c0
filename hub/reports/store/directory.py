"""The directory of services, as organisations published it, for who writes it out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from messaging.database import Connection


@dataclass(frozen=True)
class Capacity:
    """The capacity that an organisation last stated of a service; stale from `valid_until` on."""

    state: str
    waiting: int | None
    estimate_days: int | None
    valid_until: datetime


@dataclass(frozen=True)
class Listed:
    """A service that an organisation offers, or offered."""

    organisation: str
    listing: dict[str, Any]
    """The data of its last `service.published`, as JSON has it."""
    capacity: Capacity | None


LISTED: Final = """
    select service.said_by as organisation, listing, state, waiting, estimate_days, valid_until
    from service left join capacity using (service_id, said_by)
    order by organisation, service_id
"""


def listed_services(connection: Connection) -> list[Listed]:
    """Return every service, active or not, with its capacity where one was stated by the same organisation."""
    return [
        Listed(
            organisation=row["organisation"],
            listing=row["listing"],
            capacity=row["state"] and Capacity(row["state"], row["waiting"], row["estimate_days"], row["valid_until"]),
        )
        for row in connection.execute(LISTED)
    ]
