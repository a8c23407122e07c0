"""Since when a service's queue takes which contract: what was published before was not for it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from messaging.database import Connection

BEGUN: Final = """
    insert into reads_since (contract) select unnest(%s::text[]) on conflict do nothing
"""
ENDED: Final = "delete from reads_since where contract <> all(%s::text[])"
SINCE: Final = "select contract, since from reads_since"


def note(connection: Connection, contracts: Collection[str]) -> None:
    """Note that the queue takes these from now on, where that is new, and no others any more; and commit.

    To be called when the queue is bound: nothing from before that is waited for.
    """
    connection.execute(BEGUN, (sorted(contracts),))
    connection.execute(ENDED, (sorted(contracts),))
    connection.commit()


def since(connection: Connection) -> Mapping[str, datetime]:
    """Since when it takes each contract, by the contract's name without version."""
    return {row["contract"]: row["since"] for row in connection.execute(SINCE).fetchall()}
