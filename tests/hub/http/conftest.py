"""The entrance by HTTP: one process for all tests of a module, or one that a test may kill."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import Stack
from tests.hub.http.entrance import Client, Entrance
from tests.messaging.conftest import probed
from tests.messaging.harness import Probe

__all__ = ["probed"]


@pytest.fixture(scope="module")
def entrance(probed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Entrance]:
    """Started, with limits that no test reaches by accident."""
    probe = Probe(probed, tmp_path_factory.mktemp("entrance"))
    entrance = Entrance(probe)
    limits = {"RUTA_HTTP_RATE": "100000", "RUTA_HTTP_BURST": "100000", "RUTA_HTTP_REQUESTS_AT_ONCE": "1000"}
    every_line = {"CONSTANTS": json.dumps({"hub.gateway.http.entrance.LINES": 100_000})}
    entrance.process(tampered=every_line, **limits).start()
    yield entrance
    entrance.close()
    probe.close()


@pytest.fixture
def alone(probed: Stack, tmp_path: Path) -> Iterator[Entrance]:
    """Not started, with nothing in its database: for what stops or kills processes."""
    probe = Probe(probed, tmp_path)
    entrance = Entrance(probe)
    yield entrance
    entrance.close()
    probe.close()


@pytest.fixture
def redcross(entrance: Entrance) -> Client:
    return entrance.client("redcross")
