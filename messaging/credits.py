"""How much of each sender's work may stand in a service, so that nobody waits behind another's flood.

A service reads one queue, first in, first out, and can be fair only among what it has in hand (messaging/arrivals.py).
So the gateway keeps back what is more than a sender's share, until the service has said what became of what it has
(`messages.processed`): what is let in is soon in hand, and enough to keep the service busy until more comes.

    credits = Credits(network.services.values())
    if credits.take("redcross", "referral.requested.v2", message_id):
        …publish it…
    credits.processed("referrals", ids, pace)

**What may stand in a service**, of all senders together, is as much as it does in `WORTH` seconds (at least FEWEST
messages, at most MOST), and who has less of it than an equal share may always add to it. A sender that is alone, and
has been for a while, may have ALONE.

**Nobody waits in vain**: a message of which nothing is heard for HEARD_WITHIN counts no more; and where a service has
said nothing at all for so long, it is away, and whatever is for it goes through until it says something.

A message that several services read needs room in each; what no service of the hub reads needs none.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from messaging.topology import Service, reads

WORTH: Final = 0.2  # seconds of a service's work: four of its batches, or as long as an answer takes to come back
FEWEST: Final = 8  # messages, of a service that is slow
MOST: Final = 250  # messages, of one that is quick: as many as it takes at once
ALONE: Final = 500  # messages of a sender that nobody waits for: one batch at work, and one behind it
ALONE_AFTER: Final = 10.0  # seconds without a message of anybody else
HEARD_WITHIN: Final = 5.0  # seconds


class Credits:
    """The messages that stand in each service, as far as anybody has to be kept from adding to them.

    May be used from several threads.
    """

    def __init__(self, services: Iterable[Service], now: Callable[[], float] = time.monotonic) -> None:
        """`now` tells the seconds by a clock that is never set."""
        self._now = now
        self._lock = threading.Lock()
        self._services = {service.name: _Room(service) for service in services}
        self._readers = lru_cache(4096)(self._find_readers)

    def take(self, sender: str, address: str, message_id: str) -> bool:
        """Tell whether a message may go to those who read what has this routing key; then it counts as being there."""
        rooms = self._readers(address)
        if not rooms:
            return True
        with self._lock:
            now = self._now()
            if not all(room.has_room(sender, now) for room in rooms):
                return False
            for room in rooms:
                room.add(sender, message_id, now)
        return True

    def give_back(self, message_id: str, address: str) -> None:
        """Take a message out of account that did not get there after all."""
        with self._lock:
            for room in self._readers(address):
                room.remove((message_id,))

    def processed(self, service: str, message_ids: Iterable[str], pace: int | None) -> None:
        """Note what a service has said: that it has done with these messages, and how many a second it does."""
        room = self._services.get(service)
        if room is not None:
            with self._lock:
                room.heard(message_ids, pace, self._now())

    def _find_readers(self, address: str) -> tuple["_Room", ...]:
        return tuple(room for room in self._services.values() if reads(room.service, address))


class _Room:
    """What stands in one service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._pace = 0.0  # messages a second
        self._standing: dict[str, tuple[str, float]] = {}  # message → whose it is, and since when; the oldest first
        self._of: Counter[str] = Counter()  # messages of each sender
        self._wanted: dict[str, float] = {}  # when each sender last had a message for it
        self._is_away = False
        self._heard_at = float("-inf")

    def has_room(self, sender: str, now: float) -> bool:
        self._forget_old(now)
        self._wanted[sender] = now
        if self._is_away:
            return True
        others = [one for one, when in self._wanted.items() if one != sender and now - when < ALONE_AFTER]
        if not others:
            return len(self._standing) < ALONE
        at_once = min(max(self._pace * WORTH, FEWEST), MOST)
        share = max(at_once / len(self._of.keys() | {sender}), FEWEST)
        return self._of[sender] < share or len(self._standing) < at_once

    def add(self, sender: str, message_id: str, now: float) -> None:
        if self._is_away:
            return
        self.remove((message_id,))  # one that was published and not confirmed is published again
        self._standing[message_id] = sender, now
        self._of[sender] += 1

    def remove(self, message_ids: Iterable[str]) -> None:
        for message_id in message_ids:
            standing = self._standing.pop(message_id, None)
            if standing is not None:
                self._of[standing[0]] -= 1
                if not self._of[standing[0]]:
                    del self._of[standing[0]]

    def heard(self, message_ids: Iterable[str], pace: int | None, now: float) -> None:
        self._is_away, self._heard_at = False, now
        self._pace = pace or self._pace
        self.remove(message_ids)

    def _forget_old(self, now: float) -> None:
        """Let go of what stands there for longer than it may count; where nothing at all was heard, of everything."""
        while self._standing:
            message_id, (_, since) = next(iter(self._standing.items()))
            if now - since < HEARD_WITHIN:
                return
            if self._heard_at < since:
                self._is_away = True
                self._standing.clear()
                self._of.clear()
            else:
                self.remove((message_id,))
