"""Takes connections from the listening socket: each gets its place first (places.py), then TLS, then its protocol.

asyncio's own server tells of a connection only after its handshake, and not of one that never says a word.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from functools import partial

from hub.gateway.http.places import Place, Places
from messaging.log import describe, fields

log = logging.getLogger("ruta.gateway")

BACKLOG = 1024
AT_ONCE = 64  # connections taken before others of the loop have their turn
AGAIN_AFTER = 1.0  # seconds, where none could be taken: there are no more files


class Arriving:
    """Opened and closed in the event loop."""

    def __init__(
        self,
        listening: socket.socket,
        places: Places,
        protocol_for: Callable[[Place], asyncio.Protocol],
        tls: ssl.SSLContext | None,
        handshake_within: float,
    ) -> None:
        self._listening = listening
        self._places = places
        self._protocol_for = protocol_for
        self._tls = tls
        self._handshake_within = handshake_within
        self._beginning: dict[asyncio.Task[None], socket.socket] = {}
        self._again: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Take connections from now on."""
        self._loop = asyncio.get_running_loop()
        self._listening.setblocking(False)
        self._listening.listen(BACKLOG)
        self._loop.add_reader(self._listening, self._take)

    def close(self) -> None:
        """Take none any more, and give up those whose handshake is under way."""
        self._loop.remove_reader(self._listening)
        if self._again is not None:
            self._again.cancel()
        self._listening.close()
        for connection in self._beginning.values():
            _hang_up(connection)

    def _take(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, peer = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return  # none is there, or whoever came has gone again
            except OSError as error:
                log.error("no more connections can be taken for a moment", extra=fields(error=describe(error)))
                self._loop.remove_reader(self._listening)
                self._again = self._loop.call_later(AGAIN_AFTER, self._loop.add_reader, self._listening, self._take)
                return
            place = self._places.take(peer[0])
            if place is None:
                connection.close()
                continue
            task = self._loop.create_task(self._begin(connection, place))
            self._beginning[task] = connection
            task.add_done_callback(partial(self._begun, connection, place))
            place.cut = partial(_hang_up, connection)  # until its protocol has it

    async def _begin(self, connection: socket.socket, place: Place) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await self._loop.connect_accepted_socket(
            lambda: self._protocol_for(place),
            connection,
            ssl=self._tls,
            ssl_handshake_timeout=self._handshake_within if self._tls is not None else None,
        )

    def _begun(self, connection: socket.socket, place: Place, task: "asyncio.Task[None]") -> None:
        """Where it came to no connection, free its place; else its protocol does, when it has ended."""
        del self._beginning[task]
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or error is not None:
            place.leave()
            connection.close()
        if error is not None and not isinstance(error, OSError):  # as errors of TLS are, and its timeout
            log.error("a connection failed to begin", extra=fields(error=describe(error)))


def _hang_up(connection: socket.socket) -> None:
    """End a connection from below. Were its task cancelled, its protocol might not hear of the end."""
    with contextlib.suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)
