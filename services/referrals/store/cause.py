"""What brought something about, as history keeps it."""

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Cause(Protocol):
    """What history keeps of the message that brought something about."""

    @property
    def id(self) -> UUID: ...

    @property
    def source(self) -> str: ...

    @property
    def staff(self) -> str | None: ...

    @property
    def time(self) -> datetime: ...
