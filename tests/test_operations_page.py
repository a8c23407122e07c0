"""The page for operations has a row for every variable that is read, and one only."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("messaging", "hub", "services", "deploy", "tools")
PREFIXES = ("SERVICE_", "RELAY_", "GATEWAY_", "HUB_", "RUTA_")
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
    return text.startswith(PREFIXES) and text.replace("_", "").isalpha() and text.isupper()


def rows(page: str) -> Counter[str]:
    """How many rows of the table of variables begin with each; a row may be of several."""
    table = re.search(r"^\| variable \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert table is not None
    return Counter(one for row in table[1].splitlines() for one in re.findall(r"`([A-Z_]+)`", row.split("|")[1]))


def test_every_variable_that_is_read_has_a_row() -> None:
    said = rows((ROOT / "docs" / "operations.md").read_text())
    assert set(variables(ROOT)) - NOT_FOR_OPERATIONS - said.keys() == set()
    assert [name for name, count in said.items() if count > 1] == []


def test_a_second_row_of_a_variable_would_be_noticed() -> None:
    page = "| variable | for | meaning |\n|---|---|---|\n| `A_B`, `A_C` | all | |\n| `A_B` | all | |\n"
    assert rows(page) == {"A_B": 2, "A_C": 1}


def test_a_planted_variable_is_found(tmp_path: Path) -> None:
    (tmp_path / "messaging").mkdir()
    (tmp_path / "messaging" / "anything.py").write_text('import os\nos.environ["SERVICE_SECRET"]\n')
    assert set(variables(tmp_path)) == {"SERVICE_SECRET"}
