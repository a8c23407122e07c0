"""The entrance by HTTP, or a stand-in of it: one process for all tests of a module, or one that a test may kill."""

import contextlib
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import trustme

from deploy.local import Stack
from hub.gateway.http.connection_limits import OF_AN_ADDRESS
from tests.hub.http.callers import FEW, Caller, Open, established
from tests.hub.http.entrance import Client, Entrance
from tests.hub.http.serving import Server, serving, trusting
from tests.messaging.conftest import probed
from tests.messaging.harness import Probe
from tests.waiting import eventually

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


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certified(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What names a certificate of `localhost`."""
    issued, directory = authority.issue_cert("localhost"), tmp_path_factory.mktemp("certified")
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    certificate.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    return {"RUTA_HTTP_CERTIFICATE": str(certificate), "RUTA_HTTP_KEY": str(key)}


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA, certified: dict[str, str]
) -> Iterator[Callable[..., Caller]]:
    """Servers by what they are told, each started once."""
    tls = trusting(authority.cert_pem.bytes())
    with contextlib.ExitStack() as running:

        @cache
        def start(fault: str | None, of_an_address: int | None, limits: tuple[tuple[str, float], ...]) -> Server:
            environment = {} if of_an_address is None else {OF_AN_ADDRESS: str(of_an_address)}
            given = dict(limits)
            if given.pop("encrypted"):
                environment |= certified
            directory = tmp_path_factory.mktemp("connections")
            return running.enter_context(serving(directory, limits=FEW | given, fault=fault, environment=environment))

        def caller(fault: str | None, of_an_address: int | None, **limits: float) -> Caller:
            server = start(fault, of_an_address, tuple(sorted(limits.items())))
            return Caller(server, tls if limits["encrypted"] else None)

        yield caller


@pytest.fixture(params=["plain", "tls"])
def opened(request: pytest.FixtureRequest, servers: Callable[..., Caller]) -> Open:
    """Begins to serve, with TLS and without; nobody is connected."""

    @contextlib.contextmanager
    def open_(fault: str | None = None, of_an_address: int | None = None, **limits: float) -> Iterator[Caller]:
        caller = servers(fault, of_an_address, **limits, encrypted=request.param == "tls")
        try:
            yield caller
        finally:
            caller.server.hang_up()
            eventually(lambda: not established(caller))

    return open_
