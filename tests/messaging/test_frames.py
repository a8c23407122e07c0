"""What is written close to the wire reads and writes the same as py-amqp does."""

from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import amqp
import pytest
from amqp import spec
from amqp.exceptions import UnexpectedFrame
from amqp.method_framing import frame_handler, frame_writer
from amqp.serialization import dumps

from messaging import frames

FRAME_MAX = 4096
PROPERTIES = {"content_type": "application/json", "user_id": "redcross", "application_headers": {"x": "ñ"}}


class Wire:
    """In place of a socket: yields the pieces that were put in, one for each read."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def recv(self, size: int) -> bytes:
        if not self.pieces:
            raise TimeoutError
        return self.pieces.pop(0)


def reading(*pieces: bytes) -> frames.Connection:
    """A connection that is about to read these pieces."""
    connection = frames.Connection()
    transport: Any = frames._TCP("nowhere", 1)
    transport.sock, transport.buffer, transport.having_timeout = Wire(*pieces), bytearray(), lambda timeout: _Nothing()
    connection._transport = transport
    others.clear()
    connection.on_inbound_frame = frame_handler(connection, lambda channel, method, *_: others.append(method))
    return connection


class _Nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


others: list[tuple[int, int]] = []  # methods that were no deliveries


def read_all(connection: frames.Connection) -> list[frames.Delivered]:
    with suppress(TimeoutError):
        while True:
            connection.drain_events(1)
    return connection.delivered


def written(method: tuple[int, int], format: str, arguments: tuple[object, ...], body: bytes) -> bytes:
    """What py-amqp writes for a method with content."""
    sent: list[bytes] = []
    transport = SimpleNamespace(write=lambda data: sent.append(bytes(data)))
    connection = SimpleNamespace(frame_max=FRAME_MAX, bytes_sent=0)
    message = amqp.Message(body, **PROPERTIES)
    frame_writer(connection, transport)(1, 1, method, dumps(format, arguments), message)
    return b"".join(sent)


def delivery(body: bytes, tag: int = 1, *, redelivered: bool = False) -> bytes:
    return written(spec.Basic.Deliver, "sLbss", ("batches", tag, redelivered, "hub", "a.key"), body)


def test_a_delivery_may_be_split_anywhere() -> None:
    whole = delivery(b"the body")
    for at in range(1, len(whole)):
        (got,) = read_all(reading(whole[:at], whole[at:]))
        assert (got.consumer_tag, got.tag, got.redelivered, got.body) == ("batches", 1, False, b"the body")
        assert (got.routing_key(), got.properties()) == ("a.key", PROPERTIES)


def test_a_delivery_may_come_byte_by_byte() -> None:
    whole = delivery(b"x" * 100, redelivered=True)
    (got,) = read_all(reading(*(whole[at : at + 1] for at in range(len(whole)))))
    assert (got.body, got.redelivered) == (b"x" * 100, True)


@pytest.mark.parametrize("size", [0, 1, FRAME_MAX - 8, FRAME_MAX - 7, FRAME_MAX, 5 * FRAME_MAX + 3])
def test_bodies_of_any_size_come_whole(size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    whole = delivery(body) + delivery(b"next", 2)

    for pieces in ([whole], [whole[:50], whole[50:]], [whole[at : at + 999] for at in range(0, len(whole), 999)]):
        got = read_all(reading(*pieces))
        assert [(one.tag, one.body) for one in got] == [(1, body), (2, b"next")]


def test_many_deliveries_come_in_one_read_and_other_frames_between_them_are_handled() -> None:
    confirm = b"\1\0\1\0\0\0\x0d" + frames.METHOD_ID.pack(*spec.Basic.Ack) + dumps("Lb", (1, False)) + b"\xce"
    heartbeat = b"\x08\0\0\0\0\0\0\xce"
    connection = reading(delivery(b"1", 1) + confirm + heartbeat + delivery(b"2", 2) + delivery(b"3", 3))

    assert [one.body for one in read_all(connection)] == [b"1", b"2", b"3"]
    assert others == [spec.Basic.Ack]


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ({}, True),
        ({"user_id": "redcross"}, False),
        ({"application_headers": {"x-put-back": True}}, False),
        ({"timestamp": 7}, False),
        ({"message_id": None}, False),
    ],
)
def test_a_message_is_of_a_user_only_where_it_says_what_we_say_and_no_more(said: dict[str, Any], ours: bool) -> None:
    whole = {"content_type": "text/x", "delivery_mode": 2, "message_id": "an id", "user_id": "gateway", **said}
    sent = amqp.Message(b"", **{name: value for name, value in whole.items() if value is not None})
    header = frames.CONTENT_HEADER.pack(60, 0, 0) + sent._serialize_properties()
    assert frames.Delivered("batches", 1, False, "hub", b"a.key", header, b"").is_of("gateway") == ours


def test_properties_that_cannot_be_decoded_are_none_and_end_nothing() -> None:
    broken = delivery(b"body").replace(b"redcross", b"redcro\xff\xfe")
    got = read_all(reading(broken, delivery(b"next", 2)))
    assert [one.body for one in got] == [b"body", b"next"]
    assert got[0].properties() is None


def test_a_routing_key_that_is_not_utf_8_ends_nothing() -> None:
    got = read_all(reading(delivery(b"body").replace(b"a.key", b"a.\xffey"), delivery(b"next", 2)))
    assert [one.routing_key() for one in got] == ["a.\ufffdey", "a.key"]


@pytest.mark.parametrize("spoiled", [delivery(b"b")[:-1] + b"\0", delivery(b"b").replace(b"\2\0\1", b"\3\0\1", 1)])
def test_a_broken_frame_ends_the_connection(spoiled: bytes) -> None:
    with pytest.raises(UnexpectedFrame):
        reading(spoiled).drain_events(1)


SPOILED_FRAMES = {
    "longer than any": frames.FRAME_HEADER.pack(frames.METHOD, 1, 0x7FFFFFFF) + b"........",
    "of no kind": frames.FRAME_HEADER.pack(77, 1, 500) + b"........",
    "a delivery longer than any": frames.FRAME_HEADER.pack(frames.METHOD, 1, 0x7FFFFFFF) + b"\0\x3c\0\x3c",
    "a header longer than any": delivery(b"b").replace(
        b"\xce\2\0\1\0\0", b"\xce\2\0\1\x7f\0", 1
    ),
    "more body than was announced": delivery(b"bb").replace(b"\0\2", b"\0\1", 1),
    "an answer to nobody": b"\1\0\7\0\0\0\4\0\x14\0\x0b\xce",
}  # fmt: skip


@pytest.mark.parametrize("spoiled", SPOILED_FRAMES.values(), ids=SPOILED_FRAMES.keys())
def test_a_frame_such_as_there_are_none_ends_the_connection_at_once(spoiled: bytes) -> None:
    """Its rest would be waited for in vain, heartbeats and all that follows taken to be of it."""
    connection = reading(spoiled)
    connection.on_inbound_frame = frame_handler(connection, lambda channel, *_: connection.channels[channel])
    with pytest.raises(UnexpectedFrame):
        read_all(connection)


def test_a_delivery_that_is_missing_ends_the_connection() -> None:
    connection = reading(delivery(b"1", 1) + delivery(b"2", 2), delivery(b"4", 4))
    connection.drain_events(1)
    with pytest.raises(UnexpectedFrame):
        connection.drain_events(1)


def test_a_delivery_that_is_missing_of_a_channel_that_is_new_under_its_number_is_missed() -> None:
    connection = reading(delivery(b"1"), delivery(b"1"), delivery(b"2", 2))
    connection.drain_events(1)
    connection.forget(1)
    connection.drain_events(1)
    connection.forget(1)
    with pytest.raises(UnexpectedFrame):
        connection.drain_events(1)


def test_the_first_delivery_may_be_missing() -> None:
    with pytest.raises(UnexpectedFrame):
        reading(delivery(b"3", 3)).drain_events(1)


def test_a_closed_socket_is_noticed() -> None:
    with pytest.raises(ConnectionResetError):
        reading(b"").drain_events(1)


def published(body: bytes, key: str) -> tuple[bytes, amqp.Message]:
    """What py-amqp reads of the frames that we publish: the arguments of the method, and the message."""
    got: list[amqp.Message] = []
    handle = frame_handler(SimpleNamespace(bytes_recv=0), lambda channel, method, payload, message: got.append(message))
    arguments = b""
    for kind, channel, payload in _frames(
        b"".join(frames.publication_frames(1, FRAME_MAX, "hub", key, "text/x", "an id", "redcross", body))
    ):
        if kind == frames.METHOD:  # py-amqp expects content after what a broker sends, such as a return
            assert payload[:4] == frames.METHOD_ID.pack(*spec.Basic.Publish)
            arguments = payload[4:]
            handle((kind, channel, frames.METHOD_ID.pack(*spec.Basic.Return) + arguments))
        else:
            handle((kind, channel, payload))
    (message,) = got
    return arguments, message


def _frames(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    while data:
        kind, channel, size = frames.FRAME_HEADER.unpack_from(data)
        assert size + frames.FRAME_AROUND <= FRAME_MAX
        assert data[7 + size] == frames.END
        yield kind, channel, data[7 : 7 + size]
        data = data[size + frames.FRAME_AROUND :]


@pytest.mark.parametrize("size", [0, 1, FRAME_MAX - 8, FRAME_MAX - 7, 3 * FRAME_MAX])
def test_what_we_publish_is_what_py_amqp_reads(size: int) -> None:
    arguments, message = published(b"b" * size, "a.ké")

    assert arguments == b"\0\0\3hub\5a.k\xc3\xa9\1"  # exchange, key, and mandatory
    assert (message.body or b"") == b"b" * size
    assert message.properties == {
        "content_type": "text/x",
        "delivery_mode": 2,
        "message_id": "an id",
        "user_id": "redcross",
    }
