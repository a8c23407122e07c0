"""What docs/interoperability.md says of HSDS is what the code does."""

import re
from pathlib import Path

import contracts
from tests.tools.directory.test_importing import official
from tools.directory.importing import READ, REPEATED

PAGE = (Path(__file__).parents[3] / "docs" / "interoperability.md").read_text()


def faults(page: str) -> list[str]:
    """What the page says otherwise than the code does, or leaves out."""
    section = page.partition("\n## HSDS 3.0\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE)
    found = []
    if [name for name, _ in rows] != list(contracts.ServicePublished.model_fields):
        found.append("the fields of service.published")
    written = {word for _, cell in rows for word in re.findall(r"`(\w+)`", cell)}
    if not written >= READ:
        found.append("the fields that are read")
    dropped = re.findall(r"`(\w+)`", section.partition("Dropped on the way in")[2].partition(";")[0])
    if set(dropped) != set(official()) - READ - REPEATED:
        found.append("the fields that are dropped")
    return found


def test_the_page_says_what_the_code_does() -> None:
    assert faults(PAGE) == []


def test_a_planted_fault_is_found() -> None:
    assert faults(PAGE.replace("| `answered_by` | `attributes`", "| `answers` | `attributes`"))
    assert faults(PAGE.replace("`cost_options`, ", ""))
    assert faults(PAGE.replace("| `opening_hours` | `schedules`", "| `opening_hours` | `hours`"))
