"""What pages that show cases say while the tables they read are filled anew: since when, and how much has come."""

from typing import Any, Final

from messaging.database import Connection

# What is under way is found by its index, and only then is anything counted: of each service asked one row.
UNDER_WAY: Final = """
    select coalesce(begun_at, asked_at) as since, (
        select coalesce(sum(facts), 0)::bigint from rebuild_part as part where part.rebuild_id = rebuild.rebuild_id
    ) as facts
    from rebuild where under_way
"""


def under_way(tx: Connection) -> dict[str, Any] | None:
    """Return `since` when, and the `facts` kept so far; None: the tables are whole."""
    return tx.execute(UNDER_WAY).fetchone()
