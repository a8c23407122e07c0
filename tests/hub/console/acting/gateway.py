"""A gateway that answers as it is told, and keeps what it was sent; and who speaks to it for hosted organisations."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg

import contracts
from hub.console.acting.speaker import Speaker
from tests.hub.console.kit import Console
from tests.hub.console.servers import Request, serving
from tests.waiting import eventually


class Gateway:
    """What it was sent, by whom, and what it answers to it."""

    def __init__(self) -> None:
        self.says: dict[str, str] = {}
        """What its refusal says besides."""
        self.asked: list[UUID] = []
        """The messages that it was asked after."""
        self.cuts: int = 0
        """How many of the next messages it takes without an answer that can be read."""
        self.known: set[UUID] = set()
        self.heard: list[tuple[str, contracts.Message[Any]]] = []
        self.away: set[str] = set()
        """The organisations that it answers 503."""
        self.becomes: dict[str, Any] = {"state": "applied", "final": True, "services": []}
        """What becomes of each message."""
        self.refuses: tuple[int, str] | None = None
        """How it refuses at once: a status and a code."""

    def answer(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        organisation = request.headers["authorization"].removeprefix("Bearer ")
        if organisation in self.away:
            return 503, {"retry-after": "0"}, b'{"code": "database_away"}'
        if request.method == "GET":
            id = UUID(request.path.rpartition("/")[2])
            self.asked.append(id)
            if id not in self.known:
                return 404, {}, b'{"code": "unknown_message"}'
        if request.method == "POST":
            message = contracts.parse(request.body)
            if all(known.id != message.id for _, known in self.heard):
                self.heard.append((organisation, message))
            if self.cuts:
                self.cuts -= 1
                self.known.add(message.id)
                return 502, {}, b"<html>"
            if self.refuses is None:
                self.known.add(message.id)
            if self.refuses is not None:
                status, code = self.refuses
                return status, {}, json.dumps({**self.says, "code": code, "status": status}).encode()
        return 200, {}, json.dumps({"id": "…", **self.becomes}).encode()

    def ids(self) -> list[UUID]:
        return [message.id for _, message in self.heard]


@contextmanager
def speaking(console: Console, gateway: Gateway) -> Iterator[Speaker]:
    """Somebody who speaks for all organisations, each with a key of its own; it looks when it is asked to."""
    with serving(gateway.answer) as url:
        for id in console.network.organisations:
            folder = console.state.organisations / id
            folder.mkdir(parents=True, exist_ok=True)
            said = {"http_url": url, "systems": {"console": {"api_key": id}}}
            (folder / "credentials.json").write_text(json.dumps(said))
        credentials = console.state.organisations
        speaker = Speaker(
            console.url, console.settings.organisations, lambda who: credentials / who / "credentials.json", None
        )
        try:
            yield speaker
        finally:
            speaker.stop()


def said(console: Console, speaker: Speaker) -> None:
    """Let all that is due be said: time to undo is over, and nothing that failed waits any more."""
    console.query("update act set say_at = now(), look_at = now() where look_at is not null")
    speaker.look()
    eventually(lambda: not speaker.is_speaking)


def end_of(console: Console, message_id: UUID) -> dict[str, Any]:
    """What is kept of an act."""
    with psycopg.connect(console.url, row_factory=psycopg.rows.dict_row) as connection:
        row = connection.execute("select * from act where message_id = %s", (message_id,)).fetchone()
    assert row is not None
    return row
