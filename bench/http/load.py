"""Requests by HTTP in large numbers from one loop: sockets that stay open, answers that are cut here.

With a closed loop each connection asks again when it has been answered; at a rate, requests are due at fixed times, and
each is timed from when it was due.
"""

import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

AT_ONCE: Final = 64 * 1024  # bytes asked of a socket
HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length:"
RETRY_AFTER: Final = b"retry-after:"
ANSWERED_WITHIN: Final = 30.0  # seconds
TICK: Final = 0.001  # seconds


class BrokenError(Exception):
    """The server said something that this client has no answer to, or nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and the messages in it."""

    request: bytes
    ids: tuple[str, ...]


@dataclass
class Loaded:
    """What a load has shown."""

    accepted: list[str] = field(default_factory=list)  # ids of messages
    statuses: Counter[int] = field(default_factory=Counter)  # of requests
    took: list[float] = field(default_factory=list)  # seconds, of each request
    seconds: float = 0.0

    @property
    def messages_per_s(self) -> float:
        return len(self.accepted) / self.seconds


class Connection:
    """One connection: a request at a time."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self.asked: Asked | None = None
        self.since = 0.0
        self.retry_after: float | None = None  # seconds, as the last answer said

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def ask(self, asked: Asked, since: float) -> None:
        """Send a request; `since` is when it was due."""
        self.asked, self.since = asked, since
        self._socket.sendall(asked.request)

    def answer(self) -> tuple[int, bytes] | None:
        """Read what has come: the status and body, or None while the answer is not whole. BrokenError when closed."""
        arrived = self._socket.recv(AT_ONCE)
        if not arrived:
            raise BrokenError("the server closed the connection")
        self._rest += arrived
        head = self._rest.find(HEAD_END)
        if head < 0:
            return None
        lower = self._rest[:head].lower()
        at = lower.index(LENGTH) + len(LENGTH)
        line_end = lower.find(b"\r", at)
        end = head + len(HEAD_END) + int(lower[at : line_end if line_end > 0 else None])
        if len(self._rest) < end:
            return None
        status, body = int(self._rest[9:12]), self._rest[head + len(HEAD_END) : end]
        at = lower.find(RETRY_AFTER)
        self.retry_after = float(lower[at + len(RETRY_AFTER) :].split(b"\r", 1)[0]) if at >= 0 else None
        self._rest = self._rest[end:]
        return status, body


def request(host: str, path: str, media_type: str, body: bytes, key: str | None = None) -> bytes:
    """A whole POST request."""
    authorization = f"Authorization: Bearer {key}\r\n" if key else ""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\n{authorization}"
        f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def load(
    address: tuple[str, int], asking: Sequence[Iterator[Asked]], seconds: float, *, rate: float | None = None
) -> Loaded:
    """Load a server for so long, by a connection for each of `asking`: with all it takes, or `rate` requests a second.

    What is under way at the end is answered, and counted as accepted, too. Messages are accepted where the answer is
    202 or 200; of any other status `statuses` tells.
    """
    with ExitStack() as closing, selectors.DefaultSelector() as selector:
        idle: deque[tuple[Connection, Iterator[Asked]]] = deque()
        for more in asking:
            connection = Connection(*address)
            closing.callback(connection.close)
            selector.register(connection, selectors.EVENT_READ, (connection, more))
            idle.append((connection, more))
        return _load(selector, idle, seconds, rate)


def _load(
    selector: selectors.BaseSelector,
    idle: deque[tuple[Connection, Iterator[Asked]]],
    seconds: float,
    rate: float | None,
) -> Loaded:
    loaded, began, number, under_way = Loaded(), time.monotonic(), 0, 0
    heard_at = began
    while True:
        now = time.monotonic()
        over = now - began >= seconds if rate is None else number >= int(rate * seconds)
        while idle and not over and (rate is None or began + number / rate <= now):
            connection, more = idle.popleft()
            connection.ask(next(more), now if rate is None else began + number / rate)
            number += 1
            under_way += 1
        if over and not under_way:
            break
        for key, _ in selector.select(TICK if rate is not None else 0.1):
            connection, more = key.data
            answered = connection.answer()
            if answered is None:
                continue
            heard_at = time.monotonic()
            _note(loaded, connection, answered[0], heard_at)
            under_way -= 1
            idle.append((connection, more))
        if under_way and time.monotonic() - heard_at > ANSWERED_WITHIN:
            raise BrokenError(f"{under_way} requests were not answered within {ANSWERED_WITHIN:.0f} s")
    loaded.seconds = heard_at - began
    return loaded


def _note(loaded: Loaded, connection: Connection, status: int, now: float) -> None:
    assert connection.asked is not None
    loaded.statuses[status] += 1
    loaded.took.append(now - connection.since)
    if status in (200, 202):
        loaded.accepted += connection.asked.ids
