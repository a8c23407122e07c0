"""The organisations' side of whole lives: a process that writes requests, and answers only what it has read.

    python -m bench.real.partners          (standard input: a Plan as JSON, then a Wish as JSON in each line)

Each organisation has two connections to the broker, as a system of its own would. It reads its inbox and says the next
step of a referral when it has read the message that reports the step before; it opens new referrals for as long as few
enough are under way, or so many a second. Each message is timed until the referral's sender has read what it led to.
For each line it answers with one Lived as JSON, when all of them are closed or nothing comes.
"""

import json
import select
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from statistics import quantiles
from typing import Any, Final

from pydantic_core import from_json

import contracts
from bench.wire import Consumer, Delivery, Publisher

READ_AT_ONCE: Final = 500  # deliveries on their way to one organisation
OPENED_AT_ONCE: Final = 20  # referrals
STALLED_AFTER: Final = 30  # seconds without a message
HEAR_FOR: Final = 0.05  # seconds
TICK: Final = 0.002  # seconds between looks at what is due

# Who says what when it has read that a referral is in this state; `offered` is what the recipient reads first.
RECIPIENT_SAYS: Final = {
    "offered": "referral.received.v1",
    "received": "referral.accepted.v1",
    "accepted": "referral.scheduled.v1",
    "scheduled": "referral.service_started.v1",
    "in_service": "referral.completed.v1",
}
SENDER_SAYS: Final = {"completed": "referral.closed.v1"}


@dataclass(frozen=True)
class Life:
    """One referral to be: who asks, and the whole request as JSON."""

    sender: str
    referral_id: str
    message_id: str
    request: str


@dataclass(frozen=True)
class Plan:
    """What the organisations are told: every later message is a pattern with three ids to be filled in."""

    amqp_url: str
    organisations: Sequence[str]
    in_flight: int
    lives: Sequence[Life]
    patterns: Mapping[str, Mapping[str, str]]  # by organisation, then by type

    @classmethod
    def of_json(cls, said: str) -> "Plan":
        plan = json.loads(said)
        return cls(**{**plan, "lives": [Life(**life) for life in plan["lives"]]})


@dataclass(frozen=True)
class Wish:
    """So many lives to be seen through: as many as are let at a time, or opened at a steady rate."""

    count: int
    rate: float | None = None  # lives opened in a second


@dataclass
class Lived:
    """What became of some lives."""

    began: float  # by the machine's monotonic clock
    ended: float = 0.0
    closed: int = 0  # lives of which both organisations have read the end
    repeated: int = 0  # numbered messages that one of them had read before
    missed: int = 0  # numbers that one of them has not read
    refused: list[str] = field(default_factory=list)
    said: int = 0  # messages that organisations have submitted
    in_time: int = 0  # of those at a steady rate, what was answered before the last life was due
    p50_ms: float = 0.0  # from a message's submission, or when it was due, until it was answered; the first fifth not
    p99_ms: float = 0.0


REFERRAL, MESSAGE, CAUSE = "<referral>", "<message>", "<cause>"  # in patterns


class Books:
    """What the organisations have read of each referral."""

    def __init__(self) -> None:
        self.closed = 0  # referrals of which both have read the end
        self._last: dict[tuple[str, str], int] = {}  # the last number that an organisation has read of a referral
        self._read_to_the_end: dict[str, int] = defaultdict(int)  # by how many, of each referral

    def read(self, reader: str, message: Mapping[str, Any], lived: Lived) -> str | None:
        """Take note of a message, and return the type of what its reader says to it."""
        if message["type"] == "message.refused.v1":
            lived.refused.append(message["data"]["code"])
        if "sequence" not in message:
            return None
        referral_id, number, data = message["subject"], int(message["sequence"]), message["data"]
        last = self._last.get((reader, referral_id), 0)
        if number <= last:
            lived.repeated += 1
            return None
        lived.missed += number - last - 1
        self._last[reader, referral_id] = number
        state = data.get("state", "offered")
        if state == "closed":
            self._read_to_the_end[referral_id] += 1
            self.closed += self._read_to_the_end[referral_id] == 2
        return (SENDER_SAYS if data["sender"] == reader else RECIPIENT_SAYS).get(state)


class Partners:
    """All organisations in one loop."""

    def __init__(self, plan: Plan) -> None:
        self._in_flight = plan.in_flight
        self._lives = iter(plan.lives)
        self._patterns = plan.patterns
        self._publishers = {
            name: Publisher(plan.amqp_url, f"submit.{name}", user_id=name) for name in plan.organisations
        }
        self._consumers = {name: Consumer(plan.amqp_url, f"inbox.{name}", READ_AT_ONCE) for name in plan.organisations}
        self._names = {consumer: name for name, consumer in self._consumers.items()}
        self._due: dict[str, list[tuple[str, str, bytes]]] = defaultdict(list)  # by who says it
        self._books = Books()
        self._opened = 0
        self._said_at: dict[str, float] = {}  # by message, until it is answered
        self._took: list[tuple[float, float]] = []  # when each was answered, and after how long

    def live(self, wish: Wish) -> Lived:
        """See so many lives through."""
        lived = Lived(began=time.monotonic())
        opened, until, heard_at = self._opened, self._books.closed + wish.count, lived.began
        self._said_at.clear()
        self._took.clear()
        while self._books.closed < until and time.monotonic() - heard_at < STALLED_AFTER:
            if wish.rate is None:
                room = min(self._in_flight - (self._opened - self._books.closed), until - self._opened)
                self._open(min(room, OPENED_AT_ONCE))
            else:
                self._open_those_due(lived.began, opened, wish.count, wish.rate)
            lived.said += self._send()
            if self._hear(lived, HEAR_FOR if wish.rate is None else TICK):
                heard_at = time.monotonic()
        lived.closed, lived.ended = wish.count - (until - self._books.closed), heard_at
        self._time(lived, wish)
        return lived

    def _open(self, count: int, due_at: float | None = None) -> None:
        for life in islice(self._lives, max(0, count)):
            self._opened += 1
            self._put(life.sender, "referral.requested.v2", life.message_id, life.request, due_at)

    def _open_those_due(self, began: float, opened: int, count: int, rate: float) -> None:
        due = min(count, int((time.monotonic() - began) * rate) + 1)
        while self._opened - opened < due:
            self._open(1, began + (self._opened - opened) / rate)

    def _put(self, organisation: str, kind: str, message_id: str, body: str, due_at: float | None = None) -> None:
        self._due[organisation].append((f"{organisation}.{kind}", message_id, body.encode()))
        self._said_at[message_id] = time.monotonic() if due_at is None else due_at

    def _send(self) -> int:
        for name, messages in self._due.items():
            self._publishers[name].send(messages)
        count = sum(map(len, self._due.values()))
        self._due.clear()
        return count

    def _time(self, lived: Lived, wish: Wish) -> None:
        if wish.rate is not None:
            last_due = lived.began + wish.count / wish.rate
            lived.in_time = sum(at <= last_due for at, _ in self._took)
        if len(self._took) > 1:
            centiles = quantiles([took for _, took in self._took[len(self._took) // 5 :]], n=100, method="inclusive")
            lived.p50_ms, lived.p99_ms = round(centiles[49] * 1000, 2), round(centiles[98] * 1000, 2)

    def _hear(self, lived: Lived, within: float) -> bool:
        """Read what has come, for a moment; tell whether there was anything."""
        sockets: list[Consumer | Publisher] = [*self._consumers.values(), *self._publishers.values()]
        heard = False
        for ready in select.select(sockets, [], [], within)[0]:
            if isinstance(ready, Publisher):
                ready.read_confirms()
            elif deliveries := ready.receive():
                self._read(self._names[ready], deliveries, lived)
                ready.acknowledge(deliveries[-1].tag)
                heard = True
        return heard

    def _read(self, reader: str, deliveries: Sequence[Delivery], lived: Lived) -> None:
        now = time.monotonic()
        for delivery in deliveries:
            message = from_json(delivery.body)
            if message["data"].get("sender") == reader and message.get("causationid") in self._said_at:
                self._took.append((now, now - self._said_at.pop(message["causationid"])))
            says = self._books.read(reader, message, lived)
            if says is not None:
                self._say(reader, says, message["subject"], because_of=message["id"])

    def _say(self, organisation: str, kind: str, referral_id: str, *, because_of: str) -> None:
        message_id = str(contracts.uuid7())
        pattern = self._patterns[organisation][kind]
        body = pattern.replace(REFERRAL, referral_id).replace(MESSAGE, message_id).replace(CAUSE, because_of)
        self._put(organisation, kind, message_id, body)


def main() -> None:
    """Follow the plan on standard input until it ends."""
    partners = Partners(Plan.of_json(sys.stdin.readline()))
    for line in sys.stdin:
        print(json.dumps(asdict(partners.live(Wish(**json.loads(line))))), flush=True)


if __name__ == "__main__":
    main()
