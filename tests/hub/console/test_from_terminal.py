"""Fallos lists what was mended in a terminal, with its state and what came of it; of what was typed there nothing."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from contracts import uuid7
from deploy.local import Stack
from deploy.local.provision import provision_databases
from hub.console.web.permissions import Role
from messaging import database
from messaging.topology import GATEWAY, DeclaredNetwork
from tests.hub.console.kit import CENTRE, Browser, Console

AWAY = "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1"
SEEN = {
    "put_back": "operation_id started_at started_by ended_at selected put_back stayed gone",
    "said_again": "operation_id started_at started_by ended_at selected asked_for missing",
}


@pytest.fixture(scope="module")
def gateway(provisioned: Stack, declared: DeclaredNetwork) -> str:
    """The address of the gateway's database as the login of operators."""
    provision_databases(provisioned, declared)
    return provisioned.operator_database_url(GATEWAY)


@pytest.fixture
def owner(provisioned: Stack, gateway: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(provisioned.service_database_url(GATEWAY), autocommit=True) as connection:
        empty(connection)  # others use this database, too
        yield connection
        empty(connection)


def empty(connection: psycopg.Connection) -> None:
    connection.execute("delete from put_back")
    connection.execute("delete from said_again")


@pytest.fixture(scope="module")
def operator(console: Console, gateway: str) -> Browser:
    browser = Browser(console.run(operators={GATEWAY: gateway}))
    console.enrol(browser, "terminal.operator", Role.OPERATIONS, organisation=CENTRE)
    return browser


def put_back(owner: psycopg.Connection, *, has_ended: bool, is_started: bool = True) -> str:
    """Keep an operation of `./ruta repair --why` over two groups; its id."""
    id = uuid7()
    owner.execute(
        "insert into put_back (operation_id, planned_by, why, digest, started_at, started_by, ended_at) values"
        " (%s, 'operator:1000', 'Ana Pérez llamó', 'x', case when %s then now() end, 'operator:1000',"
        " case when %s then now() end)",
        (id, is_started, has_ended),
    )
    for number in (1, 2):
        counts = (4, 1, 1) if has_ended else (None, None, None)
        owner.execute(
            "insert into put_back_group values (%s, %s, 'hub', 'dead', 'referral.accepted.v1', 'redcross', 'x', 6,"
            " %s, %s, %s)",
            (id, number, *counts),
        )
    return str(id)


def rows(page: str) -> list[str]:
    """The operations of this week, a line each."""
    table = page[page.index('id="recent"') :]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr><th scope=.row.*?</tr>", table)]


def test_what_was_put_back_is_listed_with_what_came_of_it(operator: Browser, owner: psycopg.Connection) -> None:
    put_back(owner, has_ended=False, is_started=False)  # a dry run is none
    ended = put_back(owner, has_ended=True)
    cut_off = put_back(owner, has_ended=False)

    page = operator.get("/fallos").text

    last, first = rows(page)
    assert last.startswith("Mensajes devueltos a su cola, ")
    assert f"operator:1000 12 En marcha, o se cortó. Sigue con ./ruta repair --operation {cut_off}" in last
    assert "operator:1000 12 Terminó: volvieron 8, se quedaron 2, ya no estaban 2" in first
    assert ended not in page
    assert "Pérez" not in page


def test_what_was_said_again_is_listed_with_what_came_of_it(operator: Browser, owner: psycopg.Connection) -> None:
    begin = "insert into said_again (operation_id, started_by, selected, asked_for) values (%s, 'operator:0', 5, 3)"
    owner.execute(begin, (uuid7(),))
    (running,) = rows(operator.get("/fallos").text)
    assert running.endswith("operator:0 5 En marcha, o se cortó. Qué falta lo dice ./ruta reconcile")
    owner.execute("update said_again set missing = 1, ended_at = now()")
    (ended,) = rows(operator.get("/fallos").text)
    assert ended.endswith("operator:0 5 Terminó: llegaron 4, faltan 1; pedidos a quien los envió: 3")


def test_where_the_database_is_away_it_is_said_that_nothing_is_seen(console: Console) -> None:
    browser = Browser(console.run(operators={GATEWAY: AWAY}))
    console.enrol(browser, "terminal.blind", Role.OPERATIONS, organisation=CENTRE)
    assert "no se ve qué se hizo desde una terminal" in browser.get("/fallos").text


def test_operators_see_these_columns_and_none_of_the_tables(gateway: str) -> None:
    with database.connect(gateway) as connection:
        for view, columns in SEEN.items():
            found = connection.execute(f"select * from operators.{view} limit 0".encode()).description
            assert found is not None
            assert " ".join(one.name for one in found) == columns
        asked = connection.execute("select * from operators.deliveries_of('{}', '{}')").description
        assert asked is not None
        names = "organisation source message_id delivered_at acknowledged_at reads_by_http"
        assert " ".join(one.name for one in asked) == names
    for statement in (
        "select * from operators.delivery",
        "select * from put_back",
        "select * from said_again",
        "delete from operators.said_again",
    ):
        with database.connect(gateway) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
