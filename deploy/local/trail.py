"""What this command line does to the network, on its way into the audit (hub/gateway/audit/), or into the console's.

with trail(stack.service_database_url(GATEWAY), stack.state) as noted:
    noted.note("key_revoked", "redcross", key=…)
    noted.commit()

What is noted is committed with what was done, in one transaction. What is done elsewhere than in the database of the
gateway is noted before it is done: what cannot be recorded is not done.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

from deploy.local.operator_error import OperatorError
from deploy.local.state import State
from hub.gateway.audit import keys, store
from hub.gateway.audit.store import Act
from messaging import database
from messaging.database import Connection

KNOWN = """
    select distinct on (subject) subject, act, details from audit_entry
    where act in ('organisation_added', 'organisation_changed', 'organisation_removed')
    order by subject, number desc
"""


def actor() -> str:
    """Who acts on this command line, as it is recorded: by number, for a login name may be a person's."""
    return f"operator:{os.environ.get('SUDO_UID') or os.getuid()}"


class Trail:
    """A connection to the gateway's database, and what is to be recorded with its next commit."""

    def __init__(self, connection: Connection, directory: Path, sign: Callable[[bytes], bytes]) -> None:
        self.connection = connection
        self._directory = directory
        self._sign = sign
        self._actor = actor()
        self._noted: list[Act] = []

    def note(self, act: str, subject: str, **details: Any) -> None:
        """Have it recorded with the next commit."""
        self._noted.append(Act(self._actor, act, subject, details))

    def note_organisations(self, now: Mapping[str, Mapping[str, Any]]) -> None:
        """Note which organisations are new, gone, or may something else than what was recorded of them last."""
        known = {row["subject"]: row for row in self.connection.execute(KNOWN).fetchall()}
        for name, details in now.items():
            row = known.get(name)
            if row is None or row["act"] == "organisation_removed":
                self.note("organisation_added", name, **details)
            elif changed := _changed(row["details"], details):
                self.note("organisation_changed", name, **details, changed=changed)
        for name, row in known.items():
            if name not in now and row["act"] != "organisation_removed":
                self.note("organisation_removed", name)

    def commit(self) -> None:
        """Commit, with what was noted. Raises OperatorError where the copy outside of the database lacks it then."""
        store.append(self.connection, self._noted, self._sign)
        self.connection.commit()
        if self._noted:
            self._noted = []
            try:
                store.copy(self.connection, self._directory)
            except OSError as error:
                raise OperatorError(
                    f"What was done is recorded, and its checkpoint could not be copied to {self._directory} "
                    f"({error.strerror}); run it again."
                ) from None


def _changed(before: str, now: Mapping[str, Any]) -> list[str]:
    """The names of what is otherwise than it was recorded."""
    try:
        known = {name: value for name, value in json.loads(before).items() if name != "changed"}
    except (ValueError, AttributeError):  # somebody has changed it there
        known = {}
    return sorted(name for name in known.keys() | now.keys() if known.get(name) != now.get(name))


@contextlib.contextmanager
def trail(database_url: str, state: State, directory: Path | None = None) -> Iterator[Trail]:
    """Open one on a connection of its own. Raises OperatorError, psycopg.Error.

    `directory` has the key and the copy of the audit in that database, where it is another than the gateway's.
    """
    with contextlib.closing(database.connect(database_url)) as connection:
        yield begin(connection, state, directory)


def begin(connection: Connection, state: State, directory: Path | None = None) -> Trail:
    """Begin one on a connection that is there; the key that signs is made where there is none. Raises OperatorError."""
    directory = directory or state.audit
    try:
        keys.make(directory)
        sign = keys.signer(directory)
    except keys.UnusableKey as error:
        raise OperatorError(f"The audit cannot be written: {error}.") from None
    except OSError as error:
        raise OperatorError(f"The audit cannot be written: {error.filename} ({error.strerror}).") from None
    return Trail(connection, directory, sign)


def record(database_url: str, state: State, act: str, subject: str, **details: Any) -> None:
    """Record one act, before it is done. Raises OperatorError."""
    try:
        with trail(database_url, state) as noted:
            noted.note(act, subject, **details)
            noted.commit()
    except psycopg.Error as error:
        raise OperatorError(
            f"The audit cannot be written, and nothing was done: {str(error).splitlines()[0]}"
        ) from None
