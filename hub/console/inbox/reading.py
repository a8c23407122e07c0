"""An organisation's inbox by the gateway's own entrance, as any partner reads it (docs/partners.md)."""

import contextlib
import http.client
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from hub.console.entrance import Answer, Entrance, Unavailable

LIMIT: Final = 100  # messages at once
WAIT: Final = 25  # seconds until the gateway answers that there is nothing


class Entry(Struct, frozen=True):
    """One message in an inbox; without `message` it is `erased`, `expired` or `unreadable`."""

    cursor: str
    message: msgspec.Raw = msgspec.Raw()
    raw: str | None = None
    """Of what is unreadable: as it came."""


class Page(Struct, frozen=True):
    """What is behind a cursor."""

    messages: list[Entry]
    next: str
    more: bool


@dataclass
class Inbox:
    """The inbox of an organisation's system `console`. For one thread."""

    credentials: Path
    url: str | None = None
    """Where the entrance is, in place of what the credentials say."""

    def __post_init__(self) -> None:
        self._entrance = Entrance(self.credentials, self.url)

    def read(self) -> Page:
        """Return what is not acknowledged; waits for it where there is nothing. Raises Unavailable."""
        body = self._good(self._entrance.ask("GET", f"/v1/inbox?limit={LIMIT}&wait={WAIT}"))
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            return msgspec.json.decode(body, type=Page)
        raise Unavailable("not_an_inbox")

    def acknowledge(self, through: str) -> None:
        """Say that all up to a cursor is kept. Raises Unavailable."""
        said = msgspec.json.encode({"through": through})
        self._good(self._entrance.ask("POST", "/v1/inbox/acknowledge", said))

    def close(self) -> None:
        """End the connection; the next question makes another."""
        self._entrance.close()

    def _good(self, answer: Answer) -> bytes:
        if answer.status == http.HTTPStatus.OK:
            return answer.body
        self._entrance.begin_anew()
        raise answer.unavailable


def raw_of(entry: Entry) -> bytes | None:
    """The bytes of a message, or what it is that cannot be read; None where nothing is left of it."""
    if message := bytes(entry.message):
        return message
    return entry.raw.encode() if entry.raw is not None else None
