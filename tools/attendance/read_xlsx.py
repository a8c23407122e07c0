"""Reads the first sheet of an XLSX workbook, row by row."""

import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from tools.attendance.rows import Headings, Row, Unreadable, UnusableFileError, check_length

_ROW: Final = re.compile(rb"<(?:\w+:)?row[\s/>]")
_CUT_OFF: Final = re.compile(rb"<[\w:]{0,40}\Z")  # the beginning of what may be a row
_SHEETS: Final = "xl/worksheets/sheet"
_NO_WORKBOOK: Final = "The file cannot be read as an XLSX workbook."

READ_AT_ONCE: Final = 64 * 1024  # bytes
UNPACKED_AT_MOST: Final = 512 * 1024 * 1024  # bytes: a few kilobytes can unpack to more than any machine has


def count(path: Path) -> int:
    """Return how many rows the first sheet has, without the heading; raise UnusableFileError where any has too many.

    They are counted, for a sheet need not say how many it has, and may be wrong.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_unpacked(archive)
            counts = [_count(archive, name) for name in sorted(archive.namelist()) if name.startswith(_SHEETS)]
    # Encrypted is a RuntimeError here, and packed in a way that Python does not know a NotImplementedError.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
        raise UnusableFileError(_NO_WORKBOOK) from None
    return counts[0] if counts else 1


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
            _check_unpacked(archive)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and validations, which we do not read
            book = load_workbook(path, read_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError):
        raise UnusableFileError(_NO_WORKBOOK) from None
    try:
        yield book.worksheets[0]
    finally:
        book.close()


def _check_unpacked(archive: zipfile.ZipFile) -> None:
    if sum(part.file_size for part in archive.infolist()) > UNPACKED_AT_MOST:
        raise UnusableFileError("The workbook is too large.")


def _count(archive: zipfile.ZipFile, sheet: str) -> int:
    """Count the rows of a sheet without the heading, and no further than it takes to know that they are too many."""
    rows, cut_off = -1, b""
    with archive.open(sheet) as content:
        while piece := content.read(READ_AT_ONCE):
            rows += len(_ROW.findall(cut_off + piece))
            check_length(rows)
            (cut_off,) = _CUT_OFF.findall(piece) or (b"",)
    return max(rows, 1)


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
