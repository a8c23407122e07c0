"""A file of attendance, whichever kind it is."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from tools.attendance.headings import Seen
from tools.attendance.read_csv import CsvList
from tools.attendance.read_kobo import KoboList
from tools.attendance.read_xlsx import XlsxList
from tools.attendance.rows import Row, Unreadable, UnusableFileError, check_length
from tools.values.days import is_ambiguous, month_first

Kind = Literal["csv", "xlsx", "kobo"]

FILE_AT_MOST: Final = 256 * 1024 * 1024  # bytes
OLD_EXCEL: Final = bytes.fromhex("d0cf11e0a1b11ae1")  # also what a workbook with a password is packed into
DAYS: Final = ("fecha_nacimiento", "fecha_atencion")


class _List(Protocol):
    @property
    def about(self) -> int | None: ...

    def rows(self, seen: Seen) -> Iterator[Row | Unreadable]: ...


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a file after it has been read once, before anything is sent."""

    rows: int
    unread: tuple[str, ...]  # columns with something in them that are not read
    ours_unread: bool  # one of them may hold what a correction would take away
    month_first: frozenset[str]  # columns whose days may be written with the month first
    page: str | None  # why the file is not the whole list
    headings_at: int  # the line; 0 where there is none


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is about to be read."""

    kind: Kind
    sha256: str
    list: _List

    @property
    def about(self) -> int | None:
        """How many rows it has, more or less; None: nobody knows before the end."""
        return self.list.about

    def rows(self, seen: Seen | None = None) -> Iterator[Row | Unreadable]:
        """Read it, row by row; raises UnusableFileError, also where it becomes longer than a list may be."""
        for number, row in enumerate(self.list.rows(Seen() if seen is None else seen), 1):
            check_length(number)
            yield row

    def survey(self) -> Survey:
        """Read it to the end, and keep nothing but what has to be known before the first row is sent.

        Raises UnusableFileError.
        """
        seen = Seen()
        count = 0
        first: dict[str, Counter[bool]] = {column: Counter() for column in DAYS}
        ambiguous: set[str] = set()
        for row in self.rows(seen):
            count += 1
            if isinstance(row, Row):
                for column in DAYS:
                    cell = row.cells.get(column, "")
                    is_first = month_first(cell) if cell else None
                    if is_first is not None:
                        first[column][is_first] += 1
                    elif is_ambiguous(cell):
                        ambiguous.add(column)
        # Who writes the month first in one column does so in the next, unless that one shows otherwise.
        proven = any(said[True] and not said[False] for said in first.values())
        return Survey(
            rows=count,
            unread=tuple(seen.unread),
            ours_unread=any(seen.unread.values()),
            month_first=frozenset(column for column in ambiguous if proven and not first[column][False]),
            page=seen.page,
            headings_at=seen.headings_at,
        )


def open_source(path: Path) -> Source:
    """Look at a file: its kind by how it begins, whatever it is called, and that it is not too long.

    Raises OSError or UnusableFileError.
    """
    if path.stat().st_size > FILE_AT_MOST:
        raise UnusableFileError(f"The file is larger than {FILE_AT_MOST // 1024**2} MiB: send it in several files.")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        beginning = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    if beginning.startswith(OLD_EXCEL):
        raise UnusableFileError("The file is an old Excel workbook (.xls), or has a password: save it as XLSX without.")
    if beginning[:1] in (b"[", b"{"):
        return Source("kobo", digest, KoboList(path))
    if beginning.startswith(b"PK"):
        return Source("xlsx", digest, XlsxList(path))
    return Source("csv", digest, CsvList(path))
