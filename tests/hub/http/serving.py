"""A stand-in behind the strict protocol, in a process of its own, and what comes back over raw sockets."""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.forking import Adopted
from deploy.local.state import ROOT, free_ports
from tests.messaging.forked import fork
from tests.waiting import eventually

WITHIN = 60.0  # seconds: reached only where something is broken


@dataclass(frozen=True)
class Answer:
    """One response, its header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """The process, and where it listens."""

    process: Adopted
    port: int
    log: Path
    health: Path
    opened: list[socket.socket] = field(default_factory=list)

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        """A connection from an address of this machine, which `hang_up` closes if nobody does."""
        connection = socket.create_connection(("127.0.0.1", self.port), WITHIN, source_address=(address, 0))
        self.opened.append(connection)
        return connection

    def ask(self, *pieces: bytes) -> list[Answer]:
        """All answers to what is sent on one connection, until the server closes it."""
        with self.connect() as connection:
            for piece in pieces:
                try:
                    connection.sendall(piece)
                except (BrokenPipeError, ConnectionResetError):
                    break  # it reads no further, and what it has said is there
            return list(answers(connection))

    def hang_up(self) -> None:
        for connection in self.opened:
            connection.close()
        self.opened.clear()


def answers(connection: socket.socket) -> Iterator[Answer]:
    """The answers that come on a connection, until it ends."""
    with connection.makefile("rb") as stream:
        while (answer := read(stream)) is not None:
            yield answer


def read(stream: Any, *, without_body: bool = False) -> Answer | None:
    """The next answer; None at the end."""
    line = stream.readline()
    if not line:
        return None
    version, status, *_ = line.split(b" ")
    assert version == b"HTTP/1.1"
    headers: dict[str, str] = {}
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        assert name.lower() not in headers, f"{name} twice"
        headers[name.lower()] = value.strip()
    if status == b"100" or without_body:
        body = b""
    elif headers.get("transfer-encoding") == "chunked":
        body = b"".join(iter(lambda: chunk(stream), b""))
    else:
        body = stream.read(int(headers.get("content-length", 0)))
    return Answer(int(status), headers, body)


def chunk(stream: Any) -> bytes:
    """The next chunk of an answer that comes in chunks; empty at its end."""
    size = int(stream.readline(), 16)
    content: bytes = stream.read(size)
    stream.readline()
    return content


@contextlib.contextmanager
def serving(
    directory: Path,
    *,
    limits: Mapping[str, float] | None = None,
    fault: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """The stand-in, ready, with other limits than usual, or a fault of standin.FAULTS; stopped at the end."""
    (port,) = free_ports(1)
    log, health = directory / f"standin-{port}.log", directory / f"standin-{port}.json"
    words = ["tests.hub.http.standin", f"127.0.0.1:{port}", json.dumps(limits or {}), *([fault] if fault else [])]
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "RUTA_HEALTH_FILE": str(health)}
    process = fork(words, given | dict(environment or {}), log)
    assert process is not None
    server = Server(process, port, log, health)
    try:
        eventually(lambda: b"ready standin" in log.read_bytes() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield server
    finally:
        server.hang_up()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(WITHIN)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            raise
        finally:
            process.wait()


def trusting(certificate: bytes) -> ssl.SSLContext:
    """A client's context that trusts only this authority."""
    return ssl.create_default_context(cadata=certificate.decode())
