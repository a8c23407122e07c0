"""The system of an organisation that uses the entrance by HTTP: it alone, or beside AMQP.

What it has not been answered it says again, byte for byte under the same id; what it reads it logs with its number
before it acknowledges it, and after a crash it reads on behind the last number in its log.

    python -m demo.partner_http HOME DIRECTORY      the plan says `"entrance": "http"` or `"both"`
"""

import hashlib
import json
import queue
import threading
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any
from zlib import crc32

import contracts
from demo.http_entrance import EVENT, Event, HttpEntrance, LaterError
from demo.partner import READ_AT_ONCE, RETRY_AFTER, Order, Partner, main
from demo.partner_channel import Parcel
from demo.partner_log import PartnerLog, Read, Refusal

BOTH = "both"
HELD = 2 * READ_AT_ONCE  # events that are taken from the stream before they are logged
A_MOMENT = 0.02  # seconds
ACKNOWLEDGE_EVERY = 0.2  # seconds: a key has so many requests a second


class HttpPartner(Partner):
    """An organisation's system that submits and reads by HTTP; with `both` by AMQP, too, each subject one way."""

    def __init__(self, home: Path, directory: Path) -> None:
        super().__init__(home, directory)
        credentials = json.loads((home / "credentials.json").read_text())
        self._entrance, self._feed = (HttpEntrance(credentials["http_url"], credentials["api_key"]) for _ in range(2))
        self._events: queue.Queue[tuple[Event, float]] = queue.Queue(HELD)
        self._by_http = HttpOutgoing(self._entrance, self.organisation, self._log, self._stopping.wait)
        self._acknowledged: int | None = None
        self._asked = 0.0

    def _take_up(self, plan: Order) -> None:
        super()._take_up(plan)
        self._uses_both = plan["entrance"] == BOTH
        threading.Thread(target=self._follow, args=(self._log.last_read(),), daemon=True).start()

    def _session(self) -> None:
        if self._uses_both:
            super()._session()
            return
        print(f"ready {self.organisation}", flush=True)
        self._outgoing = self._by_http
        try:
            while not self._stopping.is_set():
                self._take_orders()
                busy = self._send_due()
                self._take_in_events(0.001 if busy else A_MOMENT)
                self._say_progress()
        except OSError:
            self._stopping.wait(RETRY_AFTER)  # the entrance is away

    def _channel_for(self, connection: Any) -> Any:
        return Alternating(super()._channel_for(connection), self._by_http)

    def _take_in(self, channel: Any) -> None:
        super()._take_in(channel)
        self._take_in_events(0.001)

    def _follow(self, after: int | None) -> None:
        """Read the stream, and go on behind the last event wherever it is cut."""
        while not self._stopping.is_set():
            try:
                for event in self._feed.events(after):
                    self._events.put((event, time.time()))
                    after = event.number
            except OSError:
                pass
            self._stopping.wait(RETRY_AFTER)

    def _take_in_events(self, patience: float) -> None:
        """Log what came with its numbers, act on what is new, and only then acknowledge."""
        events: list[tuple[Event, float]] = []
        try:
            events.append(self._events.get(timeout=patience))
            while len(events) < READ_AT_ONCE:
                events.append(self._events.get_nowait())
        except queue.Empty:
            pass
        if events:
            whole = [(event, at) for event, at in events if event.kind == "message"]
            messages = [(contracts.parse(event.data), False, at) for event, at in whole]
            reads = [Read(event.number, str(json.loads(event.data)["id"])) for event, _ in events]
            self._apply(messages, reads)
            self._progress["received"] += len(events)
        last = self._log.last_read()
        if last is not None and last != self._acknowledged and time.monotonic() - self._asked > ACKNOWLEDGE_EVERY:
            self._asked = time.monotonic()
            try:
                self._entrance.acknowledge(last)
                self._acknowledged = last
            except (LaterError, OSError):
                pass  # it is said again the next time round


class HttpOutgoing:
    """Submits by HTTP what `partner_channel.Outgoing` publishes by AMQP. An answer, good or bad, is a confirm."""

    def __init__(
        self,
        entrance: HttpEntrance,
        organisation: str,
        log: PartnerLog,
        wait: Callable[[float], object],
    ) -> None:
        self._entrance, self._organisation = entrance, organisation
        self._log, self._wait = log, wait

    def publish(self, parcels: Sequence[Parcel]) -> list[float | None]:
        """Submit all of them; return when, None for all where the entrance has no room. Raises OSError."""
        at = time.time()
        bodies = [parcel.body for parcel in parcels]
        try:
            if not bodies:
                return []
            if _is_usual(parcels[0], self._organisation):
                answers = self._entrance.submit(bodies)
            else:
                (only,) = set(parcels)
                says = {} if only.user_id == self._organisation else {"ce_source": only.user_id}
                answers = [self._entrance.submit_as_it_is(only.body, only.content_type, **says) for _ in parcels]
        except LaterError as later:
            self._wait(later.seconds)
            return [None] * len(parcels)
        for body, answer in zip(bodies, answers, strict=True):
            if answer.code is not None:
                digest = hashlib.sha256(body).hexdigest()
                # It has no id of its own, since nobody sent it: the answer to the same bytes is the same refusal.
                self._log.refused(Refusal(f"http {digest}", _id_of(body), digest, answer.code, answer.where, True))
        self._log.submitted(len(parcels))
        return [at] * len(parcels)


class Alternating:
    """Publishes some by one way and some by the other: what is about one subject always goes the same way."""

    def __init__(self, amqp: Any, http: HttpOutgoing) -> None:
        self._ways = (amqp, http)

    def publish(self, parcels: Sequence[Parcel]) -> list[float | None]:
        """Publish all of them; as the ways themselves do."""
        published: list[float | None] = []
        for way, some in groupby(parcels, _way):
            published += self._ways[way].publish(list(some))
        return published


def _way(parcel: Parcel) -> int:
    """By which way a message goes: 1 is HTTP. What only AMQP can say goes by AMQP."""
    try:
        said = json.loads(parcel.body)
        return crc32(said["subject"].encode()) % 2 if _is_usual(parcel, said["source"]) else 0
    except (ValueError, KeyError, TypeError):
        return 0


def _is_usual(parcel: Parcel, organisation: str) -> bool:
    if parcel.content_type != EVENT or parcel.user_id != organisation:
        return False
    try:
        said = json.loads(parcel.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and parcel.routing_key == f"{organisation}.{said.get('type')}"


def _id_of(body: bytes) -> str | None:
    try:
        return str(json.loads(body)["id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


if __name__ == "__main__":
    main(HttpPartner)
