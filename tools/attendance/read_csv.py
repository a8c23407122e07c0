"""Reads CSV as spreadsheets write it: UTF-8 or Latin-1, separated by semicolons, commas or tabs."""

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.attendance.rows import Headings, Row, Unreadable, UnusableFileError

READ_AT_ONCE: Final = 1024 * 1024  # bytes
SEPARATORS: Final = ";,\t"


def count(path: Path) -> int:
    """Return about how many rows there are: lines, without the heading."""
    with path.open("rb") as file:
        return max(sum(piece.count(b"\n") for piece in iter(lambda: file.read(READ_AT_ONCE), b"")) - 1, 1)


def read(path: Path) -> Iterator[Row | Unreadable]:
    """Read row by row; raise UnusableFileError where the file is no table with our columns."""
    with path.open(encoding=_encoding(path), newline="") as file:
        heading = file.readline()
        while heading and not heading.strip():
            heading = file.readline()
        file.seek(0)
        table = csv.reader(file, delimiter=max(SEPARATORS, key=heading.count))
        headings: Headings | None = None
        while True:
            line = table.line_num + 1
            try:
                cells = next(table)
            except StopIteration:
                break
            except csv.Error:  # a quotation mark that is never closed swallows no more than this
                yield Unreadable(line)
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if headings is None:
                headings = Headings.read(cells)
            else:
                yield headings.row(line, cells)
    if headings is None:
        raise UnusableFileError("The file is empty.")


def _encoding(path: Path) -> str:
    """Tell UTF-8, with or without its mark, from Latin-1, which every file could be."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise UnusableFileError("The file is UTF-16: save it as CSV UTF-8.")
        file.seek(0)
        try:
            for piece in iter(lambda: file.read(READ_AT_ONCE), b""):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8-sig"
