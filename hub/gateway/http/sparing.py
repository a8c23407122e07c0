"""Lines of our log that anybody can cause: so many at once and a second, so that no flood fills a disk."""

import time

LINES = 50  # at once
LINES_A_SECOND = 5.0  # in the long run; all is counted in refusal_count


class Sparing:
    """A token bucket of lines."""

    def __init__(self, lines: int = LINES) -> None:
        self._most = lines
        self._left, self._at = float(lines), time.monotonic()

    def may_say(self) -> bool:
        """Whether one more may be written; it counts as written then."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * LINES_A_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
