"""Who connects to a stand-in (standin.py) over real sockets, with TLS or without."""

import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from tests.hub.http.serving import Answer, Server, answers, read

HOST = b"Host: localhost\r\n"
CLOSE = b"Connection: close\r\n"
GET = b"GET /count HTTP/1.1\r\n" + HOST
KNOWN = b"GET /known?of=%b HTTP/1.1\r\n" + HOST
EVENTS = b"GET /events HTTP/1.1\r\n" + HOST
COUNTED = b"GET /refused HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"
END = b"\r\n"
FEW = {"connections": 12, "refused_connections": 3, "stranger_idle": 60.0, "handshake_within": 60.0}
ANOTHER = "127.0.0.2"
CUT_WITHIN = 20.0  # seconds; strangers have longer than that here


class Caller:
    """Connects as everybody does, with TLS or without."""

    def __init__(self, server: Server, tls: ssl.SSLContext | None) -> None:
        self.server = server
        self._tls = tls

    def silent(self, address: str = "127.0.0.1") -> socket.socket:
        """A connection on which not even TLS is spoken."""
        return self.server.connect(address)

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        """A connection; an OSError where it is cut."""
        plain = self.server.connect(address)
        if self._tls is None:
            return plain
        secure = self._tls.wrap_socket(plain, server_hostname="localhost")
        self.server.opened.append(secure)
        return secure

    def known(self, of: bytes = b"an-organisation") -> socket.socket:
        """A connection on which a request has come with a good key of an organisation."""
        connection = self.connect()
        connection.sendall(KNOWN % of + END)
        assert is_answered(connection)
        return connection

    def busy(self) -> socket.socket:
        """One on which another request is under way besides: a stream has begun."""
        connection = self.known()
        connection.sendall(EVENTS + END)
        assert connection.recv(1) == b"H"
        return connection

    def told(self, address: str = "127.0.0.1") -> Answer | None:
        """What who connects now is told; None where it is cut without a word."""
        try:
            connection = self.connect(address)
            connection.sendall(GET + CLOSE + END)
            return next(answers(connection), None)
        except (ConnectionError, ssl.SSLError):
            return None

    def is_served(self, address: str = "127.0.0.1") -> bool:
        answer = self.told(address)
        return answer is not None and answer.status == 200


def is_answered(connection: socket.socket) -> bool:
    """Whether a request on a connection gets an answer, after which it stays open."""
    with connection.makefile("rb", buffering=0) as stream:
        answer = read(stream)
    return answer is not None and answer.status == 200


Open = Callable[..., contextlib.AbstractContextManager[Caller]]


ESTABLISHED, CLOSE_WAIT = "01", "08"  # as the kernel writes them


def established(caller: Caller) -> int:
    """How many connections the server has, as the kernel says; those too that it has not closed yet."""
    return len(connected(caller.server.port))


def is_connected(connection: socket.socket) -> bool:
    """Whether neither end has closed a connection."""
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == int(ESTABLISHED, 16)


def connected(port: int) -> list[int]:
    """The other ends' ports of what is connected to one of ours, until it has closed that.

    The list of thousands changes while it is read: one that is there may be missing from it now and then.
    """
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [
        int(other.rpartition(":")[2], 16)
        for _, local, other, state, *_ in lines
        if local.endswith(f":{port:04X}") and state in (ESTABLISHED, CLOSE_WAIT)
    ]
