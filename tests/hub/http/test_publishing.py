"""What the thread that publishes does with what was committed, where it can neither publish nor note it."""

from uuid import uuid4

import pytest

from hub.gateway.http.backlog import Backlog
from hub.gateway.http.publishing import Publishing
from messaging.broker import Publication
from messaging.outbox import Committed
from messaging.topology import HUB, submitted_key
from tests.waiting import eventually

NOWHERE = "127.0.0.1:1"


def test_stopped_without_its_database_it_publishes_nothing_that_stands_behind_what_it_could_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The relay takes only what stands behind the last that is marked, so what was passed over would never leave."""
    publishing = Publishing(f"postgresql://{NOWHERE}/gateway", f"amqp://{NOWHERE}/", Backlog(1000, 10**6))
    published: list[Publication] = []

    def publish(said: list[Publication]) -> set[int]:
        published.extend(said)
        return set()

    monkeypatch.setattr(publishing._publisher, "publish", publish)
    said = Publication(HUB, submitted_key("redcross", None, "need.identified.v1"), b"{}", str(uuid4()))
    writer = uuid4()
    publishing.start()
    publishing.put(Committed(writer, 1, [said], after={uuid4(): 1}))
    eventually(lambda: not publishing._due)
    publishing.put(Committed(writer, 2, [said]))

    publishing.stop(within=60)

    assert published == []
    assert publishing.is_abandoned(writer)
