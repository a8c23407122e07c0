"""How a nameko service declares what it handles, and the entrypoints that bring it there.

With `run.py` the only module that knows nameko. A service says

    class ReferralsService:
        name = "referrals"
        receive = batches("referrals")

        @on(contracts.ReferralAccepted)
        def record_acceptance(self, tx, message): ...

        @every(timedelta(seconds=1))
        def run_deadlines(self, tx, now): ...

and each handler returns the drafts of the messages that follow.
"""

import inspect
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import eventlet
from amqp import Channel
from amqp.exceptions import ConsumerCancelled, NotFound
from eventlet.event import Event
from eventlet.queue import LightQueue
from eventlet.semaphore import Semaphore
from eventlet.support.greenlets import GreenletExit
from nameko.extensions import Entrypoint, SharedExtension, register_entrypoint

import contracts
from messaging import broker, clock, database, frames, inbox, outbox, tracing
from messaging.arrivals import Arrivals
from messaging.broker import BrokerLost, Publisher, backoff
from messaging.clocks import Clocks
from messaging.database import DatabaseLost
from messaging.health import health
from messaging.identity import Identity
from messaging.log import describe, fields
from messaging.outbox import Committed
from messaging.runtime import Delivery, Runtime
from messaging.topology import GATEWAY
from messaging.transaction import Transaction

log = logging.getLogger("ruta.on")

BATCH = 250  # messages in one transaction at most
PREFETCH = 4 * BATCH  # one batch being applied, one being published, and two on the way
BATCH_WITHIN = 30  # seconds; a handler that hangs is interrupted and its message parked
TURN_WITHIN = 10  # seconds for earlier messages of other processes to be published, before the relay takes over
FEW = 10  # messages that came together; where there are more, more may be coming
GATHER = 0.005  # seconds to wait for more before what has arrived is applied
LOOK_AGAIN = 0.01  # seconds between looks at whether they are
BEAT_EVERY = 5.0  # seconds between looks at the publishing connection
RETRY_EVERY = 1.0  # seconds between looks at the parked messages
DRAIN_WITHIN = 10  # seconds for a graceful stop to finish what has arrived
COMPARE_WITHIN = 10  # seconds for the clocks to be compared

Drafts = Sequence[contracts.Draft]
Work = Callable[[object], list[Committed]]
Result = TypeVar("Result")


def on(contract: type) -> Callable[[Callable[..., Drafts]], Callable[..., Drafts]]:
    """Declare the handler of one contract, named by its newest data model: `(self, tx, message) -> drafts`.

    The message comes in the newest version, once, inside the transaction `tx`. What the handler raises beyond its
    service's refusals is a failure: nothing of the message is kept, and it is tried again later.
    """

    def declare(handler: Callable[..., Drafts]) -> Callable[..., Drafts]:
        handler.handles = contract  # type: ignore[attr-defined]
        return handler

    return declare


def every(interval: timedelta) -> Callable[[Callable[..., Drafts]], Callable[..., Drafts]]:
    """Declare a method to run at this interval: `(self, tx, now) -> drafts`.

    It runs at once again where it has any to send, or asks for it (`tx.come_again`), and no message came meanwhile.
    """

    def declare(handler: Callable[..., Drafts]) -> Callable[..., Drafts]:
        register_entrypoint(handler, _Every(interval=interval))
        return handler

    return declare


def batches(queue: str) -> Callable[[object, Work], list[Committed]]:
    """Make the method through which a service receives what stands in its queue, one nameko worker for each batch."""

    def receive(service: object, work: Work) -> list[Committed]:
        return work(service)

    register_entrypoint(receive, _Batches(queue=queue))
    return receive


class _Service(SharedExtension):  # type: ignore[misc]  # nameko ships no types
    """What a service's entrypoints share: its runtime, taken in turns, and the publisher of what it commits."""

    def setup(self) -> None:
        self.turn = Semaphore()
        self.batches = 0  # of messages, that were begun so far
        # Without a limit of its own, so that no turn waits for the broker: what may be unacknowledged bounds it.
        self._due: LightQueue[tuple[Committed, Callable[[], None]] | None] = LightQueue()
        self._publisher = Publisher(os.environ["SERVICE_AMQP_URL"], server="broker", part="publishing")
        self._abandoned: set[UUID] = set()
        self._may_go_on = Event()  # something that waits
        self._database_url = os.environ["SERVICE_DATABASE_URL"]
        self._notes: database.Connection | None = None
        self.clocks = Clocks.from_environment()
        service_class = self.container.service_cls
        handlers = {
            method.handles: method
            for _, method in inspect.getmembers(service_class, inspect.isfunction)
            if hasattr(method, "handles")
        }
        self.runtime = Runtime(
            f"{service_class.name}-{os.getpid()}",
            self._database_url,
            handlers,
            service=service_class.name,
            identity=Identity.from_environment(),
            clocks=self.clocks,
            parallel=os.environ.get("SERVICE_PARALLEL") == "true",
            time_limit=partial(eventlet.Timeout, BATCH_WITHIN),
            endings=(GreenletExit,),
        )

    def start(self) -> None:
        self._publishing = self.container.spawn_managed_thread(self._publish_as_committed)
        self._comparing = self.container.spawn_managed_thread(self._watch_clocks)

    def stop(self) -> None:
        self._due.put(None)
        self._publishing.wait()
        self._publisher.drop()
        self._comparing.kill()
        if self._notes is not None:
            self._notes.close()
        with self.turn:
            try:
                self.runtime.close()
            except DatabaseLost as error:
                log.warning("the database went away during the stop", extra=fields(error=describe(error)))

    def commit(self, method: Callable[[], list[Committed]], then: Callable[[], None] = lambda: None) -> int:
        """Run `method` in turn and queue what it committed for publication; return how many transactions that was.

        `then` is called when all of it is out, or left to the relay. It is queued within the turn, so that what is
        committed later, in another's turn, cannot leave earlier.
        """

        def commit() -> int:
            committed = method()
            for one in committed[:-1]:
                self._due.put((one, lambda: None))
            for one in committed[-1:]:
                self._due.put((one, then))
            return len(committed)

        done = int(self.work(commit))
        if self.runtime.waiting_may_go_on and not self._may_go_on.ready():
            self._may_go_on.send()
        return done

    def wait_until_something_may_go_on(self, seconds: float) -> None:
        """Return when what a parked message waits for was committed, or after so many seconds."""
        with eventlet.Timeout(seconds, False):
            self._may_go_on.wait()
        self._may_go_on = Event()

    def work(self, method: Callable[..., Any]) -> Any:
        """Run `method` in turn, as often as it takes while the database is away."""
        attempts = count()
        while True:
            try:
                with self.turn:
                    if self.clocks.is_pressing:
                        self._compare_clocks()
                    result = method()
                health.over("database")
                return result
            except DatabaseLost as error:
                _say_database(error)
                eventlet.sleep(backoff(next(attempts)))

    def _publish_as_committed(self) -> None:
        beat_at = time.monotonic()
        while True:
            health.comes_round("publishing")
            if time.monotonic() - beat_at > BEAT_EVERY:
                self._keep_alive()
                beat_at = time.monotonic()
            try:
                due = self._due.get(timeout=BEAT_EVERY)
            except eventlet.queue.Empty:
                continue
            if due is None:
                health.ends("publishing")
                return
            committed, then = due
            if committed.publications:
                if self._publish(committed):
                    self._note(partial(outbox.mark, writer=committed.writer, position=committed.position))
                else:
                    self._leave_to_relay(committed)
            then()

    def _publish(self, committed: Committed) -> bool:
        """Publish what one transaction decided; tell whether the broker has confirmed all of it."""
        if committed.writer in self._abandoned or not self._wait_for_turn(committed):
            return False
        try:
            with tracing.publishing(committed.publications):
                failed = self._publisher.publish(committed.publications)
        except BrokerLost as error:
            log.warning("publishing failed and is left to the relay", extra=fields(error=describe(error)))
            return False
        if failed:
            log.error("the broker refused messages; the relay sends them again", extra=fields(count=len(failed)))
        return not failed

    def _wait_for_turn(self, committed: Committed) -> bool:
        """Wait until what other processes had committed before is out; tell whether it came to that."""
        deadline = time.monotonic() + TURN_WITHIN
        while committed.after:
            if not self._note(partial(outbox.is_behind, after=committed.after)):
                break
            if time.monotonic() > deadline:
                return False
            eventlet.sleep(LOOK_AGAIN)
        return True

    def _leave_to_relay(self, committed: Committed) -> None:
        if committed.writer not in self._abandoned:
            self._abandoned.add(committed.writer)
            self.runtime.forget(committed.writer)
            self._note(partial(outbox.abandon, writer=committed.writer))

    def _note(self, take: Callable[[database.Connection], Result]) -> Result:
        """Take or read a note of what has been published, as often as it takes while the database is away.

        On a connection of its own, so that it need not wait for the batch that is being applied; and its commits are
        not waited for: what a crash of the database takes with it is merely published again.
        """
        for attempt in count():
            health.comes_round("publishing")
            try:
                if self._notes is None or self._notes.closed:
                    self._notes = database.connect(self._database_url)
                    self._notes.autocommit = True
                    self._notes.execute("set synchronous_commit = off")
                result = take(self._notes)
                health.over("database")
                return result
            except DatabaseLost as error:
                _say_database(error)
                if self._notes is not None:
                    self._notes.close()
                eventlet.sleep(backoff(attempt))
        raise AssertionError("unreachable")

    def _watch_clocks(self) -> None:
        while True:
            eventlet.sleep(1)
            if self.clocks.is_due():
                with suppress(*DatabaseLost):  # whoever works with it says so
                    self._compare_clocks()

    def _compare_clocks(self) -> None:
        """Compare the clocks, and where they agree let go on what has waited for that."""
        with eventlet.Timeout(COMPARE_WITHIN, False), closing(database.connect(self._database_url)) as connection:
            connection.autocommit = True
            self.clocks.compare(connection)
            if self.clocks.agree() and inbox.clocks_agree(connection):
                self.runtime.waiting_may_go_on = True

    def _keep_alive(self) -> None:
        try:
            self._publisher.beat()
        except BrokerLost as error:
            log.warning("the publishing connection was lost", extra=fields(error=describe(error)))


class _Batches(Entrypoint):  # type: ignore[misc]
    """Reads the service's queue, and has a nameko worker apply each batch of what has arrived."""

    service = _Service()

    def __init__(self, queue: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.queue = queue

    def setup(self) -> None:
        self.queue = os.environ.get("SERVICE_QUEUE", self.queue)  # of a service that an organisation runs itself
        self._arrived = Arrivals(BATCH)
        self._arrival = Event()
        self._unacknowledged = 0  # batches taken and not yet applied and published
        self._tags: deque[int] = deque()  # of what the connection has brought and is not acknowledged, ascending
        self._finished: set[int] = set()  # those of them that are applied, and published or the relay's
        self._connection: frames.Connection | None = None
        self._channel: Channel = None
        self._connections = 0
        self._was_delivered = False  # anything, by this connection: else another process may be the one that reads
        self._looked_at = 0.0  # when something came last, or was looked for
        self._stopping = self._all_read = False
        self._ready = Event()

    def start(self) -> None:
        self._threads = [
            self.container.spawn_managed_thread(thread) for thread in (self._read, self._apply, self._retry)
        ]
        self._ready.wait()

    def stop(self) -> None:
        """Take nothing more, finish and acknowledge what has arrived, then disconnect."""
        self._stopping = True
        self._wake()
        with eventlet.Timeout(DRAIN_WITHIN, False):
            for thread in self._threads:
                thread.wait()
            while self._unacknowledged:
                eventlet.sleep(0.01)
        with eventlet.Timeout(2, False):
            try:
                if self._connection is not None:
                    self._channel.close()  # answered when the broker has dealt with the acknowledgements
                    self._connection.close()
            except BrokerLost:
                pass
        broker.drop(self._connection)

    def kill(self) -> None:
        """Disconnect; nameko ends the threads. One of them is it that died and brought us here."""
        broker.drop(self._connection)

    # -- reading -------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        attempts = count()
        while True:
            try:
                self._connect()
                attempts = count()
                while not self._stopping:
                    self._drain()
                self._finish_reading()
            except BrokerLost as error:
                log.warning("the broker is away", extra=fields(error=describe(error)))
                if isinstance(error, NotFound | ConsumerCancelled):
                    health.say(f"queue {self.queue}", "missing", describe(error))
                else:
                    health.say("broker", broker.problem(error), describe(error))
                broker.drop(self._connection)
                self._connection = None
                self._arrived.clear()  # the broker will deliver them again
                self._tags.clear()
                self._finished.clear()
                self._all_read = self._stopping
            if self._all_read:
                self._wake()
                health.ends("reading")
                return
            eventlet.sleep(backoff(next(attempts)))

    def _finish_reading(self) -> None:
        """Take what is on its way, then have the broker send no more."""
        assert self._connection is not None
        try:
            while True:  # nothing is acknowledged meanwhile, so this ends when the window is full
                self._connection.drain_events(timeout=broker.QUIET)
        except TimeoutError:
            pass
        self._channel.basic_cancel("batches")
        self._take()
        self._all_read = True
        self._acknowledge()

    def _connect(self) -> None:
        health.comes_round("reading")
        self._connection = broker.connect(os.environ["SERVICE_AMQP_URL"])
        self._connections += 1
        self._was_delivered = False
        self._channel = self._connection.channel()
        health.over("broker")
        self._channel.queue_declare(self.queue, passive=True)  # declared in deploy/network.toml, never here
        self._channel.basic_qos(0, PREFETCH, False)
        self._channel.basic_consume(self.queue, consumer_tag="batches", on_cancel=self._cancelled)
        self._looked_at = time.monotonic()
        health.over(f"queue {self.queue}")
        if not self._ready.ready():
            self._ready.send()

    def _drain(self) -> None:
        """Take what arrives: wait at most a second for the first; where many come together, a moment for more."""
        assert self._connection is not None
        health.comes_round("reading")
        wait, until = 1.0, float("inf")
        try:
            while len(self._arrived) < PREFETCH and time.monotonic() < until:
                self._connection.drain_events(timeout=wait)
                self._take()
                if len(self._arrived) < FEW:
                    break
                if until == float("inf"):
                    wait, until = 0.001, time.monotonic() + GATHER
        except TimeoutError:
            self._note_how_far()
        self._connection.heartbeat_tick()
        self._look_after()
        self._wake()
        # Where as much waits as may be unacknowledged, nothing comes before something of it is applied.
        eventlet.sleep(0 if len(self._arrived) < PREFETCH else GATHER)

    def _look_after(self) -> None:
        """Where nothing has come for long, and nothing is in hand, see that nothing was swallowed on its way."""
        assert self._connection is not None
        if self._arrived or self._unacknowledged:
            self._looked_at = time.monotonic()
        elif time.monotonic() - self._looked_at > broker.LOOK_AFTER:
            broker.look_after(self._connection, self._channel, [self.queue])
            self._looked_at = time.monotonic()

    def _take(self) -> None:
        assert self._connection is not None
        for one in self._connection.delivered:
            # read here, while whoever applies the batch before waits for the database
            content = inbox.read(one.body)
            if isinstance(content, inbox.Received) and not one.redelivered and one.is_of(GATEWAY):
                self.service.clocks.heard(content.message.source, content.message.time)
            self._arrived.add(Delivery(one.tag, one.body, one.redelivered, self._connections, content))
            self._tags.append(one.tag)
            self._was_delivered = True
        self._connection.delivered.clear()

    def _cancelled(self, consumer_tag: str) -> None:
        raise ConsumerCancelled(f"the queue {self.queue} was deleted")

    # -- applying ------------------------------------------------------------------------------------------------

    def _apply(self) -> None:
        while True:
            while not self._arrived:
                if self._all_read:
                    return
                self._sleep_until_woken()
            batch = self._arrived.take(self.service.runtime.pace)
            self._unacknowledged += 1
            self.service.batches += 1
            apply = partial(self.service.runtime.apply, deliveries=batch)
            self.service.commit(partial(self._run_worker, apply), then=partial(self._finish, batch))

    def _run_worker(self, work: Work) -> Any:
        """Run `work` on a new instance of the service in a nameko worker; raise what it raised."""
        done = Event()

        def finish(context: Any, result: Any, exc_info: Any) -> tuple[Any, None]:
            if exc_info is None:
                done.send(result)
            else:
                done.send_exception(*exc_info)
            return None, None

        self.container.spawn_worker(self, (work,), {}, handle_result=finish)
        return done.wait()

    def _finish(self, batch: Sequence[Delivery]) -> None:
        """Note that a batch is committed, and published or the relay's, and acknowledge what may be."""
        self._unacknowledged -= 1
        # What came by a connection that is gone will come again, and be known.
        self._finished.update(one.tag for one in batch if one.connection == self._connections)
        if not self._stopping or self._all_read:  # else each acknowledgement would let more come
            self._acknowledge()
        self._note_how_far(batch)

    def _note_how_far(self, batch: Sequence[Delivery] = ()) -> None:
        """Note until when all is applied: now, where nothing is in hand; else as far as the last of a batch.

        Who stands by while another process reads the queue has nothing in hand, whatever waits.
        """
        if self._connection is None:
            return
        if not (self._arrived or self._unacknowledged):
            if self._was_delivered or self._nothing_waits():
                health.read_to = clock.now()
        elif batch and isinstance(last := batch[-1].content, inbox.Received):
            health.read_to = max(health.read_to or last.message.time, last.message.time)

    def _nothing_waits(self) -> bool:
        return int(self._channel.queue_declare(self.queue, passive=True).message_count) == 0

    def _acknowledge(self) -> None:
        """Acknowledge everything up to the first delivery that is not finished."""
        last = None
        while self._tags and self._tags[0] in self._finished:
            last = self._tags.popleft()
            self._finished.remove(last)
        if last is None or self._connection is None:
            return
        try:
            acknowledge(self._channel, last)
        except BrokerLost as error:
            log.warning("an acknowledgement was lost", extra=fields(error=describe(error)))

    def _retry(self) -> None:
        """Try parked messages when their time comes, or when what they waited for has been applied."""
        runtime = self.service.runtime
        while not self._stopping:
            self.service.commit(partial(self._run_worker, runtime.retry))
            if not self._stopping:
                self.service.wait_until_something_may_go_on(RETRY_EVERY)

    def _wake(self) -> None:
        if not self._arrival.ready():
            self._arrival.send()

    def _sleep_until_woken(self) -> None:
        self._arrival.wait()
        self._arrival = Event()


class _Every(Entrypoint):  # type: ignore[misc]
    """Runs a method at an interval, in a transaction of its own; at once where it has more and no message comes."""

    service = _Service()

    def __init__(self, interval: timedelta, **settings: Any) -> None:
        super().__init__(**settings)
        self._interval = interval.total_seconds()

    def setup(self) -> None:
        self._stop = Event()

    def start(self) -> None:
        self._messages_come = False
        self._thread = self.container.spawn_managed_thread(self._run)

    def stop(self) -> None:
        self._stop.send()
        self._thread.wait()

    def _run(self) -> None:
        while not self._stop.ready():
            batches = self.service.batches
            has_more = self._tick()
            eventlet.sleep(0)  # who waits for a turn has it
            self._messages_come = self.service.batches > batches
            if has_more and not self._messages_come:
                continue
            with eventlet.Timeout(self._interval, False):
                self._stop.wait()

    def _tick(self) -> bool:
        """Run the method once; tell whether it had anything to say, or is to come again."""
        service = self.container.service_cls()
        handler: Callable[[Transaction, datetime], Drafts] = getattr(service, self.method_name)

        def tick() -> list[Committed]:
            if not self.service.clocks.agree():
                return []  # nobody knows what is due
            committed = self.service.runtime.tick(handler, brief=self._messages_come)
            return [] if committed is None else [committed]

        try:
            return bool(self.service.commit(tick))
        except GreenletExit:
            raise
        except BaseException as error:
            # It runs again after the interval, on the same rows: nothing of this attempt was kept.
            log.error("a timed handler failed", extra=fields(error=describe(error)))
            return False


def _say_database(error: BaseException) -> None:
    log.warning("the database is away", extra=fields(error=describe(error)))
    health.say("database", database.problem(error), describe(error))


def acknowledge(channel: Channel, tag: int) -> None:
    """Acknowledge every delivery up to `tag`. A function of its own, so that the tests can stop a process here."""
    channel.basic_ack(tag, multiple=True)
