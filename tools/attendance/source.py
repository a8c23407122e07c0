"""A file of attendance, whichever kind it is."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tools.attendance import read_csv, read_kobo, read_xlsx
from tools.attendance.rows import Row, Unreadable, check_length

Kind = Literal["csv", "xlsx", "kobo"]


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is about to be read."""

    path: Path
    kind: Kind
    sha256: str
    about: int | None  # how many rows it has, more or less; None: nobody knows before the end

    def rows(self) -> Iterator[Row | Unreadable]:
        """Read it, row by row; raises UnusableFileError, also where it becomes longer than a list may be."""
        read = {"csv": read_csv.read, "xlsx": read_xlsx.read, "kobo": read_kobo.read}
        for number, row in enumerate(read[self.kind](self.path), 1):
            check_length(number)
            yield row


def open_source(path: Path) -> Source:
    """Look at a file: its kind by how it begins, whatever it is called, and that it is not too long.

    Raises OSError or UnusableFileError.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        beginning = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    if beginning[:1] in (b"[", b"{"):
        return Source(path, "kobo", digest, None)
    kind: Kind = "xlsx" if beginning.startswith(b"PK") else "csv"
    about = read_xlsx.count(path) if kind == "xlsx" else read_csv.count(path)
    check_length(about)
    return Source(path, kind, digest, about)
