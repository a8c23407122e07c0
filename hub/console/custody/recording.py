"""What custody does stands in the console's audit, committed, before it is done: with no row, nothing is opened."""

import contextlib
import logging
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

import psycopg

from hub.console import audit
from hub.console.keyring import Keyring, UnusableKeyring
from hub.gateway.audit import keys, store
from hub.gateway.audit.store import Act
from messaging import database
from messaging.database import Connection
from messaging.health import health
from messaging.log import describe, fields

log = logging.getLogger("ruta.custody")

PART: Final = "audit"  # as messaging.health knows it
COPY_EVERY: Final = 1.0  # seconds: so much of its tail the audit's copy may lack, as with the console's pages
COPY_AGAIN: Final = 10.0  # seconds, where the disk did not take it

Done = TypeVar("Done")


class NotRecorded(Exception):
    """The audit cannot be written: the database is away, or a key is."""


class Recording:
    """The audit, and the database that it is in. For several threads; a connection is one's at a time."""

    def __init__(self, database_url: str, keyring: Path, directory: Path) -> None:
        """`keyring` is the file of the console's key; `directory` has the key that signs, and the checkpoints' copy."""
        self._database_url = database_url
        self._keyring = keyring
        self._directory = directory
        self._unused: list[Connection] = []  # the last that was put back is taken first: appending is atomic
        self._appended = threading.Event()
        self._appended.set()  # what a process before has left out

    def append(self, connection: Connection, acts: Sequence[Act]) -> None:
        """Record acts as a part of the transaction; `commit` has to follow. Raises NotRecorded, psycopg.Error."""
        try:
            sign = keys.signer(self._directory)
        except keys.UnusableKey:
            log.warning("the audit cannot be signed", extra=fields(code="no_key"))
            raise NotRecorded from None
        store.append(connection, acts, sign)

    def people(self, connection: Connection, people: Collection[UUID]) -> list[str]:
        """Return people as they stand in the audit. Raises NotRecorded, psycopg.Error."""
        ids = sorted({str(one) for one in people})
        try:
            return audit.encrypted(connection, Keyring.read(self._keyring), ids) if ids else []
        except UnusableKeyring:
            log.warning("people cannot be encrypted for the audit", extra=fields(code="no_key"))
            raise NotRecorded from None

    def commit(self, connection: Connection) -> None:
        """Commit; from here on what was recorded may be done."""
        commit(connection)
        self._appended.set()

    def in_database(self, do: Callable[[Connection], Done]) -> Done:
        """Do something with a connection of its own, once more with a new one where that was lost.

        What it has not committed is rolled back. Raises NotRecorded where the database cannot do it.
        """
        for attempt in (1, 2):
            connection: Connection | None = None
            try:
                connection = self._connected()
                return do(connection)
            except psycopg.Error as error:
                if lost := connection is None or connection.closed:
                    self.close()  # those that were made before are lost, too
                log.warning("the database did not do it", extra=fields(error=describe(error)))
                if attempt == 2 or not lost:
                    break
            finally:
                if connection is not None:
                    self._put_back(connection)
        raise NotRecorded

    def close(self) -> None:
        """End the connections that nobody uses."""
        while self._unused:
            self._unused.pop().close()

    def _connected(self) -> Connection:
        while True:
            try:
                connection = self._unused.pop()
            except IndexError:
                return database.connect(self._database_url)
            if not connection.closed:
                return connection

    def _put_back(self, connection: Connection) -> None:
        with contextlib.suppress(psycopg.Error):
            connection.rollback()
        if not connection.closed:
            self._unused.append(connection)

    def copy_checkpoints(self, stopping: threading.Event) -> None:
        """Write into the file what it lacks of the checkpoints, soon after something was recorded, until stopped.

        In a thread of its own, and not at once: nobody who wants to see something waits for a disk, nor for the
        connection that is opened for this.
        """
        while not stopping.is_set():
            if not self._appended.wait(1.0):
                continue
            stopping.wait(COPY_EVERY)
            self._appended.clear()
            try:
                with database.connect(self._database_url) as connection:
                    store.copy(connection, self._directory)
            except (OSError, psycopg.Error) as error:
                self._appended.set()
                log.warning("this failed, and is tried again", extra=fields(process=PART, error=describe(error)))
                health.say(PART, "unwritten", describe(error))
                stopping.wait(COPY_AGAIN)
            else:
                health.over(PART)


def commit(connection: Connection) -> None:
    """Commit. A function of its own, so that the tests can stop a process here."""
    connection.commit()
