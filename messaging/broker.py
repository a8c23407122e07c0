"""Connections to the broker, and a publisher whose confirms can neither be missed nor waited for in vain.

Built on py-amqp, the client that kombu and nameko use. It works the same inside eventlet and outside it.
"""

import contextlib
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any
from urllib.parse import unquote, urlsplit

import amqp
import amqp.serialization
from amqp import spec
from amqp.exceptions import ConsumerCancelled as ConsumerCancelled
from amqp.transport import TCPTransport

HEARTBEAT = 20  # seconds; a broker that froze is noticed after two of them
CONNECT_WITHIN = 10.0  # seconds
ANSWER_WITHIN = 10.0  # seconds for the broker to take or confirm what was published
RECONNECT_WITHIN = 5.0  # seconds at most between attempts to reach a server that is away
READ_AT_ONCE = 16 * 1024  # bytes: some ten messages for one system call, and still cheap to slice
HOLD_AT_MOST = 1024 * 1024  # bytes
CONTENT_TYPE = "application/cloudevents+json"

log = logging.getLogger("ruta.broker")

# What a broken or unusable connection raises, whichever layer noticed it first.
BrokerLost = (amqp.exceptions.AMQPError, OSError, EOFError)


def _tolerant_properties(buffer: bytes, offset: int) -> tuple[dict[str, Any], int]:
    """Decode a message's properties; what cannot be decoded is left out, with a mark.

    Senders write them, and py-amqp decodes them while it reads the connection: an exception there would end the
    connection, with everybody's messages, each time that the one bad message is delivered again.
    """
    try:
        properties: tuple[dict[str, Any], int] = amqp.serialization.decode_properties_basic(buffer, offset)
    except Exception:  # whatever it is that this sender has thought of
        return {"unreadable": True}, len(buffer)
    return properties


amqp.serialization.PROPERTY_CLASSES[spec.Basic.CLASS_ID] = _tolerant_properties


def backoff(attempt: int) -> float:
    """Return the seconds to wait before the next attempt to reach a server, never in step with other processes."""
    return float(min(0.1 * 2 ** min(attempt, 10), RECONNECT_WITHIN)) * random.uniform(0.5, 1)  # noqa: S311 - no secret


class _BufferedTransport(TCPTransport):  # type: ignore[misc]  # py-amqp ships no types
    """Reads ahead, and can hold back small writes so that many frames leave in one system call.

    py-amqp asks the socket for each frame in three parts: nine system calls for one delivery.
    """

    def _setup_transport(self) -> None:
        super()._setup_transport()
        receive = self.sock.recv
        self._quick_recv = lambda n: receive(max(n, READ_AT_ONCE))
        self._held: bytearray | None = None
        self._write = self._send_or_hold

    def _send_or_hold(self, frames: memoryview | bytes) -> None:
        if self._held is None:
            self.sock.sendall(frames)
            return
        self._held += frames
        if len(self._held) > HOLD_AT_MOST:
            self.sock.sendall(self._held)
            self._held = bytearray()

    def hold(self) -> None:
        """Keep what is written from now on until `release`."""
        self._held = bytearray()

    def release(self) -> None:
        """Send what was held, in one go."""
        held, self._held = self._held, None
        if held:
            self.sock.sendall(held)


class Connection(amqp.Connection):  # type: ignore[misc]
    """A py-amqp connection over the buffered transport; TLS connections use py-amqp's own."""

    def Transport(self, host: str, connect_timeout: float, ssl: Any = False, *settings: Any, **named: Any) -> Any:  # noqa: N802
        if ssl:
            return super().Transport(host, connect_timeout, ssl, *settings, **named)
        return _BufferedTransport(host, connect_timeout, *settings, **named)


def connect(url: str) -> Connection:
    """Open a connection to `amqp://user:password@host:port/vhost` (or `amqps://…`).

    Raises one of `BrokerLost`. A write that the broker does not take within ANSWER_WITHIN fails: an alarm on the
    broker stops reading without a word, and a publisher must not hang on it.
    """
    parts = urlsplit(url)
    tls = parts.scheme == "amqps"
    connection = Connection(
        host=f"{parts.hostname}:{parts.port or (5671 if tls else 5672)}",
        userid=unquote(parts.username or "guest"),
        password=unquote(parts.password or "guest"),
        virtual_host=unquote(parts.path[1:]) or "/",
        ssl={"server_hostname": parts.hostname} if tls else False,
        heartbeat=HEARTBEAT,
        connect_timeout=CONNECT_WITHIN,
    )
    connection.connect()
    connection.sock.settimeout(ANSWER_WITHIN)
    return connection


def body_of(message: Any) -> bytes:
    """Return the bytes of a delivered message; needs a channel from `open_channel`."""
    return message.body if isinstance(message.body, bytes) else b""  # py-amqp's empty body is a str


def open_channel(connection: Connection) -> Any:
    """Open a channel that leaves bodies alone, whatever content encoding their senders claim."""
    channel = connection.channel()
    channel.auto_decode = False
    return channel


def drop(connection: Connection | None) -> None:
    """Close the socket at once, asking nobody: `close()` waits for an answer that a stopped broker never gives."""
    if connection is not None:
        with contextlib.suppress(Exception):
            connection.collect()


@dataclass(frozen=True, slots=True)
class Publication:
    """One message on its way out: where to, what, and the id that the broker and the recipient see."""

    exchange: str
    routing_key: str
    body: bytes
    message_id: str
    headers: dict[str, Any] | None = None


class Publisher:
    """Publishes many messages, then waits once for all of their confirms.

    Not for use from two threads. After any exception the connection is gone; the next call opens a new one.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._channel: Any = None
        self._last_tag = 0
        self._unconfirmed: dict[int, int] = {}  # delivery tag → place in the batch
        self._failed: set[int] = set()
        self._returned: set[str] = set()  # message ids; a return comes before its confirm

    def publish(self, batch: Sequence[Publication]) -> set[int]:
        """Publish all of `batch` in order and wait for the broker's word on each.

        Returns the places in the batch that the broker refused or could not route (empty when all is well). Raises
        one of `BrokerLost` when the connection fails or the answers do not come within ANSWER_WITHIN: then nothing is
        known of the messages, and all are to be sent again.
        """
        if not batch:
            return set()
        try:
            channel = self._ready_channel()
            self._failed, self._returned, self._unconfirmed = set(), set(), {}
            self._send(channel, batch)
            self._await_confirms()
        except BaseException:
            self.drop()
            raise
        if self._returned:
            self._failed |= {place for place, one in enumerate(batch) if one.message_id in self._returned}
        return self._failed

    def beat(self) -> None:
        """Keep an idle connection alive; call it every few seconds. Raises one of `BrokerLost`."""
        if self._connection is None:
            return
        try:
            with contextlib.suppress(TimeoutError):
                self._connection.drain_events(timeout=0.001)
            self._connection.heartbeat_tick()
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Give up the connection without a word to the broker."""
        drop(self._connection)
        self._connection = self._channel = None

    def _ready_channel(self) -> Any:
        if self._channel is None:
            self._connection = connect(self._url)
            self._channel = self._connection.channel()
            self._channel.confirm_select()
            self._channel.events["basic_ack"].add(self._confirmed)
            self._channel.events["basic_nack"].add(self._refused)
            self._channel.events["basic_return"].add(self._unroutable)
            self._last_tag = 0
        return self._channel

    def _send(self, channel: Any, batch: Sequence[Publication]) -> None:
        assert self._connection is not None
        transport = self._connection.transport
        holds = isinstance(transport, _BufferedTransport)
        if holds:
            transport.hold()
        for place, one in enumerate(batch):
            self._last_tag += 1
            self._unconfirmed[self._last_tag] = place
            message = amqp.Message(
                one.body,
                content_type=CONTENT_TYPE,
                delivery_mode=2,
                message_id=one.message_id,
                application_headers=one.headers or {},
            )
            # mandatory: what no queue takes comes back instead of vanishing. `basic_publish` would poll the socket
            # before each message; this is the same method frame without the poll.
            channel.send_method(spec.Basic.Publish, "Bssbb", (0, one.exchange, one.routing_key, True, False), message)
        if holds:
            transport.release()

    def _await_confirms(self) -> None:
        assert self._connection is not None
        deadline = time.monotonic() + ANSWER_WITHIN
        while self._unconfirmed:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the broker did not confirm in time")
            self._connection.drain_events(timeout=left)

    def _confirmed(self, tag: int, multiple: bool) -> None:
        for settled in self._settled(tag, multiple):
            self._unconfirmed.pop(settled, None)

    def _refused(self, tag: int, multiple: bool) -> None:
        for settled in self._settled(tag, multiple):
            if settled in self._unconfirmed:
                self._failed.add(self._unconfirmed.pop(settled))

    def _settled(self, tag: int, multiple: bool) -> list[int]:
        # tags ascend in the order of insertion
        return list(takewhile(lambda each: each <= tag, self._unconfirmed)) if multiple else [tag]

    def _unroutable(self, error: Exception, exchange: str, routing_key: str, message: Any) -> None:
        self._returned.add(message.properties["message_id"])
