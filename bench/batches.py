"""The batches that a process has worked off, one line each in a file: when, how many messages, how many waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from time import monotonic

VARIABLE = "BENCH_BATCHES_FILE"  # where a process that counts writes them


@dataclass(frozen=True)
class Batch:
    """One batch: the end of it by the machine's monotonic clock, which is the same for every process."""

    at: float
    messages: int
    waits: int


class BatchesFile:
    """Writes down batches as they end."""

    def __init__(self, path: Path) -> None:
        self._lines = path.open("a", buffering=1)

    def note(self, messages: int, waits: int) -> None:
        self._lines.write(f"{monotonic()} {messages} {waits}\n")


def read(path: Path, since: float, until: float) -> list[Batch]:
    """Read the batches that ended between these times; none where the process did not count."""
    if not path.exists():
        return []
    lines = (line.split() for line in path.read_text().splitlines())
    batches = [Batch(float(at), int(messages), int(waits)) for at, messages, waits in lines]
    return [one for one in batches if since <= one.at <= until]


def waits_each(batches: Sequence[Batch]) -> float | None:
    """How often a batch has waited, on the average."""
    return mean(one.waits for one in batches) if batches else None


def messages_each(batches: Sequence[Batch]) -> float | None:
    """How many messages a batch had, on the average."""
    return mean(one.messages for one in batches) if batches else None
