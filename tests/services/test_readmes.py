"""What a service's README says it refuses is what its code does, and the page opens with one screen."""

import ast
import re
from collections.abc import Iterator
from math import ceil
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
NAMES = sorted(folder.name for folder in SERVICES.iterdir() if (folder / "service.py").exists())

TABLE_ROW = re.compile(r"^\| (.*?) \|", re.MULTILINE)
CODE = re.compile(r"`([a-z_.<>]+)`")

SCREEN_LINES, SCREEN_COLUMNS = 60, 120


def code(service: str, *parts: str) -> Iterator[ast.Module]:
    """The syntax of a service's parts, each a file or a folder of files."""
    for part in parts:
        for file in (*(SERVICES / service).glob(f"{part}.py"), *(SERVICES / service / part).glob("*.py")):
            yield ast.parse(file.read_text())


def section(service: str, title: str) -> set[str]:
    """The code words in the first column of a section's table."""
    text = (SERVICES / service / "README.md").read_text()
    (body,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return {word for cell in TABLE_ROW.findall(body) for word in CODE.findall(cell)}


def first_screen(readme: str) -> int:
    """How many lines of a screen a page takes to the end of what is published: long lines several, comments none."""
    shown, published, rest = readme.partition("\n## Publishes\n")
    head = shown + published + rest.partition("\n## ")[0].rstrip()
    seen = (line for line in head.splitlines() if not line.startswith("<!--"))
    return sum(max(1, ceil(len(line) / SCREEN_COLUMNS)) for line in seen)


def of_what_is_implausible() -> dict[str, set[str]]:
    """The codes that each check refuses with which the services share."""
    found: dict[str, set[str]] = {}
    for one in ast.parse((SERVICES.parent / "messaging" / "plausible.py").read_text()).body:
        if isinstance(one, ast.FunctionDef):
            found[one.name] = set()
            for call in (node for node in ast.walk(one) if isinstance(node, ast.Call)):
                if isinstance(call.func, ast.Name) and call.func.id == "Refused":
                    found[one.name] |= {str(text.value) for text in call.args if isinstance(text, ast.Constant)}
    found["check_planned"] |= found["check_not_long_ago"]
    return found


IMPLAUSIBLE = of_what_is_implausible()


def refusals(service: str) -> set[str]:
    """Every code that the service's code spells out, and those of the checks that it shares with others."""
    found = set()
    for tree in code(service, "rules", "store", "messages"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
                name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
                texts = [
                    one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
                ]
                if name == "Refused":
                    found |= {text for text in texts if "_" in text or text == "superseded"}
                elif name in IMPLAUSIBLE:
                    found |= IMPLAUSIBLE[name]
                    found |= {text for text in texts if name == "check_not_before" and text}
                elif name == "MissingPrerequisite":
                    codes = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                    found |= {str(one.value) for one in codes if isinstance(one, ast.Constant)}
                    found |= {f"{text}_unknown" for text in texts[:1] if not codes}
    return found


@pytest.mark.parametrize("service", NAMES)
def test_the_readme_explains_exactly_the_codes_that_the_service_refuses_with(service: str) -> None:
    explained = section(service, "Refusals")
    spelt_out = {code for code in explained if "<" not in code}
    patterns = {code.partition("<")[0] for code in explained if "<" in code}
    used = refusals(service)
    assert spelt_out - used == set()
    assert {code for code in used - spelt_out if not code.startswith(tuple(patterns) or ("\0",))} == set()


@pytest.mark.parametrize("service", NAMES)
def test_what_a_service_owns_consumes_and_publishes_is_seen_on_one_screen(service: str) -> None:
    assert first_screen((SERVICES / service / "README.md").read_text()) <= SCREEN_LINES


@pytest.mark.parametrize("row", ["| a row |\n", f"| {'wide ' * SCREEN_COLUMNS} |"])
def test_a_page_that_has_grown_past_the_screen_is_noticed(row: str) -> None:
    page = "# a service\n\n## Consumes\n\n## Publishes\n\n{}\n## Refusals\n" + "| a code |\n" * 99
    assert first_screen(page.format("| a row |\n")) == 7
    assert first_screen(page.format(row * SCREEN_LINES)) > SCREEN_LINES
