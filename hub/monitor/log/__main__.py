"""The monitor's log: writes down what passes the hub, without its bodies, and what became of it.

    python -m hub.monitor.log       (MONITOR_DATABASE_URL, MONITOR_HUB_AMQP_URL, MONITOR_GATEWAY_DATABASE_URL,
                                     RUTA_MONITOR_KEEP_…)

It reads the queue `log` as messaging/batch_writer.py says; what comes again is known. Nobody waits for it: the queue
takes whatever comes, and drops its oldest where it is full. Another thread reads what the entrance by HTTP has refused
(refused.py).
"""

import logging
import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg

from hub.monitor.log import counting, entries, keeping, refused, writing
from hub.monitor.log.keeping import Settings, SettingsError
from messaging import clock, database, frames
from messaging import log as logs
from messaging.batch_writer import ITS_OWN_FAULT, BatchWriter, Task, run_until_asked
from messaging.health import health
from messaging.log import describe, fields
from messaging.topology import LOG, MONITOR

log = logging.getLogger("ruta.monitor")

BATCH = 1_000  # messages in one transaction at most
PREFETCH = 2 * BATCH
APART = 0.5  # seconds from one batch to the next: nobody waits for the log, and fewer commits cost the flow less
WHOLE_EVERY = 5.0  # seconds between words to the database that nothing waits to be written
THE_WRITER = 0x4C6F6721  # the advisory lock of the one that writes
STEP = timedelta(microseconds=1)


class SettingError(Exception):
    """A setting that is not there."""


class Writer(BatchWriter):
    """Writes into the log."""

    def __init__(
        self, database_url: str, amqp_url: str, settings: Settings, refusals: refused.Reading | None = None
    ) -> None:
        """`refusals`: where what is refused by HTTP is read; None: that is not logged."""
        super().__init__(Task(MONITOR, LOG, THE_WRITER, BATCH, PREFETCH, APART), database_url, amqp_url, log)
        self._settings = settings
        self._refusals = refusals
        self._last: datetime | None = None
        self._whole_at = float("-inf")

    def begin(self, connection: database.Connection) -> None:
        """Go on from what is written."""
        self._last = _last(connection)
        if self._refusals is not None:
            self._refusals.begin(refused.up_to(connection))

    def write(self, connection: database.Connection, batch: Sequence[frames.Delivered]) -> int:
        """Write what they say, a line for each; none for what cannot be logged."""
        now = self._now(connection)
        written = write(connection, [(one.routing_key(), one.body) for one in batch], now)
        self._last = now + len(batch) * 2 * STEP
        return written

    def write_beside(self, connection: database.Connection, *, is_all: bool) -> None:
        """Write what the entrance by HTTP has refused; say that nothing waits, where less had come than is written at
        once.
        """
        self._write_refused(connection)
        if is_all and time.monotonic() - self._whole_at > WHOLE_EVERY:
            counting.say_whole(connection, clock.machine_now())
            self._whole_at = self._spoken_at = time.monotonic()

    def due(self, connection: database.Connection) -> Sequence[str]:
        """The house is kept in one step."""
        return ["keeping"]

    def keep(self, connection: database.Connection, step: str) -> bool:
        """Make the days ahead, give up those behind."""
        keep_house(connection, self._settings)
        return False

    def _write_refused(self, connection: database.Connection) -> None:
        """Write what the entrance by HTTP has refused, as far as it was read."""
        if self._refusals is None or not (rows := self._refusals.there()):
            return
        now = self._now(connection)
        refused.write(connection, rows, now)
        commit(connection)
        self._last = now + len(rows) * STEP
        self._has_written()
        self._refusals.written(rows)
        health.count("http_refusals logged", len(rows))

    def _now(self, connection: database.Connection) -> datetime:
        """The time of a batch: after whatever was written before, though the clock was set back."""
        now = clock.machine_now()
        if self._last is not None and now <= self._last:
            now = self._last + STEP
        keeping.see_to(connection, now)
        return now


def write(connection: database.Connection, came: Sequence[tuple[str, bytes]], now: datetime) -> int:
    """Write what came (routing key and body) in one transaction; where some keeps the others out, each in its own.

    One that cannot be written even alone is left out, with a line: the log is no place where anything may stand still.
    Raises psycopg's errors when the database cannot do it now, whatever the message.
    """
    try:
        read = [one for key, body in came for one in entries.read(key, body)]
        written = writing.write(connection, read, now)
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
    if len(came) > 1:
        return sum(write(connection, [one], now + 2 * place * STEP) for place, one in enumerate(came))
    log.error("this cannot be logged, and is left out", extra=fields(error=failed))
    return 0


def _has_no_day(error: psycopg.Error) -> bool:
    """Whether the log has no partition for the time at which it writes: then nothing is wrong with any message."""
    return isinstance(error, psycopg.errors.CheckViolation) and error.diag.constraint_name is None


def commit(connection: database.Connection) -> None:
    """Commit. A function of its own, so that the tests can stop a process here."""
    connection.commit()


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


def _setting(name: str) -> str:
    if not os.environ.get(name):
        raise SettingError(f"{name} is not set")
    return os.environ[name]


def main() -> int:
    """Write until SIGTERM or SIGINT; 1 if it ends before that.

    Ends with a sentence where a setting cannot be read.
    """
    logs.set_up(MONITOR)
    try:
        database_url = _setting("MONITOR_DATABASE_URL")
        gateway = os.environ.get("MONITOR_GATEWAY_DATABASE_URL")
        refusals = refused.Reading(gateway) if gateway else None
        writer = Writer(database_url, _setting("MONITOR_HUB_AMQP_URL"), Settings.read(os.environ), refusals)
    except (SettingError, SettingsError) as error:
        sys.exit(str(error))
    return run_until_asked(MONITOR, writer, [] if refusals is None else [refusals])


if __name__ == "__main__":
    sys.exit(main())
