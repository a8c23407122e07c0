"""Organisations that flood: a process that submits as fast as it is let, and counts what is answered.

    python -m bench.http.flood          (standard input: a Plan as JSON, then a Burst in each line)

For each line every organisation submits `each` messages at once, and as many again whenever all but a few of them have
been answered, until the time is over. Then the process says what was answered meanwhile. It is told how many were taken
back out of the queues, reads on until all others are answered, and says what has been answered since the beginning.
"""

import json
import select
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from bench.http.submitting import Submitting
from bench.measure import cause
from bench.wire import Consumer, Publisher, submitting
from contracts import uuid7

AT_ONCE: Final = 250  # messages to a system call
MOST: Final = 45_000  # unanswered ones of one organisation: its queue takes 50,000
STALLED_AFTER: Final = 60.0  # seconds without an answer
FEW: Final = 20  # of so many, one is still to be answered when the next burst begins
READ_AT_ONCE: Final = 2_000  # deliveries
MESSAGE, SUBJECT, SOURCE = "<message>", "<subject>", "<source>"  # in patterns


@dataclass(frozen=True)
class Plan:
    """Who floods with what; `patterns` are messages as JSON with ids and source to be filled in, used by turns."""

    urls: Mapping[str, str]  # by organisation: of AMQP, or of HTTP where it has a key
    keys: Mapping[str, str]
    type: str
    patterns: Sequence[str]
    answers: Mapping[str, str]  # the URL by the queue in which answers come


@dataclass(frozen=True)
class Burst:
    """What one line asks for."""

    organisations: Sequence[str]
    each: int
    seconds: float


@dataclass
class Flooded:
    """What became of it."""

    sent: int = 0
    answered: int = 0  # for the first time
    repeated: int = 0
    seconds: float = 0.0
    in_time: int = 0  # answered within these seconds
    taken_back: int = 0  # out of the queue, when the time was over


class Flooder:
    """All organisations that flood, in one loop."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._submitting: dict[str, Publisher | Submitting] = {
            name: Submitting(url, plan.keys[name]) if name in plan.keys else submitting(url, name)
            for name, url in plan.urls.items()
        }
        self._consumers = [Consumer(url, queue, READ_AT_ONCE) for queue, url in plan.answers.items()]
        self._said = 0
        self._begin()

    def _begin(self) -> None:
        self._unanswered: dict[str, set[str]] = {name: set() for name in self._submitting}
        self._senders: dict[str, str] = {}  # by message
        self._left = dict.fromkeys(self._submitting, 0)  # of the burst, to be sent

    def flood(self, burst: Burst) -> Flooded:
        """Flood for so long."""
        self._begin()
        self._flooded = Flooded()
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < burst.seconds:
            for name in burst.organisations:
                if not self._left[name] and len(self._unanswered[name]) <= burst.each // FEW:
                    self._left[name] = burst.each
                self._send(name)
            self._hear(0.01)
        self._flooded.seconds, self._flooded.in_time = elapsed, self._flooded.answered
        return self._flooded

    def hear_out(self, taken_back: int) -> Flooded:
        """Read on until all but so many have been answered, or nothing comes."""
        answered, heard_at = -1, time.monotonic()
        while self._left_unanswered() > taken_back and time.monotonic() - heard_at < STALLED_AFTER:
            for one in self._submitting.values():
                if isinstance(one, Submitting):
                    one.go_on()
            self._hear(0.05)
            if self._flooded.answered != answered:
                answered, heard_at = self._flooded.answered, time.monotonic()
        return self._flooded

    def _left_unanswered(self) -> int:
        return sum(len(messages) for messages in self._unanswered.values())

    def _send(self, name: str) -> None:
        way_in = self._submitting[name]
        if isinstance(way_in, Submitting):
            way_in.go_on()
            if way_in.waiting > FEW:  # what has not been sent is not said
                return
        count = min(self._left[name], AT_ONCE, MOST - len(self._unanswered[name]))
        if count <= 0:
            return
        way_in.send([self._message(name) for _ in range(count)])
        self._left[name] -= count
        self._flooded.sent += count

    def _message(self, name: str) -> tuple[str, str, bytes]:
        message_id, subject = str(uuid7()), str(uuid7())
        pattern = self._plan.patterns[self._said % len(self._plan.patterns)]
        self._said += 1
        body = pattern.replace(MESSAGE, message_id).replace(SUBJECT, subject).replace(SOURCE, name)
        self._unanswered[name].add(message_id)
        self._senders[message_id] = name
        return f"{name}.{self._plan.type}", message_id, body.encode()

    def _hear(self, within: float) -> None:
        sockets: list[Consumer | Publisher | Submitting] = [*self._consumers, *self._submitting.values()]
        for ready in select.select(sockets, [], [], within)[0]:
            if not isinstance(ready, Consumer):
                ready.read_confirms()
            elif deliveries := ready.receive():
                for one in deliveries:
                    if b'"causationid":"' in one.body:
                        self._answered(cause(one.body))
                ready.acknowledge(deliveries[-1].tag)

    def _answered(self, message_id: str) -> None:
        name = self._senders.get(message_id)
        if name is None:  # somebody else's
            return
        if message_id in self._unanswered[name]:
            self._unanswered[name].discard(message_id)
            self._flooded.answered += 1
        else:
            self._flooded.repeated += 1


def main() -> None:
    """Follow the plan on standard input until it ends."""
    said: dict[str, Any] = json.loads(sys.stdin.readline())
    flooder = Flooder(Plan(**said))
    while line := sys.stdin.readline():
        print(json.dumps(asdict(flooder.flood(Burst(**json.loads(line))))), flush=True)
        print(json.dumps(asdict(flooder.hear_out(int(sys.stdin.readline())))), flush=True)


if __name__ == "__main__":
    main()
