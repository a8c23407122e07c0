"""How much of each sender's work may stand in a service, so that nobody waits behind another's flood.

A service reads one queue, first in, first out, and can be fair only among what it has in hand (messaging/arrivals.py).
So the gateway keeps back what is more than a sender's share, until the service has said what became of what it has
(`messages.processed`): what is let in is soon in hand, and enough to keep the service busy until more comes.

    credits = Credits(network.services.values())
    if credits.take("redcross.kobo", "referral.requested.v2", message_id):
        …publish it…
    credits.processed("referrals", "redcross", ids)

**What may stand in a service**, of all senders together, is as much as it does in `WITHIN` seconds (at least FEWEST
messages, at most MOST). How much that is shows in how long messages stand there, from when they are let in until the
service's word of them comes back: where that is longer, fewer are let in; where it is shorter, and as many are there as
may be, more. All is in it that keeps a message: the queue, its handling, what is published because of it. What does not
count is the way itself, which every message has before it, however few there are: as long as the quickest took lately
that was its sender's only one (which goes first in a service).

Organisations have equal shares of that, and the systems of an organisation equal parts of its share; who has less there
may always add to it, who has more only while all of it is not used up. An organisation that is alone, and has been for
a while, may have ALONE. And where all that speak have more than goes in, each waits behind its own messages: then MOST
may stand there, since a service does much in a batch at far less cost than a little at a time.

**Nobody waits in vain**: a message of which nothing is heard for HEARD_WITHIN counts no more; and where a service has
said nothing at all for so long, it is away, and whatever is for it goes through until it says something.

A message that several services read needs room in each; what no service of the hub reads needs none.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from messaging.topology import Service, reads

WITHIN: Final = 0.05  # seconds for a message to stand in a service, beside its way, where others may come after it
LATELY: Final = 5.0  # seconds for which it is remembered how long the quickest way was; at most twice as long
WAY: Final = 0.1  # seconds; a way counts as no longer than this
SHRINKS, GROWS = 0.7, 1.2  # how much less or more is let in at most, and …
CHANGES_AFTER: Final = 0.025  # … how many seconds must pass between two such changes
FEWEST: Final = 8  # messages, of a service that is slow
MOST: Final = 250  # messages, of one that is quick: as many as it takes at once
ALONE: Final = 500  # messages of an organisation that nobody waits for: one batch at work, and one behind it
ALONE_AFTER: Final = 3.0  # seconds without a message of anybody else
WAITS_SINCE: Final = 0.5  # seconds since an organisation found no room, in which it has more than goes in
HEARD_WITHIN: Final = 5.0  # seconds
REFUSED_A_SECOND: Final = 50.0  # messages of one organisation by admission, in the long run
REFUSED_AT_ONCE: Final = 500.0

Key = tuple[str, str]  # organisation and message id: two organisations may use one id


class Credits:
    """The messages that stand in each service, as far as anybody has to be kept from adding to them.

    May be used from several threads. A sender is `<organisation>`, or `<organisation>.<system>`.
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

    def give_back(self, sender: str, address: str, message_id: str) -> None:
        """Take a message out of account that did not get there after all."""
        with self._lock:
            for room in self._readers(address):
                room.take_back((_organisation(sender), message_id))

    def processed(self, service: str, organisation: str, message_ids: Iterable[str]) -> None:
        """Note what a service has said: that it has done with these messages of an organisation."""
        room = self._services.get(service)
        if room is not None:
            with self._lock:
                room.heard([(organisation, message_id) for message_id in message_ids], self._now())

    def _find_readers(self, address: str) -> tuple["_Room", ...]:
        return tuple(room for room in self._services.values() if reads(room.service, address))


@dataclass(slots=True)
class _Unsettled:
    """A message that a service is not known to be done with; of one id that is sent again each copy counts."""

    sender: str
    since: deque[float]  # of each copy, the oldest first
    is_only: bool  # its organisation had no other there when it came


class _Room:
    """What stands in one service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._at_once = float(FEWEST)  # how many may be here beside others' messages
        self._changed_at = float("-inf")
        self._way = self._way_before = float("inf")  # the quickest, of two times LATELY that follow each other
        self._way_since = float("-inf")
        self._unsettled: dict[Key, _Unsettled] = {}  # the oldest first
        self._of: dict[str, Counter[str]] = {}  # messages by organisation and sender
        self._all = 0
        self._speakers: dict[str, float] = {}  # when each organisation last had a message for it
        self._found_none: dict[str, float] = {}  # when each last found no room
        self._all_wait = False
        self._looked_at = float("-inf")  # at who speaks
        self._is_away = False
        self._heard_at = float("-inf")

    def has_room(self, sender: str, now: float) -> bool:
        self._forget_old(now)
        organisation = _organisation(sender)
        self._speaks(organisation, now)
        if self._is_away:
            return True
        if len(self._speakers) == 1:
            return self._all < ALONE
        at_once = MOST if self._all_wait else int(self._at_once)
        theirs = self._of.get(organisation, Counter())
        share = max(at_once / len(self._of.keys() | {organisation}), FEWEST)
        has_room = self._all < at_once or theirs[sender] < share / len(theirs.keys() | {sender})
        if not has_room:
            self._found_none[organisation] = now
        return has_room

    def _speaks(self, organisation: str, now: float) -> None:
        """Note that an organisation has a message; look now and then who speaks, and whether all of them wait."""
        self._all_wait = self._all_wait and organisation in self._speakers
        self._speakers[organisation] = now
        if now - self._looked_at < CHANGES_AFTER:
            return
        self._looked_at = now
        self._speakers = {one: at for one, at in self._speakers.items() if now - at < ALONE_AFTER}
        self._found_none = {one: at for one, at in self._found_none.items() if now - at < WAITS_SINCE}
        self._all_wait = self._speakers.keys() <= self._found_none.keys()

    def add(self, sender: str, message_id: str, now: float) -> None:
        if self._is_away:
            return
        organisation = _organisation(sender)
        unsettled = self._unsettled.get((organisation, message_id))
        if unsettled is None:
            unsettled = _Unsettled(sender, deque(), is_only=organisation not in self._of)
            self._unsettled[organisation, message_id] = unsettled
        unsettled.since.append(now)
        self._of.setdefault(organisation, Counter())[unsettled.sender] += 1
        self._all += 1

    def take_back(self, key: Key) -> None:
        """Take the newest copy of a message out of account: it did not get there."""
        if key in self._unsettled:
            self._unsettled[key].since.pop()
            self._settle(key)

    def heard(self, keys: Sequence[Key], now: float) -> None:
        """Take a copy out of account for each time that a message is named, the oldest first."""
        self._is_away, self._heard_at = False, now
        stood = []
        for key in keys:
            unsettled = self._unsettled.get(key)
            if unsettled is None:
                continue
            stood.append(now - unsettled.since.popleft())
            if unsettled.is_only:
                self._note_way(stood[-1], now)
            unsettled.is_only = False  # of another copy it is not known whether it was
            self._settle(key)
        if stood:
            self._adjust(max(stood), now, of=self._all + len(stood))

    def _settle(self, key: Key) -> None:
        """Account for one copy less of a message."""
        unsettled = self._unsettled.pop(key)
        if unsettled.since:
            self._unsettled[key] = unsettled  # behind those that are older
        theirs = self._of[key[0]]
        theirs[unsettled.sender] -= 1
        self._of[key[0]] = +theirs  # without those that have none left
        if not self._of[key[0]]:
            del self._of[key[0]]
        self._all -= 1

    def _note_way(self, took: float, now: float) -> None:
        if now - self._way_since >= LATELY:
            was_lately = now - self._way_since < 2 * LATELY
            self._way_before = self._way if was_lately else float("inf")
            self._way, self._way_since = took, now
        self._way = min(self._way, took)

    def _adjust(self, stood: float, now: float, of: int) -> None:
        """Let in more or less from now on, by how long a message has stood here, one of so many."""
        way = min(self._way, self._way_before)
        may_stand = WITHIN + (min(way, WAY) if way < float("inf") else 0)
        if now - self._changed_at < CHANGES_AFTER or (stood < may_stand and of < int(self._at_once)):
            return
        change = min(max(may_stand / max(stood, 0.001), SHRINKS), GROWS)
        self._at_once = min(max(self._at_once * change, FEWEST), MOST)
        self._changed_at = now

    def _forget_old(self, now: float) -> None:
        """Let go of what stands there for longer than it may count; where nothing at all was heard, of everything."""
        while self._unsettled:
            key, unsettled = next(iter(self._unsettled.items()))
            if now - unsettled.since[0] < HEARD_WITHIN:
                return
            if self._heard_at < unsettled.since[0]:
                self._is_away = True
                self._unsettled.clear()
                self._of.clear()
                self._all = 0
            else:
                unsettled.since.popleft()
                self._settle(key)


class Refusing:
    """How quickly an organisation is answered with refusals, which everybody's deliveries would wait behind.

    A few at once, as by mistake; then so many a second. Whatever has to wait for its refusal stays in its own queue.
    Not for use from several threads.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._left: dict[str, tuple[float, float]] = {}  # by organisation: refusals, and since when

    def take(self, organisation: str) -> bool:
        """Tell whether another refusal may go out now; then it counts."""
        now = self._now()
        left, since = self._left.get(organisation, (REFUSED_AT_ONCE, now))
        left = min(left + (now - since) * REFUSED_A_SECOND, REFUSED_AT_ONCE)
        self._left[organisation] = (left - 1 if left >= 1 else left), now
        return left >= 1


def _organisation(sender: str) -> str:
    return sender.partition(".")[0]
