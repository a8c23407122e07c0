"""What has arrived at a service and is to be applied: in which order, so that nobody waits behind another's flood.

A batch is what the service applies together. What came of each sender stays in its order; among senders none is
promised, as they come by queues of their own. Where some have much here and others little, those with little go first,
in a batch by themselves, which is quick; then one of all, a message of each in turn. And where somebody speaks who has
little here, now or a moment ago, a batch is some `WORTH` seconds of work and no more, so that who comes next waits
hardly longer than that.

The gateway sees to it that all that waits fits in here (messaging/credits.py).
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from contracts import Message, OrganisationRecorded
from messaging.identity import HUB
from messaging.inbox import Received
from messaging.runtime import Delivery

LITTLE: Final = 10  # messages of one sender that wait for nobody
WORTH: Final = 0.05  # seconds of work in such a batch, beside what every batch costs (messaging/pace.py)
FEWEST: Final = 8  # messages in a batch, however slow the service is
SPOKE_WITHIN: Final = 3.0  # seconds in which a sender is one of those who speak, as in messaging/credits.py


class Arrivals:
    """Deliveries that wait, by sender."""

    def __init__(self, most: int, now: Callable[[], float] = time.monotonic) -> None:
        """`most` are the messages of a batch where a sender is alone; `now` tells seconds by a clock never set."""
        self._most = most
        self._now = now
        self._of: dict[str, deque[Delivery]] = {}  # the sender whose turn it is first
        self._count = 0
        self._spoke: dict[str, float] = {}
        self._little_went_first = False

    def __len__(self) -> int:
        return self._count

    def add(self, delivery: Delivery) -> None:
        """Take in what has arrived behind all of its sender's."""
        content = delivery.content
        sender = _sender(content.message) if isinstance(content, Received) else ""
        self._of.setdefault(sender, deque()).append(delivery)
        self._spoke[sender] = self._now()
        self._count += 1

    def clear(self) -> None:
        """Forget all of it."""
        self._of.clear()
        self._count = 0

    def take(self, pace: int | None) -> list[Delivery]:
        """Return the next batch, in the order of arrival; `pace` is how many messages a second the service applies."""
        most = self._most
        if self._somebody_has_little():
            most = min(max(int((pace or 0) * WORTH), FEWEST), most)
        taken = list(islice(self._next(most), most))
        self._count -= len(taken)
        self._of = {sender: waiting for sender, waiting in self._of.items() if waiting}
        return sorted(taken, key=_arrival)

    def _somebody_has_little(self) -> bool:
        """Tell whether a batch keeps others waiting than those whose messages fill it."""
        since = self._now() - SPOKE_WITHIN
        self._spoke = {sender: at for sender, at in self._spoke.items() if at > since}
        senders = self._spoke.keys() - {HUB}  # what it says follows from what others said, and is no sign of a person
        return len(senders) > 1 and any(len(self._of.get(sender, ())) <= LITTLE for sender in senders)

    def _next(self, most: int) -> Iterator[Delivery]:
        """Yield a message of each sender in turn, only of those with little where it is their turn to go first."""
        little = {sender: waiting for sender, waiting in self._of.items() if len(waiting) <= LITTLE}
        self._little_went_first = (
            0 < len(little) < len(self._of) and 2 * self._count > most and not self._little_went_first
        )
        going = deque((little if self._little_went_first else self._of).values())
        while going:
            waiting = going.popleft()
            yield waiting.popleft()
            if waiting:
                going.append(waiting)


def _sender(message: Message[Any]) -> str:
    """Whose turn a message takes: what is said of an organisation goes before all that it says itself afterwards."""
    return message.data.organisation if isinstance(message.data, OrganisationRecorded) else message.source


def _arrival(delivery: Delivery) -> tuple[int, int]:
    return delivery.connection, delivery.tag
