"""Wakes who waits for an organisation's inbox, or for what becomes of its messages: one connection listens for all.

    woken = signals.inbox("redcross")    # before one looks into the database
    ...                                  # nothing new there
    await woken                          # whatever has been committed since, it has woken

A signal says only that it is worth to look again, and to look once too often is harmless. So everybody is woken when
the connection is there anew: what was said meanwhile was said to nobody.
"""

import asyncio
import logging
from collections import defaultdict
from types import TracebackType
from typing import Self

import psycopg

from messaging import database
from messaging.health import health
from messaging.log import describe

INBOX, OUTCOME = "inbox", "outcome"  # the courier's channels; what is said on them is an organisation
ASK_EVERY = 10.0  # seconds, then the database is asked whether it is still there
ANSWER_WITHIN = 10.0
RECONNECT_WITHIN = 1.0

log = logging.getLogger("ruta.gateway")


class Signals:
    """Used by one event loop, as `async with Signals(url) as signals`; only `end` may come from a signal handler."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._waiting: dict[tuple[str, str], set[asyncio.Future[None]]] = defaultdict(set)
        self._listens: asyncio.Task[None] | None = None
        self.ended = False
        """Whether the process is about to end: whoever answers for long comes to an end with it."""

    async def __aenter__(self) -> Self:
        self._listens = asyncio.create_task(self._listen_for_ever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.end()
        if self._listens is not None:
            self._listens.cancel()
            await asyncio.wait([self._listens])
        health.ends("signals")

    def inbox(self, organisation: str) -> asyncio.Future[None]:
        """Return what is done when something has come for an organisation since this was called.

        Whoever does not wait for it to the end cancels it, as `asyncio.timeout` and `wait_for` do.
        """
        return self._wait(INBOX, organisation)

    def outcome(self, organisation: str) -> asyncio.Future[None]:
        """Return what is done when something has become of an organisation's messages since this was called."""
        return self._wait(OUTCOME, organisation)

    def ending(self) -> asyncio.Future[None]:
        """Return what is done when the process is about to end, or may be: `ended` tells."""
        return self._wait("", "")

    def end(self) -> None:
        """Wake everybody, now and from now on: the process ends, and with it the streams."""
        self.ended = True
        self._wake_all()

    def _wait(self, channel: str, organisation: str) -> asyncio.Future[None]:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.ended:
            waiting.set_result(None)
            return waiting
        key = channel, organisation
        self._waiting[key].add(waiting)
        waiting.add_done_callback(lambda done: self._forget(key, done))
        return waiting

    def _forget(self, key: tuple[str, str], waiting: asyncio.Future[None]) -> None:
        if (others := self._waiting.get(key)) is not None:
            others.discard(waiting)
            if not others:
                del self._waiting[key]

    def _wake(self, key: tuple[str, str]) -> None:
        for waiting in self._waiting.pop(key, ()):
            if not waiting.done():
                waiting.set_result(None)

    def _wake_all(self) -> None:
        for key in list(self._waiting):
            self._wake(key)

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError, TimeoutError) as error:
                health.comes_round("signals")
                health.say("database", _problem(error), describe(error))
            await asyncio.sleep(RECONNECT_WITHIN)

    async def _listen(self) -> None:
        """Pass on what is said; raises when the connection is lost, or the database answers no more."""
        async with asyncio.timeout(ANSWER_WITHIN):
            connection = await psycopg.AsyncConnection.connect(
                self._url,
                autocommit=True,
                connect_timeout=database.CONNECT_WITHIN,
                application_name="gateway-http signals",
                tcp_user_timeout=database.UNANSWERED_MS,
                **database.KEEP_ALIVE,  # type: ignore[arg-type]
            )
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                for channel in (INBOX, OUTCOME):
                    await connection.execute(f"listen {channel}")
            health.over("database")
            self._wake_all()
            while True:
                health.comes_round("signals")
                async for said in connection.notifies(timeout=ASK_EVERY):
                    self._wake((said.channel, said.payload))
                async with asyncio.timeout(ANSWER_WITHIN):
                    await connection.execute("select")
        finally:
            await connection.close()


def _problem(error: BaseException) -> str:
    return "no_answer" if isinstance(error, TimeoutError) else database.problem(error)
