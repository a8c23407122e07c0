"""The page for operations has a row for every variable that is read, and one only."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from hub.gateway.http import connection_limits, limits

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "operations.md").read_text()
PARTS = ("messaging", "hub", "services", "deploy", "tools")
PREFIXES = ("SERVICE_", "RELAY_", "GATEWAY_", "CONSOLE_", "HUB_", "RUTA_")
# The demo and the tests move time with the first, and nobody else should; the second is for `./ruta` by itself.
NOT_FOR_OPERATIONS = {"RUTA_CLOCK_FILE", "RUTA_MENDED"}


def variables(root: Path) -> Iterator[str]:
    """The names of environment variables that stand in the code, as whole strings."""
    for part in PARTS:
        for file in (root / part).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_variable(node.value):
                    yield node.value


def _is_variable(text: str) -> bool:
    is_name = text.replace("_", "").isalpha() and text.isupper() and not text.endswith("_")
    return text.startswith(PREFIXES) and is_name


def rows(page: str) -> Counter[str]:
    """How many rows of the table of variables begin with each; a row may be of several."""
    table = re.search(r"^\| variable \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert table is not None
    return Counter(one for row in table[1].splitlines() for one in re.findall(r"`([A-Z_]+)`", row.split("|")[1]))


def test_every_variable_that_is_read_has_a_row() -> None:
    said = rows(PAGE)
    assert set(variables(ROOT)) - NOT_FOR_OPERATIONS - said.keys() == set()
    assert [name for name, count in said.items() if count > 1] == []


def test_a_second_row_of_a_variable_would_be_noticed() -> None:
    page = "| variable | for | meaning |\n|---|---|---|\n| `A_B`, `A_C` | all | |\n| `A_B` | all | |\n"
    assert rows(page) == {"A_B": 2, "A_C": 1}


def test_a_planted_variable_is_found(tmp_path: Path) -> None:
    (tmp_path / "messaging").mkdir()
    (tmp_path / "messaging" / "anything.py").write_text('import os\nos.environ["SERVICE_SECRET"]\n')
    assert set(variables(tmp_path)) == {"SERVICE_SECRET"}


UNITS = {"": 1, "KiB": 1024, "MiB": 1024 * 1024}


def numbers(rows: list[str]) -> set[int]:
    """The numbers in rows of a table; sizes in bytes."""
    found = re.findall(r"\b(\d[\d,]*)(?: (KiB|MiB))?", " ".join(rows))
    return {int(number.replace(",", "")) * UNITS[unit] for number, unit in found}


def unsaid_of_a_key(said: limits.Limits) -> set[str]:
    """The variables of limits of a key whose row does not say the default."""
    values = {variable: getattr(said, name) for name, variable in limits.VARIABLES.items()}
    rows = {name: [row for row in PAGE.splitlines() if f"`{name}`" in row] for name in values}
    return {name for name, value in values.items() if value not in numbers(rows[name])}


def unsaid_of_a_connection(said: connection_limits.Limits) -> set[int]:
    """The limits of a connection that the page does not say."""
    table = re.search(r"^\| what a connection may \| \|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert table is not None
    # How long a refused one lingers, and how many are told that there is no room, is nothing to reckon with.
    left_out = {"linger", "refused_connections"}
    values = {round(getattr(said, one.name)) for one in fields(said) if one.name not in left_out}
    return values - numbers(table[1].splitlines())


def test_the_limits_of_http_are_those_of_the_code() -> None:
    assert unsaid_of_a_key(limits.Limits()) == set()
    assert unsaid_of_a_connection(connection_limits.Limits()) == set()


@pytest.mark.parametrize("name", limits.VARIABLES)
def test_another_default_would_be_noticed(name: str) -> None:
    assert unsaid_of_a_key(replace(limits.Limits(), **{name: 77})) == {limits.VARIABLES[name]}


@pytest.mark.parametrize("name", ["headers_within", "body", "connections", "unsent"])
def test_another_limit_of_a_connection_would_be_noticed(name: str) -> None:
    assert unsaid_of_a_connection(replace(connection_limits.Limits(), **{name: 77})) == {77}
