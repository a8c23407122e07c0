"""A service knows until when it has applied what it is sent: where nothing comes, all is done, or it is behind."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from messaging import clock, inbox, on
from messaging.health import health
from messaging.runtime import Delivery
from tests.examples_reports import referred, says

MINUTE = timedelta(minutes=1)


@pytest.fixture
def reading() -> Iterator[Any]:
    """What reads a queue, with nothing in hand and a connection that is there."""
    before, health.read_to = health.read_to, None
    one: Any = on._Batches(queue="probe")
    one._connection, one._arrived, one._unacknowledged, one._was_delivered = object(), [], 0, True
    yield one
    health.read_to = before


def a_delivery(at: datetime) -> Delivery:
    raw = says(referred("x"), number=1, time=at).to_json()
    return Delivery(1, raw, redelivered=False, connection=1, content=inbox.read(raw))


def test_where_nothing_is_in_hand_all_is_applied_until_now(reading: Any) -> None:
    before = clock.now()
    reading._note_how_far()
    assert health.read_to is not None
    assert before <= health.read_to <= clock.now()


@pytest.mark.parametrize(("waits", "is_known"), [(0, True), (3, False)])
def test_who_stands_by_knows_it_only_where_nothing_waits_for_the_other(
    reading: Any, waits: int, is_known: bool
) -> None:
    reading._was_delivered = False
    reading._channel = SimpleNamespace(queue_declare=lambda _, passive: SimpleNamespace(message_count=waits))
    reading._note_how_far()
    assert (health.read_to is not None) == is_known


def test_where_more_waits_it_is_as_far_as_what_was_applied_and_never_goes_back(reading: Any) -> None:
    reading._arrived.append("more")
    at = clock.now().replace(microsecond=0) - 10 * MINUTE
    reading._note_how_far([a_delivery(at - MINUTE), a_delivery(at)])
    assert health.read_to == at
    reading._note_how_far([a_delivery(at - MINUTE)])
    assert health.read_to == at
    reading._note_how_far()
    assert health.read_to == at


def test_without_a_broker_nothing_is_known_anew(reading: Any) -> None:
    reading._note_how_far()
    known = health.read_to
    reading._connection = None
    reading._note_how_far()
    assert health.read_to == known
