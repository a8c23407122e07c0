"""Servers of a running network that are away: they stand, have ended, or let nobody into one database."""

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg import sql

from deploy.local import Network
from tests.waiting import eventually


@contextmanager
def frozen(hub: Network, server: str) -> Iterator[None]:
    """The server is there with all its processes, takes connections, and says nothing."""
    stood = [pid for pid in (hub[server].pid, *children(hub[server].pid)) if pid is not None]
    for pid in stood:
        _send(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stood:
            _send(pid, signal.SIGCONT)


@contextmanager
def ended(hub: Network, server: str) -> Iterator[None]:
    """The server has ended, and nobody starts it again meanwhile."""
    hub[server].stop()
    try:
        yield
    finally:
        hub[server].wanted = True  # the supervisor starts it, and says so
        eventually(lambda: hub[server].pid is not None and hub[server].is_ready())


@contextmanager
def shut(hub: Network, database: str) -> Iterator[None]:
    """A database of PostgreSQL lets nobody in, while the others do."""
    lets = sql.SQL("alter database {} with allow_connections {}")
    with hub.stack.connect_as_administrator() as server:
        server.execute(lets.format(sql.Identifier(database), sql.Literal(False)))
        server.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [database])
        try:
            yield
        finally:
            server.execute(lets.format(sql.Identifier(database), sql.Literal(True)))


def children(parent: int | None) -> list[int]:
    """The processes that one has begun: of PostgreSQL one for each connection."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _send(pid: int, which: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, which)
