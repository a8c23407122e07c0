"""One connection to a service's own database, and the transaction that handlers write through."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, LiteralString, TypeVar, cast
from uuid import UUID

import psycopg
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
Loaded = TypeVar("Loaded")

# The server went away, or this connection to it did: nothing is known of a commit that was under way.
DatabaseLost = (psycopg.OperationalError, psycopg.InterfaceError)


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
    return psycopg.connect(
        url,
        row_factory=dict_row,
        connect_timeout=5,
        options=" ".join(f"-c {name}={value}" for name, value in settings.items()),
        tcp_user_timeout=UNANSWERED_MS,
        **cast(Any, KEEP_ALIVE),
    )


class StatementFailed(Exception):
    """A statement failed in a way that psycopg tells as it tells a lost server, with the connection as good as ever."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(error.sqlstate)
        self.sqlstate = error.sqlstate


def is_lost(error: BaseException, connection: Connection) -> bool:
    """Tell a lost server from a statement that failed: both can be an OperationalError (a lock timeout is one)."""
    return isinstance(error, DatabaseLost) and connection.closed


class Transaction:
    """What a handler reads and writes through; the runtime alone commits.

    Writes are gathered and reads shared, so that a batch of messages costs one statement per kind of read or write
    rather than one per message. Each message's writes stand alone: `undo` takes back one message's and leaves the
    others'.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._mentioned: Iterable[UUID] = ()
        self._asked: set[LiteralString] = set()
        self._kept, self._fresh = _Gathered(), _Gathered()
        self._savepoint = False  # set, and not released yet
        self._savepoint_is_fresh = False  # by the message that is being handled
        self.ended = False

    def mention(self, ids: Iterable[UUID]) -> None:
        """Say which ids the batch's messages speak of: what `load` asks for at once."""
        self._mentioned = ids

    def fetch(self, sql: LiteralString, params: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Run one statement now and return its rows as dicts; it sees all that was written before it."""
        with self._connection.pipeline():
            if not self._savepoint_is_fresh:
                self._flush(self._kept)
                if self._savepoint:
                    self._connection.execute("release savepoint message")
                self._connection.execute("savepoint message")
                self._savepoint = self._savepoint_is_fresh = True
            self._flush(self._fresh)
            cursor = self._connection.execute(sql, params)
        return cursor.fetchall() if cursor.description else []

    def load(self, sql: LiteralString, key: UUID, make: Callable[[Row], Loaded]) -> Loaded | None:
        """Return what `make` makes of the row of `key`, or what was `put` there since; None when there is none.

        `sql` takes an array of ids and returns a row for each that it finds, with the id as `key`. The first call asks
        for everything that the batch mentions, so that the messages after it find theirs loaded, and locked if the
        statement locks. It must read nothing that changes while the transaction is open, other than through `put`.
        """
        place = sql, key
        for loaded in (self._fresh.loaded, self._kept.loaded):
            if place in loaded:
                return cast(Loaded, loaded[place])
        if sql in self._asked:
            wanted = [key]
        else:
            self._mentioned = {*self._mentioned}
            wanted = [key, *self._mentioned - {key}]
        self._asked.add(sql)
        rows = self._read(sql, (wanted,))
        # what was locked after a savepoint is not locked any more when the message is undone
        known = self._fresh.loaded if self._savepoint_is_fresh else self._kept.loaded
        for row in rows:
            known.setdefault((sql, row.pop("key")), make(row))
        return cast("Loaded | None", known.get(place))

    def put(self, sql: LiteralString, key: UUID, now: object) -> None:
        """Say what `load` is to return from now on: what the message has made of it."""
        self._fresh.loaded[sql, key] = now

    def write(self, sql: LiteralString, row: Row, key: UUID | None = None) -> None:
        """Gather one row for a set-based statement whose only parameter is a JSON array of rows.

        `insert into t (…) select … from jsonb_to_recordset(%s::jsonb) as new(…)`. Values are anything that JSON has,
        UUIDs, dates, and times with a zone. Of the rows with one `key` only the last counts: an update's.
        """
        self._fresh.add(sql, row, key)

    def keep(self) -> None:
        """End a message: its writes are part of the transaction now."""
        self._kept.take(self._fresh)
        self._savepoint_is_fresh = False

    def undo(self) -> None:
        """End a message as if it had never written anything."""
        self._fresh = _Gathered()
        if self._savepoint_is_fresh:
            self._connection.execute("rollback to savepoint message")
            self._savepoint_is_fresh = False

    def flush(self) -> None:
        """Send every gathered write to the database, for whoever looks there before the transaction ends."""
        with self._connection.pipeline():
            self._flush(self._kept)
            self._flush(self._fresh)

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Send every gathered write, what the block writes, and the commit, all in one round trip."""
        with self._connection.pipeline():
            self._flush(self._kept)
            self._flush(self._fresh)
            yield
            commit(self._connection)
        self.ended = True

    def _read(self, sql: LiteralString, params: Sequence[Any]) -> list[Row]:
        if self._fresh.rows or self._savepoint_is_fresh:
            return self.fetch(sql, params)
        self._flush(self._kept)
        return self._connection.execute(sql, params).fetchall()

    def _flush(self, gathered: "_Gathered") -> None:
        for sql, rows in gathered.rows.items():
            self._connection.execute(sql, (as_json(list(rows.values())),))
        gathered.rows.clear()


class _Gathered:
    """Rows to be written, by statement and key, and what `load` knows, by statement and id."""

    def __init__(self) -> None:
        self.rows: dict[LiteralString, dict[object, Row]] = {}
        self.loaded: dict[tuple[LiteralString, UUID], object] = {}

    def add(self, sql: LiteralString, row: Row, key: object) -> None:
        rows = self.rows.setdefault(sql, {})
        rows[object() if key is None else key] = row

    def take(self, other: "_Gathered") -> None:
        """Take over everything from the other."""
        for sql, rows in other.rows.items():
            self.rows.setdefault(sql, {}).update(rows)
        self.loaded.update(other.loaded)
        other.rows.clear()
        other.loaded.clear()


def as_json(rows: Sequence[Row]) -> str:
    """Write rows as the parameter of a set-based statement."""
    return to_json([_in_utc(row) for row in rows]).decode()


def row_as_json(row: Row) -> str:
    """Write one row as the parameter of a statement that takes one."""
    return to_json(_in_utc(row)).decode()


def _in_utc(row: Row) -> Row:
    """Put times into UTC: PostgreSQL takes no zone that is sixteen hours or more away, and a message may have one."""
    return {
        name: value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo is not UTC else value
        for name, value in row.items()
    }


@contextmanager
def transaction(connection: Connection) -> Iterator[Transaction]:
    """Open a transaction that commits at the end of the block and rolls back when it raises."""
    try:
        tx = Transaction(connection)
        yield tx
        if not tx.ended:
            with tx.ending():
                pass
    except BaseException as error:
        interruption = _interruption(error)
        if interruption is not None:
            connection.close()  # it may be in the middle of a statement
            raise interruption from None
        try:
            connection.rollback()
        except psycopg.Error:  # it broke
            connection.close()
        raise


def _interruption(error: BaseException | None) -> BaseException | None:
    """Find what ended the block from outside: psycopg may have put an error of the broken pipeline over it."""
    while isinstance(error, Exception):
        error = error.__context__
    return error


def commit(connection: Connection) -> None:
    """Commit. A function of its own, so that the tests can stop a process just before or after it.

    psycopg's own commit waits for an answer of its own within a pipeline.
    """
    connection.execute("commit", prepare=False)
