"""A sheet as a table for a person, as CSV, XLSX or JSON; no cell of it is a formula, whatever it is read with."""

import csv
import io
import json
import re
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.styles import Font

from hub.reports.rules.sheets import Cell, Sheet

# What a spreadsheet takes for the beginning of a formula (the wide forms too), where a cell begins: at the beginning,
# and behind whatever some country's spreadsheets part cells by.
_FORMULA: Final = re.compile("""(^|[\t\r\n;,|"'])(\\s*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])""")
WIDEST: Final = 60  # characters of a column in a workbook
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
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerows(_heads(sheet))
    writer.writerows([[harmless(cell) for cell in row] for row in sheet.rows])
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(sheet: Sheet) -> bytes:
    """Write a workbook: the sheet, and its notes on a second one."""
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
    names = [column.name for column in sheet.columns]
    what: dict[str, Any] = {
        "report": sheet.name,
        "rows": [dict(zip(names, row, strict=True)) for row in sheet.rows],
        "notes": list(sheet.notes),
    }
    return (json.dumps(what, indent=1, ensure_ascii=False) + "\n").encode()


def as_table(sheet: Sheet) -> bytes:
    """Write a table for a person, and the notes below it."""
    from rich.console import Console
    from rich.table import Table

    # Codes say on a screen what their names repeat, and one line has no room for both.
    shown = [
        at for at, column in enumerate(sheet.columns) if column.name not in ("adm1_code", "adm1_name", "indicator")
    ]
    table = Table(*(sheet.columns[at].heading for at in shown), box=None)
    for at, place in enumerate(shown):
        numbers = [row[place] for row in sheet.rows if isinstance(row[place], int | float)]
        table.columns[at].justify = "right" if numbers else "left"
    for row in sheet.rows:
        table.add_row(*(_on_screen(row[at]) for at in shown))
    out = io.StringIO()
    console = Console(file=out, width=200, markup=False, highlight=False, emoji=False)
    console.print(table)
    for note in sheet.notes:
        console.print(note, style=None)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).encode() + b"\n"


def _on_screen(cell: Cell) -> str:
    if isinstance(cell, int):
        return f"{cell:,}"
    return "" if cell is None else str(_CONTROL.sub(" ", str(cell)))


FORMATS: Final = {"table": as_table, "csv": as_csv, "xlsx": as_xlsx, "json": as_json}
