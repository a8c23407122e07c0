"""Where the suite's servers keep what nobody needs after it: in memory, where there is room.

They sync to the disk as always; on a disk that others keep busy that is what most tests would wait for.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.local import Stack

MEMORY = Path("/dev/shm")  # noqa: S108 - what is made in it is made for us alone
ROOM = 8 * 1024**3  # bytes that have to be free, for all at once


def make_directory(prefix: str) -> Path:
    """A directory that the unprivileged user of a server started by root may pass; who makes it removes it."""
    _forget_the_dead()
    with suppress(OSError):
        if shutil.disk_usage(MEMORY).free > ROOM and _free_memory() > ROOM:
            return _made(prefix, MEMORY)
    return _made(prefix, None)


@contextmanager
def servers(prefix: str) -> Iterator[Stack]:
    """PostgreSQL and RabbitMQ in such a directory, with nothing in them."""
    with directory(prefix) as home, Stack(home, environment={}) as stack:
        yield stack
        if stack.broker is not None:
            stack.broker.kill()  # nobody needs what is in it any more, and to end in order takes it seconds


@contextmanager
def directory(prefix: str) -> Iterator[Path]:
    """Such a directory for as long as the block takes."""
    made = make_directory(prefix)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)  # of a server that was killed, the last process may still write


def _made(prefix: str, place: Path | None) -> Path:
    directory = Path(tempfile.mkdtemp(prefix=f"ruta-{prefix}-{os.getpid()}-", dir=place))
    directory.chmod(0o711)
    return directory


def _free_memory() -> int:
    said = Path("/proc/meminfo").read_text().split("MemAvailable:")[1]
    return int(said.split()[0]) * 1024


def _forget_the_dead() -> None:
    """Remove what suites that were killed have left in memory."""
    for left in MEMORY.glob("ruta-*-*-*"):
        pid = left.name.split("-")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(left, ignore_errors=True)
