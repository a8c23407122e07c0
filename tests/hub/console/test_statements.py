"""What pages read does not grow with the tables: among fifty thousand referrals, and with an index gone that is found.

`./ruta bench console` does the same with a million.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from bench.console import looks, statements, world
from bench.console.looks import COORDINATOR, LARGE_STAFF, SMALL_STAFF, STAFF, Look
from bench.console.statements import Statement
from bench.console.world import LARGE, SMALL
from hub.console.store import work
from hub.console.store.cases import Viewer
from hub.console.store.work import FIRST, OF_COORDINATORS, AfterWork, Bucket
from hub.console.web import app as web
from hub.console.web import chasing, today
from messaging import clock
from tests.hub.console.kit import Browser, Console, Running

REFERRALS = 50_000
FAR = 20_000  # rows
ORGANISATION = {LARGE_STAFF: LARGE, SMALL_STAFF: SMALL, COORDINATOR: LARGE}


@pytest.fixture(scope="module")
def connection(console: Console) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(console.url, options=web.OPTIONS) as connection:
        yield connection


@pytest.fixture(scope="module")
def asked(console: Console, running: Running, connection: Any) -> Mapping[Look, Sequence[Statement]]:
    """What each page asks the database."""
    console.host(LARGE)  # whose coordinators ask others for what is overdue
    made = world.fill(connection, REFERRALS, now=clock.now())
    far = {who: world.behind(connection, FAR, one) for who, one in ((LARGE_STAFF, LARGE), (COORDINATOR, None))}
    browsers = {who: Browser(running) for who in STAFF}
    for who, role in STAFF.items():
        console.enrol(browsers[who], f"statements.{who}", role, organisation=ORGANISATION[who])
    found = {}
    for look in (*looks.looks(made, far), *of_reasons()):
        with statements.recorded() as said:
            look.at(browsers)
        found[look] = [*said]
    return found


def of_reasons() -> Iterator[Look]:
    """All that needs somebody for each reason: the first page, and one far behind it."""
    behind = AfterWork(clock.now() - timedelta(days=1), UUID(int=0))
    for who in (LARGE_STAFF, COORDINATOR):
        for bucket in Bucket:
            if who == COORDINATOR or bucket not in OF_COORDINATORS:
                yield Look(f"{bucket}: {who}", who, today.path_of(bucket, False))
                yield Look(f"{bucket}, far: {who}", who, today.path_of(bucket, False, after=behind))
    yield Look("undecided, the last", LARGE_STAFF, today.path_of(Bucket.UNDECIDED, False, after=FIRST))


def wrong(connection: Any, asked: Mapping[Look, Sequence[Statement]]) -> set[tuple[str, statements.Reading]]:
    """What reads too much, by the names of pages."""
    known: dict[str, Sequence[statements.Reading]] = {}
    found = set()
    for look, said in asked.items():
        for one in said:
            if (key := repr(one)) not in known:
                known[key] = statements.too_much(connection, statements.readings(connection, one))
            found |= {(look.name, reading) for reading in known[key]}
    return found


def test_no_page_reads_more_as_tables_grow(connection: Any, asked: Mapping[Look, Sequence[Statement]]) -> None:
    assert wrong(connection, asked) == set()
    connection.rollback()


def test_who_is_asked_for_what_is_overdue_is_counted_as_far_as_a_form_has_room(console: Console, asked: Any) -> None:
    coordinator = Viewer(LARGE, coordinates=True)
    with psycopg.connect(console.url, row_factory=dict_row, options=web.OPTIONS) as connection:
        assert {one["many"] for one in work.overdue_by(connection, coordinator, clock.now(), limit=3)} == {3}
        found = chasing.overdue_by(connection, coordinator, clock.now())
    assert f"{chasing.AT_ONCE}+" in {one["counted"] for one in found}
    assert all(one["many"] <= chasing.AT_ONCE + 1 for one in found)


# Of the others, what stands in for one is as good among so few.
@pytest.mark.parametrize(
    "lost",
    ["referral_changed", "referral_received", "referral_due_of", "referral_asked_of", "referral_by_code",
     "event_of_referral", "link_from"],
)  # fmt: skip
def test_with_an_index_gone_it_is_found(connection: Any, asked: Mapping[Look, Sequence[Statement]], lost: str) -> None:
    connection.execute(sql.SQL("drop index {}").format(sql.Identifier(lost)))
    assert wrong(connection, asked) != set()
    connection.rollback()
