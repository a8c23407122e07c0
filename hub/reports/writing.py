"""A sheet as a table for a person, as CSV, XLSX or JSON; no cell of it is a formula, whatever it is read with."""

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from openpyxl import Workbook
from openpyxl.styles import Font
from rich.console import Console
from rich.table import Table

from hub.reports.rules.sheets import Cell, Sheet, for_programs
from hub.reports.rules.small_counts import AT_LEAST, SMALL, WITHHELD

# What a spreadsheet takes for the beginning of a formula (the wide forms too), where a cell begins: at the beginning,
# and behind whatever some country's spreadsheets part cells by.
_FORMULA: Final = re.compile("""(^|[\t\r\n;,|"'])(\\s*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])""")
WIDEST: Final = 60  # characters of a column in a workbook
LEAST_OF_TEXT: Final = 36  # characters of a line on a screen: the longest need that is known
SUPPRESSED: Final = re.compile(rf"{SMALL}|{re.escape(WITHHELD)}|{AT_LEAST}[\d,]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def harmless(cell: Cell) -> Cell:
    """Return a cell that no spreadsheet takes for a formula: an apostrophe goes before what would begin one."""
    if not isinstance(cell, str):
        return cell
    return _CONTROL.sub(" ", _FORMULA.sub(r"\1\2'", cell))


def _heads(sheet: Sheet) -> list[list[str | None]]:
    """The rows above the rows: the headings, and the HXL hashtags where the sheet has them."""
    heads: list[list[str | None]] = [[column.heading for column in sheet.columns]]
    if any(column.hashtag for column in sheet.columns):
        heads.append([column.hashtag for column in sheet.columns])
    return heads


def as_csv(sheet: Sheet) -> bytes:
    """Write CSV in UTF-8, with the mark by which spreadsheets know that; without the notes, which are no data."""
    sheet = for_programs(sheet)
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerows(_heads(sheet))
    writer.writerows([[harmless(cell) for cell in row] for row in sheet.rows])
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(sheet: Sheet) -> bytes:
    """Write a workbook: the sheet, and its notes on a second one."""
    sheet = for_programs(sheet)
    book = Workbook()
    page = book.active
    assert page is not None
    page.title = sheet.name
    heads = _heads(sheet)
    for row in (*heads, *sheet.rows):
        page.append([harmless(cell) for cell in row])
    for cells in page.iter_rows(min_row=len(heads) + 1):
        for cell in cells:
            if cell.data_type == "f":  # openpyxl would write text that begins with = as a formula
                cell.data_type = "s"
    for cell in page[1]:
        cell.font = Font(bold=True)
    for column in page.columns:
        longest = max(len(str(cell.value)) for cell in column if cell.value is not None)
        page.column_dimensions[column[0].column_letter].width = min(longest + 2, WIDEST)
    page.freeze_panes = page.cell(len(heads) + 1, 1)
    notes = book.create_sheet("notes")
    for note in sheet.notes:
        notes.append([harmless(note)])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def as_json(sheet: Sheet) -> bytes:
    """Write one object: `report`, `rows` (an object each, by the columns' names), `notes`."""
    sheet = for_programs(sheet)
    names = [column.name for column in sheet.columns]
    what: dict[str, Any] = {
        "report": sheet.name,
        "rows": [dict(zip(names, row, strict=True)) for row in sheet.rows],
        "notes": list(sheet.notes),
    }
    return (json.dumps(what, indent=1, ensure_ascii=False) + "\n").encode()


def as_table(sheet: Sheet) -> bytes:
    """Write a table for a person, no wider than the terminal (80 columns where there is none), and the notes below it.

    Where it would be wider, what a row is about stands in one column, and the counts in as many tables as it takes.
    """
    # Codes say on a screen what their names repeat, and one line has no room for both.
    shown = [
        at for at, column in enumerate(sheet.columns) if column.name not in ("adm1_code", "adm1_name", "indicator")
    ]
    headings = [sheet.columns[at].heading for at in shown]
    rows = [[row[at] for at in shown] for row in sheet.rows]
    width = shutil.get_terminal_size((80, 24)).columns
    out = io.StringIO()
    console = Console(file=out, width=width, markup=False, highlight=False, emoji=False)
    for number, table in enumerate(_tables(headings, rows, width)):
        if number:
            console.print()
        console.print(table)
    for note in sheet.notes:
        console.print(note, style=None)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).encode() + b"\n"


@dataclass(frozen=True)
class _Shown:
    """A column as it is shown."""

    heading: str
    cells: Sequence[str]
    counts: bool

    @classmethod
    def of(cls, heading: str, cells: Sequence[Cell]) -> Self:
        return cls(heading, [_on_screen(cell) for cell in cells], any(_is_count(cell) for cell in cells))

    @property
    def widest(self) -> int:
        """Its width if nothing in it is broken."""
        return max(map(len, (self.heading, *self.cells)))

    @property
    def least(self) -> int:
        """Its width where room is scarce: no count is broken, and a text into lines of this length."""
        if not self.counts:
            return min(self.widest, LEAST_OF_TEXT)
        return max(len(word) for text in (self.heading, *self.cells) for word in (text.split() or [""]))


def _tables(headings: Sequence[str], rows: Sequence[Sequence[Cell]], width: int) -> Iterator[Table]:
    """One table that fits, or several that each say in their first column what a row is about."""
    whole = [_Shown.of(heading, [row[at] for row in rows]) for at, heading in enumerate(headings)]
    if _least(whole) <= width:
        yield _table(whole, width)
        return
    first_count = next((at for at, column in enumerate(whole) if column.counts), len(whole))
    about = [" · ".join(filter(None, parts)) for parts in zip(*(one.cells for one in whole[:first_count]), strict=True)]
    first = _Shown(" · ".join(headings[:first_count]), about, counts=False)
    side_by_side = [first]
    for column in whole[first_count:]:
        if len(side_by_side) > 1 and _least([*side_by_side, column]) > width:
            yield _table(side_by_side, width)
            side_by_side = [first]
        side_by_side.append(column)
    yield _table(side_by_side, width)


def _least(columns: Sequence[_Shown]) -> int:
    return sum(column.least for column in columns) + len(columns) - 1


def _table(columns: Sequence[_Shown], width: int) -> Table:
    """A table whose columns share the room that is left over, from the left; what lacks, the first does without."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    spare = width - _least(columns)
    for column in columns:
        wider = max(min(spare, column.widest - column.least), 1 - column.least)
        spare -= wider
        justify: Literal["left", "right"] = "right" if column.counts else "left"
        table.add_column(column.heading, justify=justify, overflow="fold", width=column.least + wider)
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*row)
    return table


def _is_count(cell: Cell) -> bool:
    """Whether it is a number, or what is shown in place of one."""
    return isinstance(cell, int | float) or (cell is not None and SUPPRESSED.fullmatch(cell) is not None)


def _on_screen(cell: Cell) -> str:
    if isinstance(cell, int):
        return f"{cell:,}"
    return "" if cell is None else str(_CONTROL.sub(" ", str(cell)))


FORMATS: Final = {"table": as_table, "csv": as_csv, "xlsx": as_xlsx, "json": as_json}
