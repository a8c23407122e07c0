"""How a process of ours without nameko runs until it is asked to stop."""

import signal
import time
from collections.abc import Callable

from messaging.health import BEAT_EVERY, health

LOOK_EVERY = 0.05  # seconds


class AskedToStop:
    """True from when SIGTERM or SIGINT came on.

    The handler only notes it: it may come in the middle of anything, where an event's lock could be held already.
    """

    def __init__(self) -> None:
        self._asked = False
        for asked in (signal.SIGTERM, signal.SIGINT):
            signal.signal(asked, self._note)

    def __bool__(self) -> bool:
        return self._asked

    def _note(self, *_: object) -> None:
        self._asked = True

    def wait(self, ended: Callable[[], bool] = lambda: False) -> None:
        """Return when it is asked, or when `ended` says so; meanwhile the process's heart beats."""
        beat_at = float("-inf")
        while not (self._asked or ended()):
            if time.monotonic() - beat_at >= BEAT_EVERY:
                beat_at = time.monotonic()
                health.beat()
            time.sleep(LOOK_EVERY)
