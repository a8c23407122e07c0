"""Whose each service is: of whoever published it first."""

from typing import Final
from uuid import UUID

from hub.reports.store import facts
from messaging.database import Row
from messaging.transaction import Transaction

OWNERS: Final = "select service_id as key, said_by from service where service_id = any(%b::uuid[])"


def find_owner(tx: Transaction, service_id: UUID) -> str | None:
    """Return who has published a service first; None while nobody has."""
    return tx.load(OWNERS, service_id, _to_owner)


def keep(tx: Transaction, fact: Row) -> None:
    """Keep what its organisation says of a service, and let what comes after it in the same batch know of it."""
    facts.keep(tx, facts.SERVICE, fact)
    tx.put(OWNERS, fact["service_id"], fact["said_by"])


def _to_owner(row: Row) -> str:
    said_by: str = row["said_by"]
    return said_by
