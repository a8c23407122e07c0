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
from typing import TYPE_CHECKING, Any

import uvicorn
import uvloop
from starlette.applications import Starlette

from hub.gateway.http import strict
from hub.gateway.http.listening import Unusable, listen, names, read_address
from messaging import log as logs
from messaging import tracing
from messaging.health import health, say_ready

if TYPE_CHECKING:
    from hub.gateway.http.tls import Certificate

log = logging.getLogger("ruta.gateway")

KEEP_ALIVE = 30  # seconds that a connection may be idle between requests
HANDSHAKE_WITHIN = 10.0  # seconds, of TLS
STOP_WITHIN = 8  # seconds for what is under way; who started us waits 15
BACKLOG = 1024
FILES = 4096  # that this process may have open; connections are most of them


class Server(uvicorn.Server):
    """uvicorn's server as one of our processes: it beats, renews its certificate, and stops when asked."""

    def __init__(self, config: uvicorn.Config, name: str, certificate: "Certificate | None", app: Starlette) -> None:
        super().__init__(config)
        self._name = name
        self._certificate = certificate
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say so."""
        await super().startup(sockets)
        if self.started:
            say_ready(self._name)

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


class Loop(uvloop.Loop):
    """uvloop's, in which a TLS handshake does not take for ever."""

    async def create_server(self, *arguments: Any, **named: Any) -> Any:
        """As asyncio has it."""
        if named.get("ssl") is not None:
            named["ssl_handshake_timeout"] = HANDSHAKE_WITHIN
        return await super().create_server(*arguments, **named)


def run(
    name: str,
    make_app: Callable[[], Starlette],
    listens: str,
    environment: Mapping[str, str] = os.environ,
    limits: strict.Limits = strict.Limits(),  # noqa: B008 - it is frozen
) -> int:
    """Serve as this process until it is asked to stop; returns the exit code. What keeps it from that is in its log.

    `listens` is `host:port`; `make_app` may raise Unusable. In the environment
    RUTA_HTTP_CERTIFICATE and RUTA_HTTP_KEY name the files for TLS, RUTA_HTTP_URL the address that partners use.
    """
    logs.set_up(name)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # below that it tells of every bad request
    tracing.set_up(name)
    health.begin(name)
    try:
        address = read_address(listens)
        certificate = certificate_of(environment)
        hosts = names(address, environment.get("RUTA_HTTP_URL"))
        app = make_app()
        listening = listen(address, encrypted=certificate is not None)
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


def certificate_of(environment: Mapping[str, str]) -> "Certificate | None":
    """What the environment names for TLS; None where it names nothing. Raises Unusable."""
    named = [environment.get(name) for name in ("RUTA_HTTP_CERTIFICATE", "RUTA_HTTP_KEY")]
    if not any(named):
        return None
    certificate, key = named
    if not (certificate and key):
        raise Unusable("RUTA_HTTP_CERTIFICATE and RUTA_HTTP_KEY have to be set together.")
    from hub.gateway.http.tls import Certificate  # what reads certificates is not loaded without one

    return Certificate(Path(certificate), Path(key))


def serve(
    app: Starlette,
    name: str,
    listening: socket.socket,
    hosts: frozenset[bytes],
    certificate: "Certificate | None",
    limits: strict.Limits,
) -> bool:
    """Serve until asked to stop; returns whether it ever did. `app.state.stopping` is an event that is set then."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if most == resource.RLIM_INFINITY else min(FILES, most), most))
    app.state.stopping = asyncio.Event()
    config = uvicorn.Config(
        app,
        http=type("Protocol", (strict.Protocol,), {"hosts": hosts, "limits": limits}),
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # whoever connects could write them
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=STOP_WITHIN,
        backlog=BACKLOG,
        ssl_context_factory=(lambda *_: certificate.context) if certificate is not None else None,
    )
    server = Server(config, name, certificate, app)
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(server.serve(sockets=[listening]))
    return server.started
