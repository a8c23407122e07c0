"""One database of the monitor for each module, empty for each test."""

from collections.abc import Iterator

import pytest

from deploy.local import Stack
from tests.hub.monitor.logging import Log, make_log


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
