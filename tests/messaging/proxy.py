"""Stands between a client and the broker, and can keep back what the broker says."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes both ways, those of the broker only while `listening` is set; nor does it hear then who goes."""

    def __init__(self, amqp_url: str) -> None:
        parts = urlsplit(amqp_url)
        self._target = (parts.hostname, parts.port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._server]
        self.url = amqp_url.replace(f":{parts.port}/", f":{self._server.getsockname()[1]}/")
        self.listening = threading.Event()
        self.listening.set()
        self.swallowed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                broker = socket.create_connection(self._target)
                self._sockets += [client, broker]
                threading.Thread(target=self._pass, args=(client, broker), daemon=True).start()
                threading.Thread(target=self._pass, args=(broker, client), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        from_broker = source.getpeername() == self._target
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if from_broker and not self.listening.is_set():
                    self.swallowed += len(data)
                else:
                    sink.sendall(data)
        if from_broker or self.listening.is_set():
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
