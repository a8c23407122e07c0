"""Waiting for a condition with a deadline, instead of sleeping; it is reached only where something is broken."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def eventually(look: Callable[[], Found], *, within: float = 90.0) -> Found:
    """What `look` returns as soon as it is true; fails when it has not become so within so many seconds."""
    deadline = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < deadline, f"still {found!r} after {within} s"
        time.sleep(0.02)
    return found
