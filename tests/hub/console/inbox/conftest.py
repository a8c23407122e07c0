"""Inboxes that a real process serves, and the console's database that they are read into."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import Stack
from deploy.local.state import ROOT
from hub.console.inbox import reading
from messaging.migrate import migrate
from tests.hub.console.custody.boxes import Console
from tests.hub.console.inbox.inboxes import Hosted
from tests.hub.feed.feeding import Feed


@pytest.fixture(scope="module")
def served(stack: Stack) -> Iterator[Feed]:
    """The gateway's inbox, and nothing else of it."""
    url = stack.create_database("feed_of_console")
    migrate(url, ROOT / "hub" / "gateway")
    feed = Feed(url)
    yield feed.start()
    feed.close()
    stack.drop_database("feed_of_console")


@pytest.fixture(scope="session")
def console_url(stack: Stack) -> str:
    """A database with the console's tables."""
    url = stack.create_database("test_inboxes")
    migrate(url, ROOT / "hub" / "console")
    return url


@pytest.fixture
def console(console_url: str, tmp_path: Path) -> Iterator[Console]:
    """Two hosted organisations, with nothing in the database."""
    console = Console(console_url, tmp_path)
    yield console
    console.recording.close()


@pytest.fixture
def feed(served: Feed) -> Feed:
    """The gateway, with nothing in any inbox."""
    served.empty()
    return served


@pytest.fixture
def hosted(feed: Feed, console: Console, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Hosted]]:
    """A hosted organisation, by its id; who reads its inbox asks again after a second."""
    monkeypatch.setattr(reading, "WAIT", 1)
    made: list[Hosted] = []

    def make(organisation: str) -> Hosted:
        made.append(Hosted(organisation, console, feed))
        return made[-1]

    yield make
    for one in made:
        one.stop()
