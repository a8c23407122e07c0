"""One connection to a service's own database, and the transaction that handlers write through."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row
from pydantic_core import to_json

LOCK_WITHIN = "5s"  # a row that another process holds longer fails the message, which is then tried again later
STATEMENT_WITHIN = "20s"

Row = dict[str, Any]
Connection = psycopg.Connection[Row]

# The server went away, or this connection to it did: nothing is known of a commit that was under way.
DatabaseLost = (psycopg.OperationalError, psycopg.InterfaceError)


def connect(url: str) -> Connection:
    """Open a connection whose waits for locks and statements are bounded.

    Raises `psycopg.OperationalError` when the server cannot be reached.
    """
    return psycopg.connect(
        url,
        row_factory=dict_row,
        connect_timeout=5,
        options=f"-c lock_timeout={LOCK_WITHIN} -c statement_timeout={STATEMENT_WITHIN} -c timezone=UTC",
    )


def is_lost(error: BaseException, connection: Connection) -> bool:
    """Tell a lost server from a statement that failed: both can be an OperationalError (a lock timeout is one)."""
    return isinstance(error, DatabaseLost) and connection.closed


class Transaction:
    """What a handler reads and writes through; the runtime alone commits.

    Writes are gathered, so that a batch of messages costs one statement per kind of write rather than one per message.
    Each message's writes stand alone: `undo` takes back one message's and leaves the others'.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._kept: dict[LiteralString, list[Row]] = defaultdict(list)
        self._fresh: dict[LiteralString, list[Row]] = defaultdict(list)
        self._savepoint = False

    def fetch(self, sql: LiteralString, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Run one statement now and return its rows as dicts; it sees all that was written before it."""
        with self._connection.pipeline():
            self._run(self._kept)
            if not self._savepoint:
                self._connection.execute("savepoint message")
                self._savepoint = True
            self._run(self._fresh)
            cursor = self._connection.execute(sql, params)
        return cursor.fetchall() if cursor.description else []

    def write(self, sql: LiteralString, row: Row) -> None:
        """Gather one row for a set-based statement whose only parameter is a JSON array of rows.

        `insert into t (…) select … from jsonb_to_recordset(%s::jsonb) as new(…)`. Values are anything that JSON has,
        UUIDs, dates, and times with a zone.
        """
        self._fresh[sql].append(row)

    def keep(self) -> None:
        """End a message: its writes are part of the transaction now."""
        for sql, rows in self._fresh.items():
            self._kept[sql].extend(rows)
        self._fresh.clear()
        if self._savepoint:
            self._connection.execute("release savepoint message")
            self._savepoint = False

    def undo(self) -> None:
        """End a message as if it had never written anything."""
        self._fresh.clear()
        if self._savepoint:
            self._connection.execute("rollback to savepoint message")
            self._connection.execute("release savepoint message")
            self._savepoint = False

    def flush(self) -> None:
        """Send every gathered write to the database."""
        with self._connection.pipeline():
            self._run(self._kept)
            self._run(self._fresh)

    def _run(self, gathered: dict[LiteralString, list[Row]]) -> None:
        for sql, rows in gathered.items():
            self._connection.execute(sql, (as_json(rows),))
        gathered.clear()


def as_json(rows: Sequence[Row]) -> str:
    """Write rows as the parameter of a set-based statement."""
    return to_json(rows).decode()


@contextmanager
def transaction(connection: Connection) -> Iterator[Transaction]:
    """Open a transaction that commits at the end of the block and rolls back when it raises."""
    try:
        tx = Transaction(connection)
        yield tx
        tx.flush()
        commit(connection)
    except BaseException:
        try:
            connection.rollback()
        except psycopg.Error:  # it broke, or was interrupted in the middle of a statement
            connection.close()
        raise


def commit(connection: Connection) -> None:
    """Commit. A function of its own, so that the tests can stop a process just before or after it."""
    connection.commit()
