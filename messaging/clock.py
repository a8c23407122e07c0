"""What time it is for the network: UTC, or UTC moved by the offset in the file that RUTA_CLOCK_FILE names."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

_OFFSET_FILE = os.environ.get("RUTA_CLOCK_FILE")


def now() -> datetime:
    """Return the present moment, aware, in UTC.

    Tests and the demo move time for every process at once by writing a number of seconds into the offset file. Where
    the variable is unset, as in production, this is the machine's clock and nothing else.
    """
    return datetime.now(UTC) if _OFFSET_FILE is None else datetime.now(UTC) + offset()


def offset() -> timedelta:
    """Return how far the network's clock stands from the machine's; zero where no offset file is in use."""
    if _OFFSET_FILE is None:
        return timedelta()
    try:
        return timedelta(seconds=float(Path(_OFFSET_FILE).read_text()))
    except (FileNotFoundError, ValueError):
        return timedelta()  # not written yet, or caught in the middle of a write: the next reading has it
