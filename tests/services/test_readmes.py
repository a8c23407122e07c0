"""A service's README opens with one screen; what it refuses with stands in a table (see tests/contracts)."""

from math import ceil
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
NAMES = sorted(folder.name for folder in SERVICES.iterdir() if (folder / "service.py").exists())

SCREEN_LINES, SCREEN_COLUMNS = 60, 120


def first_screen(readme: str) -> int:
    """How many lines of a screen a page takes to the end of what is published: long lines several, comments none."""
    shown, published, rest = readme.partition("\n## Publishes\n")
    head = shown + published + rest.partition("\n## ")[0].rstrip()
    seen = (line for line in head.splitlines() if not line.startswith("<!--"))
    return sum(max(1, ceil(len(line) / SCREEN_COLUMNS)) for line in seen)


@pytest.mark.parametrize("service", NAMES)
def test_what_a_service_owns_consumes_and_publishes_is_seen_on_one_screen(service: str) -> None:
    assert first_screen((SERVICES / service / "README.md").read_text()) <= SCREEN_LINES


@pytest.mark.parametrize("row", ["| a row |\n", f"| {'wide ' * SCREEN_COLUMNS} |"])
def test_a_page_that_has_grown_past_the_screen_is_noticed(row: str) -> None:
    page = "# a service\n\n## Consumes\n\n## Publishes\n\n{}\n## Refusals\n" + "| a code |\n" * 99
    assert first_screen(page.format("| a row |\n")) == 7
    assert first_screen(page.format(row * SCREEN_LINES)) > SCREEN_LINES
