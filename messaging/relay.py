"""The relay: publishes what the processes of a service committed and did not publish themselves.

    python -m messaging.relay          (SERVICE_DATABASE_URL, SERVICE_AMQP_URL; or RELAY_OUTBOXES, for several services)

A process publishes its own messages; when it is killed, or the broker is away, they stay in the outbox, and the relay
takes them from there in the order of their commits. It may send again what was published but not yet marked: the
inboxes behind it know it by its id. What never came, and somebody asks for, it says once more, and
what is to be replayed, at a rate. Any number of relays may run: one of them works.
"""

import itertools
import json
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from uuid import UUID

import psycopg

from messaging import database, erasure, outbox, outcomes, replaying, tracing
from messaging import log as logs
from messaging.broker import BrokerLost, Publisher, backoff
from messaging.health import health, say_ready
from messaging.identity import Identity
from messaging.log import describe, fields
from messaging.stopping import AskedToStop

log = logging.getLogger("ruta.relay")

PATIENCE = "5 seconds"  # a writer without a heartbeat for so long is taken to be gone
LOOK_EVERY = 0.5  # seconds
WINDOW = 500  # messages published before their confirms are awaited
KEEP_HOUSE_EVERY = 60.0  # seconds
STOP_WITHIN = 12.0  # seconds for what is under way
THE_RELAY = 0x52656C61  # the advisory lock of the one that works
UNUSED_WITHIN = "40s"  # a relay that froze, or was never answered, keeps that lock no longer than this


class Relay:
    """Publishes the backlog of one service's outbox: what its writers have abandoned."""

    def __init__(self, service: str, database_url: str, amqp_url: str, identity: Identity) -> None:
        self._database_url = database_url
        self._exchange = identity.exchange
        self._part = f"relay of {service}"  # as `messaging.health` knows it, among those of other services
        self._database = f"database of {service}"
        self._publisher = Publisher(amqp_url, server=f"broker of {service}", part=self._part)
        self._house_kept_at = float("-inf")
        self._stop = threading.Event()

    def stop(self) -> None:
        """Stop after what is under way."""
        self._stop.set()

    def run(self) -> None:
        """Work until stopped, through every absence of the database or the broker."""
        self._attempts = itertools.count()
        while True:
            try:
                self._work()
                break
            except (*database.DatabaseLost, *BrokerLost) as error:
                log.warning("a server is away", extra=fields(error=describe(error)))
                if isinstance(error, database.DatabaseLost):  # of the broker its publisher says it
                    health.say(self._database, database.problem(error), describe(error))
            self._publisher.drop()
            if self._stop.wait(backoff(next(self._attempts))):
                break
        health.ends(self._part)

    def _work(self) -> None:
        health.comes_round(self._part)
        with database.connect(self._database_url, unused_within=UNUSED_WITHIN) as connection:
            looked_at = time.monotonic()
            while not self._stop.is_set() and not _take_lock(connection):
                health.comes_round(self._part)
                health.over(self._database)
                if time.monotonic() - looked_at > database.END_FROZEN_EVERY:
                    database.end_frozen(connection)  # one that stands in the middle of an answer is not idle
                    looked_at = time.monotonic()
                self._publisher.beat()  # what kept it from the broker may be over
                self._stop.wait(LOOK_EVERY)
            while not self._stop.is_set():
                health.comes_round(self._part)
                self._keep_house(connection)
                count = self.publish_backlog(connection) or self.say_again(connection) or self.replay(connection)
                self._attempts = itertools.count()
                health.over(self._database)
                if count == 0:
                    self._publisher.beat()
                    self._stop.wait(LOOK_EVERY)
        self._publisher.drop()

    def publish_backlog(self, connection: database.Connection) -> int:
        """Publish up to WINDOW messages and mark them; return how many the broker confirmed.

        Raises `BrokerLost` errors when the broker does not answer, `DatabaseLost` errors likewise.
        """
        left = outbox.backlog(connection, exchange=self._exchange, patience=PATIENCE, limit=WINDOW)
        publications = [one.publication for one in left]
        with tracing.publishing(publications):
            failed = self._publisher.publish(publications)
        if failed:
            log.error("the broker refused messages; they are sent again", extra=fields(count=len(failed)))
            left = left[: min(failed)]  # what stands behind a failed one goes again too, after it
        self._mark(connection, left)
        health.count("relayed_messages published", len(left))
        if failed:
            self._stop.wait(LOOK_EVERY)
        return len(left)

    def say_again(self, connection: database.Connection) -> int:
        """Publish up to WINDOW messages once more that never came where they were to go; raises as `publish_backlog`.

        They come behind what was said after them: whoever reads knows them by their ids, as it does any repeat.
        """
        asked = outbox.to_say_again(connection, exchange=self._exchange, limit=WINDOW)
        if not asked:
            return 0
        failed = set(self._publisher.publish([one.publication for one in asked]))
        outbox.said_again(connection, [one.position for place, one in enumerate(asked) if place not in failed])
        log.info("said again", extra=fields(count=len(asked) - len(failed)))
        return len(asked) - len(failed)

    def replay(self, connection: database.Connection) -> int:
        """Say what operators have replayed, as much as its rate allows by now; raises as `publish_backlog`.

        What the broker does not take comes in the next turn.
        """
        count = 0
        for turn in replaying.turns(connection, exchange=self._exchange):
            failed = self._publisher.publish(turn.publications) if turn.publications else set()
            said = [position for place, position in enumerate(turn.positions) if place not in failed]
            mark_replayed(connection, turn, said)
            count += len(said)
        if count:
            log.info("replayed", extra=fields(count=count))
        return count

    def _mark(self, connection: database.Connection, published: list[outbox.Abandoned]) -> None:
        last: dict[UUID, int] = {one.writer: one.position for one in published}
        for writer, position in last.items():
            mark(connection, writer, position)
        if published:
            log.info("published the backlog", extra=fields(count=len(published)))

    def _keep_house(self, connection: database.Connection) -> None:
        if time.monotonic() - self._house_kept_at < KEEP_HOUSE_EVERY:
            return
        # Each by itself: without partitions nothing can be applied, and whatever fails here keeps no message in.
        steps = (
            ("partitions", outbox.keep_house),
            ("erasure", erasure.carry_out),
            ("outcomes", outcomes.keep_house),
        )
        for what, keep in steps:
            try:
                keep(connection)
            except database.WAITED_IN_VAIN:
                connection.rollback()
                log.info("the outbox is busy; this can wait", extra=fields(what=what))
                database.end_frozen(connection)
            except psycopg.Error as error:
                if connection.broken:
                    raise
                connection.rollback()
                log.error("this failed, and is tried again", extra=fields(what=what, error=describe(error)))
        self._house_kept_at = time.monotonic()


def _take_lock(connection: database.Connection) -> bool:
    """Try to become the relay that works, for as long as this connection lasts."""
    taken = connection.execute("select 1 where pg_try_advisory_lock(%s)", (THE_RELAY,)).fetchone()
    connection.commit()
    return taken is not None


def mark(connection: database.Connection, writer: UUID, position: int) -> None:
    """Mark as published. A name of its own, so that the tests can stop a process between confirm and mark."""
    outbox.mark(connection, writer, position)


def mark_replayed(connection: database.Connection, turn: replaying.Turn, said: Sequence[int]) -> None:
    """Mark what came of a turn. A name of its own for the same reason."""
    replaying.ended(connection, turn, said=said)


def main() -> None:
    """Run a relay for each of the services whose database the environment names."""
    outboxes = _outboxes(os.environ)
    process = os.environ.get("SERVICE_NAME", "service") + "-relay" if len(outboxes) == 1 else "relay"
    logs.set_up(process)
    tracing.set_up(process)
    asked = AskedToStop()
    health.begin(process)
    identity = Identity.from_environment()
    relays = [Relay(one["service"], one["database_url"], one["amqp_url"], identity) for one in outboxes]
    threads = [threading.Thread(target=_run, args=(relay,), daemon=True) for relay in relays]
    for thread in threads:
        thread.start()
    say_ready(process)
    asked.wait()
    for relay in relays:
        relay.stop()
    for thread in threads:
        thread.join(STOP_WITHIN)
    health.end()
    tracing.shut_down()


def _outboxes(environment: Mapping[str, str]) -> list[dict[str, str]]:
    """Return what to relay: RELAY_OUTBOXES as JSON, or the one service of the environment."""
    if "RELAY_OUTBOXES" in environment:
        return [dict(one) for one in json.loads(environment["RELAY_OUTBOXES"])]
    return [
        {
            "service": environment.get("SERVICE_NAME", "service"),
            "database_url": environment["SERVICE_DATABASE_URL"],
            "amqp_url": environment["SERVICE_AMQP_URL"],
        }
    ]


def _run(relay: Relay) -> None:
    """Run one of several: what goes wrong with it must not end the others."""
    for attempt in itertools.count():
        try:
            relay.run()
            return
        except Exception as error:
            log.critical("a relay failed, and begins anew", extra=fields(error=describe(error)))
            time.sleep(backoff(attempt))


if __name__ == "__main__":
    main()
