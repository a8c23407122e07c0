"""What operators have mended in a terminal alone, for it speaks to the broker: with its state and what came of it.

`./ruta repair --why` (deploy/local/put_back.py) puts back what lay in `unrouted` and `dead`, `./ruta reconcile
--say-again` (deploy/local/reconciled.py) has said again what never came. Both stand in the gateway's database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from hub.monitor.mending.databases import ask
from hub.monitor.mending.operations import RECENT_AT_MOST
from messaging.database import Connection

PUT_BACK: Final = "put_back"
SAID_AGAIN: Final = "said_again"
RECENT: Final = f"""
    select * from (
        select '{PUT_BACK}' as act, operation_id, started_at, started_by, ended_at, selected, put_back, stayed, gone,
               null::bigint as asked_for, null::bigint as missing
        from operators.put_back
        union all
        select '{SAID_AGAIN}', operation_id, started_at, started_by, ended_at, selected, null, null, null, asked_for,
               missing
        from operators.said_again
    ) as done
    where started_at > clock_timestamp() - interval '7 days' order by started_at desc limit {RECENT_AT_MOST}
"""


@dataclass(frozen=True, slots=True)
class Done:
    """One of these. Once it has ended, its counts are there: of what was put back they add up to `selected`."""

    act: str
    operation_id: UUID
    started_at: datetime
    started_by: str
    ended_at: datetime | None  # None: it is at work, or was cut off
    selected: int
    put_back: int | None
    stayed: int | None
    gone: int | None  # no longer where the dry run saw them
    asked_for: int | None  # of their senders
    missing: int | None  # of what was said again, when it ended


def recent(gateway: str) -> Sequence[Done]:
    """What was done within seven days, the last first, so many at most. Raises psycopg.Error."""

    def read(connection: Connection) -> Sequence[Done]:
        return [Done(**row) for row in connection.execute(RECENT).fetchall()]

    return ask(gateway, read)
