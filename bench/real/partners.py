"""The organisations' side of whole lives: a process that writes requests, and answers only what it has read.

    python -m bench.real.partners          (standard input: a Plan as JSON, then a number of lives in each line)

Each organisation has two connections to the broker, as a system of its own would. It reads its inbox and says the next
step of a referral when it has read the message that reports the step before; it opens new referrals for as long as few
enough are under way. For each line it answers with one Lived as JSON, when all of them are closed or nothing comes.
"""

import json
import select
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, Final

from pydantic_core import from_json

import contracts
from bench.wire import Consumer, Delivery, Publisher

READ_AT_ONCE: Final = 500  # deliveries on their way to one organisation
OPENED_AT_ONCE: Final = 20  # referrals
STALLED_AFTER: Final = 30  # seconds without a message

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


@dataclass
class Lived:
    """What became of some lives."""

    began: float  # by the machine's monotonic clock
    ended: float = 0.0
    closed: int = 0  # lives of which both organisations have read the end
    repeated: int = 0  # numbered messages that one of them had read before
    missed: int = 0  # numbers that one of them has not read
    refused: list[str] = field(default_factory=list)


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

    def live(self, count: int) -> Lived:
        """See so many lives through."""
        lived = Lived(began=time.monotonic())
        until, heard_at = self._books.closed + count, lived.began
        while self._books.closed < until and time.monotonic() - heard_at < STALLED_AFTER:
            self._open(until)
            self._send()
            if self._hear(lived):
                heard_at = time.monotonic()
        lived.closed, lived.ended = count - (until - self._books.closed), heard_at
        return lived

    def _open(self, until: int) -> None:
        room = min(self._in_flight - (self._opened - self._books.closed), until - self._opened, OPENED_AT_ONCE)
        for life in islice(self._lives, max(0, room)):
            self._opened += 1
            key = f"{life.sender}.referral.requested.v2"
            self._due[life.sender].append((key, life.message_id, life.request.encode()))

    def _send(self) -> None:
        for name, messages in self._due.items():
            self._publishers[name].send(messages)
        self._due.clear()

    def _hear(self, lived: Lived) -> bool:
        """Read what has come, for a moment; tell whether there was anything."""
        sockets: list[Consumer | Publisher] = [*self._consumers.values(), *self._publishers.values()]
        heard = False
        for ready in select.select(sockets, [], [], 0.05)[0]:
            if isinstance(ready, Publisher):
                ready.read_confirms()
            elif deliveries := ready.receive():
                self._read(self._names[ready], deliveries, lived)
                ready.acknowledge(deliveries[-1].tag)
                heard = True
        return heard

    def _read(self, reader: str, deliveries: Sequence[Delivery], lived: Lived) -> None:
        for delivery in deliveries:
            message = from_json(delivery.body)
            says = self._books.read(reader, message, lived)
            if says is not None:
                self._say(reader, says, message["subject"], because_of=message["id"])

    def _say(self, organisation: str, kind: str, referral_id: str, *, because_of: str) -> None:
        message_id = str(contracts.uuid7())
        pattern = self._patterns[organisation][kind]
        body = pattern.replace(REFERRAL, referral_id).replace(MESSAGE, message_id).replace(CAUSE, because_of)
        self._due[organisation].append((f"{organisation}.{kind}", message_id, body.encode()))


def main() -> None:
    """Follow the plan on standard input until it ends."""
    partners = Partners(Plan.of_json(sys.stdin.readline()))
    for line in sys.stdin:
        print(json.dumps(asdict(partners.live(int(line)))), flush=True)


if __name__ == "__main__":
    main()
