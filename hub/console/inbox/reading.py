"""An organisation's inbox by the gateway's own entrance, as any partner reads it (docs/partners.md)."""

import contextlib
import http.client
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from hub.console.hosting import CONSOLE

LIMIT: Final = 100  # messages at once
WAIT: Final = 25  # seconds until the gateway answers that there is nothing
ANSWERED_WITHIN: Final = 60.0  # seconds
MOST_BYTES: Final = 8 * 1024 * 1024  # of an answer; the gateway gives half a megabyte of messages, and one at least
LONGEST_PAUSE: Final = 300.0  # seconds: who asks for a longer one is asked again before


class Credentials(Struct, frozen=True):
    """Of `credentials.json`: what the system `console` comes in by."""

    http_url: str
    systems: dict[str, "System"]

    def __repr__(self) -> str:
        return "<Credentials>"


class System(Struct, frozen=True):
    """A system of an organisation's."""

    api_key: str | None

    def __repr__(self) -> str:
        return "<System>"


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


class Unavailable(Exception):
    """Nothing can be read now: a code, and how many seconds the gateway asks to wait."""

    def __init__(self, code: str, pause: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.pause = pause


@dataclass
class Inbox:
    """The inbox of an organisation's system `console`. For one thread."""

    credentials: Path
    url: str | None = None
    """Where the entrance is, in place of what the credentials say."""

    def __post_init__(self) -> None:
        self._connection: http.client.HTTPConnection | None = None
        self._key: tuple[str, str] | None = None

    def read(self) -> Page:
        """Return what is not acknowledged; waits for it where there is nothing. Raises Unavailable."""
        return self._decoded(self._ask("GET", f"/v1/inbox?limit={LIMIT}&wait={WAIT}"))

    def acknowledge(self, through: str) -> None:
        """Say that all up to a cursor is kept. Raises Unavailable."""
        self._ask("POST", "/v1/inbox/acknowledge", msgspec.json.encode({"through": through}))

    def close(self) -> None:
        """End the connection; the next question makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _decoded(self, body: bytes) -> Page:
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            return msgspec.json.decode(body, type=Page)
        raise Unavailable("not_an_inbox")

    def _ask(self, method: str, target: str, body: bytes | None = None) -> bytes:
        url, key = self._key = self._key or self._read_credentials()
        headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            if self._connection is None:
                self._connection = _connection(url)
            self._connection.request(method, target, body, headers)
            answer = self._connection.getresponse()
            said = answer.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException):
            self._begin_anew()
            raise Unavailable("away") from None
        if answer.status == http.HTTPStatus.OK and len(said) <= MOST_BYTES:
            return said
        self._begin_anew()
        raise Unavailable(f"answered_{answer.status}", _pause(answer.getheader("retry-after")))

    def _begin_anew(self) -> None:
        """Read the credentials anew: the key may have been replaced, the address be another."""
        self.close()
        self._key = None

    def _read_credentials(self) -> tuple[str, str]:
        try:
            said = msgspec.json.decode(self.credentials.read_bytes(), type=Credentials)
            key = said.systems[CONSOLE].api_key
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, KeyError):
            raise Unavailable("no_credentials") from None
        if key is None:
            raise Unavailable("no_credentials")
        return self.url or said.http_url, key


def _connection(url: str) -> http.client.HTTPConnection:
    """A connection to the server of an address; nothing is asked yet. Raises OSError where it is no address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise OSError("no address")
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=ANSWERED_WITHIN, context=context)
    return http.client.HTTPConnection(host, port, timeout=ANSWERED_WITHIN)


def _pause(said: str | None) -> float | None:
    """Read `Retry-After` in seconds."""
    return min(float(said), LONGEST_PAUSE) if said is not None and said.isascii() and said.isdigit() else None


def raw_of(entry: Entry) -> bytes | None:
    """The bytes of a message, or what it is that cannot be read; None where nothing is left of it."""
    if message := bytes(entry.message):
        return message
    return entry.raw.encode() if entry.raw is not None else None
