"""One database of the monitor for each module, empty for each test."""

from collections.abc import Iterator

import pytest

from deploy.local import Stack
from deploy.local.provision import provision_databases
from messaging.topology import DeclaredNetwork
from tests.hub.monitor.logging import Log, make_log


@pytest.fixture(scope="module")
def databases(provisioned: Stack, declared: DeclaredNetwork) -> Stack:
    """The servers with the whole database of each service: other modules have the gateway's anew, and empty."""
    provision_databases(provisioned, declared)
    return provisioned


@pytest.fixture(scope="module")
def one_log(stack: Stack) -> Iterator[Log]:
    log = make_log(stack)
    yield log
    log.close()


@pytest.fixture
def log(one_log: Log) -> Log:
    """The log with nothing in it."""
    one_log.empty()
    return one_log
