"""Carries messages from queues to an exchange, on the same broker or another: read, publish, confirmed, acknowledged.

It keeps nothing of its own. A message that the other side does not take stays unacknowledged in its queue, and only
that queue waits: each has its own window of unacknowledged messages, so none can crowd out its neighbours.
"""

import contextlib
import itertools
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from amqp.exceptions import ConsumerCancelled, NotFound

from messaging import broker, frames
from messaging.broker import BrokerLost, Publication, Publisher, backoff
from messaging.health import health
from messaging.log import describe, fields

log = logging.getLogger("ruta.bridge")

WINDOW = 64  # unacknowledged messages of one queue
FEW = 10  # messages that came together: an answer goes to two parties and a service; of more, more may be coming
GATHER = 0.005  # seconds to wait for more before what has arrived is carried on
DEFER_FOR = 1.0  # seconds before what the other side refused is offered again
LOOK_AGAIN = 10.0  # seconds between looks for a queue that was missing
SAY_EVERY = 60.0  # seconds between lines that count what was carried


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it came: all of it is the sender's, except the queue and `user_id`, which the broker has checked."""

    queue: str
    routing_key: str
    tag: int
    body: bytes
    properties: dict[str, Any] | None  # None when they cannot be decoded


class Bridge:
    """One direction. `carry` turns an arrival into what is published; it must not raise."""

    def __init__(
        self,
        name: str,
        source_url: str,
        target_url: str,
        queues: Iterable[str],
        carry: Callable[[Arrival], Publication],
    ) -> None:
        self._name = name
        self._source_url = source_url
        self._source = _server(source_url)
        self._publishing = False
        self._publisher = Publisher(target_url, server=_server(target_url), part=name)
        self._queues = list(queues)
        self._carry = carry
        self._stop = threading.Event()
        self.ready = threading.Event()
        self._connection: frames.Connection | None = None
        self._channel: Any = None
        self._looked_at = float("-inf")  # when something came last, or was looked for
        self._arrived: list[Arrival] = []
        self._deferred: list[Arrival] = []
        self._deferred_until = float("-inf")
        self._missing: set[str] = set()
        self._look_again_at = float("-inf")
        self._counts: Counter[str] = Counter()
        self._said_at = time.monotonic()

    def stop(self) -> None:
        """Take nothing more; carry and acknowledge what has arrived, then let `run` return."""
        self._stop.set()

    def run(self) -> None:
        """Carry until stopped, through every absence of either side."""
        attempts = itertools.count()
        while True:
            try:
                self._connect()
                while not self._stop.is_set():
                    self._step()
                    attempts = itertools.count()  # both sides are there
                self._finish()
                break
            except BrokerLost as error:
                log.warning("a broker is away", extra=fields(process=self._name, error=describe(error)))
                # Of the other side its publisher says it, and of a missing queue who looks for it.
                if not (self._publishing or isinstance(error, NotFound | ConsumerCancelled)):
                    health.say(self._source, broker.problem(error), describe(error))
            broker.drop(self._connection)
            self._publisher.drop()
            if self._stop.wait(backoff(next(attempts))):
                break
        health.ends(self._name)
        self._say()

    def _connect(self) -> None:
        health.comes_round(self._name)
        self._publishing = False
        self._arrived, self._deferred = [], []  # of a connection that is gone; the broker delivers them again
        self._connection = broker.connect(self._source_url)
        self._channel = self._connection.channel()
        self._channel.basic_qos(0, WINDOW, False)  # for each consumer, that is for each queue
        for queue in self._queues:
            if queue not in self._missing:
                self._consume(queue)
        self._looked_at = time.monotonic()
        health.over(self._source)
        self.ready.set()

    def _consume(self, queue: str) -> None:
        health.comes_round(self._name)
        try:
            self._channel.basic_consume(queue, consumer_tag=queue, on_cancel=_raise_cancelled)
        except NotFound:  # which closes the channel: the next connection does without it
            log.error("a queue is missing; the others go on", extra=fields(process=self._name, queue=queue))
            health.say(f"queue {queue}", "missing")
            self._missing.add(queue)
            self._look_again_at = time.monotonic() + LOOK_AGAIN
            raise
        health.over(f"queue {queue}")

    def _look_again(self) -> None:
        """When a missing queue has come to be, begin anew with it."""
        if not self._missing or time.monotonic() < self._look_again_at:
            return
        self._look_again_at = time.monotonic() + LOOK_AGAIN
        assert self._connection is not None
        for queue in sorted(self._missing):
            channel = self._connection.channel()
            with contextlib.suppress(NotFound):
                channel.queue_declare(queue, passive=True)
                channel.close()
                self._missing.discard(queue)
                self._consume(queue)

    def _take(self) -> None:
        assert self._connection is not None
        for one in self._connection.delivered:
            self._counts["received"] += 1
            self._counts["redelivered"] += one.redelivered
            self._arrived.append(Arrival(one.consumer_tag, one.routing_key(), one.tag, one.body, one.properties()))
            self._looked_at = time.monotonic()
        self._connection.delivered.clear()

    def _step(self) -> None:
        """Gather what has arrived, and what is to be offered again, and carry it."""
        assert self._connection is not None
        health.comes_round(self._name)
        self._take()  # what came while the other queues were asked for
        wait, until = DEFER_FOR, float("inf")
        try:
            while len(self._arrived) < WINDOW * len(self._queues) and time.monotonic() < until:
                if self._arrived and until == float("inf"):
                    wait, until = GATHER, time.monotonic() + GATHER
                self._connection.drain_events(timeout=wait)
                self._take()
                if len(self._arrived) < FEW:
                    break  # nobody waits for a crowd that may not come; behind what is under way one gathers anyway
        except TimeoutError:
            pass
        self._connection.heartbeat_tick()
        if arrivals := self._what_may_go():
            self._carry_all(arrivals)
        else:
            with self._on_the_other_side():
                self._publisher.beat()
        self._look_after()
        self._look_again()
        if time.monotonic() - self._said_at > SAY_EVERY:
            self._say()

    def _look_after(self) -> None:
        """Where nothing has come for long, see that nothing was swallowed on its way.

        What is deferred comes again with it, and is deferred again: the queues of a bridge have no delivery limit.
        """
        assert self._connection is not None
        if time.monotonic() - self._looked_at < broker.LOOK_AFTER:
            return
        self._deferred.clear()
        queues = [queue for queue in self._queues if queue not in self._missing]
        broker.look_after(self._connection, self._channel, queues)
        self._looked_at = time.monotonic()

    @contextlib.contextmanager
    def _on_the_other_side(self) -> Iterator[None]:
        """Note that what fails in the block fails there."""
        self._publishing = True
        yield
        self._publishing = False

    def _what_may_go(self) -> list[Arrival]:
        """Take what has arrived, behind what was refused before if it is time to offer that again."""
        arrived, self._arrived = self._arrived, []
        if time.monotonic() >= self._deferred_until:
            deferred, self._deferred = self._deferred, []
            return deferred + arrived
        blocked = {arrival.queue for arrival in self._deferred}
        self._deferred += [arrival for arrival in arrived if arrival.queue in blocked]
        return [arrival for arrival in arrived if arrival.queue not in blocked]

    def _carry_all(self, arrivals: Sequence[Arrival]) -> None:
        publications = [self._carry(arrival) for arrival in arrivals]
        with self._on_the_other_side():
            failed = self._publisher.publish(publications)
        done = [arrival for place, arrival in enumerate(arrivals) if place not in failed]
        if failed or self._deferred:
            for arrival in done:
                acknowledge(self._channel, arrival.tag)
        else:
            # At once: of many single ones a quorum queue keeps some back, and loses them when the connection ends.
            acknowledge(self._channel, max(arrival.tag for arrival in done), multiple=True)
        self._counts["carried"] += len(done)
        if failed:
            refused = [arrivals[place] for place in sorted(failed)]
            self._deferred += refused
            self._deferred_until = time.monotonic() + DEFER_FOR
            queues = sorted({arrival.queue for arrival in refused})
            log.warning("not taken, and offered again", extra=fields(count=len(failed), queue=",".join(queues)))

    def _finish(self) -> None:
        """Carry what has arrived already, so that nothing has to be delivered twice."""
        assert self._connection is not None
        with contextlib.suppress(TimeoutError):
            while True:  # nothing is acknowledged meanwhile, so this ends when the windows are full
                self._connection.drain_events(timeout=broker.QUIET)
        for queue in self._queues:
            self._channel.basic_cancel(queue)
        self._take()
        if arrivals := self._what_may_go():  # what was refused, and what stands behind it, stays in its queue
            self._carry_all(arrivals)
        self._publisher.drop()
        self._channel.close()  # answered when the broker has dealt with the acknowledgements
        self._connection.close()

    def _say(self) -> None:
        if self._counts:
            log.info("carried", extra=fields(process=self._name, **self._counts))
        self._counts.clear()
        self._said_at = time.monotonic()


def acknowledge(channel: Any, tag: int, *, multiple: bool = False) -> None:
    """Acknowledge one delivery, or all up to it. A function of its own, so that the tests can stop a process here."""
    channel.basic_ack(tag, multiple=multiple)


def _server(url: str) -> str:
    """Name a side of the bridge, as `messaging.health` knows it: by its virtual host."""
    return f"broker {unquote(urlsplit(url).path[1:])}"


def _raise_cancelled(consumer_tag: str) -> None:
    raise ConsumerCancelled(f"the queue {consumer_tag} was deleted")
