"""The inbox by HTTP, on a database of its own."""

from collections.abc import Iterator

import pytest

from deploy.local import Stack
from deploy.local.state import ROOT
from messaging.migrate import migrate
from tests.hub.feed.feeding import Feed


@pytest.fixture(scope="module")
def fed(stack: Stack) -> Iterator[str]:
    """A database with the gateway's tables."""
    url = stack.create_database("feed")
    migrate(url, ROOT / "hub" / "gateway")
    yield url
    stack.drop_database("feed")


@pytest.fixture(scope="module")
def served(fed: str) -> Iterator[Feed]:
    """The process that serves it, one for a module."""
    feed = Feed(fed)
    yield feed.start()
    feed.close()


@pytest.fixture
def feed(served: Feed) -> Feed:
    """The same, with nothing in it."""
    served.empty()
    return served


@pytest.fixture
def key(feed: Feed) -> str:
    """The Red Cross's key."""
    return feed.key("redcross")
