"""The probe on the suite's servers: a fresh database and empty queues for each test that asks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import contracts
from deploy.local import Stack
from messaging.runtime import Runtime
from tests.messaging.harness import Probe
from tests.messaging.probe.service import ProbeService


@pytest.fixture(scope="session")
def probed(provisioned: Stack) -> Stack:
    """The suite's servers with the probe's queue beside the declared ones."""
    Probe.provision(provisioned)
    return provisioned


@pytest.fixture
def probe(probed: Stack, tmp_path: Path) -> Iterator[Probe]:
    """The probe with nothing in it and no process running."""
    probe = Probe(probed, tmp_path)
    yield probe
    probe.close()


@pytest.fixture
def runtime(probe: Probe) -> Iterator[Runtime]:
    """The probe's runtime in this process, without nameko."""
    handlers: Any = {contracts.ServicePublished: ProbeService.note_service}
    runtime = Runtime("probe", probe.database_url, handlers)
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def running(probed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probe]:
    """One probe for all tests of a module, its service and its relay running.

    Nobody is killed there, so the relay takes nobody for dead: a slow service would be answered for twice.
    """
    probe = Probe(probed, tmp_path_factory.mktemp("probe"))
    patient = json.dumps({"messaging.relay.PATIENCE": "5 minutes"})
    for process in (probe.service().launch(), probe.relay(tampered={"CONSTANTS": patient}).launch()):
        process.wait_ready()
    yield probe
    probe.close()
