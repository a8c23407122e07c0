"""The console's read service on a real PostgreSQL, and what its pages read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from hub import console
from hub.console.service import ConsoleService
from hub.console.store import facts
from messaging import database, gathering
from tests.hub.read_service import ReadService

FOLDER = Path(str(console.__file__)).parent
# Those of cases: those of staff and of the audit are another's to test.
TABLES = sorted(
    {"forgotten_referral", *(gathering.read(sql).table for name, sql in vars(facts).items() if name.isupper())}
)
Found = TypeVar("Found")


class Kept(ReadService):
    """The service, its database, and what is read from it."""

    def __init__(self, url: str) -> None:
        super().__init__(url, ConsoleService, FOLDER)

    def _own(self, connection: database.Connection) -> list[str]:
        return TABLES

    def read(self, read: Callable[..., Found], *words: Any, **more: Any) -> Found:
        """What one of the functions that pages call returns."""
        with database.connect(self.url) as connection:
            return read(connection, *words, **more)
