"""The gateway's own entrance by HTTP, as any partner comes in (docs/partners.md): for an organisation's `console`."""

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from hub.console.hosting import CONSOLE

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


class Unavailable(Exception):
    """The gateway does not do it now: a code, and how many seconds it asks to wait."""

    def __init__(self, code: str, pause: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.pause = pause


class Answer(NamedTuple):
    """What was answered."""

    status: int
    body: bytes
    pause: float | None
    """How many seconds the gateway asks to wait."""

    @property
    def unavailable(self) -> Unavailable:
        """What to raise of an answer that is of no use."""
        return Unavailable(f"answered_{self.status}", self.pause)


@dataclass
class Entrance:
    """A connection for the system `console` of one organisation. For one thread."""

    credentials: Path
    url: str | None = None
    """Where the entrance is, in place of what the credentials say."""

    def __post_init__(self) -> None:
        self._connection: http.client.HTTPConnection | None = None
        self._key: tuple[str, str] | None = None

    def ask(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return what is answered, whatever its status. Raises Unavailable where nothing is, or no end of it."""
        url, key = self._key = self._key or self._read_credentials()
        said = {"Authorization": f"Bearer {key}", "Accept": "application/json", **(headers or {})}
        if body is not None:
            said.setdefault("Content-Type", "application/json")
        try:
            if self._connection is None:
                self._connection = _connection(url)
            self._connection.request(method, target, body, said)
            response = self._connection.getresponse()
            content = response.read(MOST_BYTES + 1)
        except (OSError, http.client.HTTPException):
            self.begin_anew()
            raise Unavailable("away") from None
        if len(content) > MOST_BYTES:
            self.begin_anew()
            raise Unavailable("too_long")
        return Answer(response.status, content, _pause(response.getheader("retry-after")))

    def begin_anew(self) -> None:
        """Read the credentials anew: the key may have been replaced, the address be another."""
        self.close()
        self._key = None

    def close(self) -> None:
        """End the connection; the next question makes another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

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
