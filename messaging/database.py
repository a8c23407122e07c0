"""Connections to a service's own database, and rows on their way there."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import psycopg
from psycopg.abc import PQGen
from psycopg.rows import dict_row
from pydantic_core import to_json

LOCK_WITHIN = "5s"  # a row that another process holds longer fails the message, which is then tried again later
STATEMENT_WITHIN = "20s"
IDLE_WITHIN = "60s"  # a process that froze in the middle of a transaction keeps its locks no longer than this
# Both ends notice within half a minute that the machine at the other end has gone: probes tell it of a silent
# connection, and the time limit of one on which something is still unanswered, which sends none.
KEEP_ALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}
UNANSWERED_MS = 30_000

Row = dict[str, Any]
Connection = psycopg.Connection[Row]

# The server went away, or this connection to it did: nothing is known of a commit that was under way.
DatabaseLost = (psycopg.OperationalError, psycopg.InterfaceError)


class _Connection(psycopg.Connection[Row]):
    """A connection that does not wait for the answer to `begin` within a pipeline, as psycopg's own does."""

    def _start_query(self) -> PQGen[None]:
        if self._pipeline is None:
            yield from super()._start_query()
        elif not self._autocommit and self.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            yield from self._exec_command(self._get_tx_start_command())


def connect(url: str) -> Connection:
    """Open a connection whose waits for locks and statements are bounded.

    Raises `psycopg.OperationalError` when the server cannot be reached.
    """
    settings = {
        "lock_timeout": LOCK_WITHIN,
        "statement_timeout": STATEMENT_WITHIN,
        "idle_in_transaction_session_timeout": IDLE_WITHIN,
        "timezone": "UTC",
        **{f"tcp_{name}": value for name, value in KEEP_ALIVE.items()},
    }
    return _Connection.connect(
        url,
        row_factory=dict_row,
        connect_timeout=5,
        options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
        tcp_user_timeout=UNANSWERED_MS,
        **cast(Any, KEEP_ALIVE),
    )


class NotOurTurnError(psycopg.OperationalError):
    """Another process of the service is in the middle of a transaction, and has been for long: to be tried again."""


class StatementFailed(Exception):
    """A statement failed in a way that psycopg tells as it tells a lost server, with the connection as good as ever."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(error.sqlstate)
        self.sqlstate = error.sqlstate


def is_lost(error: BaseException, connection: Connection) -> bool:
    """Tell a lost server from a statement that failed: both can be an OperationalError (a lock timeout is one).

    Where it is another process's turn nothing was done either, and it is to be tried again in the same way.
    """
    return isinstance(error, NotOurTurnError) or (isinstance(error, DatabaseLost) and connection.closed)


def as_json(rows: Sequence[Row]) -> str:
    """Write rows as the parameter of a set-based statement."""
    return to_json([_in_utc(row) for row in rows]).decode()


def row_as_json(row: Row) -> str:
    """Write one row as the parameter of a statement that takes one."""
    return to_json(_in_utc(row)).decode()


def _in_utc(row: Row) -> Row:
    """Put times into UTC: PostgreSQL takes no zone that is sixteen hours or more away, and a message may have one."""
    elsewhere = {
        name: value.astimezone(UTC)
        for name, value in row.items()
        if isinstance(value, datetime) and value.tzinfo is not UTC
    }
    return row | elsewhere if elsewhere else row
