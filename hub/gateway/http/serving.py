"""Serves an application by HTTP on one address until SIGTERM: uvicorn, the strict protocol, TLS, and a heartbeat."""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
import uvloop
from starlette.applications import Starlette

from hub.gateway.http import strict
from hub.gateway.http.arriving import Arriving
from hub.gateway.http.connection_limits import Limits
from hub.gateway.http.listening import PREFIX, Unusable, listen, names, read_address
from hub.gateway.http.places import Place, Places
from hub.gateway.http.protocol_errors import ProtocolError
from hub.gateway.http.refusals import Refusals
from messaging import clock, tracing
from messaging import log as logs
from messaging.health import health, say_ready

if TYPE_CHECKING:
    from hub.gateway.http.tls import Certificate

log = logging.getLogger("ruta.gateway")

STOP_WITHIN = 8  # seconds for what is under way; who started us waits 15
FILES = 4096  # that this process may have open; connections are most of them


class Server(uvicorn.Server):
    """uvicorn's server as one of our processes: it beats, renews its certificate, and stops when asked.

    Connections it takes by `Arriving`, which counts them before it knows anything of them.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        name: str,
        certificate: "Certificate | None",
        app: Starlette,
        rules: strict.ServerRules,
    ) -> None:
        super().__init__(config)
        self._name = name
        self._certificate = certificate
        self._app = app
        self._rules = rules
        self._arriving: Arriving | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say so."""
        await super().startup(sockets=[])
        if not self.started:
            return
        assert sockets  # `serve` gives it one
        tls = self._certificate.context if self._certificate is not None else None
        limits = self._rules.limits
        places = Places(limits, self._rules.refuses)
        self._arriving = Arriving(sockets[0], places, self._protocol_for, tls, limits.handshake_within)
        self._arriving.open()
        say_ready(self._name)

    def _protocol_for(self, place: Place) -> strict.Protocol:
        return strict.Protocol(self.config, self.server_state, self.lifespan.state, self._rules, place)

    async def on_tick(self, counter: int) -> bool:
        """Come round ten times a second."""
        if counter % 10 == 0:
            if self._certificate is not None:
                self._certificate.renew()  # in this thread: no handshake may see the new certificate with the old key
            await asyncio.to_thread(health.beat)  # a slow disk keeps no request waiting
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the application know first: what waits for something to happen is answered now."""
        self._app.state.stopping.set()
        if self._arriving is not None:
            self._arriving.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Note SIGTERM and SIGINT; unlike uvicorn's own, this ends with no signal to ourselves."""
        loop = asyncio.get_running_loop()
        for asked in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(asked, self._ask_to_stop)
        yield

    def _ask_to_stop(self) -> None:
        self.should_exit = True


def run(
    name: str,
    make_app: Callable[[], Starlette],
    listens: str,
    environment: Mapping[str, str] = os.environ,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
    prefix: str = PREFIX,
) -> int:
    """Serve as this process until it is asked to stop; returns the exit code. What keeps it from that is in its log.

    `listens` is `host:port`; `make_app` may raise Unusable. In the environment RUTA_<prefix>_CERTIFICATE and
    RUTA_<prefix>_KEY name the files for TLS, RUTA_<prefix>_URL the address by which it is called from outside, and
    RUTA_<prefix>_CONNECTIONS_OF_AN_ADDRESS how many connections one may have.
    """
    logs.set_up(name)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # below that it tells of every bad request
    tracing.set_up(name)
    health.begin(name)
    try:
        address = read_address(listens)
        certificate = certificate_of(environment, prefix)
        hosts = names(address, environment.get(f"RUTA_{prefix}_URL"), prefix)
        limits = limits.of_operator(environment, address, prefix)
        app = make_app()
        listening = listen(address, encrypted=certificate is not None, prefix=prefix)
    except Unusable as error:
        log.critical(str(error))
        return 1
    try:
        served = serve(app, name, listening, hosts, certificate, limits)
    finally:
        listening.close()
    if served:
        health.end()
    tracing.shut_down()
    return 0 if served else 1


def certificate_of(environment: Mapping[str, str], prefix: str = PREFIX) -> "Certificate | None":
    """What the environment names for TLS; None where it names nothing. Raises Unusable."""
    named = [environment.get(name) for name in (f"RUTA_{prefix}_CERTIFICATE", f"RUTA_{prefix}_KEY")]
    if not any(named):
        return None
    certificate, key = named
    if not (certificate and key):
        raise Unusable(f"RUTA_{prefix}_CERTIFICATE and RUTA_{prefix}_KEY have to be set together.")
    from hub.gateway.http.tls import Certificate  # what reads certificates is not loaded without one

    return Certificate(Path(certificate), Path(key))


def serve(
    app: Starlette,
    name: str,
    listening: socket.socket,
    hosts: frozenset[bytes],
    certificate: "Certificate | None",
    limits: Limits,
) -> bool:
    """Serve until asked to stop; returns whether it ever did.

    `app.state.stopping` is an event that is set then; `app.state.refusals`, where there is one, counts what is refused
    before it comes to the application.
    """
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if most == resource.RLIM_INFINITY else min(FILES, most), most))
    app.state.stopping = asyncio.Event()
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # whoever connects could write them
        server_header=False,
        timeout_graceful_shutdown=STOP_WITHIN,
    )
    refusals: Refusals | None = getattr(app.state, "refusals", None)

    def refuses(error: ProtocolError) -> None:
        if refusals is not None:
            refusals.note(None, error.code, clock.now())

    server = Server(config, name, certificate, app, strict.ServerRules(hosts, limits, refuses))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listening]))
    return server.started
