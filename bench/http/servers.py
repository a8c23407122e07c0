"""Who accepts: FastAPI with a row for each request, and the network's own gateway for HTTP; one process each."""

import contextlib
import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import psycopg

from bench import task
from bench.ground import environment, peers_python
from contracts import sealing
from deploy.local import OperatorError, Stack
from deploy.local.process import Process, Program
from deploy.local.processes import hub_programs
from deploy.local.provision import provision
from deploy.local.state import free_ports
from messaging import topology

GATEWAY_HTTP: Final = topology.GATEWAY_HTTP
RELAY: Final = "relay"  # carries what the gateway could not publish
SENDERS: Final = ("redcross", "fuvadis", "oportunidades", "barranquilla")
LIMITS: Final = ("RATE", "BURST", "REQUESTS_AT_ONCE", "BACKLOG_MESSAGES", "BACKLOG_BYTES")
NO_LIMIT: Final = str(10**9)  # what one key may ask is not what is measured
MESSAGE_TABLE: Final = """
    create table message (
        source text, message_id uuid, type text not null, body bytea not null,
        accepted_at timestamptz not null default now(), primary key (source, message_id)
    )
"""


@dataclass(frozen=True)
class Server:
    """One that accepts, while it runs."""

    name: str
    address: tuple[str, int]
    processes: Sequence[Process]
    keys: Mapping[str, str]  # by organisation; empty where nobody is asked for one

    @property
    def host(self) -> str:
        return f"{self.address[0]}:{self.address[1]}"


@contextlib.contextmanager
def bare(stack: Stack) -> Iterator[Server]:
    """FastAPI on uvicorn, httptools and uvloop, on a database of its own with nothing in it."""
    python, (port,) = peers_python(), free_ports(1)
    stack.drop_database(task.VHOST)
    url = stack.create_database(task.VHOST)
    with psycopg.connect(url) as connection:
        connection.execute(MESSAGE_TABLE)
    command = [str(python), "-P", "-m", "uvicorn", "bench.peers.fastapi_app:app", "--no-access-log"]
    process = Process(
        Program(
            name="bare",
            command=[*command, "--loop", "uvloop", "--http", "httptools", "--host", "127.0.0.1", "--port", str(port)],
            environment=environment(url, ""),
            log=stack.state.logs / "bench-bare.log",
            is_ready=lambda _: _listens("127.0.0.1", port),
        )
    )
    with _run([process]):
        yield Server("bare", ("127.0.0.1", port), [process], {})
    stack.drop_database(task.VHOST)


@contextlib.contextmanager
def ours(stack: Stack) -> Iterator[Server]:
    """The gateway for HTTP and the relay as the network runs them, and nothing else: what comes in stays in queues."""
    network = topology.read()
    provision(stack, network)
    programs = {program.name: program for program in hub_programs(stack, network)}
    gateway = programs[GATEWAY_HTTP]
    limits = {f"RUTA_HTTP_{name}": NO_LIMIT for name in LIMITS}
    processes = [
        Process(programs[RELAY]),
        Process(Program(**{**vars(gateway), "environment": {**gateway.environment, **limits}})),
    ]
    credentials = {name: _credentials(stack, name) for name in SENDERS}
    with _run(processes):
        url = urlsplit(credentials[SENDERS[0]]["http_url"])
        keys = {name: said["api_key"] for name, said in credentials.items()}
        assert url.hostname is not None
        assert url.port is not None
        yield Server("unsigned", (url.hostname, url.port), processes, keys)


def public_key(stack: Stack, organisation: str) -> sealing.Key:
    """What is sealed to an organisation is sealed to this."""
    return sealing.public_part(sealing.load_key(stack.state.organisations / organisation / "private.jwk"))


def _credentials(stack: Stack, organisation: str) -> dict[str, str]:
    said: dict[str, str] = json.loads((stack.state.organisations / organisation / "credentials.json").read_text())
    if "api_key" not in said:
        raise OperatorError(f"{organisation} has no key to come in by HTTP")
    return said


@contextlib.contextmanager
def _run(processes: Sequence[Process]) -> Iterator[None]:
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.wait_ready()
        yield
        for process in processes:
            if process.pid is None:
                raise OperatorError(f"{process.name} ended by itself: {process.why()}")
    finally:
        for process in reversed(processes):
            process.stop()


def _listens(host: str, port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection((host, port), timeout=1).close()
        return True
    return False
