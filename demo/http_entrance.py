"""The network's entrance by HTTP as a partner's system uses it, with nothing but the standard library.

    entrance = HttpEntrance("http://127.0.0.1:8080", "ruta_live_…")
    entrance.submit([body, other])          what became of each: accepted, or refused with a code
    entrance.became(message_id)             what services have made of it since
    for event in entrance.events(after=12): …
    entrance.acknowledge(through=14)

Whatever was not answered is said again under the same id, which makes repeating it harmless.
"""

import http.client
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

EVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
ANSWER_WITHIN = 10.0  # seconds
HEARD_WITHIN = 40.0  # seconds: a stream says something every 15
MOST_BYTES = 256 * 1024  # of a message; what is longer is not sent before the entrance has said that it wants it


class LaterError(Exception):
    """The entrance asks to be asked again, in so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True)
class Answer:
    """What was said of one message: refused, where there is a code."""

    code: str | None = None
    where: str | None = None


@dataclass(frozen=True)
class Event:
    """One delivery from the inbox; of what is no message any more (`erased`, `expired`) there is only its id."""

    number: int
    kind: str
    data: bytes


class HttpEntrance:
    """One organisation's way in and out. Raises OSError where the entrance is away, LaterError where it is busy."""

    def __init__(self, url: str, api_key: str) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connect: Callable[[float], http.client.HTTPConnection] = lambda patience: kind(
            parts.netloc, timeout=patience
        )
        self._key = {"Authorization": f"Bearer {api_key}"}
        self._kept: http.client.HTTPConnection | None = None

    def submit(self, bodies: Sequence[bytes]) -> list[Answer]:
        """Submit messages that are JSON, up to 100 and 1 MiB; the answers are in the same order."""
        if len(bodies) == 1:
            return [self.submit_as_it_is(bodies[0], EVENT)]
        status, said = self._ask("POST", "/v1/messages", b"[" + b",".join(bodies) + b"]", {"Content-Type": BATCH})
        if status >= 400:
            raise OSError(f"the entrance answered {status} {said.get('code')} to a batch")
        return [_answer(one["result"], one.get("problem", {})) for one in said["messages"]]

    def submit_as_it_is(self, body: bytes, media_type: str, **headers: str) -> Answer:
        """Submit one body, whatever it is; headers by their names with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return _answer(*self._ask("POST", "/v1/messages", body, {"Content-Type": media_type, **named}))

    def became(self, message_id: UUID) -> tuple[str, str | None]:
        """What became of a message: its state, and the code with which a service has refused it."""
        status, said = self._ask("GET", f"/v1/messages/{message_id}", b"", {})
        if status == 404:
            return "unknown", None
        if status != 200:
            raise OSError(f"the entrance answered {status} {said.get('code')} to a question")
        return said["state"], next((one["code"] for one in said["services"] if one["code"]), None)

    def acknowledge(self, through: int) -> None:
        """Say that everything up to this number has been taken in."""
        body = json.dumps({"through": str(through)}).encode()
        status, said = self._ask("POST", "/v1/inbox/acknowledge", body, {"Content-Type": "application/json"})
        if status != 200:
            raise OSError(f"the entrance answered {status} {said.get('code')} to an acknowledgement")

    def events(self, after: int | None) -> Iterator[Event]:
        """What is in the inbox behind a number (None: what is not acknowledged), and then what comes, until cut off."""
        headers = self._key | {"Accept": "text/event-stream"}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        with closing(self._connect(HEARD_WITHIN)) as connection, _lost():
            connection.request("GET", "/v1/inbox", headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                raise OSError(f"the entrance answered {response.status} to a reader")
            fields: dict[str, str] = {}
            while line := response.readline():
                if not line.endswith(b"\n"):
                    return  # cut off in the middle: it comes again
                name, _, value = line.rstrip(b"\r\n").decode().partition(":")
                if name:
                    fields[name] = value.removeprefix(" ")
                elif "data" in fields and not line.startswith(b":"):
                    yield Event(int(fields["id"]), fields["event"], fields["data"].encode())
                    fields = {}

    def close(self) -> None:
        """Let go of the connection."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        too_long = len(body) > MOST_BYTES and headers.get("Content-Type") != BATCH
        try:
            with _lost():
                connection = self._kept = self._kept or self._connect(ANSWER_WITHIN)
                more = {"Expect": "100-continue", "Content-Length": str(len(body))} if too_long else {}
                connection.request(method, path, None if too_long else body, {**self._key, **headers, **more})
                response = connection.getresponse()
                content = response.read()
        except OSError:
            self.close()
            raise
        if too_long:
            self.close()
        if response.status in (429, 503):
            raise LaterError(float(response.headers.get("Retry-After", 1)))
        if response.status >= 500:
            raise OSError(f"the entrance answered {response.status}")
        return response.status, json.loads(content)


@contextmanager
def _lost() -> Iterator[None]:
    """Say of an answer that breaks off what is said of a connection that does."""
    try:
        yield
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from None


def _answer(status: int, problem: Any) -> Answer:
    if status < 400:
        return Answer()
    if status in (401, 429) or status >= 500:
        raise OSError(f"the entrance answered {status} {problem.get('code')}")
    return Answer(problem["code"], problem.get("where"))
