"""AMQP 0-9-1 by hand, for large numbers of small messages: frames are joined and cut here, many to a system call.

py-amqp opens the connection; after that only its socket is used. For messages of one frame (under 128 KiB), and for
publishers that treat a refused or returned message as the end.
"""

import select
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote, urlsplit

import amqp

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
FRAME_END = b"\xce"
AT_ONCE = 256 * 1024  # bytes asked of the socket

# class and method of what is read and written here
DELIVER, CONSUME, CONSUME_OK, PUBLISH, ACK = (60, 60), (60, 20), (60, 21), (60, 40), (60, 80)

_frame = struct.Struct(">BHI")
_method = struct.Struct(">HH")
_tag = struct.Struct(">Q")
_ack = struct.Struct(">HHQB")
_flags = struct.Struct(">H")


class BrokenError(Exception):
    """The broker said something that this client has no answer to."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message from a queue."""

    tag: int
    body: bytes


def connect(url: str) -> amqp.Connection:
    """Open a connection without heartbeats to `amqp://user:password@host:port/vhost`."""
    parts = urlsplit(url)
    connection = amqp.Connection(
        host=f"{parts.hostname}:{parts.port or 5672}",
        userid=unquote(parts.username or "guest"),
        password=unquote(parts.password or "guest"),
        virtual_host=unquote(parts.path[1:]) or "/",
        heartbeat=0,
    )
    connection.connect()
    return connection


class Submitting(Protocol):
    """What organisations submit with, by whichever entrance."""

    def send(self, messages: Iterable[tuple[str, str, bytes]]) -> None:
        """Submit (routing key, message id, body)."""

    def fileno(self) -> int:
        """What becomes readable when there is something for `read_confirms`."""

    def readable(self, within: float = 0) -> bool:
        """Tell whether anything arrives within so many seconds."""

    def read_confirms(self) -> None:
        """Take note of what has been taken."""

    def close(self) -> None:
        """End it."""


class _Channel:
    def __init__(self, url: str) -> None:
        self._connection = connect(url)
        self._channel = self._connection.channel()
        self._number: int = self._channel.channel_id
        self._socket: socket.socket = self._connection.sock
        # py-amqp's one second is too short for who floods: a broker that is behind reads nothing for longer.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 0)
        self._rest = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def readable(self, within: float = 0) -> bool:
        """Tell whether anything arrives within so many seconds."""
        return bool(select.select([self._socket], [], [], within)[0])

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> bytes:
        arrived = self._socket.recv(AT_ONCE)
        if not arrived:
            raise BrokenError("the broker closed the connection")
        return self._rest + arrived

    def _write_method(self, arguments: bytes) -> None:
        self._socket.sendall(_frame.pack(METHOD, self._number, len(arguments)) + arguments + FRAME_END)


class Consumer(_Channel):
    """Reads a queue."""

    def __init__(self, url: str, queue: str, prefetch: int) -> None:
        super().__init__(url)
        self._channel.basic_qos(0, prefetch, False)
        no_flags, no_arguments = b"\0", b"\0\0\0\0"
        self._write_method(_method.pack(*CONSUME) + b"\0\0" + _short(queue) + _short("") + no_flags + no_arguments)

    def receive(self) -> list[Delivery]:
        """Wait for what the socket has next, and return the messages that are complete."""
        buffer = self._read()
        deliveries: list[Delivery] = []
        at, end = 0, len(buffer)
        while end - at >= 8:
            kind, _, length = _frame.unpack_from(buffer, at)
            after = at + 8 + length
            if after > end:
                break
            if kind == METHOD:
                method = _method.unpack_from(buffer, at + 7)
                if method == DELIVER:
                    after, delivery = self._delivery(buffer, at, after, end)
                    if delivery is None:
                        break
                    deliveries.append(delivery)
                elif method != CONSUME_OK:
                    raise BrokenError(f"method {method} while consuming")
            at = after
        self._rest = buffer[at:]
        return deliveries

    def _delivery(self, buffer: bytes, at: int, header: int, end: int) -> tuple[int, Delivery | None]:
        """Cut the three frames of a delivery; None when they have not all arrived."""
        if end - header < 8:
            return at, None
        body = header + 8 + _frame.unpack_from(buffer, header)[2]
        if end - body < 8:
            return at, None
        after = body + 8 + _frame.unpack_from(buffer, body)[2]
        if after > end:
            return at, None
        consumer_tag_length = buffer[at + 11]
        (tag,) = _tag.unpack_from(buffer, at + 12 + consumer_tag_length)
        return after, Delivery(tag, buffer[body + 7 : after - 1])

    def acknowledge(self, tag: int) -> None:
        """Acknowledge every delivery up to `tag`."""
        self._write_method(_ack.pack(*ACK, tag, True))


class Publisher(_Channel):
    """Publishes persistent, mandatory messages to one exchange, with confirms that are read when asked for."""

    def __init__(self, url: str, exchange: str, *, user_id: str | None = None) -> None:
        """`user_id` is the property of that name, which the gateway asks of partners; the broker checks it."""
        super().__init__(url)
        self._channel.confirm_select()
        self._exchange = exchange
        self._flags, self._after_id = (_FLAGS, b"") if user_id is None else (_FLAGS | _HAS_USER_ID, _short(user_id))
        self._envelopes: dict[str, bytes] = {}  # routing key → everything before the size of the body
        self.sent = 0
        self.confirmed = 0  # up to this one, without a gap
        self._confirmed_above: set[int] = set()

    def send(self, messages: Iterable[tuple[str, str, bytes]]) -> None:
        """Publish (routing key, message id, body) in order, in one go."""
        parts: list[bytes] = []
        properties_before = _flags.pack(self._flags) + _PROPERTIES
        body_frame = self._after_id + FRAME_END + _frame.pack(BODY, self._number, 0)[:3]
        for routing_key, message_id, body in messages:
            envelope = self._envelopes.get(routing_key) or self._envelope(routing_key)
            size, properties = len(body), properties_before + message_id.encode()
            parts += (envelope, size.to_bytes(8), properties, body_frame, size.to_bytes(4), body, FRAME_END)
            self.sent += 1
        self._socket.sendall(b"".join(parts))

    def _envelope(self, routing_key: str) -> bytes:
        mandatory = b"\x01"
        method = _method.pack(*PUBLISH) + b"\0\0" + _short(self._exchange) + _short(routing_key) + mandatory
        header_length = 12 + _flags.size + len(_PROPERTIES) + UUID_LENGTH + len(self._after_id)
        envelope = (
            _frame.pack(METHOD, self._number, len(method))
            + method
            + FRAME_END
            + _frame.pack(HEADER, self._number, header_length)
            + _method.pack(60, 0)
        )
        self._envelopes[routing_key] = envelope
        return envelope

    def read_confirms(self) -> None:
        """Wait for what the socket has next, and take note of the confirms in it."""
        buffer = self._read()
        at = 0
        for frame_at, after in _frames(buffer):
            at = after
            if buffer[frame_at] == HEARTBEAT:
                continue
            class_id, method_id, tag, multiple = _ack.unpack_from(buffer, frame_at + 7)
            if (class_id, method_id) != ACK:
                raise BrokenError(f"method {(class_id, method_id)} while publishing")
            if multiple:
                self.confirmed = max(self.confirmed, tag)
            else:
                self._confirmed_above.add(tag)
        self._rest = buffer[at:]
        while self.confirmed + 1 in self._confirmed_above:
            self.confirmed += 1
        if self._confirmed_above:
            self._confirmed_above = {tag for tag in self._confirmed_above if tag > self.confirmed}

    def wait_for_confirms(self, up_to: int) -> None:
        """Return when the first `up_to` messages have been confirmed."""
        while self.confirmed < up_to:
            self.read_confirms()


def _frames(buffer: bytes) -> Iterator[tuple[int, int]]:
    """Where each complete frame begins and ends."""
    at, end = 0, len(buffer)
    while end - at >= 8:
        after = at + 8 + int(_frame.unpack_from(buffer, at)[2])
        if after > end:
            return
        yield at, after
        at = after


def submitting(url: str, organisation: str) -> Publisher:
    """What an organisation publishes with."""
    return Publisher(url, f"submit.{organisation}", user_id=organisation)


def _short(text: str) -> bytes:
    encoded = text.encode()
    return bytes([len(encoded)]) + encoded


UUID_LENGTH = 36
_HAS_CONTENT_TYPE, _HAS_DELIVERY_MODE, _HAS_MESSAGE_ID, _HAS_USER_ID = 1 << 15, 1 << 12, 1 << 7, 1 << 4
_FLAGS = _HAS_CONTENT_TYPE | _HAS_DELIVERY_MODE | _HAS_MESSAGE_ID
_PERSISTENT = b"\x02"
_PROPERTIES = _short("application/cloudevents+json") + _PERSISTENT + bytes([UUID_LENGTH])
