"""Processor time of whole trees of processes, those that have ended included, as Linux tells it.

Of a server's children some come and go. What one that has ended used is added to its parent's account when the parent
takes note of the end, so the sum over those that live of their own time and their ended children's misses nobody.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Used:
    """Processor time by who has used it; None where a server is not ours to look at."""

    client: float
    postgres: float | None
    broker: float | None

    def since(self, before: "Used") -> "Used":
        return Used(
            self.client - before.client, _less(self.postgres, before.postgres), _less(self.broker, before.broker)
        )

    def each(self, count: int) -> "Used":
        """Microseconds for each of so many."""
        parts = (self.client, self.postgres, self.broker)
        client, postgres, broker = (None if part is None else part * 1e6 / max(1, count) for part in parts)
        assert client is not None
        return Used(client, postgres, broker)


class Processor:
    """The processor time of Ruta's own processes, and of the two servers."""

    def __init__(self, client: Iterable[int], postgres: int | None, broker: int | None) -> None:
        self._client, self._postgres, self._broker = list(client), postgres, broker

    def used(self) -> Used:
        """What has been used until now."""
        children = _children()
        return Used(
            sum(_of_tree(pid, children) for pid in self._client),
            None if self._postgres is None else _of_tree(self._postgres, children),
            None if self._broker is None else _of_tree(self._broker, children),
        )


def _less(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


def _of_tree(pid: int, children: dict[int, list[int]]) -> float:
    return _seconds(pid) + sum(_of_tree(child, children) for child in children.get(pid, ()))


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for pid in _running():
        said = _stat(pid)
        if said is not None:
            found.setdefault(int(said[1]), []).append(pid)
    return found


def _running() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _seconds(pid: int) -> float:
    """Its own time and that of its ended children, user and system."""
    said = _stat(pid)
    return 0.0 if said is None else sum(map(int, said[11:15])) / TICKS


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on; None for one that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
