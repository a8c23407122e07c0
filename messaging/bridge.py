"""Carries messages from queues to an exchange, on the same broker or another: read, publish, confirmed, acknowledged.

It keeps nothing of its own. A message that the other side does not take, or for which there is no room yet
(messaging/credits.py), stays unacknowledged in its queue, and only that queue waits: each has its own window of
unacknowledged messages, so none can crowd out its neighbours. Of several queues that have something each has a message
carried in turn.
"""

import contextlib
import itertools
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
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
LOOK_FOR_ROOM = 0.003  # seconds between looks whether there is room for what waits for it
DEFER_FOR = 1.0  # seconds before what the other side refused is offered again
FOLLOW_EVERY = 0.2  # seconds between looks which queues there are to read
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


@dataclass(slots=True)
class _Waiting:
    """What has arrived from one queue and not yet gone on, in its order, each with what is published of it."""

    messages: deque[tuple[Arrival, Publication | None]] = field(default_factory=deque)
    not_before: float = float("-inf")  # when what the other side refused is offered again


class Bridge:
    """One direction. `carry` turns an arrival into what is published, or None: it goes nowhere. It must not raise.

    `queues` returns those to read at each moment: while it runs, some come and others go. One that is not there is
    looked for again and again, and the others go on.

    `may_go` tells whether there is room for a message where it goes, and `came_back` is told of one that was let go and
    did not get there. `arrived_there` is told of what the other side has confirmed, before that is acknowledged; it may
    raise one of `BrokerLost`, and is told again then.
    """

    def __init__(
        self,
        name: str,
        source_url: str,
        target_url: str,
        queues: Callable[[], Sequence[str]],
        carry: Callable[[Arrival], Publication | None],
        *,
        may_go: Callable[[Arrival, Publication], bool] = lambda _arrival, _publication: True,
        came_back: Callable[[Arrival, Publication], None] = lambda _arrival, _publication: None,
        arrived_there: Callable[[Sequence[Arrival]], None] = lambda _arrivals: None,
    ) -> None:
        self._name = name
        self._source_url = source_url
        self._source = _server(source_url)
        self._publishing = False
        self._publisher = Publisher(target_url, server=_server(target_url), part=name)
        self._queues_now = queues
        self._queues = list(queues())
        self._carry = carry
        self._may_go = may_go
        self._came_back = came_back
        self._arrived_there = arrived_there
        self._stop = threading.Event()
        self.ready = threading.Event()
        self._connection: frames.Connection | None = None
        self._channel: Any = None
        self._looked_at = float("-inf")  # when something came last, or was looked for
        self._arrived = 0  # since the last step
        self._waiting = {queue: _Waiting() for queue in self._queues}
        self._missing: set[str] = set()
        self._follow_again_at = time.monotonic() + FOLLOW_EVERY
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
        self._waiting = {queue: _Waiting() for queue in self._queues}
        self._arrived = 0  # what came by a connection that is gone, the broker delivers again
        self._connection = broker.connect(self._source_url)
        self._channel = self._connection.channel()
        self._channel.basic_qos(0, WINDOW, False)  # for each consumer, that is for each queue
        for queue in self._queues:
            if queue not in self._missing:
                self._consume(queue)
        self._looked_at = time.monotonic()
        health.over(self._source)
        self.ready.set()

    def _follow(self) -> None:
        """Read what is to be read now, beside what was.

        Without what is not, by another connection: so whatever has come of that, and has not gone on, is in its queue
        again.
        """
        if time.monotonic() < self._follow_again_at:
            return
        self._follow_again_at = time.monotonic() + FOLLOW_EVERY
        wanted = list(self._queues_now())
        if wanted == self._queues:
            return
        came, gone = {*wanted} - {*self._queues}, {*self._queues} - {*wanted}
        self._queues = wanted
        self._missing -= gone
        for queue in gone:
            health.over(f"queue {queue}")
        if gone:
            assert self._connection is not None
            self._channel.close()  # answered when the broker has dealt with the acknowledgements
            self._connection.close()
            self._connect()
            return
        for queue in sorted(came):
            self._waiting[queue] = _Waiting()
            self._consume(queue)

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
            arrival = Arrival(one.consumer_tag, one.routing_key(), one.tag, one.body, one.properties())
            self._waiting[arrival.queue].messages.append((arrival, self._carry(arrival)))
            self._arrived += 1
            self._looked_at = time.monotonic()
        self._connection.delivered.clear()

    def _step(self) -> None:
        """Gather what has arrived, and carry what may go of it and of what waits."""
        assert self._connection is not None
        health.comes_round(self._name)
        self._take()  # what came while the other queues were asked for
        wait, until = self._idle_for(), float("inf")
        try:
            while self._arrived < WINDOW * max(len(self._queues), 1) and time.monotonic() < until:
                if self._arrived and until == float("inf"):
                    wait, until = GATHER, time.monotonic() + GATHER
                self._connection.drain_events(timeout=wait)
                self._take()
                if self._arrived < FEW:
                    break  # nobody waits for a crowd that may not come; behind what is under way one gathers anyway
        except TimeoutError:
            pass
        self._connection.heartbeat_tick()
        self._arrived = 0
        if messages := self._what_may_go():
            self._carry_all(messages)
        else:
            with self._on_the_other_side():
                self._publisher.beat()
        self._look_after()
        self._look_again()
        self._follow()
        if time.monotonic() - self._said_at > SAY_EVERY:
            self._say()

    def _idle_for(self) -> float:
        """How long to wait for something to arrive: not long where something waits for room."""
        now = time.monotonic()
        if any(one.messages and one.not_before <= now for one in self._waiting.values()):
            return LOOK_FOR_ROOM
        return DEFER_FOR

    def _look_after(self) -> None:
        """Where nothing has come for long, see that nothing was swallowed on its way.

        What waits comes again with it, and waits again: the queues of a bridge have no delivery limit.
        """
        assert self._connection is not None
        if time.monotonic() - self._looked_at < broker.LOOK_AFTER:
            return
        self._forget_waiting()
        queues = [queue for queue in self._queues if queue not in self._missing]
        broker.look_after(self._connection, self._channel, queues)
        self._looked_at = time.monotonic()

    @contextlib.contextmanager
    def _on_the_other_side(self) -> Iterator[None]:
        """Note that what fails in the block fails there."""
        self._publishing = True
        yield
        self._publishing = False

    def _forget_waiting(self) -> None:
        self._arrived = 0
        for one in self._waiting.values():
            one.messages.clear()

    def _what_may_go(self) -> list[tuple[Arrival, Publication | None]]:
        """Take what has arrived and may go on: of each queue in its order, of all queues one after the other."""
        now = time.monotonic()
        going: list[tuple[Arrival, Publication | None]] = []
        open_queues = [one for one in self._waiting.values() if one.messages and one.not_before <= now]
        while open_queues:
            for one in tuple(open_queues):
                arrival, publication = one.messages[0]
                if publication is None or self._may_go(arrival, publication):
                    going.append(one.messages.popleft())
                    if one.messages:
                        continue
                open_queues.remove(one)
        return going

    def _carry_all(self, messages: Sequence[tuple[Arrival, Publication | None]]) -> None:
        going = [(arrival, publication) for arrival, publication in messages if publication is not None]
        with self._on_the_other_side():
            try:
                failed = self._publisher.publish([publication for _, publication in going]) if going else ()
            except BrokerLost:
                for message in going:  # they come again, and take their room again
                    self._came_back(*message)
                raise
        refused = [going[place] for place in sorted(failed)]
        left = {arrival.tag for arrival, _ in refused}
        done = [arrival for arrival, _ in messages if arrival.tag not in left]
        with self._on_the_other_side():
            self._arrived_there(done)
        if refused:
            self._defer(refused)
        self._acknowledge(done)
        self._counts["carried"] += len(done)

    def _defer(self, messages: Sequence[tuple[Arrival, Publication]]) -> None:
        """Offer again, after a while and before what stands behind it, what the other side has refused."""
        for arrival, publication in reversed(messages):
            waiting = self._waiting[arrival.queue]
            waiting.messages.appendleft((arrival, publication))
            waiting.not_before = time.monotonic() + DEFER_FOR
            self._came_back(arrival, publication)
        queues = sorted({arrival.queue for arrival, _ in messages})
        log.warning("not taken, and offered again", extra=fields(count=len(messages), queue=",".join(queues)))

    def _acknowledge(self, done: Sequence[Arrival]) -> None:
        # At once, as far as nothing waits that came before: of many single ones a quorum queue keeps some back, and
        # loses them when the connection ends.
        first_waiting = min(
            (one.messages[0][0].tag for one in self._waiting.values() if one.messages), default=float("inf")
        )
        before = [arrival.tag for arrival in done if arrival.tag < first_waiting]
        if before:
            acknowledge(self._channel, max(before), multiple=True)
        for arrival in done:
            if arrival.tag > first_waiting:
                acknowledge(self._channel, arrival.tag)

    def _finish(self) -> None:
        """Carry what has arrived already, so that nothing has to be delivered twice."""
        assert self._connection is not None
        with contextlib.suppress(TimeoutError):
            while True:  # nothing is acknowledged meanwhile, so this ends when the windows are full
                self._connection.drain_events(timeout=broker.QUIET)
        for queue in self._queues:
            self._channel.basic_cancel(queue)
        self._take()
        if messages := self._what_may_go():  # what waits stays in its queue
            self._carry_all(messages)
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
