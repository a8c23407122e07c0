"""Messages that a service of the invented console has given up, and what came of those that were tried again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from deploy.local import Stack
from deploy.local.state import ROOT
from messaging import database
from messaging.migrate import migrate
from screens import cases, frozen

DATABASE: Final = "failing_shown"
SERVICE: Final = "referrals"
THREE_ATTEMPTS: Final = 3
LAST: Final = 99_999  # of the outbox's first partition
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
            return database.rows(cursor)

    def forget_messages(self) -> None:
        """Have nothing be parked."""
        self._query("delete from parked")

    def forget(self) -> None:
        """Have nobody have mended anything, either."""
        self.forget_messages()
        self._query("delete from parked_outcome")
        self._query("delete from parked_operation")
        self._query("delete from outbox")

    def fail(self) -> None:
        """Have messages be parked for three causes, and nothing else."""
        self.forget()
        at = frozen.NOW - timedelta(hours=30)
        for state, reason, error, contract, senders in GROUPS:
            for number, source in enumerate(senders):
                id = cases.an_id(f"parked {contract} {number}")
                self._query(PARK, state, reason, error, source, id, contract, f"s{id}", id.bytes, at)

    def give_up(self, message_id: UUID) -> None:
        """Have one message be parked that nobody tries again by itself, and nothing else."""
        self.forget()
        said = ("iom", message_id, "referral.accepted.v1", None, message_id.bytes, frozen.NOW - timedelta(minutes=5))
        self._query(PARK, "quarantined", "failed", BROKEN, *said)

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

    def mended(self, message_id: UUID, *done: tuple[str, str]) -> None:
        """Have a message have been tried again or given back, each time by whom is named, and with what result."""
        self.forget()
        for number, (by, result) in enumerate(done):
            operation, at = cases.an_id(f"mended {number}"), frozen.NOW - timedelta(minutes=30 - 20 * number)
            act, why = ("give_back", "sender_asks") if result == "given_back" else ("retry", "program_mended 1.4.2")
            self._query(
                "insert into parked_operation (operation_id, act, planned_by, planned_at, selected, digest, why,"
                " started_by, started_at) values (%s, %s, %s, %s, 1, 'x', %s, %s, %s)",
                operation, act, by, at, why, by, at,
            )  # fmt: skip
            code, error = ("failed", BROKEN) if result == "quarantined" else (result, None)
            self._query(
                "insert into parked_outcome (parked_id, operation_id, result, code, error, attempts, message_id,"
                " digest, parked_at, at) values (1, %s, %s, %s, %s, %s, %s, 'x', %s, %s)",
                operation, result, code, error, THREE_ATTEMPTS, message_id, at, at,
            )  # fmt: skip

    def publish(self, many: int) -> None:
        """Have so many messages to the Red Cross have been published three hours ago, and nobody have done anything."""
        self.forget()
        writer, at = cases.an_id("writer"), frozen.NOW - timedelta(hours=3)
        self._query(
            "insert into outbox_writer (writer, process, committed, published) values (%s, 'referrals', %s, %s)"
            " on conflict do nothing",
            writer, LAST, LAST,
        )  # fmt: skip
        self._query(
            "insert into outbox (position, writer, routing_key, message_id, body, recorded_at) overriding system value"
            " select place, %s, 'to.redcross.referral.status.v1', md5(place::text)::uuid,"
            " repeat('x', 700 + place %% 300), %s from generate_series(1, %s) as place",
            writer, at, many,
        )  # fmt: skip

    def replay(
        self, many: int, results: Mapping[str, int], asked_by: str = "", started_by: str = "", alone: bool = False
    ) -> UUID:
        """Have so many messages be planned to be said again, and somebody have asked for that, or have started it.

        Of so many it came to each of the results; the rest remain. Returns its id.
        """
        self.publish(many)
        operation, at = cases.an_id(f"replay {asked_by} {started_by} {results}"), frozen.NOW - timedelta(minutes=7)
        selection = Jsonb({
            "contract": "referral.status.v1", "organisation": "redcross",
            "since": (frozen.NOW - timedelta(hours=4)).isoformat(), "until": frozen.NOW.isoformat(),
        })  # fmt: skip
        self._query(
            "insert into parked_operation (operation_id, act, planned_by, planned_at, selected, left_out, digest, why,"
            " selection, bytes, largest, rate, asked_by, asked_at, started_by, started_at, turn_at, review_due,"
            " stopped_by, stopped_at)"
            " values (%s, 'replay', %s, %s, %s, 3, 'x', %s, %s, %s, 999, 100, %s, %s, %s, %s, %s, %s, %s, %s)",
            operation, asked_by or started_by, at, many,
            "el lector de informes perdió su copia esta noche" if alone else "reader_restored 88", selection,
            many * 850, asked_by or None, at if asked_by else None, started_by or None, at if started_by else None, at,
            alone, started_by if "stopped" in results else None, at if "stopped" in results else None,
        )  # fmt: skip
        said = [result for result, count in results.items() for _ in range(count)]
        self._query(
            "insert into replayed (operation_id, position, result, at)"
            " select %s, place, (%s::text[])[place], %s from generate_series(1, %s) as place",
            operation, said, at, many,
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
