"""Servers of a running network that are away: they stand, or have ended."""

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
