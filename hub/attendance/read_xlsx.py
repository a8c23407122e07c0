"""Reads the first sheet of an XLSX workbook, row by row."""

import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from hub.attendance.rows import Headings, Row, Unreadable, UnusableFileError

_SIZE: Final = re.compile(rb'<dimension ref="[A-Z]+\d+:[A-Z]+(\d+)"')
_NO_WORKBOOK: Final = "The file cannot be read as an XLSX workbook."

UNPACKED_AT_MOST: Final = 512 * 1024 * 1024  # bytes: a few kilobytes can unpack to more than any machine has


def count(path: Path) -> int | None:
    """Return how many rows the sheet says that it has, if it says so where it begins; raises UnusableFileError."""
    try:
        with zipfile.ZipFile(path) as archive:
            sheets = sorted(name for name in archive.namelist() if name.startswith("xl/worksheets/sheet"))
            said = _SIZE.search(archive.open(sheets[0]).read(4096)) if sheets else None
    except (zipfile.BadZipFile, OSError):
        raise UnusableFileError(_NO_WORKBOOK) from None
    return max(int(said[1]) - 1, 1) if said else None


def read(path: Path) -> Iterator[Row | Unreadable]:
    """Read row by row; raise UnusableFileError where the file is no workbook with our columns."""
    with _first_sheet(path) as sheet:
        sheet.reset_dimensions()  # what a sheet says of its size may be wrong, and would cut it off
        headings: Headings | None = None
        for line, values in enumerate(sheet.iter_rows(values_only=True), 1):
            cells = [_text(value) for value in values]
            if not any(cells):
                continue
            if headings is None:
                headings = Headings.read(cells)
            else:
                yield headings.row(line, cells)
    if headings is None:
        raise UnusableFileError("The first sheet is empty.")


@contextmanager
def _first_sheet(path: Path) -> Iterator[Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > UNPACKED_AT_MOST:
            raise UnusableFileError("The workbook is too large.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and validations, which we do not read
            book = load_workbook(path, read_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError):
        raise UnusableFileError(_NO_WORKBOOK) from None
    try:
        yield book.worksheets[0]
    finally:
        book.close()


def _text(value: Any) -> str:
    """Write a cell as a person would in CSV: whole numbers without a point, dates as 2026-03-07."""
    match value:
        case None:
            return ""
        case bool():
            return "si" if value else "no"
        case float() if value.is_integer():
            return str(int(value))
        case datetime():
            return value.date().isoformat() if value.time() == time() else value.isoformat(timespec="minutes")
        case date():
            return value.isoformat()
        case time():
            return value.isoformat(timespec="minutes")
        case float() | int():
            return str(value)
        case str():
            return value.strip()  # a formula is its text
        case _:
            return "="  # a formula of more than one cell
