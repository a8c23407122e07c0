"""What time it is for the network: UTC, or UTC moved by the offset in the file that RUTA_CLOCK_FILE names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from pathlib import Path

_OFFSET_FILE = os.environ.get("RUTA_CLOCK_FILE")
_ahead = ContextVar("ahead", default=timedelta())


def now() -> datetime:
    """Return the present moment, aware, in UTC.

    Tests and the demo move time for every process at once by writing a number of seconds into the offset file. Where
    the variable is unset, as in production, this is the machine's clock and nothing else.
    """
    return machine_now() + _ahead.get() + offset()


def machine_now() -> datetime:
    """Return what this machine's clock says, which is what other machines' clocks are compared with."""
    return datetime.now(UTC)


def is_moved() -> bool:
    """Tell whether an offset file is in use."""
    return _OFFSET_FILE is not None


def offset() -> timedelta:
    """Return how far the network's clock stands from the machine's; zero where no offset file is in use."""
    if _OFFSET_FILE is None:
        return timedelta()
    try:
        return timedelta(seconds=float(Path(_OFFSET_FILE).read_text()))
    except (FileNotFoundError, ValueError):
        return timedelta()  # not written yet, or caught in the middle of a write: the next reading has it


@contextmanager
def ahead(so_far: timedelta) -> Iterator[None]:
    """Within the block, let it be so much later: what another clock says, for whoever asks what would come of it."""
    before = _ahead.set(so_far)
    try:
        yield
    finally:
        _ahead.reset(before)
