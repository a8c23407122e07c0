"""Cuts off who does not read what is sent to it, and nobody who reads slowly.

Told apart by what the other side has acknowledged (TCP): how much of it waits in which buffer, of TLS or of ours, says
nothing of that.
"""

import asyncio
import socket
import struct
from collections.abc import Callable

from hub.gateway.http.connection_limits import Limits

BYTES_ACKED = struct.Struct("=120xQ")  # its place in Linux's struct tcp_info


class Unread:
    """Watches one connection while something is unsent."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limits: Limits, connection: socket.socket, cut: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._connection = connection
        self._cut = cut
        self._timer: asyncio.TimerHandle | None = None
        self._until = 0.0
        self._taken = 0  # bytes, when it was looked at last

    def watch(self) -> None:
        """Begin: something is unsent. While it is watched already, nothing changes."""
        if self._timer is None:
            self._until = self._loop.time() + self._limits.read_at_most
            self._taken = acknowledged(self._connection)
            self._look_again()

    def end(self) -> None:
        """Watch it no more: all is sent, or the connection has ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_again(self) -> None:
        self._timer = self._loop.call_later(self._limits.read_within, self._look)

    def _look(self) -> None:
        before, self._taken = self._taken, acknowledged(self._connection)
        if self._taken - before < self._limits.read_at_least or self._loop.time() >= self._until:
            self._timer = None
            self._cut()
        else:
            self._look_again()


def acknowledged(connection: socket.socket) -> int:
    """How many bytes the other side of a connection has taken so far; 0 where that cannot be known any more."""
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_ACKED.size)
    except OSError:
        return 0
    return int(BYTES_ACKED.unpack(info)[0]) if len(info) == BYTES_ACKED.size else 0
