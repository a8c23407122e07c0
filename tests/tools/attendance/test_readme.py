"""What tools/attendance/README.md says of columns, outcomes and codes is what the code does."""

import ast
import re
from pathlib import Path

import pytest

from tools.attendance.headings import ContradictoryError
from tools.attendance.report import Outcome
from tools.attendance.rows import COLUMNS, Unreadable

FOLDER = Path(__file__).parents[3] / "tools" / "attendance"
README = (FOLDER / "README.md").read_text()


def first_column(page: str, heading: str) -> set[str]:
    """The words in the first column of the table whose head is `heading`."""
    _, found, after = page.partition(f"\n| {heading} |")
    assert found, f"the page has no table of {heading}"
    body = after.split("\n\n")[0]
    cells = re.findall(r"^\| (.*?) \|", body, re.MULTILINE)
    return {word for cell in cells for word in (re.findall(r"`([a-z_]+)`", cell) or [cell])}


def codes() -> set[str]:
    """Every code that a row can be refused with."""
    found: set[object] = {Unreadable(1).code}
    for reader in FOLDER.glob("read_*.py"):
        found |= {*re.findall(r'Unreadable\([a-z]+, "([a-z_]+)"', reader.read_text())}
    found |= {str(ContradictoryError("servicios"))}
    for reader in (FOLDER.parent / "values").glob("*.py"):
        found |= {*re.findall(r'raise UnreadableValue\("([a-z_]+)"\)', reader.read_text())}
    for node in ast.walk(ast.parse((FOLDER / "entry.py").read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            texts = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
            if node.func.id == "RefusedRow":
                found |= {one.value for one in ast.walk(node.args[0]) if isinstance(one, ast.Constant)}
            elif node.func.id in ("_coded", "_several"):
                found.add(texts[2])
    return {str(code) for code in found if re.fullmatch(r"[a-z_]{4,}", str(code))}


def faults(page: str) -> list[str]:
    """The tables that do not say what the code does."""
    said = {"column": set(COLUMNS), "outcome": {str(one) for one in Outcome}, "code of the tool": codes()}
    return [heading for heading, known in said.items() if first_column(page, heading) != known]


def test_the_page_says_what_the_code_does() -> None:
    assert faults(README) == []


@pytest.mark.parametrize(
    ("was", "planted", "where"),
    [
        ("| `urgencia` |", "| `prisa` |", "column"),
        ("| matched |", "| paired |", "outcome"),
        ("`bad_phone`, ", "", "code of the tool"),
        ("`formula`", "`formulas`", "code of the tool"),
    ],
)
def test_a_planted_mistake_in_the_page_is_caught(was: str, planted: str, where: str) -> None:
    assert faults(README.replace(was, planted, 1)) == [where]
