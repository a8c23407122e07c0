"""`in (select … limit … for update)` may be run once for each row, and takes others each time: nothing says it so."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import pytest

from deploy.local import Stack

ROOT = Path(__file__).parents[1]
SOURCES = sorted(file for part in ("services", "messaging", "hub", "deploy") for file in (ROOT / part).rglob("*.py"))

AS_A_SUBSELECT = "delete from waiting where number in (select number from waiting order by number limit 2 for update)"
MATERIALISED = """
    with taken as materialized (select number from waiting order by number limit 2 for update)
    delete from waiting using taken where waiting.number = taken.number
"""


def limited_subselects(text: str) -> Iterator[str]:
    """Find what stands in the brackets of each `in (select …)` that takes so many rows and locks them."""
    for begin in re.finditer(r"\bin\s*\((?=\s*select\b)", text):
        depth, end = 1, begin.end()
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        inside = text[begin.end() : end - 1]
        if re.search(r"\blimit\b", inside) and re.search(r"\bfor\s+(no\s+key\s+)?update\b", inside):
            yield inside


@pytest.mark.parametrize("file", SOURCES, ids=[str(file.relative_to(ROOT)) for file in SOURCES])
def test_no_statement_takes_its_rows_by_a_subselect_that_may_be_run_again(file: Path) -> None:
    assert list(limited_subselects(file.read_text())) == []


def test_such_a_statement_is_found() -> None:
    assert list(limited_subselects(AS_A_SUBSELECT)) != []
    assert list(limited_subselects(MATERIALISED)) == []


@pytest.mark.parametrize(
    ("statement", "taken"), [(AS_A_SUBSELECT, 6), (MATERIALISED, 2)], ids=["subselect", "materialised"]
)
def test_where_the_database_runs_a_subselect_for_each_row_only_a_materialised_one_keeps_its_limit(
    stack: Stack, statement: LiteralString, taken: int
) -> None:
    with stack.connect_as_administrator() as connection, connection.transaction(force_rollback=True):
        connection.execute("create temporary table waiting (number int) on commit drop")
        connection.execute("insert into waiting select generate_series(1, 6)")
        for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material"):
            connection.execute("select set_config(%s, 'off', true)", (f"enable_{way}",))
        assert connection.execute(statement).rowcount == taken
