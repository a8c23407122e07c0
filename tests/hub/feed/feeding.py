"""The inbox, served by a real process on a real database; and readers of it, who can be cut off anywhere."""

import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self
from uuid import UUID

import psycopg

from contracts import uuid7
from deploy.local.process import start_child
from messaging import database
from tests.waiting import eventually

WITHIN = 60.0  # seconds; reached only where something is broken
BODY = '{"specversion":"1.0","id":"%s","type":"%s","data":{"number":%d}}'
TYPE = "referral.status.v1"

DELIVER = """
    with ending as (
        insert into inbox_end (organisation, number) values (%(organisation)s, %(count)s)
        on conflict (organisation) do update set number = inbox_end.number + excluded.number
        returning number
    )
    insert into delivery (organisation, number, address, copy, message_id, type, subject, causationid, body,
                          erased_at)
    select %(organisation)s, ending.number - %(count)s + place, %(address)s, %(copy)s, id, %(type)s, '1',
           %(causationid)s, body, case when %(erased)s then now() end
    from ending, unnest(%(ids)s::uuid[], %(bodies)s::text[]) with ordinality as new(id, body, place)
"""


@dataclass(frozen=True)
class Answer:
    """What was answered to a request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.said["code"])


@dataclass(frozen=True)
class Event:
    id: int
    event: str
    data: str


class Feed:
    """The database and the process that serves what is in it."""

    def __init__(self, database_url: str) -> None:
        self.url = self.served_from = database_url
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._keys: dict[tuple[str, str | None], str] = {}

    # -- the process --------------------------------------------------------------------------------------------------

    def start(self, **constants: object) -> Self:
        """Start it; it is ready."""
        self._process = start_child(
            [sys.executable, "-P", "-m", "tests.hub.feed.feed_server", self.served_from],
            env={**os.environ, "CONSTANTS": json.dumps(constants)},
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        with self._process.stdout as said:
            self.port = int(said.readline())
        return self

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WITHIN)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(WITHIN)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    # -- the database -------------------------------------------------------------------------------------------------

    def query(self, statement: str, parameters: Mapping[str, object] | Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return database.rows(cursor)

    def empty(self) -> None:
        self.query("truncate delivery, inbox_end, outcome, submission, http_reader, system_reader")

    def key(self, organisation: str, system: str | None = None) -> str:
        """Return the key of an organisation or a system; it is made once."""
        if (organisation, system) not in self._keys:
            self._keys[organisation, system] = self.new_key(organisation, system)
        return self._keys[organisation, system]

    def knows(self, organisation: str, key: str) -> None:
        """Note a key that somebody else has made."""
        self._keys[organisation, None] = key

    def new_key(self, organisation: str, system: str | None = None) -> str:
        """Make a key, as `./ruta provision` does; it is known."""
        key = f"ruta_live_{organisation}_{uuid7()}"
        digest = hashlib.sha256(key.encode()).digest()
        self.query(
            "insert into api_key (sha256, organisation, system) values (%s, %s, %s)", (digest, organisation, system)
        )
        eventually(lambda: self.ask(key, "/v1/messages/none").status == 404)
        return key

    def revoke(self, key: str) -> None:
        digest = hashlib.sha256(key.encode()).digest()
        self.query("update api_key set revoked_at = now() where sha256 = %s", (digest,))

    def deliver(
        self,
        organisation: str,
        *bodies: str | None,
        count: int = 0,
        system: str | None = None,
        causationid: UUID | None = None,
        erased: bool = False,
        copies_of: Sequence[UUID] = (),
    ) -> list[UUID]:
        """Deliver messages, `count` usual ones or with these bodies, or copies of others, as the courier does."""
        ids = list(copies_of) or [uuid7() for _ in range(count or len(bodies))]
        said = list(bodies) or [BODY % (id, TYPE, place) for place, id in enumerate(ids)]
        with psycopg.connect(self.url) as connection:
            connection.execute(
                DELIVER,
                {
                    "organisation": organisation,
                    "address": organisation if system is None else f"{organisation}.{system}",
                    "copy": bool(copies_of),
                    "count": len(ids),
                    "ids": ids,
                    "bodies": said,
                    "type": TYPE,
                    "causationid": causationid,
                    "erased": erased,
                },
            )
            connection.execute("select pg_notify('inbox', %s)", (organisation,))
        return ids

    # -- readers ------------------------------------------------------------------------------------------------------

    def ask(
        self,
        key: str,
        target: str = "/v1/inbox",
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN)
        try:
            connection.request(method, target, body, {"Authorization": f"Bearer {key}", **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def acknowledge(self, key: str, asked: object = None, **named: object) -> Answer:
        body = json.dumps(named or asked).encode()
        headers = {"Content-Type": "application/json"}
        return self.ask(key, "/v1/inbox/acknowledge", method="POST", body=body, headers=headers)

    def unread(self, organisation: str) -> list[int]:
        rows = self.query(
            "select number from delivery where organisation = %s and acknowledged_at is null order by number",
            (organisation,),
        )
        return [number for (number,) in rows]

    def stream(
        self, key: str, last: int | None = None, target: str = "/v1/inbox", *, holds: int | None = None
    ) -> "Stream":
        return Stream(self.port, key, last, target, holds)


class Stream:
    """A reader of server-sent events, by the rules of the format: an event counts when its empty line is there.

    It has asked, and reads nothing until `answer` or `events` is looked at; `holds` is how many bytes its kernel takes
    for it meanwhile.
    """

    def __init__(self, port: int, key: str, last: int | None, target: str, holds: int | None = None) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN)
        self.socket = self.connection.sock = socket.socket()
        self.socket.settimeout(WITHIN)
        if holds is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, holds)  # before it is connected, or it grows
        self.socket.connect(("127.0.0.1", port))
        headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        self.connection.request("GET", target, headers=headers)
        self.comments = 0

    @cached_property
    def answer(self) -> http.client.HTTPResponse:
        return self.connection.getresponse()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        if "answer" in vars(self):
            self.answer.close()
        self.connection.close()

    def events(self, most_bytes: int | None = None) -> Iterator[Event]:
        """Yield events until the stream ends, or so many bytes of it have been read, wherever that is."""
        rest = b""
        left = most_bytes if most_bytes is not None else sys.maxsize
        while left > 0 and (data := self.answer.read1(min(left, 65536))):
            left -= len(data)
            *whole, rest = (rest + data).split(b"\n\n")
            for one in whole:
                fields = dict(line.partition(": ")[::2] for line in one.decode().split("\n"))
                if "data" in fields:
                    yield Event(int(fields["id"]), fields["event"], fields["data"])
                else:
                    self.comments += ":" in fields
