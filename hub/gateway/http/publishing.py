"""Publishes from memory what was committed, in order; what it cannot, it leaves to the relay."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar
from uuid import UUID

from hub.gateway.http.backlog import Backlog
from hub.gateway.http.standing import Standing
from messaging import database, outbox, tracing
from messaging.broker import BrokerLost, Publisher, backoff
from messaging.health import BEAT_EVERY, health
from messaging.log import describe, fields
from messaging.outbox import Committed

log = logging.getLogger("ruta.gateway")

AT_ONCE = 1000  # messages published before their confirms are awaited
IN_MEMORY = 2000  # messages that may wait here; beyond that the relay has them
TURN_WITHIN = 15.0  # seconds for what was committed before, by a process that was killed, to be out
LOOK_AGAIN = 0.05  # seconds
BEAT_AGAIN = 2.0  # seconds between signs of life of a writer whose messages wait; the relay takes them after five
PART = "publishing"  # as messaging.health knows it

Noted = TypeVar("Noted")


class Publishing:
    """One thread, between the commits and the broker."""

    def __init__(self, database_url: str, amqp_url: str, backlog: Backlog) -> None:
        self._database_url = database_url
        self._backlog = backlog
        self._standing = Standing(amqp_url, backlog)
        self._publisher = Publisher(amqp_url, server="broker", part=PART)
        self._due: deque[Committed] = deque()
        self._waiting = 0  # messages in it
        self._changed = threading.Condition()
        self._stopping = False
        self._hurry = threading.Event()  # no more time for what waits
        self._notes: database.Connection | None = None
        self._abandoned: set[UUID] = set()
        self._thread = threading.Thread(target=self._run, daemon=True, name=PART)

    def start(self) -> None:
        """Begin; there is one thread for the life of the process."""
        self._thread.start()

    def put(self, committed: Committed) -> bool:
        """Hand over what was committed, in the order of commits; False where the writer's messages are the relay's."""
        with self._changed:
            if committed.writer in self._abandoned:
                return False
            self._due.append(committed)
            self._waiting += len(committed.publications)
            self._changed.notify()
            return True

    def is_abandoned(self, writer: UUID) -> bool:
        """Whether what the writer writes is published by the relay."""
        return writer in self._abandoned

    def stop(self, within: float) -> None:
        """Publish what is there, as far as that takes no longer; whoever has the writer then abandons the rest."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join(within)
        self._hurry.set()

    def _run(self) -> None:
        while True:
            health.comes_round(PART)
            with self._changed:
                if not self._due and not self._stopping:
                    self._changed.wait(BEAT_EVERY)
                if not self._due and self._stopping:
                    break
                taken = self._take()
            try:
                if taken:
                    self._pass_on(taken)
                else:
                    self._keep_alive()
                self._standing.count()
            except Exception as error:
                if isinstance(error, database.DatabaseLost):
                    log.warning("the database is away, and the relay goes on", extra=fields(error=describe(error)))
                else:
                    log.critical("publishing failed, and goes on", extra=fields(error=describe(error)))
                with suppress(*database.DatabaseLost):
                    self._leave_to_relay(taken)  # first in memory: what stands behind it may not be marked over it
        health.ends(PART)
        self._publisher.drop()
        self._standing.close()
        if self._notes is not None:
            self._notes.close()

    def _take(self) -> list[Committed]:
        """Take what stands first, and what stands behind it by the same writer."""
        taken: list[Committed] = []
        count = 0
        while self._due and count < AT_ONCE and self._due[0].writer == (taken or self._due)[0].writer:
            taken.append(self._due.popleft())
            count += len(taken[-1].publications)
        self._waiting -= count
        return taken

    def _pass_on(self, taken: list[Committed]) -> None:
        """Publish what several transactions decided, and mark it; or leave it to the relay."""
        writer, position = taken[-1].writer, taken[-1].position
        publications = [one for committed in taken for one in committed.publications]
        if not publications:
            return
        if self._publish(taken):
            self._backlog.leaves((_organisation(one.routing_key), len(one.body)) for one in publications)
            self._standing.note(publications)
            self._note(partial(outbox.mark, writer=writer, position=position))
        else:
            self._leave_to_relay(taken)

    def _publish(self, taken: list[Committed]) -> bool:
        """Tell whether the broker has confirmed all of it."""
        if self.is_abandoned(taken[0].writer) or not self._wait_for_turn(taken):
            return False
        publications = [one for committed in taken for one in committed.publications]
        try:
            with tracing.publishing(publications):
                failed = self._publisher.publish(publications)
        except BrokerLost as error:
            log.warning("publishing failed and is left to the relay", extra=fields(error=describe(error)))
            return False
        if failed:
            log.error("the broker refused messages; the relay sends them again", extra=fields(count=len(failed)))
        return not failed

    def _wait_for_turn(self, taken: list[Committed]) -> bool:
        """Wait until what other processes had committed before is out; tell whether it came to that."""
        after: dict[UUID, int] = {}
        for committed in taken:
            after.update(committed.after)  # later ones say more
        now = time.monotonic()
        deadline, beat_at = now + TURN_WITHIN, now
        if not after:
            return True
        while self._note(partial(outbox.is_behind, after=after)):
            now = time.monotonic()
            if now > deadline or self._waiting > IN_MEMORY or self._hurry.is_set():
                return False
            if now - beat_at > BEAT_AGAIN:
                self._sign_of_life(taken[0].writer)
                beat_at = now
            time.sleep(LOOK_AGAIN)
        return True

    def _leave_to_relay(self, taken: list[Committed]) -> None:
        """Say that this writer publishes no more: what it has written, and writes from now on, is the relay's."""
        if not taken:
            return
        writer = taken[0].writer
        with self._changed:
            self._abandoned.add(writer)
            left = [*taken, *(one for one in self._due if one.writer == writer)]
            self._due = deque(one for one in self._due if one.writer != writer)
            self._waiting = sum(len(one.publications) for one in self._due)
        self._note(partial(outbox.abandon, writer=writer))
        self._backlog.is_left(
            (_organisation(one.routing_key), len(one.body)) for committed in left for one in committed.publications
        )

    def _keep_alive(self) -> None:
        try:
            self._publisher.beat()
        except BrokerLost as error:
            log.warning("the broker is away", extra=fields(error=describe(error)))

    def _sign_of_life(self, writer: UUID) -> None:
        self._note(partial(outbox.mark, writer=writer, position=0))

    def _note(self, take: Callable[[database.Connection], Noted]) -> Noted:
        """Take or read a note of what has been published, as often as it takes while the database is away.

        Raises DatabaseLost where that is so when it stops.

        Its commits are not waited for: what a crash of the database takes with it is merely published again.
        """
        attempt = 0
        while True:
            health.comes_round(PART)
            try:
                if self._notes is None or self._notes.closed:
                    self._notes = database.connect(self._database_url, within=2)
                    self._notes.autocommit = True
                    self._notes.execute("set synchronous_commit = off")
                return take(self._notes)
            except database.DatabaseLost:
                with self._changed:
                    if self._changed.wait_for(lambda: self._stopping, backoff(attempt)):
                        raise  # it may be away for long, and the relay has what is not marked
                attempt += 1


def _organisation(routing_key: str) -> str:
    """Whose message it is, by `submitted.<organisation>.…`."""
    return routing_key.split(".", 2)[1]
