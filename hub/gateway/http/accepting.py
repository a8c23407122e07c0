"""Accepts what requests bring: one thread gathers them and commits many at once; then each is answered.

An answer goes out only after the commit. While the database is away everybody is told so at once, and nothing waits.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Sequence
from datetime import date
from functools import partial
from queue import Empty, SimpleQueue
from uuid import UUID

import psycopg

from hub.gateway.http import submissions
from hub.gateway.http.backlog import Backlog
from hub.gateway.http.limits import Limits
from hub.gateway.http.problems import Problem
from hub.gateway.http.publishing import Publishing
from hub.gateway.http.refusals import Refusals
from hub.gateway.http.submissions import Answer, IdempotencyKey, KeyReused, Request, Result, Submission
from messaging import clock, database, outbox
from messaging.broker import backoff
from messaging.health import health
from messaging.log import describe, fields

log = logging.getLogger("ruta.gateway")

GATHER_FOR = 0.005  # seconds at most, where many come
GATHER = 250  # messages
MANY = 4  # requests that came together the last time: then it pays to wait for more
CONNECT_WITHIN = 2.0  # seconds
ANSWER_WITHIN = 4.0  # seconds for the database to answer a statement, a commit among them
WAIT_AT_MOST = 8.0  # seconds for a request; what became of it is not known then, and asking again tells
RECONNECT_WITHIN = 1.0  # seconds at most between attempts to reach the database
KEEP_HOUSE_EVERY = 1.0  # seconds
RELAY_IS_NEAR = 1000  # positions: so little behind, and going on, the relay no longer has to publish for us
PART = "accepting"  # as messaging.health knows it

USED = """
    update api_key set last_used_on = used_on
    from unnest(%b::bytea[], %b::date[]) as used(sha256, used_on)
    where api_key.sha256 = used.sha256 and last_used_on is distinct from used_on
"""


BEHIND = "select published, committed - published as behind from outbox_writer where writer = %s"


class _Waiting:
    """A request, and who waits for its answer."""

    __slots__ = ("answered", "future", "request")

    def __init__(self, request: Request, future: "asyncio.Future[Result]") -> None:
        self.request = request
        self.future = future
        self.answered = False  # by the thread; the future hears of it a moment later


class Accepting:
    """What a process accepts by HTTP. `submit` is for one event loop; all else happens in two threads."""

    def __init__(self, database_url: str, amqp_url: str, limits: Limits, refusals: Refusals) -> None:
        self._database_url = database_url
        self._backlog = Backlog(limits.backlog_messages, limits.backlog_bytes)
        self._publishing = Publishing(database_url, amqp_url, self._backlog)
        self._refusals = refusals
        self._used: dict[bytes, date] = {}
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._under_way: set[tuple[str, str]] = set()  # Idempotency-Keys
        self._away = True  # the database, until it has answered
        self.connected = threading.Event()
        self._came_together = 0  # requests, the last time
        self._stopping = False
        self._connection: database.Connection | None = None
        self._writer: UUID | None = None
        self._relay_had_published = -1  # of the abandoned writer, when it was looked at last
        self._house_kept_at = float("-inf")
        self._thread = threading.Thread(target=self._run, daemon=True, name=PART)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin."""
        self._loop = loop
        self._publishing.start()
        self._thread.start()

    def stop(self, within: float = 10.0) -> None:
        """End after what is under way, and leave to the relay what the broker has not confirmed by then."""
        deadline = time.monotonic() + within
        self._stopping = True
        self._waiting.put(None)
        self._thread.join(within)
        self._publishing.stop(max(0.1, deadline - time.monotonic()))
        if self._connection is not None:
            try:
                if self._writer is not None and not self._connection.closed:
                    outbox.abandon(self._connection, self._writer)
                self._connection.close()
            except database.DatabaseLost as error:
                log.warning("the database went away during the stop", extra=fields(error=describe(error)))

    def used(self, key_sha256: bytes, on: date) -> None:
        """Note that a key was used on this day."""
        self._used[key_sha256] = on

    async def submit(
        self,
        organisation: str,
        messages: Sequence[Submission],
        answering: submissions.Answering,
        key: IdempotencyKey | None = None,
    ) -> Answer:
        """Have one request's messages accepted; return its answer once that is committed.

        Raises Problem: 409 `idempotency_in_progress`, 422 `idempotency_key_reused`, 503 `backlog`, `database_away`.
        """
        if self._away or self._stopping:
            raise Problem(503, "database_away" if self._away else "stopping", retry_after=2)
        name = (key.organisation, key.key) if key is not None else None
        if name is not None and name in self._under_way:
            raise Problem(409, "idempotency_in_progress", "Idempotency-Key", retry_after=1)
        if not self._backlog.takes(organisation, [len(one.body) for one in messages]):
            raise Problem(503, "backlog", retry_after=5)
        if name is not None:
            self._under_way.add(name)
        future: asyncio.Future[Result] = self._loop.create_future()
        if name is not None:  # whoever asked may be gone before
            future.add_done_callback(lambda _: self._under_way.discard(name))
        self._waiting.put(_Waiting(Request(messages, answering, key), future))
        done, _ = await asyncio.wait((future,), timeout=WAIT_AT_MOST)
        if not done:
            raise Problem(503, "database_away", retry_after=2)
        result = future.result()
        if isinstance(result, KeyReused):
            raise Problem(422, "idempotency_key_reused", "Idempotency-Key")
        return result

    # -- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        attempt = 0
        while True:
            health.comes_round(PART)
            if (gathered := self._gather()) is None:
                break
            try:
                self._ready()
                self._away = False
                self.connected.set()
                health.over("database")
                attempt = 0
                if gathered:
                    self._accept(gathered)
                self._keep_house()
            except Exception as error:
                if not isinstance(error, database.DatabaseLost):
                    log.critical("accepting failed, and goes on", extra=fields(error=describe(error)))
                else:
                    health.say("database", database.problem(error), describe(error))
                self._away = True
                self._fail(gathered, error)
                time.sleep(min(backoff(attempt), RECONNECT_WITHIN))
                attempt += 1
        health.ends(PART)

    def _gather(self) -> list[_Waiting] | None:
        """Wait for requests; of many that come together take along what comes within a moment. None: it is the end."""
        if self._away:
            return self._all_there()
        try:
            first = self._waiting.get(timeout=KEEP_HOUSE_EVERY)
        except Empty:
            self._came_together = 0
            return []
        if first is None:
            return None
        gathered, messages = [first], len(first.request.submissions)
        until = time.monotonic() + (GATHER_FOR if self._came_together >= MANY else 0.0)
        while messages < GATHER:
            try:
                one = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                break
            if one is None:
                self._waiting.put(None)
                break
            gathered.append(one)
            messages += len(one.request.submissions)
            if len(gathered) >= self._came_together:
                until = 0.0  # as many as the last time: those who wait for an answer are all here
        self._came_together = len(gathered)
        return gathered

    def _all_there(self) -> list[_Waiting] | None:
        there: list[_Waiting] = []
        while True:
            try:
                one = self._waiting.get_nowait()
            except Empty:
                return there
            if one is None:
                return None
            there.append(one)

    def _accept(self, gathered: list[_Waiting]) -> None:
        """Commit what the requests bring, and answer them. Raises what keeps the database from that."""
        connection, writer = self._ready()
        try:
            self._commit(connection, writer, gathered)
        except Exception as error:
            if connection.closed or connection.broken:
                raise
            connection.rollback()
            if isinstance(error, database.WAITED_IN_VAIN):
                database.end_frozen(connection)
            if len(gathered) == 1 or isinstance(error, database.DatabaseLost):
                self._fail(gathered, error)
                return
            log.warning("requests failed together, and are tried one by one", extra=fields(error=describe(error)))
            for one in gathered:
                self._accept([one])

    def _commit(self, connection: database.Connection, writer: UUID, gathered: list[_Waiting]) -> None:
        now = clock.now()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as the answers say it
        written = submissions.write(connection, writer, [one.request for one in gathered], now)
        self._answer(gathered, written.results)
        # What is passed on leaves the backlog when the broker has it; what is not (a repeat) leaves it now.
        passed_on = {(one.routing_key.split(".", 2)[1], one.message_id) for one in written.committed.publications}
        going: list[tuple[str, int]] = []
        staying: list[tuple[str, int]] = []
        for waiting in gathered:
            for one in waiting.request.submissions:
                (going if one.name in passed_on else staying).append((one.source, len(one.body)))
                passed_on.discard(one.name)
        self._backlog.leaves(staying)
        if going and not self._publishing.put(written.committed):
            self._backlog.is_left(going)

    def _answer(self, gathered: Sequence[_Waiting], results: Sequence[Result | Problem]) -> None:
        for one in gathered:
            one.answered = True

        def answer() -> None:
            for one, result in zip(gathered, results, strict=True):
                if isinstance(result, Problem):
                    one.future.set_exception(result)
                    one.future.exception()  # it is heard, though whoever asked be gone
                else:
                    one.future.set_result(result)

        self._loop.call_soon_threadsafe(answer)

    def _fail(self, gathered: Sequence[_Waiting], error: Exception) -> None:
        """Tell those who have no answer yet that there is none; whether it was committed they learn by asking again."""
        left = [one for one in gathered if not one.answered]
        lost = isinstance(error, database.DatabaseLost)
        if not lost:
            log.error("a request failed", extra=fields(error=describe(error)))
        for one in left:
            self._backlog.leaves((each.source, len(each.body)) for each in one.request.submissions)
        self._answer(
            left, [Problem(503, "database_away", retry_after=2) if lost else Problem(500, "internal")] * len(left)
        )

    def _ready(self) -> tuple[database.Connection, UUID]:
        """Return the connection and the writer, new ones where need be."""
        if self._connection is None or self._connection.closed:
            connection = database.connect(self._database_url, within=CONNECT_WITHIN, answer_within=ANSWER_WITHIN)
            try:
                if self._writer is not None:
                    outbox.abandon(connection, self._writer)  # what it may have committed would pass for out
            except BaseException:
                connection.close()
                raise
            self._connection, self._writer = connection, None
        if self._writer is None:
            try:
                self._writer = outbox.open_writer(self._connection, f"gateway-http-{os.getpid()}")
                self._backlog.count_left(self._connection, self._writer)
            except BaseException:
                self._connection.close()  # what is left of its transaction would fail whatever comes next
                raise
        return self._connection, self._writer

    # -- every second ----------------------------------------------------------------------------------------------

    def _keep_house(self) -> None:
        if time.monotonic() - self._house_kept_at < KEEP_HOUSE_EVERY:
            return
        connection, writer = self._ready()
        for what, keep in (
            ("refusals", self._refusals.write),
            ("keys", self._write_used),
            ("backlog", partial(self._look_at_backlog, writer=writer)),
        ):
            try:
                keep(connection)
            except psycopg.Error as error:
                if connection.closed or connection.broken:
                    raise
                connection.rollback()
                log.error("this failed, and is tried again", extra=fields(what=what, error=describe(error)))
        self._house_kept_at = time.monotonic()

    def _write_used(self, connection: database.Connection) -> None:
        used, self._used = self._used, {}
        used = dict(used)  # at once: the event loop may just be writing into it
        if used:
            keys = sorted(used)
            connection.execute(USED, (keys, [used[key] for key in keys]))
            connection.commit()

    def _look_at_backlog(self, connection: database.Connection, writer: UUID) -> None:
        """Count what the relay has to publish; publish ourselves again when it gets on and is not far behind."""
        if not self._publishing.is_abandoned(writer):
            if self._backlog.has_left:
                self._backlog.count_left(connection, writer)
            return
        self._backlog.count_left(connection, None)
        row = connection.execute(BEHIND, (writer,)).fetchone()
        connection.commit()
        assert row is not None  # nobody removes the writer of an open connection
        gets_on = row["published"] > self._relay_had_published >= 0
        self._relay_had_published = row["published"]
        if row["behind"] <= 0 or (gets_on and row["behind"] < RELAY_IS_NEAR):
            self._writer, self._relay_had_published = None, -1  # `_ready` opens another
