"""While the console's tables are filled anew, or behind, every page of cases says so; and none when they are whole."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest

import contracts
from hub.console import presence
from hub.console.presence import Presence
from hub.console.web.case import path_of
from hub.console.web.refilling import UNDER_WAY
from messaging import clock, database, rebuilding
from tests.examples_reports import an_id
from tests.hub.console.kept import Kept
from tests.hub.console.kit import Browser, Console, Running
from tests.hub.console.test_agenda import SCHEDULED, at_noon
from tests.hub.console.test_pages import steps

NAME: Final = "refilling"
OF_CASES: Final = ("/hoy", "/referencias", "/agenda", "/buscar", path_of(an_id(NAME)))
SAID: Final = "Los datos se están volviendo a traer desde el"
STALE: Final = "lo que pasó después llega con retraso"


@pytest.fixture(scope="module")
def browser(console: Console, running: Running) -> Iterator[Browser]:
    console.host("redcross", "iom")
    service = Kept(console.url)
    service.hear(*steps(NAME, *SCHEDULED, visit_at=at_noon()))
    browser = Browser(running)
    console.enrol(browser, "refilling.ana", "partner_staff", organisation="iom", name="Ana")
    yield browser
    service.close()


@pytest.fixture
def rebuild(console: Console) -> Iterator[UUID]:
    """One that is under way, and of which two services have said something."""
    with database.connect(console.url) as connection:
        rebuilding.begin(connection, afresh=False)
        connection.commit()
    rebuild_id = console.query("select rebuild_id from rebuild")[0]["rebuild_id"]
    for service, facts in (("referrals", 1200), ("intake", 34)):
        console.query(
            "insert into rebuild_part (rebuild_id, service, page, facts) values (%s, %s, 3, %s)",
            rebuild_id, service, facts,
        )  # fmt: skip
    yield rebuild_id
    for table in ("rebuild", "rebuild_part"):
        console.query(f"delete from {table}")


@pytest.mark.parametrize("path", OF_CASES)
def test_a_page_of_cases_says_that_something_may_be_missing(browser: Browser, rebuild: UUID, path: str) -> None:
    text = browser.get(path).text
    assert text.count(SAID) == 1
    assert "Ya llegaron 1.234 datos." in text


def test_other_pages_do_not(browser: Browser, rebuild: UUID) -> None:
    assert SAID not in browser.get("/cuenta").text


@pytest.mark.parametrize("path", OF_CASES)
def test_once_it_has_ended_no_page_says_so(browser: Browser, console: Console, rebuild: UUID, path: str) -> None:
    with database.connect(console.url) as connection:
        assert rebuilding.give_up(connection)
        connection.commit()
    assert SAID not in browser.get(path).text


@pytest.fixture
def reader(console: Console) -> Iterator[Callable[[float], None]]:
    """Lets the read service have said how far it was, so many seconds ago."""

    def says(ago: float) -> None:
        now = clock.now()
        with database.connect(console.url) as connection:
            connection.execute(presence.SAY, Presence(presence.READER).values(now, None, now - timedelta(seconds=ago)))

    yield says
    console.query("delete from presence where part = %s", presence.READER)


@pytest.mark.parametrize("path", OF_CASES)
def test_a_page_of_cases_says_as_of_when_it_is_once_that_is_long_ago(
    browser: Browser, reader: Callable[[float], None], path: str
) -> None:
    assert STALE not in browser.get(path).text  # no read service has ever said anything: nobody knows
    reader(35)
    assert STALE not in browser.get(path).text
    reader(45)
    text = browser.get(path).text
    assert text.count(STALE) == 1
    assert "Lo que ve es de " in text
    assert STALE not in browser.get("/cuenta").text
    reader(0)
    assert STALE not in browser.get(path).text


def test_a_read_service_that_does_not_know_how_far_it_is_says_nothing_of_it(
    console: Console, browser: Browser, reader: Callable[[float], None]
) -> None:
    reader(45)
    with database.connect(console.url) as connection:
        connection.execute(presence.SAY, Presence(presence.READER).values(clock.now(), None))
    assert STALE in browser.get("/hoy").text


def test_it_is_found_by_its_index(console: Console) -> None:
    ended = [(contracts.uuid7(),) for _ in range(5_000)]
    with psycopg.connect(console.url) as connection, connection.cursor() as cursor:
        cursor.executemany("insert into rebuild values (%s, now(), false, now(), now(), true, null)", ended)
        cursor.execute("analyze rebuild")
        plan: list[Any] = cursor.execute(f"explain {UNDER_WAY}".encode()).fetchall()
        connection.rollback()
    assert "rebuild_under_way_key" in "\n".join(line for (line,) in plan)
