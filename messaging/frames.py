"""The two things that happen for every message, written close to the wire: taking a delivery, sending a publication.

Everything else of AMQP 0-9-1 is py-amqp's. It spends some thirty microseconds on each delivery and as many on each
publication; here it is four and two (docs/performance.md), and a sender's properties are decoded only when they are
asked for, so that none that are malformed can end the connection that everybody's messages come by.
Frame layouts: AMQP 0-9-1 specification, 2.3.5 and 4.2.
"""

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import amqp
from amqp.exceptions import ConnectionForced, RecoverableConnectionError, UnexpectedFrame
from amqp.serialization import decode_properties_basic
from amqp.transport import SSLTransport, TCPTransport

from messaging.addresses import Host

READ_AT_ONCE = 64 * 1024  # bytes

METHOD, HEADER, BODY, HEARTBEAT, END = 1, 2, 3, 8, 0xCE
KINDS = (METHOD, HEADER, BODY, HEARTBEAT)
BASIC_DELIVER = (60, 60)
FRAME_HEADER = struct.Struct(">BHI")  # kind, channel, size of the payload
FRAME_AROUND = FRAME_HEADER.size + 1  # with the octet that ends each frame
METHOD_ID = struct.Struct(">HH")
CONTENT_HEADER = struct.Struct(">HHQ")  # class, weight, size of the body
# What we say of a message: content type, delivery mode, message id and user id, in this order.
PROPERTIES = struct.pack(">H", 0x8000 | 0x1000 | 0x0080 | 0x0010)
DELIVERY_TAG = struct.Struct(">QB")  # and the bit that says whether it was delivered before


class Delivered(NamedTuple):
    """One message as the broker handed it over."""

    consumer_tag: str
    tag: int
    redelivered: bool
    exchange: str
    key: bytes
    header: bytes
    body: bytes

    def routing_key(self) -> str:
        """Decode the routing key, which is the sender's too: what is not UTF-8 in it is replaced."""
        return self.key.decode(errors="replace")

    def is_of(self, user: str) -> bool:
        """Tell whether it was published by this user of the broker, which has checked that, as we do: no header."""
        return self.header.startswith(PROPERTIES, CONTENT_HEADER.size) and self.header.endswith(_short(user))

    def properties(self) -> dict[str, Any] | None:
        """Decode what the sender wrote beside the body; None when that cannot be decoded."""
        try:
            properties: dict[str, Any] = decode_properties_basic(self.header, CONTENT_HEADER.size)[0]
        except Exception:
            return None
        return properties


class NoAnswerError(RecoverableConnectionError):  # type: ignore[misc]  # py-amqp ships no types
    """The broker did not answer in time. The connection is of no use any more: the answer may come yet."""


class _ReadsAhead:
    """A transport that takes from the socket what there is, and keeps it until it is asked for."""

    sock: Any
    connect_timeout: float

    def _setup_transport(self) -> None:
        self.sock.settimeout(self.connect_timeout)  # a handshake of TLS would wait for ever
        super()._setup_transport()  # type: ignore[misc]
        self.sock.settimeout(None)
        self.buffer = bytearray()

    def fill(self) -> None:
        """Wait for more bytes. Raises TimeoutError, or OSError when the broker is gone."""
        piece = self.sock.recv(READ_AT_ONCE)
        if not piece:
            raise ConnectionResetError("the broker closed the connection")
        self.buffer += piece


class _TCP(_ReadsAhead, TCPTransport):  # type: ignore[misc]
    pass


class _TLS(_ReadsAhead, SSLTransport):  # type: ignore[misc]
    pass


class _AnsweredInTime:
    """A channel, or the connection itself, that does not wait for an answer for ever.

    py-amqp's own waits begin anew with each frame, and a heartbeat is one.
    """

    connection: "Connection | None"

    def wait(self, *args: Any, **settings: Any) -> Any:
        """Wait for the answer to a method. Raises NoAnswerError."""
        if self.connection is None:
            raise RecoverableConnectionError("the connection is closed")
        with self.connection.answered_in_time():
            return super().wait(*args, **settings)  # type: ignore[misc]


class _Channel(_AnsweredInTime, amqp.Channel):  # type: ignore[misc]
    def collect(self) -> None:
        """Tear it down: the tags of the next channel with its number begin anew."""
        if self.connection is not None:
            self.connection.forget(self.channel_id)
        super().collect()


class Connection(_AnsweredInTime, amqp.Connection):  # type: ignore[misc]
    """A py-amqp connection that puts deliveries into `delivered` instead of calling back for each.

    What it says of a broker that is silent, or whose words have holes, is an AMQPError, as of one that closes it. Each
    of its channels either consumes or takes single messages (`basic_get`), not both.
    """

    Channel = _Channel

    def __init__(self, *, answer_within: float = 10.0, **settings: Any) -> None:
        """`answer_within` are the seconds for the answer to each method; `connect_timeout` those for a connection."""
        super().__init__(**settings)
        self.delivered: list[Delivered] = []
        self.reached: tuple[tuple[Host, ...], Host] | None = None  # the hosts to try, and the one that answered
        self._last_tags: dict[int, int] = {}  # by channel
        self._answer_within = answer_within
        self._answer_by = float("inf")

    @contextmanager
    def answered_in_time(self, within: float | None = None) -> Iterator[None]:
        """Raise NoAnswerError where what the block waits for does not come, within these seconds or its own."""
        before = self._answer_by
        self._answer_by = min(before, time.monotonic() + (within or self._answer_within))
        try:
            yield
        except TimeoutError as error:
            raise NoAnswerError("the broker did not answer in time") from error
        finally:
            self._answer_by = before

    def connect(self, callback: Any = None) -> Any:
        """Make the connection. Raises NoAnswerError, another AMQPError, or OSError."""
        with self.answered_in_time(self.connect_timeout):
            return super().connect(callback)

    def heartbeat_tick(self, rate: int = 2) -> None:
        """Send a heartbeat where one is due. Raises NoAnswerError when the broker's have not come."""
        try:
            super().heartbeat_tick(rate)
        except ConnectionForced as error:
            raise NoAnswerError("the broker's heartbeats have not come") from error

    def Transport(  # noqa: N802 - py-amqp calls it so
        self,
        host: str,
        connect_timeout: float,
        ssl: Any = False,
        read_timeout: float | None = None,
        write_timeout: float | None = None,
        **settings: Any,
    ) -> Any:
        transport = _TLS if ssl else _TCP
        return transport(
            host, connect_timeout, ssl=ssl, read_timeout=read_timeout, write_timeout=write_timeout, **settings
        )

    def drain_events(self, timeout: float | None = None) -> None:
        """Take every delivery that has arrived whole, or else handle one other frame. Raises TimeoutError.

        `timeout` is in seconds, and ends the wait whatever comes meanwhile that is neither: py-amqp's own begins anew
        with each heartbeat, and does not end where they come more often.
        """
        by = self._answer_by if timeout is None else min(self._answer_by, time.monotonic() + timeout)
        while not self._read(by):
            pass

    def _read(self, by: float) -> Any:
        """Take or handle what is next; false where that was but a heartbeat, or a part of something."""
        while True:
            if self._take_deliveries():
                return True
            frame = self._take_frame()
            if frame is not None:
                return self._handle(frame)
            left = by - time.monotonic()
            if left <= 0:
                raise TimeoutError("nothing whole has come in time")
            with self.transport.having_timeout(None if by == float("inf") else left):
                self.transport.fill()

    def forget(self, channel: int) -> None:
        """Forget how far the deliveries of a channel had come: it is closed."""
        self._last_tags.pop(channel, None)

    def send_all(self, frames: list[bytes]) -> None:
        """Send frames made by `publication_frames`."""
        self.transport.write(b"".join(frames))
        self.bytes_sent += 1  # as py-amqp counts: the heartbeat looks whether it has changed

    def _handle(self, frame: tuple[int, int, bytes]) -> Any:
        try:
            return self.on_inbound_frame(frame)
        except (LookupError, TypeError, ValueError, struct.error) as error:
            raise UnexpectedFrame("a frame that says nothing") from error

    def _take_deliveries(self) -> bool:
        buffer, at = self.transport.buffer, 0
        while (end := self._take_delivery(buffer, at)) is not None:
            at = end
        if at:
            del buffer[:at]
            self.bytes_recv += 1
        return at > 0

    def _take_delivery(self, buffer: bytearray, start: int) -> int | None:
        """Take the delivery that begins at `start`; return where it ends, or None where there is no whole one.

        Its frames follow each other: the broker writes them at once.
        """
        most = self.frame_max - FRAME_AROUND
        try:
            kind, channel, size = FRAME_HEADER.unpack_from(buffer, start)
            if kind != METHOD or METHOD_ID.unpack_from(buffer, start + 7) != BASIC_DELIVER:
                return None
            if size > most:
                raise UnexpectedFrame("a frame longer than any")
            header_at = start + size + FRAME_AROUND
            kind, _, header_size = FRAME_HEADER.unpack_from(buffer, header_at)
            if kind != HEADER or header_size > most or buffer[header_at - 1] != END:
                raise UnexpectedFrame("a delivery without a content header")
            _, _, left = CONTENT_HEADER.unpack_from(buffer, header_at + 7)
            at: int = header_at + header_size + FRAME_AROUND
            parts = []
            while left > 0:
                kind, _, size = FRAME_HEADER.unpack_from(buffer, at)
                if kind != BODY or size > min(left, most) or buffer[at - 1] != END:
                    raise UnexpectedFrame("a delivery without its body")
                parts.append(bytes(buffer[at + 7 : at + 7 + size]))
                at += size + FRAME_AROUND
                left -= size
        except struct.error:
            return None  # the rest is still on its way
        if at > len(buffer):
            return None
        if buffer[at - 1] != END:
            raise UnexpectedFrame("a frame without its end")
        tag_at = start + 12 + buffer[start + 11]
        tag, redelivered = DELIVERY_TAG.unpack_from(buffer, tag_at)
        # The tags of a channel ascend by one, from one. Where they do not, the messages between would be waited for by
        # nobody: the broker takes them to be here.
        if tag != self._last_tags.get(channel, 0) + 1:
            raise UnexpectedFrame("a delivery is missing")
        self._last_tags[channel] = tag
        exchange_at = tag_at + DELIVERY_TAG.size
        key_at = exchange_at + 1 + buffer[exchange_at] + 1
        self.delivered.append(
            Delivered(
                _text(bytes(buffer[start + 12 : tag_at])),
                tag,
                bool(redelivered & 1),
                _text(bytes(buffer[exchange_at + 1 : key_at - 1])),
                bytes(buffer[key_at : header_at - 1]),
                bytes(buffer[header_at + 7 : header_at + 7 + header_size]),
                parts[0] if len(parts) == 1 else b"".join(parts),
            )
        )
        return at

    def _take_frame(self) -> tuple[int, int, bytes] | None:
        buffer = self.transport.buffer
        if len(buffer) < FRAME_AROUND:
            return None
        kind, channel, size = FRAME_HEADER.unpack_from(buffer)
        if kind not in KINDS or size > self.frame_max - FRAME_AROUND:
            raise UnexpectedFrame("a frame such as there are none")  # its end would be waited for in vain
        if len(buffer) < size + FRAME_AROUND:
            return None
        if kind == METHOD and METHOD_ID.unpack_from(buffer, 7) == BASIC_DELIVER:
            return None  # its content is not here yet
        payload = bytes(buffer[7 : 7 + size])
        if buffer[7 + size] != END:
            raise UnexpectedFrame("a frame without its end")
        del buffer[: size + FRAME_AROUND]
        return kind, channel, payload


@lru_cache(64)
def _text(raw: bytes) -> str:
    return raw.decode()


def _short(text: str) -> bytes:
    raw = text.encode()
    return bytes((len(raw),)) + raw


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return FRAME_HEADER.pack(kind, channel, len(payload)) + payload + b"\xce"


@lru_cache(4096)  # there is a key for each type and organisation
def _publish_method(channel: int, exchange: str, routing_key: str) -> bytes:
    # Basic.Publish; mandatory is set: what no queue takes comes back instead of vanishing.
    return _frame(METHOD, channel, METHOD_ID.pack(60, 40) + b"\0\0" + _short(exchange) + _short(routing_key) + b"\1")


@lru_cache(8)
def _properties_before_id(content_type: str) -> bytes:
    return PROPERTIES + _short(content_type) + b"\2"  # 2: persistent


def publication_frames(
    channel: int,
    frame_max: int,
    exchange: str,
    routing_key: str,
    content_type: str,
    message_id: str,
    user: str,
    body: bytes,
) -> Iterator[bytes]:
    """Yield the frames that publish a persistent, mandatory message.

    `user` is the connection's: the broker checks it, and vouches for it to whoever reads the message.
    """
    yield _publish_method(channel, exchange, routing_key)
    header = (
        CONTENT_HEADER.pack(60, 0, len(body)) + _properties_before_id(content_type) + _short(message_id) + _short(user)
    )
    yield _frame(HEADER, channel, header)
    most = frame_max - FRAME_AROUND
    for at in range(0, len(body), most):
        yield _frame(BODY, channel, body[at : at + most])
