"""Stands between a client and a server, and can keep back what either says to the other, with TCP as alive as ever."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from urllib.parse import urlsplit

FRAME_HEADER = struct.Struct(">BHI")  # of AMQP: kind, channel, size of the payload
HEARTBEAT, METHOD = 8, 1


class Proxy:
    """Passes bytes both ways, those of the server only while `listening` is set; nor does it hear then who goes."""

    def __init__(self, url: str, *, by_frame: bool = False) -> None:
        """`url` is a broker's or a database's.

        `by_frame` passes on AMQP frames whole, or a database's messages, and can swallow single ones.
        """
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._server]
        self._by_frame = by_frame
        self._of_database = parts.scheme.startswith("postgres")
        self.url = url.replace(f":{parts.port}/", f":{self._server.getsockname()[1]}/")
        self.listening = threading.Event()
        self.listening.set()
        self.swallows: Callable[[int, bool, bytes], bool] = lambda connection, from_server, piece: False
        """Whether to swallow a piece of what a connection passes on: a frame where it goes by frames."""
        self.swallowed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            for number in count():
                client, _ = self._server.accept()
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                threading.Thread(target=self._pass, args=(number, client, server), daemon=True).start()
                threading.Thread(target=self._pass, args=(number, server, client), daemon=True).start()

    def _pass(self, number: int, source: socket.socket, sink: socket.socket) -> None:
        from_server = source.getpeername() == self._target
        with contextlib.suppress(OSError):
            for piece in self._pieces(source, from_server):
                if (from_server and not self.listening.is_set()) or self.swallows(number, from_server, piece):
                    self.swallowed += len(piece)
                else:
                    sink.sendall(piece)
        if from_server or self.listening.is_set():
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)

    def _pieces(self, source: socket.socket, from_server: bool) -> Iterator[bytes]:
        if self._by_frame and not self._of_database:
            return _frames(source)
        if self._by_frame and from_server:
            return _messages(source)
        return iter(lambda: source.recv(65536), b"")

    def cut(self) -> None:
        """Cut every connection in the middle; who comes again is let through."""
        passing, self._sockets = self._sockets[1:], self._sockets[:1]
        _end(passing)

    def close(self) -> None:
        """Cut every connection, and let nobody through any more."""
        _end(self._sockets)


def _end(sockets: Iterable[socket.socket]) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


def _frames(source: socket.socket) -> Iterator[bytes]:
    """Yield AMQP frames, and what a client says first, each whole."""
    buffer = b""
    while data := source.recv(65536):
        buffer += data
        while len(buffer) >= FRAME_HEADER.size + 1:
            size = 8 if buffer.startswith(b"AMQP") else FRAME_HEADER.unpack_from(buffer)[2] + FRAME_HEADER.size + 1
            if len(buffer) < size:
                break
            yield buffer[:size]
            buffer = buffer[size:]


def _messages(source: socket.socket) -> Iterator[bytes]:
    """Yield what a database says, each message whole: a letter for its kind, its size, and the rest."""
    buffer = b""
    while data := source.recv(65536):
        buffer += data
        while len(buffer) >= 5 and len(buffer) > (size := int.from_bytes(buffer[1:5])):
            yield buffer[: size + 1]
            buffer = buffer[size + 1 :]


def method(frame: bytes) -> tuple[int, int] | None:
    """Tell which AMQP method a frame is: its class and its number."""
    if frame[0] != METHOD:
        return None
    class_id, method_id = struct.unpack_from(">HH", frame, FRAME_HEADER.size)
    return class_id, method_id


def is_heartbeat(frame: bytes) -> bool:
    return frame[0] == HEARTBEAT
