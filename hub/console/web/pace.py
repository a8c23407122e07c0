"""How many searches somebody may make, and how many people open: they are to be looked up, not read off like a list.

Kept in the memory of the one process that serves pages: who has searched is nowhere written down by it.
"""

import threading
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Pace:
    """So many at once, and then one in so many seconds."""

    at_once: int
    every: float


OF_A_PERSON: Final = Pace(at_once=30, every=5.0)
OF_AN_ORGANISATION: Final = Pace(at_once=300, every=0.5)
OPENED_BY_A_PERSON: Final = Pace(at_once=30, every=10.0)
OPENED_BY_AN_ORGANISATION: Final = Pace(at_once=300, every=1.0)


class Paces:
    """What is left to whom. For several threads."""

    def __init__(self) -> None:
        self._free_at: dict[Hashable, float] = {}  # when somebody will have used up nothing any more
        self._lock = threading.Lock()

    def may(self, whom: Sequence[tuple[Hashable, Pace]]) -> bool:
        """Whether one more may be made; it counts for each of them then, and otherwise for none."""
        now = time.monotonic()
        with self._lock:
            for id in [id for id, at in self._free_at.items() if at <= now]:
                del self._free_at[id]
            after = {id: max(self._free_at.get(id, now), now) + pace.every for id, pace in whom}
            if any(after[id] - now > pace.at_once * pace.every for id, pace in whom):
                return False
            self._free_at |= after
            return True
