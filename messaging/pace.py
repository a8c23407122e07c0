"""How quickly a service works, so that a batch takes no longer than it should (messaging/arrivals.py)."""

from typing import Final


class Pace:
    """How many messages a second a service works on, beside what every batch costs whatever is in it.

    A batch of n messages takes some a + n·b seconds: its waits for the database and the broker, and its messages. The
    straight line through the last batches, the latest of which count most, tells b. Where they were all of one size, or
    chance has the line fall, all is taken to be the messages' own; and never less than a part of it is.
    """

    _FADES: Final = 0.9  # how much of what was measured counts beside each new batch
    _LEAST_OWN: Final = 0.2  # of a batch's seconds

    def __init__(self) -> None:
        self._batches = self._messages = self._seconds = self._squares = self._products = 0.0

    def measured(self, messages: int, seconds: float) -> None:
        """Note that so many messages took the service so long."""
        self._batches = self._batches * self._FADES + 1
        self._messages = self._messages * self._FADES + messages
        self._seconds = self._seconds * self._FADES + seconds
        self._squares = self._squares * self._FADES + messages * messages
        self._products = self._products * self._FADES + messages * seconds

    @property
    def per_second(self) -> int | None:
        """With two digits, which is all that it is good for; None before anything was measured."""
        if not self._seconds:
            return None
        all_of_it = self._seconds / self._messages
        spread = self._batches * self._squares - self._messages**2
        risen = self._batches * self._products - self._messages * self._seconds
        own = risen / spread if spread > 1e-6 * self._messages**2 and risen > 0 else all_of_it
        own = min(max(own, self._LEAST_OWN * all_of_it), all_of_it)
        return max(1, round(float(f"{1 / own:.1e}")))
