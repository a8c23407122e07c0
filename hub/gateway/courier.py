"""The courier: writes down what the hub has for organisations, and what became of what they sent.

    python -m hub.gateway.courier       (GATEWAY_DATABASE_URL, GATEWAY_HUB_AMQP_URL, RUTA_NETWORK_FILE,
                                         GATEWAY_AUDIT_DIRECTORY)

It reads the queue `ledger` in batches, writes each in one transaction (hub/gateway/ledger.py), commits, and only then
acknowledges it: killed in between, it gets the batch again, and all of it is known. One courier writes at a time, whose
database session holds an advisory lock; any number may stand by. It reads only while it has the lock, so that what the
broker gives it can be written.
"""

import contextlib
import itertools
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from amqp.exceptions import ConsumerCancelled, NotFound

from hub.gateway import erasing, keeping, ledger
from hub.gateway.audit.refusals import Appending
from hub.gateway.ledger import Entry
from hub.gateway.settings import SettingError, setting
from messaging import broker, database, frames, inbox, register
from messaging import log as logs
from messaging.broker import BrokerLost, backoff
from messaging.health import health, say_ready
from messaging.log import describe, fields
from messaging.stopping import AskedToStop
from messaging.topology import COURIER, LEDGER, Organisation, TopologyError

log = logging.getLogger("ruta.courier")

BATCH = 250  # messages in one transaction at most
PREFETCH = 2 * BATCH  # one batch being written, one on the way
APART = 0.025  # seconds from one batch to the next, while more is coming: a commit costs as much as many messages
LOOK_EVERY = 0.5  # seconds between attempts to become the one that writes
QUIET_AT_MOST = 1.0  # seconds without a message before the process looks after itself
KEEP_HOUSE_EVERY = 60.0  # seconds; between steps that leave something to do, as long as a batch takes
ALIVE_EVERY = 10.0  # seconds between words to the database, which ends a session that says nothing
UNUSED_WITHIN = "40s"  # a courier that froze, or was never answered, keeps the lock no longer than this
SAY_EVERY = 60.0  # seconds between lines that count what was written
STOP_WITHIN = 15.0  # seconds for what has arrived
THE_COURIER = 0x436F7572  # the advisory lock of the one that writes

# The message's own fault, whoever runs this: it would be so again. All else that a database says heals, or is mended.
ITS_OWN_FAULT = (psycopg.DataError, psycopg.IntegrityError)


class Courier:
    """One reader of the queue, one writer of the tables."""

    def __init__(
        self, database_url: str, amqp_url: str, organisations: Callable[[], Mapping[str, Organisation]]
    ) -> None:
        self._database_url = database_url
        self._amqp_url = amqp_url
        self._organisations = organisations
        self._stop = threading.Event()
        self.ready = threading.Event()
        self._connection: frames.Connection | None = None
        self._channel: Any = None
        self._arrived: list[frames.Delivered] = []
        self._looked_at = float("-inf")  # when something came last, or was looked for
        self._wrote_at = float("-inf")
        self._spoken_at = float("-inf")  # to the database
        self._house_kept_at = float("-inf")
        self._to_keep: list[str] = []
        self._written = 0
        self._said_at = time.monotonic()

    def stop(self) -> None:
        """Take nothing more; write and acknowledge what has arrived, then let `run` return."""
        self._stop.set()

    def run(self) -> None:
        """Write until stopped, through every absence of the database or the broker."""
        self._attempts = itertools.count()
        while True:
            health.comes_round(COURIER)
            try:
                with database.connect(self._database_url, unused_within=UNUSED_WITHIN) as connection:
                    if self._take_turn(connection):
                        self._work(connection)
                break
            except BrokerLost as error:
                log.warning("the broker is away", extra=fields(error=describe(error)))
                if isinstance(error, NotFound | ConsumerCancelled):
                    health.say(f"queue {LEDGER}", "missing", describe(error))
                else:
                    health.say("broker", broker.problem(error), describe(error))
            except psycopg.Error as error:  # a table that is missing, too: it is made while we wait
                log.warning("the database is away", extra=fields(error=describe(error)))
                health.say("database", database.problem(error), describe(error))
            broker.drop(self._connection)
            if self._stop.wait(backoff(next(self._attempts))):
                break
        health.ends(COURIER)
        self._say()

    def _take_turn(self, connection: database.Connection) -> bool:
        """Wait until no other courier writes; False when this one is to stop."""
        while not self._stop.is_set():
            health.comes_round(COURIER)
            taken = connection.execute("select 1 where pg_try_advisory_lock(%s)", (THE_COURIER,)).fetchone()
            connection.commit()
            health.over("database")
            if taken is not None:
                return True
            self.ready.set()  # it stands by
            self._stop.wait(LOOK_EVERY)
        return False

    def _work(self, connection: database.Connection) -> None:
        self._consume()
        while not self._stop.is_set():
            health.comes_round(COURIER)
            self._gather()
            self._write(connection)
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
        self._channel.basic_qos(0, PREFETCH, False)
        self._channel.basic_consume(LEDGER, consumer_tag=COURIER, on_cancel=_raise_cancelled)
        self._looked_at = time.monotonic()
        health.over("broker")
        health.over(f"queue {LEDGER}")
        self.ready.set()

    def _gather(self) -> None:
        """Take what arrives: wait a while for the first; right behind a batch, for more that comes with it."""
        assert self._connection is not None
        wait = 0.001 if self._to_keep else QUIET_AT_MOST
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
            broker.look_after(self._connection, self._channel, [LEDGER])
            self._looked_at = time.monotonic()

    # -- writing -------------------------------------------------------------------------------------------------------

    def _write(self, connection: database.Connection) -> None:
        """Write what has arrived, a batch at a time, and acknowledge each when it is committed."""
        while self._arrived:
            health.comes_round(COURIER)
            batch, rest = self._arrived[:BATCH], self._arrived[BATCH:]
            write(connection, [Entry(one.routing_key(), one.body) for one in batch], self._organisations())
            self._wrote_at = self._spoken_at = time.monotonic()
            acknowledge(self._channel, batch[-1].tag)
            self._arrived = rest
            self._written += len(batch)
            health.count("deliveries written", len(batch))

    def _keep_house(self, connection: database.Connection) -> None:
        """Do one step of what is due; without any say a word, so that the session, and the lock with it, lasts."""
        if time.monotonic() - self._house_kept_at > KEEP_HOUSE_EVERY:
            self._house_kept_at = time.monotonic()
            # What is too old for one of two clocks that are apart is not for the other, and what is gone is gone.
            self._to_keep = list(keeping.STEPS) if keeping.clocks_agree(connection) else []
        if self._to_keep:
            step = self._to_keep[0]
            try:
                if keeping.keep(connection, step):
                    return
            except psycopg.Error as error:  # it holds nobody up: it can wait for the next time
                if connection.broken:
                    raise
                connection.rollback()
                log.warning("this failed, and is tried again", extra=fields(what=step, error=describe(error)))
            del self._to_keep[0]
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
        self._channel.basic_cancel(COURIER)
        self._take()
        self._write(connection)
        self._channel.close()  # answered when the broker has dealt with the acknowledgements
        self._connection.close()

    def _say(self) -> None:
        if self._written:
            log.info("written down", extra=fields(process=COURIER, count=self._written))
        self._written, self._said_at = 0, time.monotonic()


def write(connection: database.Connection, entries: Sequence[Entry], organisations: Mapping[str, Organisation]) -> None:
    """Write what came in one transaction; where some message keeps the others out, each in its own.

    One that cannot be written even alone is put aside as it is, in `parked`: it may not be lost, nor stop the others.
    Raises psycopg's errors when the database cannot do it now, whatever the message.
    """
    try:
        ledger.write(connection, ledger.read(entries, organisations))
        commit(connection)
        return
    except psycopg.Error as error:
        if connection.broken or not isinstance(error, ITS_OWN_FAULT):
            raise
        failed = describe(error)
        connection.rollback()
    except Exception as error:
        failed = describe(error)
        connection.rollback()
    if len(entries) > 1:
        for entry in entries:
            write(connection, [entry], organisations)
        return
    log.error("this cannot be written down, and is put aside", extra=fields(error=failed))
    inbox.park(connection, [inbox.parked_row(entries[0].body, None, "quarantined", "failed", error=failed)])
    erasing.look_into_what_is_parked(connection)
    commit(connection)


def commit(connection: database.Connection) -> None:
    """Commit. A function of its own, so that the tests can stop a process here."""
    connection.commit()


def acknowledge(channel: Any, tag: int) -> None:
    """Acknowledge every delivery up to `tag`. A function of its own, so that the tests can stop a process here."""
    channel.basic_ack(tag, multiple=True)


def _raise_cancelled(consumer_tag: str) -> None:
    raise ConsumerCancelled(f"the queue {consumer_tag} was deleted")


def main() -> int:
    """Run the courier until SIGTERM or SIGINT; 1 if it ends before that.

    Ends with a sentence where what it needs to know of the network cannot be read.
    """
    logs.set_up(COURIER)
    try:
        _, organisations = register.of_environment()
        courier = Courier(setting("GATEWAY_DATABASE_URL"), setting("GATEWAY_HUB_AMQP_URL"), organisations)
    except (SettingError, TopologyError) as error:
        sys.exit(str(error))
    asked, ended = AskedToStop(), threading.Event()
    health.begin(COURIER)

    def run() -> None:
        try:
            courier.run()
        finally:
            ended.set()

    audit = os.environ.get("GATEWAY_AUDIT_DIRECTORY")
    appending = Appending(setting("GATEWAY_DATABASE_URL"), Path(audit)) if audit else None
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    if appending is not None:
        threading.Thread(target=appending.run, daemon=True).start()
    asked.wait(lambda: ended.is_set() or courier.ready.is_set())
    if not (asked or ended.is_set()):
        say_ready(COURIER)
    asked.wait(ended.is_set)
    failed = ended.is_set() and not asked
    courier.stop()
    if appending is not None:
        appending.stop()  # nobody waits for it: what it has not committed is done the next time
    thread.join(STOP_WITHIN)
    if not failed:
        health.end()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
