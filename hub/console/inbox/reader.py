"""Reads the inbox of each hosted organisation in a thread of its own: what is away for one keeps no other waiting.

What was read is acknowledged after the commit: killed in between, it is read again, and changes nothing. A connection
to the database is there while something is written, and no more than a few at a time.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg

from hub.console.entrance import Unavailable
from hub.console.hosting import Organisations, hosted
from hub.console.inbox import storing
from hub.console.inbox.reading import Inbox, Page, raw_of
from messaging import database
from messaging.health import health
from messaging.log import describe, fields

log = logging.getLogger("ruta.inbox")

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds; doubles while nothing can be read
LOOK_EVERY: Final = 1.0  # seconds between looks at who is hosted
MOST_WRITING: Final = 4  # at a time
AGAIN_EVERY: Final = 3600.0  # seconds between tries to keep what was set aside; the first is at the start


class Reader:
    """The loop of one organisation."""

    def __init__(self, organisation: str, inbox: Inbox, database_url: str, writing: threading.Semaphore) -> None:
        self.organisation = organisation
        self._inbox = inbox
        self._database_url = database_url
        self._writing = writing
        self._stopping = threading.Event()
        self._part = f"inbox {organisation}"
        self._again_at = 0.0

    def stop(self) -> None:
        """Let `run` return, once the gateway has answered what it was asked."""
        self._stopping.set()

    def run(self) -> None:
        """Read until stopped, whatever is away meanwhile."""
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            asked_for: float | None = None
            try:
                self.try_again()
                self.step()
            except Unavailable as error:
                code, asked_for = error.code, error.pause
            except psycopg.Error as error:
                code = f"database_{database.problem(error)}"
                log.warning("the database did not do it", extra=fields(error=describe(error)))
            except Exception as error:  # a mistake of ours: it keeps no other organisation's messages
                code = "failed"
                log.error("this failed, and is tried again", extra=fields(error=describe(error)))
            else:
                health.over(self._part)
                pause = FIRST_PAUSE
                continue
            if pause > FIRST_PAUSE:  # what is over at once is no problem: the entrance is just starting, say
                health.say(self._part, code)
            self._stopping.wait(max(pause * random.uniform(0.8, 1.2), asked_for or 0.0))  # noqa: S311 - no secret
            pause = min(pause * 2, LONGEST_PAUSE)
        self._inbox.close()
        health.over(self._part)

    def step(self) -> None:
        """Read what there is, keep it, acknowledge it. Raises Unavailable, psycopg.Error."""
        page = self._inbox.read()
        if page.messages and not self._stopping.is_set():
            self._keep(page)
            acknowledge(self._inbox, page.next)

    def try_again(self) -> None:
        """Where it is time for it, try to keep what was set aside. Raises psycopg.Error."""
        if time.monotonic() >= self._again_at:
            with self._writing, database.connect(self._database_url) as connection:
                storing.try_again(connection, self.organisation)
            self._again_at = time.monotonic() + AGAIN_EVERY

    def _keep(self, page: Page) -> None:
        bodies = [body for body in map(raw_of, page.messages) if body is not None]
        if bodies:
            with self._writing, database.connect(self._database_url) as connection:
                storing.keep(connection, self.organisation, bodies)
            health.count("inbox_messages kept", len(bodies))
        log.info("kept", extra=fields(organisation=self.organisation, count=len(bodies)))


def acknowledge(inbox: Inbox, through: str) -> None:
    """Acknowledge all up to a cursor. A function of its own, so that the tests can stop a process here."""
    inbox.acknowledge(through)


class Readers:
    """One reader for each hosted organisation, as they come and go."""

    def __init__(
        self, database_url: str, organisations: Organisations, credentials: Callable[[str], Path], url: str | None
    ) -> None:
        """`credentials` returns where an organisation's are; `url` is the entrance, where it is not as they say."""
        self._database_url = database_url
        self._organisations = organisations
        self._credentials = credentials
        self._url = url
        self._writing = threading.Semaphore(MOST_WRITING)
        self._readers: dict[str, tuple[Reader, threading.Thread]] = {}

    def look(self) -> None:
        """Begin to read for who is new, and stop for who has gone."""
        now = hosted(self._organisations())
        for id in self._readers.keys() - now:
            self._readers.pop(id)[0].stop()
        for id in sorted(now - self._readers.keys()):
            reader = Reader(id, Inbox(self._credentials(id), self._url), self._database_url, self._writing)
            thread = threading.Thread(target=reader.run, daemon=True, name=f"inbox-{id}")
            self._readers[id] = (reader, thread)
            thread.start()

    def stop(self) -> None:
        """Stop them all; nobody waits for them: what they have not acknowledged is read again."""
        for reader, _ in self._readers.values():
            reader.stop()
        self._readers.clear()
