"""What has been said for the sample, byte for byte, so that nothing of it is said twice, whatever is killed."""

import sqlite3
from pathlib import Path
from typing import Final

TABLES: Final = "create table if not exists said (name text primary key, body blob not null, taken integer not null)"


class Journal:
    """A file of the sample's own. Bodies are as they were sent: what is of people in them is sealed."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute(TABLES)

    def body(self, name: str) -> bytes | None:
        """What was written under a name, sent or not."""
        row = self._database.execute("select body from said where name = ?", (name,)).fetchone()
        return None if row is None else bytes(row[0])

    def was_taken(self, name: str) -> bool:
        """Whether the entrance has answered it."""
        return self._database.execute("select 1 from said where name = ? and taken", (name,)).fetchone() is not None

    def write(self, name: str, body: bytes) -> None:
        """Keep what is about to be sent."""
        self._database.execute("insert into said values (?, ?, 0)", (name, body))

    def taken(self, name: str) -> None:
        """Note that the entrance has answered it."""
        self._database.execute("update said set taken = 1 where name = ?", (name,))

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
