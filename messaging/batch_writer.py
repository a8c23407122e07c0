"""A process that writes down what one queue brings: in batches, each committed before it is acknowledged.

Killed in between, it gets the batch again, and who writes has to know what it has. One writes at a time, whose database
session holds an advisory lock; any number may stand by. It reads only while it has the lock, so that what the broker
gives it can be written.
"""

import contextlib
import itertools
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from amqp.exceptions import ConsumerCancelled, NotFound

from messaging import broker, database, frames
from messaging.broker import BrokerLost, backoff
from messaging.health import health, say_ready
from messaging.log import describe, fields
from messaging.stopping import AskedToStop

LOOK_EVERY = 0.5  # seconds between attempts to become the one that writes
QUIET_AT_MOST = 1.0  # seconds without a message before the process looks after itself
KEEP_HOUSE_EVERY = 60.0  # seconds; between steps that leave something to do, as long as a batch takes
ALIVE_EVERY = 10.0  # seconds between words to the database, which ends a session that says nothing
UNUSED_WITHIN = "40s"  # a writer that froze, or was never answered, keeps the lock no longer than this
SAY_EVERY = 60.0  # seconds between lines that count what was written
STOP_WITHIN = 15.0  # seconds for what has arrived

# The message's own fault, whoever runs this: it would be so again. All else that a database says heals, or is mended.
ITS_OWN_FAULT = (psycopg.DataError, psycopg.IntegrityError)


@dataclass(frozen=True)
class Task:
    """What is written down, and how."""

    process: str
    """Its name, in its lines, for its heartbeat and as a consumer."""
    queue: str
    lock: int
    """The advisory lock of the one that writes."""
    batch: int
    """Messages in one transaction at most."""
    prefetch: int
    apart: float
    """Seconds from one batch to the next, while more is coming: a commit costs as much as many messages."""


class Aside(Protocol):
    """What runs in a thread beside the writer; nobody waits for its end."""

    def run(self) -> None: ...
    def stop(self) -> None: ...


class BatchWriter(ABC):
    """One reader of a queue, one writer of the tables."""

    def __init__(self, task: Task, database_url: str, amqp_url: str, log: logging.Logger) -> None:
        self.ready = threading.Event()
        self._task = task
        self._database_url = database_url
        self._amqp_url = amqp_url
        self._log = log
        self._stop = threading.Event()
        self._connection: frames.Connection | None = None
        self._channel: Any = None
        self._arrived: list[frames.Delivered] = []
        self._due: list[str] = []
        self._looked_at = float("-inf")  # when something came last, or was looked for
        self._wrote_at = float("-inf")
        self._spoken_at = float("-inf")  # to the database
        self._house_kept_at = float("-inf")
        self._written = 0
        self._said_at = time.monotonic()

    # -- what each does in its own way ---------------------------------------------------------------------------------

    @abstractmethod
    def write(self, connection: database.Connection, batch: Sequence[frames.Delivered]) -> int:
        """Write a batch and commit it; return how many rows or messages it was.

        Raises psycopg's errors when the database cannot do it now, whatever the message.
        """

    @abstractmethod
    def due(self, connection: database.Connection) -> Sequence[str]:
        """The steps of keeping house that are to be done now."""

    @abstractmethod
    def keep(self, connection: database.Connection, step: str) -> bool:
        """Do a part of a step and commit it; True when it is not over. What fails is tried again the next time."""

    def begin(self, connection: database.Connection) -> None:  # noqa: B027 - not everybody has to
        """Learn what stands there, now that nobody else writes."""

    def write_beside(  # noqa: B027 - not everybody has anything
        self, connection: database.Connection, *, is_all: bool
    ) -> None:
        """Write what does not come by the queue; `is_all`: nothing waits there."""

    # -- the rounds ----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Take nothing more; write and acknowledge what has arrived, then let `run` return."""
        self._stop.set()

    def run(self) -> None:
        """Write until stopped, through every absence of the database or the broker."""
        self._attempts = itertools.count()
        while True:
            health.comes_round(self._task.process)
            try:
                with database.connect(self._database_url, unused_within=UNUSED_WITHIN) as connection:
                    if self._take_turn(connection):
                        self._work(connection)
                break
            except BrokerLost as error:
                self._log.warning("the broker is away", extra=fields(error=describe(error)))
                if isinstance(error, NotFound | ConsumerCancelled):
                    health.say(f"queue {self._task.queue}", "missing", describe(error))
                else:
                    health.say("broker", broker.problem(error), describe(error))
            except psycopg.Error as error:  # a table that is missing, too: it is made while we wait
                self._log.warning("the database is away", extra=fields(error=describe(error)))
                health.say("database", database.problem(error), describe(error))
            broker.drop(self._connection)
            if self._stop.wait(backoff(next(self._attempts))):
                break
        health.ends(self._task.process)
        self._say()

    def _take_turn(self, connection: database.Connection) -> bool:
        """Wait until nobody else writes; False when this one is to stop."""
        looked_at = time.monotonic()
        while not self._stop.is_set():
            health.comes_round(self._task.process)
            taken = connection.execute("select 1 where pg_try_advisory_lock(%s)", (self._task.lock,)).fetchone()
            connection.commit()
            health.over("database")
            if taken is not None:
                return True
            self.ready.set()  # it stands by
            if time.monotonic() - looked_at > database.END_FROZEN_EVERY:
                database.end_frozen(connection)  # one that stands in the middle of a statement is not idle
                looked_at = time.monotonic()
            self._stop.wait(LOOK_EVERY)
        return False

    def _work(self, connection: database.Connection) -> None:
        self.begin(connection)
        self._house_kept_at = float("-inf")
        self._keep_house(connection)
        self._consume()
        while not self._stop.is_set():
            health.comes_round(self._task.process)
            self._gather()
            is_all = len(self._arrived) < self._task.batch
            self._write(connection)
            self.write_beside(connection, is_all=is_all)
            self._look_after()
            self._keep_house(connection)
            self._attempts = itertools.count()  # both servers are there
            health.over("database")
            if time.monotonic() - self._said_at > SAY_EVERY:
                self._say()
        self._finish(connection)

    # -- reading -------------------------------------------------------------------------------------------------------

    def _consume(self) -> None:
        self._arrived = []  # of a connection that is gone; the broker delivers them again
        self._connection = broker.connect(self._amqp_url)
        self._channel = self._connection.channel()
        self._channel.basic_qos(0, self._task.prefetch, False)
        self._channel.basic_consume(self._task.queue, consumer_tag=self._task.process, on_cancel=_raise_cancelled)
        self._looked_at = time.monotonic()
        health.over("broker")
        health.over(f"queue {self._task.queue}")
        self.ready.set()

    def _gather(self) -> None:
        """Take what arrives: wait a while for the first; right behind a batch, for more that comes with it."""
        assert self._connection is not None
        wait = 0.001 if self._due else QUIET_AT_MOST
        with contextlib.suppress(TimeoutError):
            while len(self._arrived) < self._task.batch:
                self._connection.drain_events(timeout=wait)
                self._take()
                wait = self._wrote_at + self._task.apart - time.monotonic()
                if wait <= 0:
                    break
        self._connection.heartbeat_tick()

    def _take(self) -> None:
        assert self._connection is not None
        self._arrived += self._connection.delivered
        self._connection.delivered.clear()
        self._looked_at = time.monotonic()

    def _look_after(self) -> None:
        """Where nothing has come for long, and nothing is in hand, see that nothing was swallowed on its way."""
        assert self._connection is not None
        if not self._arrived and time.monotonic() - self._looked_at > broker.LOOK_AFTER:
            broker.look_after(self._connection, self._channel, [self._task.queue])
            self._looked_at = time.monotonic()

    # -- writing -------------------------------------------------------------------------------------------------------

    def _write(self, connection: database.Connection) -> None:
        """Write what has arrived, a batch at a time, and acknowledge each when it is committed."""
        while self._arrived:
            health.comes_round(self._task.process)
            batch, rest = self._arrived[: self._task.batch], self._arrived[self._task.batch :]
            self._written += self.write(connection, batch)
            self._has_written()
            acknowledge(self._channel, batch[-1].tag)
            self._arrived = rest

    def _has_written(self) -> None:
        self._wrote_at = self._spoken_at = time.monotonic()

    def _keep_house(self, connection: database.Connection) -> None:
        """Do one step of what is due; without any say a word, so that the session, and the lock with it, lasts."""
        if time.monotonic() - self._house_kept_at > KEEP_HOUSE_EVERY:
            self._house_kept_at = time.monotonic()
            self._due = list(self.due(connection))
        if self._due:
            step = self._due[0]
            try:
                if self.keep(connection, step):
                    return
            except psycopg.Error as error:  # it holds nobody up: it can wait for the next time
                if connection.broken:
                    raise
                connection.rollback()
                self._log.warning("this failed, and is tried again", extra=fields(what=step, error=describe(error)))
            del self._due[0]
            self._spoken_at = time.monotonic()
        elif time.monotonic() - self._spoken_at > ALIVE_EVERY:
            connection.execute("select 1")
            connection.commit()
            self._spoken_at = time.monotonic()

    def _finish(self, connection: database.Connection) -> None:
        """Write what has arrived already, so that nothing has to be delivered twice."""
        assert self._connection is not None
        with contextlib.suppress(TimeoutError):
            while True:  # nothing is acknowledged meanwhile, so this ends when the window is full
                self._connection.drain_events(timeout=broker.QUIET)
        self._channel.basic_cancel(self._task.process)
        self._take()
        self._write(connection)
        self._channel.close()  # answered when the broker has dealt with the acknowledgements
        self._connection.close()

    def _say(self) -> None:
        if self._written:
            self._log.info("written down", extra=fields(process=self._task.process, count=self._written))
        self._written, self._said_at = 0, time.monotonic()


def run_until_asked(process: str, writer: BatchWriter, beside: Sequence[Aside]) -> int:
    """Run the writer, with what goes on beside it, until SIGTERM or SIGINT; 1 if the writer ends before that."""
    asked, ended = AskedToStop(), threading.Event()
    health.begin(process)

    def run() -> None:
        try:
            writer.run()
        finally:
            ended.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    for one in beside:
        threading.Thread(target=one.run, daemon=True).start()
    asked.wait(lambda: ended.is_set() or writer.ready.is_set())
    if not (asked or ended.is_set()):
        say_ready(process)
    asked.wait(ended.is_set)
    failed = ended.is_set() and not asked
    writer.stop()
    for one in beside:
        one.stop()  # nobody waits for it: what it has not committed is done the next time
    thread.join(STOP_WITHIN)
    if not failed:
        health.end()
    return int(failed)


def acknowledge(channel: Any, tag: int) -> None:
    """Acknowledge every delivery up to `tag`. A function of its own, so that the tests can stop a process here."""
    channel.basic_ack(tag, multiple=True)


def _raise_cancelled(consumer_tag: str) -> None:
    raise ConsumerCancelled(f"the queue {consumer_tag} was deleted")
