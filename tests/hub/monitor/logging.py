"""What the tests of the message log share: its database, and a way to log without a broker."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

import contracts
from deploy.local import Stack
from deploy.local.state import ROOT
from hub.monitor.log import __main__ as process
from hub.monitor.log import keeping
from messaging import database
from messaging.identity import address_to
from tests.databases import fresh

DATABASE = "monitor_tried"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TABLES = (
    "message, outcome, mention, confidential_message, confidential_outcome, confidential_id, erased, flow, "
    "failure, refused_beyond, read_up_to, flow_hour, flow_failed, counted"
)


class Log:
    """The monitor's database, written to as the process does it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = database.connect(url)
        self.now = NOW
        keeping.make_partitions(self.connection, NOW)

    def query(self, sql: Any, *params: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(sql, params)
            return database.rows(cursor)

    def empty(self) -> None:
        self.connection.rollback()
        self.query(f"truncate {TABLES}")

    def write(self, *messages: contracts.Message) -> int:
        """Log messages of one batch, by the routing keys that the hub would give them."""
        return self.write_bytes(*((key_of(one), one.to_json()) for one in messages))

    def write_bytes(self, *came: tuple[str, bytes]) -> int:
        self.now += timedelta(seconds=1)
        return process.write(self.connection, came, self.now)

    def everything(self) -> str:
        """All that any table holds, as text; but for the register of migrations."""
        names = self.query(
            "select relname from pg_class join pg_namespace on pg_namespace.oid = relnamespace"
            " where nspname = 'public' and relkind = 'r' and relname <> 'migration'"
        )
        rows: list[str] = []
        for one in names:
            rows += [str(row["all"]) for row in self.query(f'select to_jsonb(t) as all from "{one["relname"]}" as t')]
        return "\n".join(rows)

    def close(self) -> None:
        self.connection.close()


def key_of(message: contracts.Message) -> str:
    return address_to(message.recipient, message) if message.recipient else message.type


def make_log(stack: Stack) -> Log:
    return Log(fresh(stack, DATABASE, ROOT / "hub" / "monitor"))


def bodies(messages: Iterable[contracts.Message]) -> list[bytes]:
    return [one.to_json() for one in messages]
