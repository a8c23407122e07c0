"""A hosted organisation: what it is sent, and what is read of it."""

import json
import threading
from typing import Any
from uuid import UUID

import contracts
from hub.console.inbox.reader import Reader
from hub.console.inbox.reading import Inbox
from tests.hub.console.custody.boxes import Console
from tests.hub.feed.feeding import Feed


class Hosted:
    """An organisation whose inbox is read."""

    def __init__(self, organisation: str, console: Console, feed: Feed) -> None:
        self.organisation = organisation
        self.console = console
        self.feed = feed
        self.credentials = console.organisations_folder / organisation / "credentials.json"
        self.hand_out(feed.key(organisation), f"http://127.0.0.1:{feed.port}")
        self.reader = Reader(organisation, Inbox(self.credentials), console.url, threading.Semaphore(1))
        self._thread: threading.Thread | None = None

    def hand_out(self, key: str | None, url: str) -> None:
        """Write its credentials."""
        said = {"organisation": self.organisation, "http_url": url, "systems": {"console": {"api_key": key}}}
        self.credentials.write_text(json.dumps(said))

    def send(self, *messages: contracts.Message[Any] | str) -> None:
        """Have it be sent messages, or what is none, by the hub."""
        bodies = [one if isinstance(one, str) else one.to_json().decode() for one in messages]
        self.feed.deliver(self.organisation, *bodies)

    def start(self) -> None:
        """Let it be read."""
        self._thread = threading.Thread(target=self.reader.run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.reader.stop()
        if self._thread is not None:
            self._thread.join()
        self.reader._inbox.close()

    def kept(self) -> list[UUID]:
        """The ids of the messages that are kept, in their order."""
        sql = "select message_id from delivered where organisation = %s order by received_at"
        return [row["message_id"] for row in self.console.query(sql, self.organisation)]

    def set_aside(self) -> list[str]:
        sql = "select code from set_aside where organisation = %s order by received_at"
        return [row["code"] for row in self.console.query(sql, self.organisation)]

    def unread(self) -> list[int]:
        return self.feed.unread(self.organisation)
