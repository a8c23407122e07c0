"""The loop of a floor: the tightest way that we could write in Python from a queue to a database and out again.

Frames by hand both ways, one transaction and one system call for hundreds of messages. Three batches are under way at
any time: one is read and prepared, one is committed by a thread, one waits for the broker's confirms. What is in the
outbox is marked in a later transaction than the one that wrote it, once its confirm has come; what a killed process
leaves unmarked is published at the next start. What is done with a message is the part of whoever uses the loop.
"""

import gc
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from bench import task
from bench.wire import Consumer, Delivery, Publisher

BATCH = 400  # messages
IDLE = 0.02  # seconds

Prepared = TypeVar("Prepared")
Out = tuple[str, str, bytes]  # a message as it stands in the outbox: routing key, id, JSON


class Part(Protocol[Prepared]):
    """What is done with messages, and the database it is done in. `write` and `mark` are never called at once."""

    def prepare(self, deliveries: Sequence[Delivery]) -> list[Prepared]:
        """Read and validate messages, and make what does not need the database."""

    def write(self, prepared: Sequence[Prepared], confirmed: int) -> "Written":
        """Write a batch in one transaction, leaving out what is known, and mark what is confirmed."""

    def mark(self, position: int) -> None:
        """Mark all up to this position in the outbox as published."""

    def left(self) -> "Written":
        """What is in the outbox and not marked, and the last position."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a batch has in the outbox: what is to be published, and the last position; 0: nothing."""

    out: Sequence[Out] = ()
    position: int = 0


@dataclass(slots=True)
class _Batch:
    """A batch on its way through commit, publication and acknowledgement."""

    last_tag: int
    committed: "Future[Written]"
    position: int = field(default=0, init=False)
    confirm: int = field(default=0, init=False)  # the number of its last message among all that were published


class Loop(Generic[Prepared]):
    """The loop, with its two connections to the broker."""

    def __init__(self, part: Part[Prepared], amqp_url: str) -> None:
        self._part = part
        self._thread = ThreadPoolExecutor(1)
        self._consumer = Consumer(amqp_url, task.QUEUE, prefetch=4 * BATCH)
        self._publisher = Publisher(amqp_url, task.EXCHANGE)
        self._arrived: deque[Delivery] = deque()
        self._committing: _Batch | None = None
        self._publishing: deque[_Batch] = deque()
        self._marked = self._confirmed = 0  # positions in the outbox
        self.stopping = False

    def run(self) -> None:
        """Work until stopped, then finish what has been taken."""
        self._publish_left()
        while not self.stopping or self._committing or self._publishing:
            deliveries = [] if self.stopping else self._take()
            prepared = self._part.prepare(deliveries) if deliveries else []
            self._publish_committed()
            if deliveries:
                committed = self._thread.submit(self._part.write, prepared, self._confirmed)
                self._marked, self._committing = self._confirmed, _Batch(deliveries[-1].tag, committed)
            else:
                self._acknowledge(leave=0)
                if self._confirmed > self._marked:
                    self._mark(self._confirmed)

    def _take(self) -> list[Delivery]:
        """What has arrived, a batch at most; waits for the first only if nothing else is under way."""
        under_way = self._committing or self._publishing
        wait = 0.0 if under_way or self._arrived else IDLE
        while len(self._arrived) < BATCH and self._consumer.readable(wait):
            self._arrived.extend(self._consumer.receive())
            wait = 0.0
        return [self._arrived.popleft() for _ in range(min(BATCH, len(self._arrived)))]

    def _publish_committed(self) -> None:
        batch, self._committing = self._committing, None
        if batch is None:
            return
        written = batch.committed.result()
        batch.position = written.position
        self._acknowledge(leave=1)
        self._publisher.send(written.out)
        batch.confirm = self._publisher.sent
        self._publishing.append(batch)

    def _acknowledge(self, leave: int) -> None:
        """Acknowledge published batches once they are confirmed, all but the last `leave` of them."""
        while len(self._publishing) > leave:
            batch = self._publishing.popleft()
            self._publisher.wait_for_confirms(batch.confirm)
            self._consumer.acknowledge(batch.last_tag)
            self._confirmed = max(self._confirmed, batch.position)

    def _mark(self, position: int) -> None:
        self._part.mark(position)
        self._marked = position

    def _publish_left(self) -> None:
        left = self._part.left()
        if left.out:
            self._publisher.send(left.out)
            self._publisher.wait_for_confirms(self._publisher.sent)
        self._confirmed = left.position
        self._mark(self._confirmed)


def run(name: str, make_part: Callable[[str], Part[Prepared]]) -> None:
    """Run a floor until SIGTERM; `make_part` is given the address of the database."""
    loop = Loop(make_part(os.environ["SERVICE_DATABASE_URL"]), os.environ["SERVICE_AMQP_URL"])

    def stop(*_: object) -> None:
        loop.stopping = True

    signal.signal(signal.SIGTERM, stop)
    sys.setswitchinterval(0.0005)  # seconds; the committing thread has little to do but must not wait to do it
    gc.collect()
    gc.disable()  # the loop makes no cycles
    print(f"ready {name}", flush=True)
    loop.run()
