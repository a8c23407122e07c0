"""The gateway, with the probe's queue behind it, and organisations before it."""

from collections.abc import Callable, Iterator

import pytest

from deploy.local import Stack
from tests.messaging.conftest import probe, probed
from tests.messaging.harness import Probe
from tests.messaging.partners import Gateway, Partner

__all__ = ["probe", "probed"]


@pytest.fixture
def gateway(probe: Probe) -> Gateway:
    """The gateway, not started yet, with nothing in any queue."""
    return Gateway(probe)


@pytest.fixture(scope="module")
def open_gateway(probed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for all tests of a module, started."""
    probe = Probe(probed, tmp_path_factory.mktemp("gateway"))
    gateway = Gateway(probe)
    gateway.process().start()
    probe.empty("probe")  # what others have submitted before, and nobody had carried yet
    yield gateway
    probe.close()


@pytest.fixture
def partner(probed: Stack) -> Iterator[Callable[[str], Partner]]:
    """Organisations' connections, closed afterwards."""
    opened: list[Partner] = []

    def connect(organisation: str) -> Partner:
        opened.append(Partner(probed, organisation))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


@pytest.fixture
def redcross(partner: Callable[[str], Partner]) -> Partner:
    return partner("redcross")


@pytest.fixture
def iom(partner: Callable[[str], Partner]) -> Partner:
    return partner("iom")
