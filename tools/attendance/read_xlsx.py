"""Reads the people of an XLSX workbook, row by row: as a spreadsheet has them, or as Kobo exports a form's tables."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from openpyxl import load_workbook

from tools.attendance.headings import Asked, ContradictoryError, Headings, Seen, combine
from tools.attendance.rows import COLUMNS_AT_MOST, IN_COMMON, Row, Unreadable, UnusableFileError
from tools.attendance.workbook import NotAWorkbookError, Sheet, look_through

_NO_WORKBOOK: Final = "The file cannot be read as an XLSX workbook."

EXACT: Final = 10**15  # Excel keeps no more digits of a number
ACTIVE_AT_MOST: Final = 100  # merged ranges that one row may stand in

# Of two people in one merged cell, whose is it?
OF_ONE_PERSON: Final = frozenset({"nombres", "numero_documento"})


class XlsxList:
    """A list in a workbook; raises UnusableFileError where it cannot be one, or is longer than a list may be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._sheets = look_through(path)
        except NotAWorkbookError:
            raise UnusableFileError(_NO_WORKBOOK) from None
        self.about = max((sheet.rows - 1 for sheet in self._sheets.values()), default=1)

    def rows(self, seen: Seen) -> Iterator[Row | Unreadable]:
        """Read row by row; raise UnusableFileError where the file is no workbook with our columns."""
        with _opened(self._path) as book:
            tables = [_Table(sheet, self._sheets.get(_part_of(sheet), Sheet())) for sheet in book.worksheets]
            people = [table for table in tables if table.headings is not None and table.headings.has_names]
            if len(people) > 1:
                raise UnusableFileError(
                    "Several sheets have a column nombres, so that nobody can tell which is the list: "
                    "save each as a file of its own. (Repeats within repeats of Kobo come as JSON.)"
                )
            if not people:
                raise UnusableFileError(_why_not(tables))
            (table,) = people
            parent = _parent(table, tables)
            for other in tables:
                if other not in (table, parent) and other.headings is not None:
                    seen.not_read(f"sheet {other.title}", ours=False)
            yield from table.rows(seen, None if parent is None else _submissions(parent, seen))


def _why_not(tables: list["_Table"]) -> str:
    if all(table.headings is None for table in tables):
        return "The workbook is empty."
    return "No column is called nombres: the first row of a sheet has to name the columns."


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a workbook; whatever the library stumbles over becomes one sentence."""
    book = None
    try:
        # As a file: of a path the library takes nothing that is not called .xlsx.
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and validations, which we do not read
            book = load_workbook(file, read_only=True)
            yield book
    except UnusableFileError:
        raise
    except Exception:
        raise UnusableFileError(_NO_WORKBOOK) from None
    finally:
        if book is not None:
            book.close()


def _part_of(sheet: Any) -> str:
    return str(sheet._worksheet_path)  # noqa: SLF001 - the library tells nowhere else which part a sheet is


class _Table:
    """A sheet with its headings."""

    def __init__(self, sheet: Any, look: Sheet) -> None:
        self._sheet = sheet
        self._merged = look.merged
        self.title = str(sheet.title)
        self.headings: Headings | None = None
        self.headings_at = 0
        sheet.reset_dimensions()  # what a sheet says of its size may be wrong, and would cut it off
        for line, cells in self._lines():
            if any(cells):
                self.headings, self.headings_at = Headings.of(cells), line
                break

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        for line, values in enumerate(self._sheet.iter_rows(values_only=True), 1):
            yield line, [_text(value) for value in values]

    def cells(self) -> Iterator[tuple[int, list[str], list[tuple[int, int]]]]:
        """Yield the rows below the headings that are not empty, and what is merged sideways in each.

        What is merged over several rows stands in each of them.
        """
        merged = _Merged(self._merged)
        for line, cells in self._lines():
            is_empty = not any(cells)
            sideways = merged.fill(line, cells)
            if line > self.headings_at and not is_empty:
                yield line, cells, sideways

    def rows(self, seen: Seen, submissions: dict[str, dict[str, str]] | None) -> Iterator[Row | Unreadable]:
        """Take the rows apart; `submissions` are what each has in common, by `_index`, of a table that is joined."""
        headings = self.headings
        assert headings is not None
        seen.headings_at = self.headings_at
        ours = {place: one.column for place, one in headings.places}
        shared = {place: _lines_shared(self._merged, place) for place in ours if ours[place] in OF_ONE_PERSON}
        for line, cells, sideways in self.cells():
            in_common = None
            if submissions is not None:
                in_common = submissions.get(_at(cells, headings.of_kobo["_parent_index"]))
                if in_common is None:
                    yield Unreadable(line, "unknown_submission")
                    continue
            merged = [ours[place] for place in shared if line in shared[place]]
            for first, last in sideways:
                across = [ours[place] for place in range(first, last + 1) if place in ours]
                merged += across if len(across) > 1 else []
            if merged:
                yield Unreadable(line, "merged_cell", merged[0])
                continue
            yield headings.row(line, cells, seen, in_common)


class _Merged:
    """The merged ranges of a sheet, as its rows go by."""

    def __init__(self, ranges: list[tuple[int, int, int, int]]) -> None:
        self._coming = sorted(ranges, key=lambda one: one[1], reverse=True)
        self._active: list[tuple[int, int, int, str]] = []  # first and last column, last row, and what stands there

    def fill(self, line: int, cells: list[str]) -> list[tuple[int, int]]:
        """Write into a row what is merged over it; return from where to where several places of it are one cell."""
        if not self._coming and not self._active:
            return []
        while self._coming and self._coming[-1][1] <= line:
            column, row, last_column, last_row = self._coming.pop()
            if row == line:
                self._active.append((column - 1, last_column - 1, last_row, _at(cells, column - 1)))
        self._active = [one for one in self._active if one[2] >= line]
        if len(self._active) > ACTIVE_AT_MOST:
            raise UnusableFileError("The sheet has more merged cells than a list may have.")
        sideways: list[tuple[int, int]] = []
        for first, last, _, text in self._active:
            if not text:
                continue
            cells += [""] * (first + 1 - len(cells))
            cells[first] = cells[first] or text
            if last > first:
                sideways.append((first, min(last, COLUMNS_AT_MOST)))
        return sideways


def _lines_shared(ranges: list[tuple[int, int, int, int]], place: int) -> set[int]:
    """Return the lines that share a cell at a place with another."""
    lines: set[int] = set()
    seen_to = 0
    for column, row, last_column, last_row in sorted(ranges, key=lambda one: one[1]):
        if column - 1 <= place < last_column and last_row > row:
            lines.update(range(max(row, seen_to), last_row + 1))
            seen_to = max(seen_to, last_row)
    return lines


def _parent(table: _Table, tables: list[_Table]) -> _Table | None:
    """Return the table of the submissions that the people of a table were in, where it is one of Kobo's."""
    headings = table.headings
    if headings is None or "_parent_index" not in headings.of_kobo:
        return None
    named = headings.of_kobo.get("_parent_table_name")
    title = next((_at(cells, named) for _, cells, _ in table.cells()), "") if named is not None else ""
    found = [
        other
        for other in tables
        if other is not table
        and other.headings is not None
        and "_index" in other.headings.of_kobo
        and (other.title == title or not title)
    ]
    if len(found) != 1:
        raise UnusableFileError("The table of the submissions that these people were in is not in the workbook.")
    return found[0]


def _submissions(parent: _Table, seen: Seen) -> dict[str, dict[str, str]]:
    """Return what everybody in a submission has in common, by its number; the rest of it is nobody's."""
    headings = parent.headings
    assert headings is not None
    found: dict[str, dict[str, str]] = {}
    same: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}  # most submissions of a day have the same
    others = [(place, one) for place, one in headings.places if not _is_in_common(one)]
    for _, cells, _ in parent.cells():
        headings.look_at(cells, seen)
        for place, one in [pair for pair in others if _at(cells, pair[0])]:
            others.remove((place, one))
            seen.not_read(f"{parent.title}: {one.column}", ours=True)
        try:
            said = combine((one, _at(cells, place)) for place, one in headings.places if _is_in_common(one))
        except ContradictoryError:
            continue
        key = _at(cells, headings.of_kobo["_index"])
        if key in found:
            raise UnusableFileError("Two submissions have the same number.")
        found[key] = same.setdefault(tuple(sorted(said.items())), said)
    return found


def _is_in_common(one: Asked) -> bool:
    return one.column in (*IN_COMMON, "today")


def _at(cells: list[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""


def _text(value: Any) -> str:
    """Write a cell as a person would in CSV: whole numbers without a point, dates as 2026-03-07."""
    match value:
        case None:
            return ""
        case bool():
            return "si" if value else "no"
        case float() | int() if abs(value) >= EXACT:
            return f"{value:E}"  # it has lost digits, and must not look as if it had all of them
        case float() if value.is_integer():
            return str(int(value))
        case datetime():
            return value.date().isoformat() if value.time() == time() else value.isoformat(timespec="minutes")
        case date():
            return value.isoformat()
        case time():
            return value.isoformat(timespec="minutes")
        case timedelta() if timedelta() <= value < timedelta(days=1):
            return f"{value // timedelta(hours=1)}:{value // timedelta(minutes=1) % 60:02}"
        case float() | int():
            return str(value)
        case str():
            return value.strip()  # a formula is its text
        case _:
            return "="  # a formula of more than one cell
