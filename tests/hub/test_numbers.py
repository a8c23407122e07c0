"""No number of an inbox is given out twice, whatever the gateway's database is restored from: nothing is skipped."""

import asyncio
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest
from psycopg_pool import AsyncConnectionPool

import contracts
from deploy.local import Stack
from deploy.local.state import ROOT
from hub.gateway import ledger
from hub.gateway.http import delivered
from hub.gateway.http.delivered import Inbox, UnknownCursor
from messaging import database, topology
from messaging.migrate import migrate
from tests.hub.ledger import Tables, entry, make_database, status

COPIED = ("delivery", "inbox_end", "numbered_from")


@pytest.fixture(scope="module")
def database_url(stack: Stack) -> str:
    return make_database(stack)


@pytest.fixture
def tables(database_url: str) -> Iterator[Tables]:
    tables = Tables(database_url)
    tables.empty()
    yield tables
    tables.empty()


def begin(tables: Tables) -> None:
    """Have a courier begin."""
    with database.connect(tables.url) as connection:
        ledger.begin(connection)


def deliver(tables: Tables, many: int, to: str = "iom") -> list[contracts.Message]:
    """Have so many messages come to an organisation."""
    sent = [status(to) for _ in range(many)]
    with database.connect(tables.url) as connection:
        batch = ledger.read([entry(one) for one in sent], topology.read().organisations)
        ledger.write(connection, batch)
        connection.commit()
    return sent


def read(tables: Tables, after: int | None) -> tuple[int, list[UUID]]:
    """What a reader by HTTP finds behind its cursor, and where it goes on."""

    async def ask() -> tuple[int, list[UUID]]:
        async with AsyncConnectionPool(tables.url, min_size=1, open=False) as pool:
            inbox = Inbox.of("iom", None)
            behind = await delivered.position(pool, inbox, after)
            page = await delivered.page(pool, inbox, behind, limit=100, most_bytes=1_000_000)
            rows = page.deliveries
            return rows[-1].number if rows else behind, [one.message_id for one in rows]

    return asyncio.run(ask())


class Copy:
    """What stood in the tables at a time."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._rows = {name: tables.query(f"select to_jsonb(t) as row from {name} as t") for name in COPIED}

    def restore(self) -> None:
        """Put it back, as who fills empty tables from a dump does."""
        self._tables.query(f"truncate {', '.join(COPIED)}")
        for name, rows in self._rows.items():
            for row in rows:
                fill = f"insert into {name} select * from jsonb_populate_record(null::{name}, %s::jsonb)"
                self._tables.query(fill, json.dumps(row["row"]))


def ids(messages: Sequence[contracts.Message]) -> list[UUID]:
    return [one.id for one in messages]


def test_who_has_read_further_than_the_copy_goes_misses_nothing_that_comes_then(tables: Tables) -> None:
    begin(tables)
    deliver(tables, 2)
    copy = Copy(tables)
    deliver(tables, 3)
    cursor, found = read(tables, None)
    assert (cursor, len(found)) == (5, 5)

    copy.restore()
    begin(tables)
    came = deliver(tables, 2)  # under 3 and 4, as it would be without

    cursor, found = read(tables, 5)
    assert found == ids(came)
    assert read(tables, cursor) == (cursor, [])


def test_of_whom_the_copy_knows_nothing_yet_nothing_is_skipped_either(tables: Tables) -> None:
    begin(tables)
    deliver(tables, 1, to="redcross")
    copy = Copy(tables)
    deliver(tables, 3)
    cursor, _ = read(tables, None)
    copy.restore()
    begin(tables)
    assert read(tables, cursor) == (cursor, []), "it is no unknown cursor"
    assert read(tables, cursor)[1] == []
    came = deliver(tables, 1)
    assert read(tables, cursor)[1] == ids(came)


def test_a_server_that_was_started_anew_may_have_been_put_there_from_a_copy_of_its_files(tables: Tables) -> None:
    begin(tables)
    deliver(tables, 2)
    (row,) = tables.query("select run from numbered_from")
    started = "select extract(epoch from pg_postmaster_start_time())::text as at"
    assert row["run"].startswith(tables.query(started)[0]["at"])
    tables.query("update numbered_from set run = 'of an hour ago'")
    begin(tables)
    assert read(tables, 5)[1] == []
    came = deliver(tables, 1)
    assert read(tables, 5)[1] == ids(came)


def test_restored_twice_numbers_ascend(tables: Tables) -> None:
    begin(tables)
    deliver(tables, 1)
    copy = Copy(tables)
    cursor = 1
    for _ in range(3):
        copy.restore()
        begin(tables)
        came = deliver(tables, 2)
        last, found = read(tables, cursor)
        assert found == ids(came)
        assert last > cursor
        cursor = last


def test_another_courier_of_the_same_run_goes_on_without_a_gap(tables: Tables) -> None:
    begin(tables)
    deliver(tables, 2)
    begin(tables)
    deliver(tables, 2)
    assert [row["number"] for row in tables.inbox("iom")] == [1, 2, 3, 4]
    with pytest.raises(UnknownCursor):
        read(tables, 5)


def test_a_database_from_before_goes_on_behind_all_that_was_given_out(stack: Stack, tmp_path: Path) -> None:
    """Whether it was restored before it was brought up to date nobody knows."""
    folder = tmp_path / "gateway"
    (folder / "migrations").mkdir(parents=True)
    for file in (ROOT / "hub" / "gateway" / "migrations").glob("*.sql"):
        if file.name < "0018":
            shutil.copy2(file, folder / "migrations")
    stack.drop_database("numbered_before")
    tables = Tables(stack.create_database("numbered_before"))
    try:
        migrate(tables.url, folder)
        tables.query("insert into inbox_end values ('iom', 7)")
        migrate(tables.url, ROOT / "hub" / "gateway")
        begin(tables)
        came = deliver(tables, 1)
        assert read(tables, 7)[1] == ids(came)
        assert read(tables, 12)[1] == ids(came), "as of a reader that was there before the copy was put back"
    finally:
        stack.drop_database("numbered_before")
