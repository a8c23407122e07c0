"""How long the oldest message of a queue has waited while its reader stands: the truth, or no data."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import sql

from deploy.local import Network, alerts
from hub.monitor.alerts import settings
from hub.monitor.alerts.telling import Book
from messaging.topology import MONITOR
from tests.commands import ruta
from tests.faults.sending import Sender, employers
from tests.waiting import eventually

SERVICE = "employment"
LETS_IN = sql.SQL("alter database {} with allow_connections {}")
IS_LOGGED = "select from message where id = %s"
CUT_OFF = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"


@pytest.fixture
def stands(network: Network) -> Iterator[tuple[float, float]]:
    """When the first message came to the queue of a reader that stands: after the first time, before the second."""
    sender = Sender(network.stack, "barranquilla")
    network[SERVICE].pause()
    began = time.monotonic()
    first, *others = employers(3)
    sender.submit(first)
    with psycopg.connect(network.stack.service_database_url(MONITOR), autocommit=True) as log:
        eventually(lambda: log.execute(IS_LOGGED, (first.id,)).fetchone() is not None)
    logged = time.monotonic()
    for message in others:
        sender.submit(message)
    yield began, logged
    sender.close()
    network[SERVICE].resume()
    network.wait_ready()


def told(network: Network) -> float | None:
    """What `./ruta queue` says of the age of its queue."""
    found: list[dict[str, Any]] = json.loads(ruta(network.stack.state, "queue", SERVICE, "--json").stdout)["queues"]
    (age,) = (one["age"] for one in found if one["name"] == SERVICE)
    return None if age is None else float(age)


def seen(network: Network) -> dict[str, Any]:
    """What whoever tells of alerts has of it, and pages and metrics after that."""
    found = alerts.look(network.stack.state, settings.read(), Book(), {}, brief=True).now["queue_ages"]
    return dict(found.get(f"hub/{SERVICE}", {}))


def exactly(network: Network) -> float | None:
    """The same, where it comes of the message log."""
    found = seen(network)
    return float(found["seconds"]) if found.get("exact") else None


@contextlib.contextmanager
def log_away(network: Network) -> Iterator[None]:
    """The message log's database lets nobody in meanwhile."""
    with network.stack.connect_as_administrator() as server:
        server.execute(LETS_IN.format(sql.Identifier(MONITOR), sql.SQL("false")))
        try:
            server.execute(CUT_OFF, (MONITOR,))
            yield
        finally:
            server.execute(LETS_IN.format(sql.Identifier(MONITOR), sql.SQL("true")))


def test_it_is_told_to_two_seconds_and_with_the_log_away_there_is_no_data(
    network: Network, stands: tuple[float, float]
) -> None:
    began, logged = stands

    def held(say: Callable[[], float | None]) -> tuple[float, float, float] | None:
        """What is said, between the least and the most that is true; None where there is no data yet."""
        least = time.monotonic() - logged - 2
        age = say()
        return None if age is None else (least, age, time.monotonic() - began + 2)

    for say in (lambda: told(network), lambda: exactly(network)):
        # The broker counts its queues every five seconds, and on a busy machine the log does not answer in time.
        known = eventually(partial(held, say))
        assert known is not None
        least, age, most = known
        assert least <= age <= most

    with log_away(network):
        assert told(network) is None
        assert "no data" in ruta(network.stack.state, "queue", SERVICE).stdout
        assert not seen(network)["exact"]
