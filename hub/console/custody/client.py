"""Asks custody, from the console's pages.

custody = Custody(Path(".ruta/console/custody.sock"))
opened = await custody.open(asking, [block_id, …])       # by block: its content, or a code
sealed = await custody.seal_anew(asking, block_id, "fuvadis")
found = await custody.search(asking, "Ana Díaz")
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import Struct

from hub.console.custody.protocol import MOST_ANSWERED, Open, SealAnew, Search, written
from hub.console.custody.server import address_of

Kind = TypeVar("Kind", bound=Struct)

WITHIN: Final = 15.0  # seconds for all of it


@dataclass(frozen=True)
class Asking:
    """Who asks, and what for: it stands in the audit."""

    organisation: str
    staff: str
    session: UUID
    purpose: str


class Opened(Struct, frozen=True):
    """What became of a block: its content, or a code (protocol.py) in place of it; never printed."""

    block: UUID
    kind: str = ""
    content: dict[str, Any] = {}
    code: str = ""

    def __repr__(self) -> str:
        return f"<Opened {self.block}>"


class Hit(Struct, frozen=True):
    """A block that was found, by how many of the terms; what is in it nobody has looked at."""

    block: UUID
    message: UUID
    referral: UUID | None
    person: UUID | None
    terms: int


class Found(Struct, frozen=True):
    """What was found of so many terms, the best first; alike for what there is not and what is somebody else's."""

    hits: tuple[Hit, ...]
    of: int
    more: bool


class _OpenedAll(Struct, frozen=True):
    blocks: tuple[Opened, ...]


class _Sealed(Struct, frozen=True):
    sealed: str


class _Code(Struct, frozen=True, forbid_unknown_fields=True):
    code: str


class CustodyError(Exception):
    """Custody has opened nothing: `away`, `not_recorded`, and the other codes of protocol.py."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Custody:
    """Custody as its callers have it; each question is a connection of its own."""

    def __init__(self, path: Path, within: float = WITHIN) -> None:
        """`path` is the socket's; what is not answered within so many seconds is `away`."""
        self._path = path
        self._within = within

    async def open(self, asking: Asking, blocks: Sequence[UUID]) -> Mapping[UUID, Opened]:
        """Have blocks of one page opened, at most MOST_BLOCKS. Raises CustodyError."""
        asked = Open(
            organisation=asking.organisation,
            staff=asking.staff,
            session=asking.session,
            purpose=asking.purpose,
            blocks=tuple(blocks),
        )
        answered = _read(await self._ask(written(asked)), _OpenedAll)
        return {one.block: one for one in answered.blocks}

    async def seal_anew(self, asking: Asking, block: UUID, recipient: str) -> str:
        """Have the block of a person sealed to another organisation. Raises CustodyError."""
        asked = SealAnew(
            organisation=asking.organisation,
            staff=asking.staff,
            session=asking.session,
            purpose=asking.purpose,
            block=block,
            recipient=recipient,
        )
        return _read(await self._ask(written(asked)), _Sealed).sealed

    async def search(self, asking: Asking, text: str, *, coordinates: bool = False) -> Found:
        """Find blocks of the organisation by what somebody has typed. Raises CustodyError."""
        asked = Search(
            organisation=asking.organisation,
            staff=asking.staff,
            session=asking.session,
            purpose=asking.purpose,
            text=text,
            coordinates=coordinates,
        )
        return _read(await self._ask(written(asked)), Found)

    async def _ask(self, line: bytes) -> bytes:
        writer = None
        try:
            async with asyncio.timeout(self._within):
                with address_of(self._path) as address:
                    reader, writer = await asyncio.open_unix_connection(address, limit=MOST_ANSWERED)
                writer.write(line)
                await writer.drain()
                answer = await reader.readline()
        except (TimeoutError, OSError, ValueError):
            answer = b""
        finally:
            if writer is not None:
                writer.close()
        if not answer.endswith(b"\n"):
            raise CustodyError("away")
        return answer


def _read(answer: bytes, kind: type[Kind]) -> Kind:
    """Read an answer. Raises CustodyError."""
    read: Kind | _Code
    try:
        read = msgspec.json.decode(answer, type=kind)
    except msgspec.DecodeError:
        read = _code(answer)
    if isinstance(read, _Code):
        raise CustodyError(read.code)
    return read


def _code(answer: bytes) -> _Code:
    try:
        return msgspec.json.decode(answer, type=_Code)
    except msgspec.DecodeError:
        return _Code("failed")
