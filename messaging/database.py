"""Connections to a service's own database, and rows on their way there."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq.abc import PGresult
from psycopg.rows import dict_row
from pydantic_core import to_json

from messaging.log import fields

log = logging.getLogger("ruta.database")

CONNECT_WITHIN = 5  # seconds
LOCK_WITHIN = "5s"  # a row that another process holds longer fails the message, which is then tried again later
STATEMENT_WITHIN = "20s"
# What is asked is answered within this, or not at all: a little longer than the database itself allows a statement.
ANSWER_WITHIN = 25.0  # seconds
# A process that froze in the middle of a transaction, or that was never answered, keeps its locks no longer than this:
# longer than a handler may take (on.BATCH_WITHIN), and so short that all heals within a minute of a silence of which
# the server knows nothing. 40 s until it lets go of the locks, 5 s for whoever waits for them then, 5 s until that is
# tried again (broker.RECONNECT_WITHIN). The server's own limit sees no session that stands within a pipeline, nor one
# that has left it with a flush, as psycopg does: `end_frozen` ends those.
IDLE_WITHIN = "40s"
END_FROZEN_EVERY = 10.0  # seconds between looks of whoever stands by for a lock that it does not wait for
# Both ends notice within half a minute that the machine at the other end has gone: probes tell it of a silent
# connection, and the time limit of one on which something is still unanswered, which sends none.
KEEP_ALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}
UNANSWERED_MS = 30_000

LOOK_EVERY = 0.1  # seconds between looks at the time, and for signals, while an answer is waited for

Row = dict[str, Any]
Result = TypeVar("Result")
Shape = TypeVar("Shape")
Connection = psycopg.Connection[Row]

# The server went away, or this connection to it did: nothing is known of a commit that was under way.
DatabaseLost = (psycopg.OperationalError, psycopg.InterfaceError)


class NoAnswerError(psycopg.OperationalError):
    """The database did not answer in time, or not in full. The connection is closed; what it did is unknown."""


class _Cursor(psycopg.Cursor[Row]):
    """A cursor that counts the rows that have come: the answer ends with how many there were.

    One that was swallowed would not be missed otherwise, and its message would pass for a repeat.
    """

    def _check_results(self, results: list[PGresult]) -> None:
        super()._check_results(results)
        for result in results:
            if result.status == psycopg.pq.ExecStatus.TUPLES_OK and result.command_tuples not in (None, result.ntuples):
                self.connection.close()
                raise NoAnswerError("a part of the database's answer is missing")


class BoundedConnection(psycopg.Connection[Row]):
    """A connection that waits for no answer longer than ANSWER_WITHIN.

    Nor, within a pipeline, for the answer to `begin`, as psycopg's own does.
    """

    answer_within: float | None = None  # seconds, where they are others

    def wait(self, gen: PQGen[Result], interval: float = LOOK_EVERY, timeout: float | None = None) -> Result:
        """Bring a generator of psycopg's to its end; every wait for the server comes by here, but those of `connect`.

        Raises NoAnswerError. The connection is closed at once then, and where something ends the wait from outside: to
        roll back, or to leave a pipeline, is to wait for the same server.
        """
        within = (self.answer_within or ANSWER_WITHIN) if timeout is None else timeout
        try:
            return super().wait(gen, interval, within)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001 - as psycopg calls it where it documents `wait`
            if timeout is not None:
                raise
            self.close()
            raise NoAnswerError(f"the database did not answer within {within:g} s") from None
        except Exception:
            raise
        except BaseException:
            self.close()
            raise

    def _start_query(self) -> PQGen[None]:
        if self._pipeline is None:
            yield from super()._start_query()
        elif not self._autocommit and self.pgconn.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            yield from self._exec_command(self._get_tx_start_command())


def connect(
    url: str, *, within: float | None = None, answer_within: float | None = None, unused_within: str | None = None
) -> Connection:
    """Open a connection whose waits for locks, statements and answers are bounded.

    `within` are the seconds for each host to take the connection (whole ones, from 2 on), and `answer_within` those for
    each answer, in place of CONNECT_WITHIN and ANSWER_WITHIN; the server then ends a statement a fifth earlier.
    `unused_within` has the server end the connection when it is asked nothing for so long, outside of transactions too:
    for what a session holds without one. Raises `psycopg.OperationalError` when the server cannot be reached, or does
    not answer.
    """
    connection = BoundedConnection.connect(url, **parameters(within, answer_within, unused_within))
    connection.answer_within = answer_within
    return connection


def parameters(
    within: float | None = None, answer_within: float | None = None, unused_within: str | None = None
) -> dict[str, Any]:
    """Return what psycopg is told to open a connection as `connect` does, but for `BoundedConnection.answer_within`."""
    settings = {
        "lock_timeout": LOCK_WITHIN,
        "statement_timeout": STATEMENT_WITHIN if answer_within is None else f"{answer_within * 800:.0f}ms",
        "idle_in_transaction_session_timeout": IDLE_WITHIN,
        "idle_session_timeout": unused_within or "0",
        "timezone": "UTC",
        **{f"tcp_{name}": value for name, value in KEEP_ALIVE.items()},
    }
    return {
        "row_factory": dict_row,
        "cursor_factory": _Cursor,
        "connect_timeout": CONNECT_WITHIN if within is None else max(int(within), 2),
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        "tcp_user_timeout": UNANSWERED_MS,
        **KEEP_ALIVE,
    }


# Of sessions that are named as ours alone: a person's psql, a dump, and the console's pages, which wait for other
# databases, have the same role, and names and limits of their own. `state_change` moves with every statement, within a
# pipeline too; one that runs waits for no client, and ends within its own limit. A client is waited for that is to ask
# something, and one that is to read an answer larger than what lies between the two holds.
END_FROZEN = """
    select pg_terminate_backend(other.pid) as ended
    from pg_stat_activity as other join pg_stat_activity as ours using (datname, usename, application_name)
    where ours.pid = pg_backend_pid() and other.pid <> ours.pid and other.state <> 'idle'
          and other.wait_event in ('ClientRead', 'ClientWrite')
          and other.state_change < clock_timestamp() - %s::interval
"""

# A wait for a lock that was in vain: where a statement has less time than a lock, it ends by that.
WAITED_IN_VAIN = (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)


def end_frozen(connection: Connection) -> None:
    """End the other sessions of this role and name that have waited for their clients for IDLE_WITHIN, not idle.

    For whoever has waited for a lock in vain, outside of a transaction. Where the server allows nobody to end sessions,
    that is logged. Raises what the database says else.
    """
    try:
        ended = sum(row["ended"] for row in connection.execute(END_FROZEN, (IDLE_WITHIN,)).fetchall())
    except psycopg.errors.InsufficientPrivilege:
        log.error("sessions of processes that stand keep their locks: this role may end none of its own")
        ended = 0
    connection.rollback()
    if ended:
        log.warning("sessions of processes that stand were ended, for they kept their locks", extra=fields(count=ended))


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


def problem(error: BaseException) -> str:
    """Return the code for what keeps a process from its database (`messaging.health`): it is away, silent or busy."""
    if isinstance(error, NoAnswerError | psycopg.errors.ConnectionTimeout):
        return "no_answer"
    if isinstance(error, (NotOurTurnError, *WAITED_IN_VAIN)):
        return "busy"
    return "away"


def rows(cursor: psycopg.Cursor[Shape]) -> list[Shape]:
    """Return the rows that a statement answered, those of a select without columns too; none where it answers none."""
    return [] if cursor.description is None else cursor.fetchall()


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
