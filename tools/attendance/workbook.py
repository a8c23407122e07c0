"""Looks through an XLSX workbook before anything is made of it: how long, wide and deep it is, and what is merged."""

import re
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from xml.parsers import expat

from openpyxl.utils import range_boundaries

from tools.attendance import rows
from tools.attendance.rows import COLUMNS_AT_MOST, UnusableFileError, check_length

READ_AT_ONCE: Final = 64 * 1024  # bytes
UNPACKED_AT_MOST: Final = 256 * 1024 * 1024  # bytes: a few kilobytes can unpack to more than any machine has
PARTS_AT_MOST: Final = 1000
DIRECTORY_AT_MOST: Final = 1024 * 1024  # bytes that say which parts there are
TOKEN_AT_MOST: Final = 1024 * 1024  # bytes between two tags
TEXT_AT_MOST: Final = 32_767  # characters of a cell, as Excel has it
TAGS_AT_MOST: Final = 20_000_000  # of a sheet: a cell has four, so that the longest list may have 25 columns
TAGS_OF_STRINGS_AT_MOST: Final = 4_000_000  # a string has four too, and all of them are held at once
OTHER_ELEMENTS_AT_MOST: Final = 100_000  # of a part that is neither a sheet nor the table of strings
DEEPEST: Final = 40  # elements within each other
MERGED_AT_MOST: Final = 10_000

SHEETS: Final = "xl/worksheets/"
_STRINGS: Final = "sharedStrings"

_TOO_LARGE: Final = "The workbook is too large."
_END: Final = b"PK\x05\x06"
_END_64: Final = b"PK\x06\x07"
_CELL: Final = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_ROW: Final = re.compile(r"[1-9][0-9]{0,6}")


class NotAWorkbookError(Exception):
    """What does not look like a workbook."""


@dataclass(slots=True)
class Sheet:
    """What a sheet has."""

    rows: int = 0
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)  # column and row, the first and the last


def look_through(path: Path) -> dict[str, Sheet]:
    """Return the sheets of a workbook by the name of their part.

    Raises UnusableFileError where it is more than a list may be, which takes little more memory than one piece of it;
    NotAWorkbookError where it is none.
    """
    _check_directory(path)
    sheets: dict[str, Sheet] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            parts = [part for part in archive.infolist() if part.filename.endswith((".xml", ".rels", ".vml"))]
            if len(parts) > PARTS_AT_MOST or sum(part.file_size for part in parts) > UNPACKED_AT_MOST:
                raise UnusableFileError(_TOO_LARGE)
            for part in sorted(parts, key=lambda part: not part.filename.startswith(SHEETS)):
                _check_tags(archive, part)
                scan = _Scan(part.filename)
                with archive.open(part) as content:
                    scan.read(content)
                if scan.sheet is not None:
                    sheets[part.filename] = scan.sheet
    # Encrypted is a RuntimeError here, and packed in a way that Python does not know one of its kinds.
    except (zipfile.BadZipFile, zlib.error, expat.ExpatError, EOFError, RuntimeError, OSError, ValueError):
        raise NotAWorkbookError from None
    return sheets


def _check_directory(path: Path) -> None:
    """Look at how many parts an archive says that it has, before they are all read into memory."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(file.tell() - 66_000, 0))
        tail = file.read()
    if _END_64 in tail:
        raise UnusableFileError(_TOO_LARGE)
    for found in re.finditer(_END, tail):
        ending = tail[found.start() : found.start() + 22]
        if len(ending) == 22:
            count, size = struct.unpack_from("<HL", ending, 10)
            if count > PARTS_AT_MOST or size > DIRECTORY_AT_MOST:
                raise UnusableFileError(_TOO_LARGE)


def _check_tags(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Count the tags of a sheet, or of the strings that cells share, which is faster than to read them."""
    most = TAGS_OF_STRINGS_AT_MOST if _STRINGS in part.filename else TAGS_AT_MOST
    if part.file_size < most:
        return
    tags = 0
    with archive.open(part) as content:
        while piece := content.read(READ_AT_ONCE):
            tags += piece.count(b"<")
            if tags > most:
                raise UnusableFileError(_TOO_LARGE)


class _Scan:
    """One part, tag by tag."""

    def __init__(self, name: str) -> None:
        self.sheet = Sheet() if name.startswith(SHEETS) and name.endswith(".xml") else None
        self._is_strings = _STRINGS in name
        self._elements = self._depth = self._cells = self._text = 0
        self._stirred = False
        self._parser: Any = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse  # where entities would be declared

    def read(self, content: Any) -> None:
        silent = 0
        while piece := content.read(READ_AT_ONCE):
            self._stirred = False
            self._parser.Parse(piece, False)
            silent = 0 if self._stirred else silent + len(piece)
            if silent > TOKEN_AT_MOST:  # one endless comment, or attribute, that the parser keeps
                raise UnusableFileError(_TOO_LARGE)
        self._parser.Parse(b"", True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._stirred = True
        self._text = 0
        self._depth += 1
        self._elements += 1
        if self._depth > DEEPEST:
            raise UnusableFileError(_TOO_LARGE)
        element = name.rpartition(" ")[2]
        if self.sheet is not None:
            self._start_in_sheet(self.sheet, element, attributes)
        elif self._elements > OTHER_ELEMENTS_AT_MOST and not self._is_strings:
            raise UnusableFileError(_TOO_LARGE)

    def _start_in_sheet(self, sheet: Sheet, element: str, attributes: dict[str, str]) -> None:
        if element == "row":
            sheet.rows += 1
            self._cells = 0
            check_length(sheet.rows - 1)
            number = attributes.get("r")
            if number is not None and not _ROW.fullmatch(number):
                raise UnusableFileError("A row of the sheet has a number that no sheet has.")
            if number is not None:
                check_length(int(number) - 1)
        elif element == "c":
            self._cells += 1
            place = attributes.get("r")
            found = None if place is None else _CELL.fullmatch(place)
            if place is not None and found is None:
                raise UnusableFileError("A cell of the sheet has a place that no sheet has.")
            if self._cells > COLUMNS_AT_MOST or (found and _column(found[1]) > COLUMNS_AT_MOST):
                raise UnusableFileError(f"The list has more than {COLUMNS_AT_MOST:,} columns.")
            if found is not None:
                check_length(int(found[2]) - 1)
        elif element == "mergeCell":
            if len(sheet.merged) >= MERGED_AT_MOST:
                raise UnusableFileError(_TOO_LARGE)
            first, _, last = attributes.get("ref", "").partition(":")
            if not _CELL.fullmatch(first) or not _CELL.fullmatch(last or first):
                raise NotAWorkbookError
            column, row, last_column, last_row = range_boundaries(f"{first}:{last or first}")
            sheet.merged.append((column, row, last_column, min(last_row, rows.ROWS_AT_MOST + 1)))

    def _end(self, _: str) -> None:
        self._stirred = True
        self._text = 0
        self._depth -= 1

    def _characters(self, text: str) -> None:
        self._stirred = True
        self._text += len(text)
        if self._text > TEXT_AT_MOST:
            raise UnusableFileError("A cell of the workbook is longer than any cell may be.")

    def _refuse(self, *_: Any) -> None:
        raise NotAWorkbookError


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
