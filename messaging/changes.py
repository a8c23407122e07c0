"""Whether a file has changed since it was read last."""

from pathlib import Path


def state_of(file: Path) -> tuple[int, int, int] | None:
    """What changes with a file: it is replaced as a whole, sometimes within the clock's grain. None: it is away."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
