"""Reads CSV as spreadsheets write it, separated by semicolons, commas or tabs."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from tools.attendance.code_pages import encoding_of
from tools.attendance.headings import Headings, Seen
from tools.attendance.rows import Row, Unreadable, UnusableFileError, check_length

READ_AT_ONCE: Final = 1024 * 1024  # bytes
LINE_AT_MOST: Final = 1024 * 1024  # characters
SEPARATORS: Final = ";,\t"


class CsvList:
    """A list in a CSV file; raises UnusableFileError where it is too long, or nobody can tell its letters."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.about = _count(path)
        check_length(self.about)
        self._encoding = encoding_of(path)

    def rows(self, seen: Seen) -> Iterator[Row | Unreadable]:
        """Read row by row; raise UnusableFileError where the file is no table with our columns."""
        with self._path.open(encoding=self._encoding, newline="") as file:
            lines = _Lines(file)
            table = csv.reader(lines, delimiter=self._separator(), strict=True)
            headings: Headings | None = None
            while True:
                lines.of_this_row = 0
                try:
                    cells = next(table)
                except StopIteration:
                    break
                except csv.Error:
                    cells = None
                if cells is not None and not any(cell.strip() for cell in cells):
                    continue
                first = lines.number - lines.of_this_row + 1
                if headings is None:
                    if cells is None:
                        raise UnusableFileError("The first row cannot be read: a quotation mark is left open.")
                    seen.headings_at = first
                    headings = Headings.read(cells)
                elif cells is None or _has_swallowed(cells, lines.of_this_row, headings.width, table.dialect.delimiter):
                    # A quotation mark that was left open: whoever stands in these lines is told of.
                    for line in range(first, lines.number + 1):
                        yield Unreadable(line)
                elif len(cells) < headings.width or any(cell.strip() for cell in cells[headings.width :]):
                    yield Unreadable(first, "other_width")
                else:
                    yield headings.row(first, cells, seen)
        if headings is None:
            raise UnusableFileError("The file is empty.")

    def _separator(self) -> str:
        with self._path.open(encoding=self._encoding, newline="") as file:
            heading = next((line for line in _Lines(file) if line.strip()), "")
        return max(SEPARATORS, key=heading.count)


class _Lines:
    """The lines of a file, counted, and none longer than a list may have."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.number = 0
        self.of_this_row = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._file.readline(LINE_AT_MOST)
        if not line:
            raise StopIteration
        if len(line) == LINE_AT_MOST:
            raise UnusableFileError(f"Line {self.number + 1} is too long: the file is no list.")
        self.number += 1
        self.of_this_row += 1
        return line


def _has_swallowed(cells: list[str], lines: int, width: int, separator: str) -> bool:
    """Whether one cell of a row of several lines holds as many separators as a row: other rows are in it."""
    return lines > 1 and any(
        "\n" in cell.replace("\r", "\n") and cell.count(separator) >= max(width - 1, 1) for cell in cells
    )


def _count(path: Path) -> int:
    """Return about how many rows there are: lines, without the heading."""
    with path.open("rb") as file:
        pieces = iter(lambda: file.read(READ_AT_ONCE), b"")
        return max(sum(max(piece.count(b"\n"), piece.count(b"\r")) for piece in pieces) - 1, 1)
