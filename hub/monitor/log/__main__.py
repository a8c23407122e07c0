"""The monitor's log: writes down what passes the hub, without its bodies, and what became of it.

    python -m hub.monitor.log       (MONITOR_DATABASE_URL, MONITOR_HUB_AMQP_URL, MONITOR_GATEWAY_DATABASE_URL,
                                     RUTA_NETWORK_FILE, RUTA_MONITOR_KEEP_…)

It reads the queue `log` in batches, writes each in one transaction, commits, and only then acknowledges it: killed in
between, it gets the batch again, and all of it is known. One writes at a time, whose database session holds an advisory
lock; any number may stand by. Nobody waits for it: the queue takes whatever comes, and drops its oldest where it is
full. Another thread looks which message of each service's queue is the oldest that nothing has been said of; and
one reads what the entrance by HTTP has refused (refused.py).
"""

import contextlib
import itertools
import logging
import os
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from amqp.exceptions import ConsumerCancelled, NotFound

from hub.monitor.log import ages, counting, entries, keeping, refused, writing
from hub.monitor.log.keeping import Settings, SettingsError
from messaging import broker, clock, database, frames, topology
from messaging import log as logs
from messaging.broker import BrokerLost, backoff
from messaging.health import health, say_ready
from messaging.log import describe, fields
from messaging.stopping import AskedToStop
from messaging.topology import LOG, MONITOR, NETWORK_FILE, Service, TopologyError

log = logging.getLogger("ruta.monitor")

BATCH = 500  # messages in one transaction at most
PREFETCH = 4 * BATCH
APART = 0.25  # seconds from one batch to the next: nobody waits for the log, and fewer commits cost the flow less
LOOK_EVERY = 0.5  # seconds between attempts to become the one that writes
QUIET_AT_MOST = 1.0  # seconds without a message before the process looks after itself
KEEP_HOUSE_EVERY = 60.0  # seconds
ALIVE_EVERY = 10.0  # seconds between words to the database, which ends a session that says nothing
UNUSED_WITHIN = "40s"  # one that froze, or was never answered, keeps the lock no longer than this
WHOLE_EVERY = 5.0  # seconds between words to the database that nothing waits to be written
SAY_EVERY = 60.0  # seconds between lines that count what was written
STOP_WITHIN = 15.0  # seconds for what has arrived
THE_WRITER = 0x4C6F6721  # the advisory lock of the one that writes
STEP = timedelta(microseconds=1)

# The message's own fault, whoever runs this: it would be so again. All else that a database says heals, or is mended.
ITS_OWN_FAULT = (psycopg.DataError, psycopg.IntegrityError)


class SettingError(Exception):
    """A setting that is not there."""


class Writer:
    """One reader of the queue, one writer of the tables."""

    def __init__(
        self, database_url: str, amqp_url: str, settings: Settings, refusals: refused.Reading | None = None
    ) -> None:
        """`refusals`: where what is refused by HTTP is read; None: that is not logged."""
        self._database_url = database_url
        self._refusals = refusals
        self._amqp_url = amqp_url
        self._settings = settings
        self._stop = threading.Event()
        self.ready = threading.Event()
        self._connection: frames.Connection | None = None
        self._channel: Any = None
        self._arrived: list[frames.Delivered] = []
        self._known = writing.Known()
        self._last: datetime | None = None
        self._looked_at = float("-inf")
        self._wrote_at = float("-inf")
        self._spoken_at = float("-inf")
        self._house_kept_at = float("-inf")
        self._whole_at = float("-inf")
        self._written = 0
        self._said_at = time.monotonic()

    def stop(self) -> None:
        """Take nothing more; write and acknowledge what has arrived, then let `run` return."""
        self._stop.set()

    def run(self) -> None:
        """Write until stopped, through every absence of the database or the broker."""
        self._attempts = itertools.count()
        while True:
            health.comes_round(MONITOR)
            try:
                with database.connect(self._database_url, unused_within=UNUSED_WITHIN) as connection:
                    if self._take_turn(connection):
                        self._work(connection)
                break
            except BrokerLost as error:
                log.warning("the broker is away", extra=fields(error=describe(error)))
                if isinstance(error, NotFound | ConsumerCancelled):
                    health.say(f"queue {LOG}", "missing", describe(error))
                else:
                    health.say("broker", broker.problem(error), describe(error))
            except psycopg.Error as error:  # a table that is missing, too: it is made while we wait
                log.warning("the database is away", extra=fields(error=describe(error)))
                health.say("database", database.problem(error), describe(error))
            broker.drop(self._connection)
            if self._stop.wait(backoff(next(self._attempts))):
                break
        health.ends(MONITOR)
        self._say()

    def _take_turn(self, connection: database.Connection) -> bool:
        """Wait until nobody else writes; False when this one is to stop."""
        while not self._stop.is_set():
            health.comes_round(MONITOR)
            taken = connection.execute("select 1 where pg_try_advisory_lock(%s)", (THE_WRITER,)).fetchone()
            connection.commit()
            health.over("database")
            if taken is not None:
                return True
            self.ready.set()  # it stands by
            self._stop.wait(LOOK_EVERY)
        return False

    def _work(self, connection: database.Connection) -> None:
        self._known = writing.Known()  # what another has deleted meanwhile is not known
        self._last = _last(connection)
        if self._refusals is not None:
            self._refusals.begin(refused.up_to(connection))
        self._house_kept_at = float("-inf")
        self._keep_house(connection)
        self._consume()
        while not self._stop.is_set():
            health.comes_round(MONITOR)
            self._gather()
            is_all = len(self._arrived) < BATCH
            self._write(connection)
            self._write_refused(connection)
            self._look_after()
            self._keep_house(connection)
            if is_all:
                self._say_whole(connection)
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
        self._channel.basic_qos(0, PREFETCH, False)
        self._channel.basic_consume(LOG, consumer_tag=MONITOR, on_cancel=_raise_cancelled)
        self._looked_at = time.monotonic()
        health.over("broker")
        health.over(f"queue {LOG}")
        self.ready.set()

    def _gather(self) -> None:
        """Take what arrives: wait a while for the first; right behind a batch, for more that comes with it."""
        assert self._connection is not None
        wait = QUIET_AT_MOST
        with contextlib.suppress(TimeoutError):
            while len(self._arrived) < BATCH:
                self._connection.drain_events(timeout=wait)
                self._take()
                wait = self._wrote_at + APART - time.monotonic()
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
            broker.look_after(self._connection, self._channel, [LOG])
            self._looked_at = time.monotonic()

    # -- writing -------------------------------------------------------------------------------------------------------

    def _write(self, connection: database.Connection) -> None:
        """Write what has arrived, a batch at a time, and acknowledge each when it is committed."""
        while self._arrived:
            health.comes_round(MONITOR)
            batch, rest = self._arrived[:BATCH], self._arrived[BATCH:]
            came = [(one.routing_key(), one.body) for one in batch]
            now = self._now(connection)
            self._written += write(connection, came, now, self._known)
            self._last = now + len(came) * 2 * STEP
            self._wrote_at = self._spoken_at = time.monotonic()
            acknowledge(self._channel, batch[-1].tag)
            self._arrived = rest

    def _write_refused(self, connection: database.Connection) -> None:
        """Write what the entrance by HTTP has refused, as far as it was read."""
        if self._refusals is None or not (rows := self._refusals.there()):
            return
        now = self._now(connection)
        refused.write(connection, rows, now, self._known)
        commit(connection)
        self._last = now + len(rows) * STEP
        self._wrote_at = self._spoken_at = time.monotonic()
        self._refusals.written(rows)
        health.count("http_refusals logged", len(rows))

    def _now(self, connection: database.Connection) -> datetime:
        """The time of a batch: after whatever was written before, though the clock was set back."""
        now = clock.machine_now()
        if self._last is not None and now <= self._last:
            now = self._last + STEP
        keeping.see_to(connection, now)
        return now

    def _keep_house(self, connection: database.Connection) -> None:
        if time.monotonic() - self._house_kept_at > KEEP_HOUSE_EVERY:
            self._house_kept_at = time.monotonic()
            try:
                keep_house(connection, self._settings)
            except psycopg.Error as error:  # it holds nobody up: it can wait for the next time
                if connection.broken:
                    raise
                connection.rollback()
                log.warning("this failed, and is tried again", extra=fields(what="keeping", error=describe(error)))
            self._spoken_at = time.monotonic()
        elif time.monotonic() - self._spoken_at > ALIVE_EVERY:
            connection.execute("select 1")
            connection.commit()
            self._spoken_at = time.monotonic()

    def _say_whole(self, connection: database.Connection) -> None:
        """Say that nothing waits: less had come than is written at once."""
        if time.monotonic() - self._whole_at > WHOLE_EVERY:
            counting.say_whole(connection, clock.machine_now())
            self._whole_at = self._spoken_at = time.monotonic()

    def _finish(self, connection: database.Connection) -> None:
        """Write what has arrived already, so that nothing has to be delivered twice."""
        assert self._connection is not None
        with contextlib.suppress(TimeoutError):
            while True:  # nothing is acknowledged meanwhile, so this ends when the window is full
                self._connection.drain_events(timeout=broker.QUIET)
        self._channel.basic_cancel(MONITOR)
        self._take()
        self._write(connection)
        self._channel.close()  # answered when the broker has dealt with the acknowledgements
        self._connection.close()

    def _say(self) -> None:
        if self._written:
            log.info("written down", extra=fields(process=MONITOR, count=self._written))
        self._written, self._said_at = 0, time.monotonic()


def write(
    connection: database.Connection, came: Sequence[tuple[str, bytes]], now: datetime, known: writing.Known
) -> int:
    """Write what came (routing key and body) in one transaction; where some keeps the others out, each in its own.

    One that cannot be written even alone is left out, with a line: the log is no place where anything may stand still.
    Raises psycopg's errors when the database cannot do it now, whatever the message.
    """
    try:
        read = [one for key, body in came for one in entries.read(key, body)]
        written = writing.write(connection, read, now, known)
        commit(connection)
        return written
    except psycopg.Error as error:
        if connection.broken or not isinstance(error, ITS_OWN_FAULT) or _has_no_day(error):
            raise
        failed = describe(error)
        connection.rollback()
    except Exception as error:
        failed = describe(error)
        connection.rollback()
    known.pairs.clear()
    if len(came) > 1:
        return sum(write(connection, [one], now + 2 * place * STEP, known) for place, one in enumerate(came))
    log.error("this cannot be logged, and is left out", extra=fields(error=failed))
    return 0


def _has_no_day(error: psycopg.Error) -> bool:
    """Whether the log has no partition for the time at which it writes: then nothing is wrong with any message."""
    return isinstance(error, psycopg.errors.CheckViolation) and error.diag.constraint_name is None


def commit(connection: database.Connection) -> None:
    """Commit. A function of its own, so that the tests can stop a process here."""
    connection.commit()


def acknowledge(channel: Any, tag: int) -> None:
    """Acknowledge every delivery up to `tag`. A function of its own, so that the tests can stop a process here."""
    channel.basic_ack(tag, multiple=True)


def keep_house(connection: database.Connection, settings: Settings) -> None:
    """Make the days ahead; give up what is too old, or takes too much room, and delete what has no days."""
    now = clock.machine_now()
    keeping.make_partitions(connection, now)
    while keeping.give_up(connection, now, settings):
        pass
    keeping.tidy(connection, now, settings)


def _last(connection: database.Connection) -> datetime | None:
    row = connection.execute("select max(arrived_at) as at from message").fetchone()
    connection.commit()
    assert row is not None
    at: datetime | None = row["at"]
    return at


def _raise_cancelled(consumer_tag: str) -> None:
    raise ConsumerCancelled(f"the queue {consumer_tag} was deleted")


def _setting(name: str) -> str:
    if not os.environ.get(name):
        raise SettingError(f"{name} is not set")
    return os.environ[name]


def services_of_environment() -> Iterable[Service]:
    """The services of the network file. Raises TopologyError."""
    return topology.read(Path(os.environ.get("RUTA_NETWORK_FILE") or NETWORK_FILE)).services.values()


def main() -> int:
    """Write until SIGTERM or SIGINT; 1 if it ends before that.

    Ends with a sentence where a setting, or the network file, cannot be read.
    """
    logs.set_up(MONITOR)
    try:
        database_url = _setting("MONITOR_DATABASE_URL")
        gateway = os.environ.get("MONITOR_GATEWAY_DATABASE_URL")
        refusals = refused.Reading(gateway) if gateway else None
        writer = Writer(database_url, _setting("MONITOR_HUB_AMQP_URL"), Settings.read(os.environ), refusals)
        looking = ages.Looking(database_url, services_of_environment())
    except (SettingError, SettingsError, TopologyError) as error:
        sys.exit(str(error))
    asked, ended = AskedToStop(), threading.Event()
    health.begin(MONITOR)

    def run() -> None:
        try:
            writer.run()
        finally:
            ended.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    threading.Thread(target=looking.run, daemon=True).start()
    if refusals is not None:
        threading.Thread(target=refusals.run, daemon=True).start()
    asked.wait(lambda: ended.is_set() or writer.ready.is_set())
    if not (asked or ended.is_set()):
        say_ready(MONITOR)
    asked.wait(ended.is_set)
    failed = ended.is_set() and not asked
    writer.stop()
    looking.stop()  # nobody waits for it, nor for what is read of refusals
    if refusals is not None:
        refusals.stop()
    thread.join(STOP_WITHIN)
    if not failed:
        health.end()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
