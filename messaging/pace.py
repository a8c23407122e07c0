"""How quickly a service works, so that a batch takes no longer than it should (messaging/arrivals.py)."""

from typing import Final


class Pace:
    """How quickly a service works: messages a second, of the last batches, the latest of which count most."""

    _FADES: Final = 0.8  # how much of what was measured counts beside each new batch

    def __init__(self) -> None:
        self._messages = self._seconds = 0.0

    def measured(self, messages: int, seconds: float) -> None:
        """Note that so many messages took the service so long."""
        self._messages = self._messages * self._FADES + messages
        self._seconds = self._seconds * self._FADES + seconds

    @property
    def per_second(self) -> int | None:
        """With two digits, which is all that it is good for; None before anything was measured."""
        if not self._seconds:
            return None
        return max(1, round(float(f"{self._messages / self._seconds:.1e}")))
