"""Messages that a service of the invented console has given up, and what came of those that were tried again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from deploy.local import Stack
from deploy.local.state import ROOT
from messaging.migrate import migrate
from screens import cases, frozen

DATABASE: Final = "failing_shown"
SERVICE: Final = "referrals"
THREE_ATTEMPTS: Final = 3
PARK: Final = """
    insert into parked (state, reason, error, source, message_id, type, subject, raw, parked_at)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s) returning parked_id
"""
BROKEN: Final = "KeyError at store.py:41 save_referral < service.py:30 record_acceptance"
GROUPS: Final = (
    ("quarantined", "failed", BROKEN, "referral.accepted.v1", ("redcross", "redcross", "iom")),
    ("quarantined", "id_reused", None, "referral.scheduled.v1", ("fuvadis",)),
    ("waiting", "unknown_referral", None, "referral.completed.v1", ("iom", "iom")),
)


class Failing:
    """The database of the one service that operators of the console see."""

    def __init__(self, stack: Stack) -> None:
        stack.drop_database(DATABASE)
        self._url = stack.create_database(DATABASE)
        migrate(self._url, ROOT / "services" / SERVICE)
        self.operators = {SERVICE: stack.provide_operator(DATABASE, acts=True)}

    def _query(self, sql: Any, *params: object) -> list[Any]:
        with psycopg.connect(self._url, autocommit=True) as connection:
            cursor = connection.execute(sql, params)
            return cursor.fetchall() if cursor.description else []

    def forget_messages(self) -> None:
        """Have nothing be parked."""
        self._query("delete from parked")

    def forget(self) -> None:
        """Have nobody have mended anything, either."""
        self.forget_messages()
        self._query("delete from parked_outcome")
        self._query("delete from parked_operation")

    def fail(self) -> None:
        """Have messages be parked for three causes, and nothing else."""
        self.forget()
        at = frozen.NOW - timedelta(hours=30)
        for state, reason, error, contract, senders in GROUPS:
            for number, source in enumerate(senders):
                id = cases.an_id(f"parked {contract} {number}")
                self._query(PARK, state, reason, error, source, id, contract, f"s{id}", id.bytes, at)

    def begin(self, by: str, *results: str) -> UUID:
        """Have somebody have started one message for each result, of which those without one remain; return its id."""
        self.forget()
        operation, at = cases.an_id(f"operation {results}"), frozen.NOW - timedelta(minutes=2)
        self._query(
            "insert into parked_operation (operation_id, act, planned_by, planned_at, selected, digest, why,"
            " started_by, started_at) values (%s, 'retry', %s, %s, %s, 'x', 'program_mended 1.4.2', %s, %s)",
            operation, by, at, len(results), by, at,
        )  # fmt: skip
        for number, result in enumerate(results):
            id = cases.an_id(f"parked {number}")
            said = ("redcross", id, "referral.accepted.v1", None, id.bytes, at)
            ((parked_id,),) = self._query(PARK, "quarantined", "failed", BROKEN, *said)
            self._query("insert into parked_selected values (%s, %s, 'failed', %s)", operation, parked_id, BROKEN)
            if result:
                code = {"refused": "not_while_cancelled", "quarantined": "failed"}.get(result)
                self._query(
                    "insert into parked_outcome (parked_id, operation_id, result, code, error, attempts, source,"
                    " message_id, type, digest, parked_at) values (%s, %s, %s, %s, %s, %s, 'redcross', %s,"
                    " 'referral.accepted.v1', 'x', %s)",
                    parked_id, operation, result, code, BROKEN if code == "failed" else None, THREE_ATTEMPTS, id, at,
                )  # fmt: skip
        return operation

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have the database let no operator in, within the block."""
        self._query(f"revoke connect on database {DATABASE} from {DATABASE}_operator")
        try:
            yield
        finally:
            self._query(f"grant connect on database {DATABASE} to {DATABASE}_operator")
