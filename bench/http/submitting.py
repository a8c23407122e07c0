"""How organisations submit by HTTP, as far as the bench's floods and neighbours do; the same surface as by AMQP."""

import contextlib
import json
import select
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bench.http.load import Asked, BrokenError, Connection, request
from bench.http.messages import BATCH_TYPE, ONE_TYPE, PATH

AT_ONCE: Final = 100  # messages in a request: the most that it may have
TRY_AGAIN: Final = (429, 503)  # later, as the answer says


class Submitting:
    """One message, or many in batches, in the order in which they are said; what is refused for now is said again."""

    def __init__(self, url: str, key: str) -> None:
        """`url` and `key` as an organisation's credentials have them."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._host = f"{parts.hostname}:{parts.port}"
        self._key = key
        self._address = (parts.hostname, parts.port or 80)
        self._connection = Connection(*self._address)
        self._waiting: deque[bytes] = deque()
        self._not_before = 0.0

    def fileno(self) -> int:
        return self._connection.fileno()

    def close(self) -> None:
        self._connection.close()

    def send(self, messages: Iterable[tuple[str, str, bytes]]) -> None:
        """Submit (anything, message id, body): one alone is answered when this returns."""
        bodies = [body for _, _, body in messages]
        if len(bodies) == 1:
            self._waiting.append(request(self._host, PATH, ONE_TYPE, bodies[0], self._key))
            self.go_on()
            while self._connection.asked is not None or self._waiting:
                if self.readable(0.01):
                    self.read_confirms()
                self.go_on()
            return
        for start in range(0, len(bodies), AT_ONCE):
            body = b"[" + b",".join(bodies[start : start + AT_ONCE]) + b"]"
            self._waiting.append(request(self._host, PATH, BATCH_TYPE, body, self._key))
        self.go_on()

    @property
    def waiting(self) -> int:
        """Requests that are still to be sent."""
        return len(self._waiting)

    def go_on(self) -> None:
        """Send the next request, where it is time."""
        if self._waiting and self._connection.asked is None and time.monotonic() >= self._not_before:
            with contextlib.suppress(ConnectionError):  # read_confirms will find it closed
                self._connection.ask(Asked(self._waiting[0], ()), time.monotonic())

    def readable(self, within: float = 0) -> bool:
        return bool(select.select([self], [], [], within)[0])

    def read_confirms(self) -> None:
        """Read what has come of an answer; BrokenError where it is a refusal for good."""
        try:
            answered = self._connection.answer()
        except (BrokenError, ConnectionError):  # it was idle for long; what was not answered is said again
            self._connection.close()
            self._connection = Connection(*self._address)
            self.go_on()
            return
        if answered is None:
            return
        status, _ = answered
        self._connection.asked = None
        if status in TRY_AGAIN:
            self._not_before = time.monotonic() + (self._connection.retry_after or 1.0)
            return
        if status not in (200, 202):
            raise BrokenError(f"the answer was {status}")
        self._waiting.popleft()
        self.go_on()


def credentials(organisations: Path, organisation: str) -> tuple[str, str]:
    """Return the URL and the key that an organisation was handed."""
    said: dict[str, Any] = json.loads((organisations / organisation / "credentials.json").read_text())
    return said["http_url"], said["api_key"]
