"""What pages ask the database, and how it finds that: whether what a page reads grows with the tables.

with recorded() as statements:
    browser.get("/hoy")
found = [reading for one in statements for reading in readings(connection, one)]
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from hub.console.custody import searching
from hub.console.custody.protocol import MOST_HITS
from hub.console.store.cases import COUNTED_TO
from messaging import database

BIG: Final = 100  # pages of a table from which on it is not to be read from end to end
MOST: Final = 2 * COUNTED_TO  # rows that a part of a statement may look at
READS: Final = re.compile(r"\s*(select|with)\b(?!.*\binsert into\b).*\bfrom\b", re.DOTALL | re.IGNORECASE)
EXPLAIN: Final = sql.SQL("explain (analyze, timing off, format json) ")


@dataclass(frozen=True)
class Statement:
    """One that was sent."""

    text: str
    values: Any


@dataclass(frozen=True)
class Reading:
    """How a statement has read one table."""

    table: str
    by: str
    """The index; empty: from end to end."""
    rows: int
    """That it has looked at, also those that were not what was looked for."""


@contextmanager
def recorded() -> Iterator[list[Statement]]:
    """Keep what is asked of any database by this process in the block."""
    found: list[Statement] = []
    execute = psycopg.Cursor.execute

    def keeping(self: Any, query: Any, params: Any = None, **more: Any) -> Any:
        found.append(Statement(_text(query, self), params))
        return execute(self, query, params, **more)

    with patch.object(psycopg.Cursor, "execute", keeping):
        yield found


def _text(query: Any, cursor: Any) -> str:
    if isinstance(query, bytes):
        return query.decode()
    return query if isinstance(query, str) else str(query.as_string(cursor))


def readings(connection: psycopg.Connection[Any], statement: Statement) -> list[Reading]:
    """How a statement reads tables; of those that only read. It is run, as its page runs it."""
    if READS.match(statement.text) is None:
        return []
    cursor = connection.cursor(row_factory=tuple_row)
    row = cursor.execute(EXPLAIN + sql.SQL(statement.text), statement.values).fetchone()
    assert row is not None
    return [*_of(row[0][0]["Plan"])]


def of_custody(
    database_url: str, organisation: str, index_key: bytes, typed: str, *, coordinates: bool
) -> list[Reading]:
    """How custody's own search for what was typed reads tables."""
    with database.connect(database_url) as connection:
        terms = searching.terms(index_key, typed)
        with recorded() as said:
            searching.search(connection, organisation, terms, MOST_HITS + 1, coordinates=coordinates)
        return [reading for one in said for reading in readings(connection, one)]


def too_much(connection: psycopg.Connection[Any], readings: list[Reading]) -> list[Reading]:
    """Those that read a big table from end to end, or more rows than a page has any use for."""
    pages = connection.execute("select relname, relpages from pg_class where relkind = 'r'").fetchall()
    sizes = dict(pages)
    return [one for one in readings if one.rows > MOST or (not one.by and sizes.get(one.table, 0) >= BIG)]


def _of(node: Mapping[str, Any]) -> Iterator[Reading]:
    inner = node.get("Plans", ())
    if "Relation Name" in node:
        by = node.get("Index Name") or ", ".join(sorted(_indexes(inner)))
        left_out = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        yield Reading(node["Relation Name"], by, round((node["Actual Rows"] + left_out) * node["Actual Loops"]))
    for one in inner:
        yield from _of(one)


def _indexes(nodes: Any) -> Iterator[str]:
    for node in nodes:
        if "Index Name" in node:
            yield node["Index Name"]
        yield from _indexes(node.get("Plans", ()))
