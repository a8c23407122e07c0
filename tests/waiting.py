"""Waiting for a condition with a deadline, instead of sleeping; it is reached only where something is broken."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

SOON, SELDOM = 0.02, 0.1  # seconds between two looks: at first, and after a second
AFTER_A_LONG_ONE = 0.3  # seconds at most


def eventually(look: Callable[[], Found], *, within: float = 90.0) -> Found:
    """What `look` returns as soon as it is true; fails when it has not become so within so many seconds.

    To look takes the processor from who is waited for (one connection to a database: six milliseconds of it). The
    longer it has been waited, and the longer a look takes, the longer is the pause.
    """
    began = time.monotonic()
    while True:
        looked_at = time.monotonic()
        if found := look():
            return found
        now = time.monotonic()
        assert now < began + within, f"still {found!r} after {within} s"
        time.sleep(max(SOON, min((now - began) / 10, SELDOM), min(2 * (now - looked_at), AFTER_A_LONG_ONE)))
