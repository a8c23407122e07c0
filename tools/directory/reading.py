"""The directory as the referrals service shows it: the view `directory` of its database, to read."""

from dataclasses import dataclass
from typing import Final

import contracts
from messaging import database
from tools.directory.exporting import Stated

DIRECTORY: Final = """
    select organisation, listing::text as listing, state, waiting, estimate_days, valid_until
    from directory
    order by organisation, service_id
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """A service that an organisation has published, and the capacity it last stated."""

    organisation: str
    service: contracts.ServicePublished
    capacity: Stated | None


def read_directory(url: str) -> list[Listed]:
    """Read every service that was published; raises psycopg.OperationalError when the server cannot be reached."""
    with database.connect(url) as connection:
        rows = connection.execute(DIRECTORY).fetchall()
    return [_listed(row) for row in rows]


def _listed(row: database.Row) -> Listed:
    stated = None
    if row["state"] is not None:
        stated = Stated(row["state"], row["waiting"], row["estimate_days"], row["valid_until"])
    return Listed(row["organisation"], contracts.ServicePublished.model_validate_json(row["listing"]), stated)
