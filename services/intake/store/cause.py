"""What is kept of the message that brought something about."""

from typing import Protocol
from uuid import UUID


class Cause(Protocol):
    """What is kept of the message that brought something about: its id and who said it."""

    @property
    def id(self) -> UUID: ...

    @property
    def source(self) -> str: ...

    @property
    def staff(self) -> str | None: ...
