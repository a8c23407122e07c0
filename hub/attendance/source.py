"""A file of attendance, whichever kind it is."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hub.attendance import read_csv, read_kobo, read_xlsx
from hub.attendance.rows import Row, Unreadable

Kind = Literal["csv", "xlsx", "kobo"]


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is about to be read."""

    path: Path
    kind: Kind
    sha256: str
    about: int | None  # how many rows it has, more or less; None: nobody knows before the end

    def rows(self) -> Iterator[Row | Unreadable]:
        """Read it, row by row; raises UnusableFileError."""
        read = {"csv": read_csv.read, "xlsx": read_xlsx.read, "kobo": read_kobo.read}
        return read[self.kind](self.path)


def open_source(path: Path) -> Source:
    """Look at a file: its kind by how it begins, whatever it is called. Raises OSError or UnusableFileError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        beginning = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    if beginning.startswith(b"PK"):
        return Source(path, "xlsx", digest, read_xlsx.count(path))
    if beginning[:1] in (b"[", b"{"):
        return Source(path, "kobo", digest, None)
    return Source(path, "csv", digest, read_csv.count(path))
