"""Every decision on the page has the day it was taken, its reason, and what one has to do or pays because of it."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "decisions.md"
HEAD = ["date", "decision", "reason", "consequence"]
FIRST = date(2026, 11, 21)  # the day on which the project began
LAST = datetime.now(UTC).date() + timedelta(days=1)  # where it was written the day may have begun already


def rows(page: str) -> Iterator[list[str]]:
    """The cells of every row of every table, its head too, but not the line below that."""
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.lstrip().startswith("|") and not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            yield cells


def wrong(page: str) -> list[str]:
    """What is wrong with the page's decisions, each by its beginning."""
    found = []
    seen = set()
    for cells in rows(page):
        if cells == HEAD:
            continue
        name = max(cells, key=lambda cell: cell.startswith("**"))[:60]
        if len(cells) != len(HEAD):
            found.append(f"{name}: {len(cells)} cells")
            continue
        day, decision, reason, consequence = cells
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", day) or not _is_a_day(day):
            found.append(f"{name}: {day!r} is no date")
        if not re.match(r"\*\*[^*]+\*\*", decision):
            found.append(f"{name}: the decision does not stand out")
        if decision in seen:
            found.append(f"{name}: is there twice")
        seen.add(decision)
        found += [
            f"{name}: lacks its {what}"
            for what, text in (("reason", reason), ("consequence", consequence))
            if len(text.split()) < 3  # no sentence, a dash, "see above"
        ]
        if reason == consequence:
            found.append(f"{name}: the consequence repeats the reason")
        if "Consequence:" in reason:
            found.append(f"{name}: the consequence stands in the reason")
    return found


def _is_a_day(text: str) -> bool:
    try:
        return FIRST <= date.fromisoformat(text) <= LAST
    except ValueError:
        return False


def test_every_decision_has_its_date_its_reason_and_its_consequence() -> None:
    page = PAGE.read_text()
    assert wrong(page) == []
    assert sum(cells != HEAD for cells in rows(page)) > 60  # they are found at all


def test_every_subject_is_linked_at_the_top_and_has_a_table() -> None:
    top, *subjects = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    titles = [subject.partition("\n")[0] for subject in subjects]
    assert re.findall(r"\[([^]]+)\]\(#", top) == titles
    assert re.findall(r"\(#([^)]+)\)", top) == [title.lower().replace(" ", "-").replace(",", "") for title in titles]
    assert [title for title, subject in zip(titles, subjects, strict=True) if HEAD not in rows(subject)] == []


def test_within_a_subject_the_newest_decision_stands_last() -> None:
    for subject in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        days = [cells[0] for cells in rows(subject) if cells != HEAD]
        assert days == sorted(days), subject.partition("\n")[0]


TODAY = datetime.now(UTC).date()


@pytest.mark.parametrize(
    "row",
    [
        "| **One queue.** | Order would be lost otherwise. |",  # as decisions were written at first
        "| **One queue.** | Order would be lost otherwise. | A second reader stands by. |",
        "|  | **One queue.** | Order would be lost otherwise. | A second reader stands by. |",
        "| lately | **One queue.** | Order would be lost otherwise. | A second reader stands by. |",
        "| 2026-11-31 | **One queue.** | Order would be lost otherwise. | A second reader stands by. |",
        "| 21.11.2026 | **One queue.** | Order would be lost otherwise. | A second reader stands by. |",
        "| 20261121 | **One queue.** | Order would be lost otherwise. | A second reader stands by. |",
        f"| {TODAY + timedelta(days=2)} | **One queue.** | Order would be lost. | A second reader stands by. |",
        "| 2020-01-01 | **One queue.** | Order would be lost otherwise. | A second reader stands by. |",
        "| 2026-11-21 | One queue. | Order would be lost otherwise. | A second reader stands by. |",
        "| 2026-11-21 | **One queue.** | Order would be lost otherwise. |  |",
        "| 2026-11-21 | **One queue.** | Order would be lost otherwise. | - |",
        "| 2026-11-21 | **One queue.** |  | A second reader stands by. |",
        "| 2026-11-21 | **One queue.** | A second reader stands by. | A second reader stands by. |",
        "| 2026-11-21 | **One queue.** | It is so. Consequence: others wait. | A second reader stands by. |",
        "| 2026-11-21 | **One queue.** | Or this | or that is meant. | A second reader stands by. |",
        "  | 2026-11-21 | **One queue.** | Order would be lost otherwise. | |",
        "| 2026-11-21 | **Whole.** | Order would be lost otherwise. | A second reader stands by. |",  # again
    ],
)
def test_a_planted_decision_that_lacks_something_is_found(row: str) -> None:
    whole = "| 2026-11-21 | **Whole.** | Order would be lost otherwise. | A second reader stands by. |"
    page = "\n".join(("| date | decision | reason | consequence |", "|---|:--|---|---|", whole))
    assert wrong(page) == []
    assert len(wrong(f"{page}\n{row}")) == 1
