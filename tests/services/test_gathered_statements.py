"""What services gather can be put in order: each statement writes one table and reads no other, as its text says.

The database is asked what a statement touches, and which constraints would mind the order of tables.
"""

import ast
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, LiteralString

import pytest

from deploy.local import Stack
from hub.reports.store import facts
from messaging import database, gathering
from messaging.database import Connection
from tests.services.databases import make_tables
from tests.services.network import ROOT, SERVICES
from tests.services.outcomes.stage import RUNTIMES_OWN
from tests.services.outcomes.surroundings import folder_of


def gathered_by(service: str) -> Mapping[str, LiteralString]:
    """Return the statements that a service gathers, by where they stand."""
    found: dict[str, LiteralString] = {}
    for file in sorted((folder_of(service) / "store").rglob("*.py")):
        module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
        for name in _gathered_in(file):
            if isinstance(statement := vars(module).get(name), str):
                found[f"{file.stem}.{name}"] = statement
    if service == "reports":  # which passes its statements on, each in the store's only call
        found |= {name: value for name, value in vars(facts).items() if name.isupper()}
    return found


def _gathered_in(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(attr="write" | "insert"), args=[ast.Name(id=name), *_]):
                yield name


@pytest.fixture(scope="module", params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def connection(service: str, stack: Stack) -> Iterator[Connection]:
    url = stack.create_database(f"statements_{service}")
    make_tables(url, folder_of(service))
    with database.connect(url) as connection:
        yield connection
    stack.drop_database(f"statements_{service}")


def tables_of(plan: Any) -> set[str]:
    """Return the tables that a plan reads or writes."""
    named = {plan["Relation Name"]} if "Relation Name" in plan else set()
    return named.union(*(tables_of(part) for part in plan.get("Plans", [])))


def explain(connection: Connection, statement: LiteralString) -> Any:
    (row,) = connection.execute("explain (format json) " + statement, ("[]",)).fetchall()
    connection.rollback()
    return row["QUERY PLAN"][0]["Plan"]


def test_every_gathered_statement_touches_the_table_that_is_read_in_it_and_no_other(
    service: str, connection: Connection
) -> None:
    statements = gathered_by(service)
    assert statements
    touched = {name: tables_of(explain(connection, statement)) for name, statement in statements.items()}
    assert touched == {name: {gathering.read(statement).table} for name, statement in statements.items()}


def test_a_statement_that_reads_another_table_is_found(connection: Connection, service: str) -> None:
    statement: LiteralString = """
        insert into inbox (source, message_id, digest)
        select source, message_id, digest from jsonb_populate_recordset(null::inbox, %s::jsonb)
        where exists (select from parked)
    """
    assert tables_of(explain(connection, statement)) == {"inbox", "parked"}


def test_no_constraint_minds_in_which_order_tables_are_written(service: str, connection: Connection) -> None:
    immediate = connection.execute(
        "select conname from pg_constraint where contype = 'f' and not condeferred"
    ).fetchall()
    assert immediate == []


def test_where_a_row_stands_in_each_unique_index_is_told_by_its_columns(service: str, connection: Connection) -> None:
    computed = connection.execute("""
        select relname from pg_index join pg_class as heap on heap.oid = indrelid
        where indisunique and heap.relnamespace = 'public'::regnamespace and 0 = any(indkey::int2[])
    """).fetchall()
    assert [row["relname"] for row in computed if not RUNTIMES_OWN.fullmatch(row["relname"])] == []
