"""HTTP/1.1 as strangers speak it, over raw sockets: what is no request is refused, closed, and holds nobody else up."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.envelope import MAX_BYTES
from hub.gateway.http import problems
from hub.gateway.http.connection_limits import Limits
from hub.gateway.http.protocol_errors import PROTOCOL_ERRORS
from tests.hub.http.serving import Answer, Server, answers, read, serving
from tests.waiting import eventually

SLOW = {"headers_within": 0.3, "body_within": 0.6, "read_within": 0.3, "stranger_idle": 2.0, "body": 1000}

HOST = b"Host: localhost\r\n"
GET = b"GET /count HTTP/1.1\r\n" + HOST
POST = b"POST /count HTTP/1.1\r\n" + HOST
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CLOSE = b"Connection: close\r\n"
END = b"\r\n"
BATCH = b"Content-Type: application/cloudevents-batch+json\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With the limits of everyday, of which none but sizes are reached here."""
    with serving(tmp_path_factory.mktemp("strict")) as server:
        yield server


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With little time."""
    with serving(tmp_path_factory.mktemp("impatient"), limits=SLOW) as server:
        yield server


@pytest.fixture(autouse=True)
def hung_up(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    for name in {"server", "impatient"} & set(request.fixturenames):
        request.getfixturevalue(name).hang_up()


def chunked(*pieces: bytes) -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def headers(size: int) -> bytes:
    """A request of which the headers have so many bytes, as they are counted."""
    of_others = len("/count" + "hostlocalhost: \r\n" + "connectionclose: \r\n" + "x: \r\n")
    return GET + CLOSE + b"X: " + b"a" * (size - of_others) + END + END


# What is sent, in one piece; the status; the code.
REFUSED = {
    "length and chunks": (POST + b"Content-Length: 5\r\n" + CHUNKED + END + chunked(), 400, "malformed_request"),
    "chunks and length": (POST + CHUNKED + b"Content-Length: 5\r\n" + END + chunked(), 400, "malformed_request"),
    "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, "malformed_request"),
    "the same length twice": (POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400, "malformed_request"),
    "a list of lengths": (POST + b"Content-Length: 5, 5\r\n\r\nhello", 400, "malformed_request"),
    "length with a sign": (POST + b"Content-Length: +5\r\n\r\nhello", 400, "malformed_request"),
    "negative length": (POST + b"Content-Length: -5\r\n\r\nhello", 400, "malformed_request"),
    "length beyond 64 bits": (POST + b"Content-Length: 99999999999999999999\r\n\r\n", 400, "malformed_request"),
    "empty length": (POST + b"Content-Length: \r\n\r\n", 400, "malformed_request"),
    "folded header": (GET + b"X: a\r\n b\r\n\r\n", 400, "malformed_request"),
    "folded length": (POST + b"Content-Length:\r\n 5\r\n\r\nhello", 400, "malformed_request"),
    "bare LF": (GET.replace(b"\r\n", b"\n") + b"\n", 400, "malformed_request"),
    "bare LF behind a header": (GET + b"X: a\n\r\n", 400, "malformed_request"),
    "bare CR behind a header": (GET + b"X: a\rY: b\r\n\r\n", 400, "malformed_request"),
    "bare LF in chunks": (POST + CHUNKED + END + b"1\na\n0\n\n", 400, "malformed_request"),
    "size of a chunk with 0x": (POST + CHUNKED + END + b"0x1\r\na\r\n0\r\n\r\n", 400, "malformed_request"),
    "size of a chunk beyond 64 bits": (POST + CHUNKED + END + b"f" * 17 + b"\r\na", 400, "malformed_request"),
    "chunk longer than its size": (POST + CHUNKED + END + b"1\r\nabc\r\n0\r\n\r\n", 400, "malformed_request"),
    "other codings before chunks": (
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked(), 400, "malformed_request",
    ),
    "coding that is none": (POST + b"Transfer-Encoding: xchunked\r\n\r\n" + chunked(), 400, "malformed_request"),
    "coding hidden by a control": (
        POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n" + chunked(), 400, "malformed_request",
    ),
    "chunks twice": (POST + CHUNKED + CHUNKED + END + chunked(), 400, "malformed_request"),
    "chunks in HTTP/1.0": (b"POST /count HTTP/1.0\r\n" + CHUNKED + END + chunked(), 400, "malformed_request"),
    "NUL in a header": (GET + b"X: a\x00b\r\n\r\n", 400, "malformed_request"),
    "space before the colon": (GET + b"X : a\r\n\r\n", 400, "malformed_request"),
    "no name": (GET + b": a\r\n\r\n", 400, "malformed_request"),
    "no colon": (GET + b"X\r\n\r\n", 400, "malformed_request"),
    "space before the first header": (b"GET /count HTTP/1.1\r\n X: a\r\n" + HOST + END, 400, "malformed_request"),
    "space in the URL": (b"GET /a b HTTP/1.1\r\n" + HOST + END, 400, "malformed_request"),
    "NUL in the URL": (b"GET /a\x00b HTTP/1.1\r\n" + HOST + END, 400, "malformed_request"),
    "bytes that are no URL": (b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + END, 400, "malformed_request"),
    "asterisk": (b"GET * HTTP/1.1\r\n" + HOST + END, 400, "malformed_request"),
    "a version there is not": (b"GET /count HTTP/1.2\r\n" + HOST + END, 400, "malformed_request"),
    "HTTP/2 as a request": (b"GET /count HTTP/2.0\r\n" + HOST + END, 505, "http_version"),
    "HTTP/0.9": (b"GET /count\r\n\r\n", 505, "http_version"),
    "HTTP/2 that is known beforehand": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed_request"),
    "another protocol with a body": (
        POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello", 400, "malformed_request",
    ),
    "no Host": (b"GET /count HTTP/1.1\r\n\r\n", 400, "host"),
    "a fragment": (b"GET /count#x HTTP/1.1\r\n" + HOST + END, 400, "malformed_request"),
    "events in HTTP/1.0": (b"GET /events HTTP/1.0\r\nAccept: text/html\r\nAccept: Text/Event-Stream\r\n\r\n", 505,
                           "http_version"),
    "two Hosts": (GET + HOST + END, 400, "host"),
    "empty Host": (b"GET /count HTTP/1.1\r\nHost: \r\n\r\n", 400, "host"),
    "foreign Host": (b"GET /count HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400, "host"),
    "foreign Host in HTTP/1.0": (b"GET /count HTTP/1.0\r\nHost: evil.example\r\n\r\n", 400, "host"),
    "Host that begins as ours": (b"GET /count HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n", 400, "host"),
    "Host with a user": (b"GET /count HTTP/1.1\r\nHost: localhost@evil.example\r\n\r\n", 400, "host"),
    "two Hosts in one": (b"GET /count HTTP/1.1\r\nHost: localhost, evil.example\r\n\r\n", 400, "host"),
    "foreign host in the URL": (b"GET http://evil.example/count HTTP/1.1\r\n" + HOST + END, 400, "host"),
    "user in the URL": (b"GET http://evil.example@localhost/count HTTP/1.1\r\n" + HOST + END, 400, "host"),
    "TRACE": (b"TRACE /count HTTP/1.1\r\n" + HOST + END, 405, "method_not_allowed"),
    "CONNECT": (b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + END, 405, "method_not_allowed"),
    "a method of WebDAV": (b"PROPFIND /count HTTP/1.1\r\n" + HOST + END, 405, "method_not_allowed"),
    "a method of nobody": (b"HACK /count HTTP/1.1\r\n" + HOST + END, 405, "method_not_allowed"),
    "a method in lower case": (b"get /count HTTP/1.1\r\n" + HOST + END, 405, "method_not_allowed"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), 405, "method_not_allowed"),
    "64 KiB of headers": (headers(64 * 1024 + 1), 431, "headers_too_large"),
    "1 MiB of headers": (headers(1024 * 1024), 431, "headers_too_large"),
    "1 MiB of headers without an end": (GET + b"X: " + b"a" * 1024 * 1024, 431, "headers_too_large"),
    "101 headers": (GET + b"X: a\r\n" * 100 + END, 431, "headers_too_large"),
    "5,000 headers": (GET + b"X: a\r\n" * 5000 + END, 431, "headers_too_large"),
    "URL of more than 8 KiB": (b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\n" + HOST + END, 414, "uri_too_long"),
    "URL of 1 MiB": (b"GET /" + b"a" * 1024 * 1024 + b" HTTP/1.1\r\n" + HOST + END, 414, "uri_too_long"),
    "body of more than 256 KiB": (
        POST + b"Content-Length: 262145\r\n\r\n" + b"a" * 262145, 413, "too_large",
    ),
    "body of a gigabyte": (POST + b"Content-Length: 1000000000\r\n\r\n", 413, "too_large"),
    "batch of more than 1 MiB": (POST + BATCH + b"Content-Length: 1048577\r\n\r\n", 413, "too_large"),
    "chunks of more than 256 KiB": (POST + CHUNKED + END + chunked(b"a" * 262145), 413, "too_large"),
    "many chunks of more than 256 KiB": (POST + CHUNKED + END + chunked(*[b"a" * 1025] * 256), 413, "too_large"),
    "chunks of more than 1 MiB in a batch": (
        POST + BATCH + CHUNKED + END + chunked(*[b"a" * 65537] * 16), 413, "too_large",
    ),
    "chunks that go on behind the limit": (
        POST + CHUNKED + END + chunked(b"a" * 262145)[:-5] + b"400\r\n" + b"a" * 1024, 413, "too_large",
    ),
    "chunks that are nothing but frame": (
        POST + CHUNKED + END + (b"1;" + b"x" * 4096 + b"\r\na\r\n") * 400, 413, "too_large",
    ),
}  # fmt: skip


def test_a_body_may_be_as_long_as_a_message() -> None:
    assert Limits().body == MAX_BYTES


def problem(answer: Answer) -> tuple[int, str]:
    """The status and code of a problem document that is as each has to be."""
    said = answer.json
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    assert "server" not in answer.headers
    assert said["status"] == answer.status
    assert said["type"] == f"/problems/{said['code']}"
    assert said["detail"] == " / ".join(str(problems.detail(said["code"], language)) for language in ("es", "en"))
    assert said["request_id"] == answer.headers["x-request-id"] != "0" * 32
    return answer.status, said["code"]


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_request_of_ours_is_refused_once_and_the_connection_closed(server: Server, case: str) -> None:
    sent, status, code = REFUSED[case]

    (answer,) = server.ask(sent)

    assert problem(answer) == (status, code)


@pytest.mark.parametrize("case", [name for name, (sent, *_) in REFUSED.items() if len(sent) < 5000])
def test_it_is_refused_just_so_when_it_comes_byte_by_byte(server: Server, case: str) -> None:
    sent, status, code = REFUSED[case]

    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for at in range(len(sent)):
                connection.sendall(sent[at : at + 1])
        (answer,) = answers(connection)

    assert problem(answer) == (status, code)


@pytest.mark.parametrize("case", ["two Hosts", "TRACE", "5,000 headers", "folded header", "body of a gigabyte"])
def test_what_is_refused_is_not_answered_before_its_turn(server: Server, case: str) -> None:
    """Nobody is given another's answer."""
    sent, status, code = REFUSED[case]

    first, second, refused = server.ask(GET + END + POST + b"Content-Length: 3\r\n\r\nabc" + sent)

    assert (first.json["bytes"], second.json["bytes"]) == (0, 3)
    assert problem(refused) == (status, code)


def test_what_is_wrong_within_a_body_is_refused_after_the_answers_before_it(server: Server) -> None:
    first, refused = server.ask(GET + END + POST + CHUNKED + END + b"zz")

    assert first.status == 200
    assert problem(refused) == (400, "malformed_request")


def test_nothing_behind_what_is_refused_is_read(server: Server) -> None:
    """A body that was taken for the next request is how one client speaks in another's name."""
    hidden = b"POST /deaf HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n"
    before = server.ask(b"GET /asked HTTP/1.1\r\n" + HOST + CLOSE + END)[0].json

    for case in ("length and chunks", "two lengths", "another protocol with a body", "chunks in HTTP/1.0", "TRACE"):
        (answer,) = server.ask(REFUSED[case][0] + hidden)
        assert answer.status in (400, 405)

    assert server.ask(b"GET /asked HTTP/1.1\r\n" + HOST + CLOSE + END)[0].json == before


@pytest.mark.parametrize(
    "body", [b"Content-Length: 1001\r\n\r\n", CHUNKED + END + chunked(b"a" * 1001)], ids=["with a length", "in chunks"]
)
def test_too_large_a_body_in_one_piece_with_its_headers_never_reaches_the_application(
    impatient: Server, body: bytes
) -> None:
    asked = b"GET /asked HTTP/1.1\r\n" + HOST + CLOSE + END
    before = impatient.ask(asked)[0].json

    (answer,) = impatient.ask(POST.replace(b"/count", b"/deaf") + body)

    assert problem(answer) == (413, "too_large")
    assert impatient.ask(asked)[0].json == before


ACCEPTED = {
    "no body": (GET + CLOSE + END, 0),
    "body with a length": (POST + CLOSE + b"Content-Length: 5\r\n\r\nhello", 5),
    "body in chunks": (POST + CLOSE + CHUNKED + END + chunked(b"he", b"llo"), 5),
    "chunks with extensions": (POST + CLOSE + CHUNKED + END + b"5;a=b\r\nhello\r\n0\r\n\r\n", 5),
    "body of 256 KiB": (POST + CLOSE + b"Content-Length: 262144\r\n\r\n" + b"a" * 262144, 262144),
    "chunks of 256 KiB": (POST + CLOSE + CHUNKED + END + chunked(*[b"a" * 1024] * 256), 262144),
    "batch of 1 MiB": (POST + CLOSE + BATCH + b"Content-Length: 1048576\r\n\r\n" + b"a" * 1048576, 1048576),
    "chunks of 1 MiB in a batch": (POST + CLOSE + BATCH + CHUNKED + END + chunked(*[b"a" * 65536] * 16), 1048576),
    "64 KiB of headers": (headers(64 * 1024), 0),
    "100 headers": (GET + CLOSE + b"X: a\r\n" * 98 + END, 0),
    "Host with a port": (b"GET /count HTTP/1.1\r\nHost: LOCALHOST:1\r\n" + CLOSE + END, 0),
    "Host of IPv6": (b"GET /count HTTP/1.1\r\nHost: [::1]:1\r\n" + CLOSE + END, 0),
    "whole URL": (b"GET http://localhost/count HTTP/1.1\r\n" + HOST + CLOSE + END, 0),
    "HTTP/1.0": (b"GET /count HTTP/1.0\r\n\r\n", 0),
    "HTTP/1.0 that wants to stay": (b"GET /count HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0),
    "line ends before a request": (b"\r\n\r\n" + GET + CLOSE + END, 0),
    "another protocol is offered": (GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n", 0),
    "a websocket is asked for": (GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 0),
    "method override": (GET + CLOSE + b"X-HTTP-Method-Override: DELETE\r\n\r\n", 0),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_what_is_a_request_is_answered(server: Server, case: str) -> None:
    sent, count = ACCEPTED[case]

    (answer,) = server.ask(sent)

    assert (answer.status, answer.json["bytes"]) == (200, count)
    assert "server" not in answer.headers


@pytest.mark.parametrize("end", [CLOSE, b"Connection: Upgrade\r\nUpgrade: h2c\r\n"])
def test_behind_the_last_request_nothing_is_answered(server: Server, end: bytes) -> None:
    with server.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(GET + end + END + GET + CLOSE + END)
        assert read(stream) is not None
        with contextlib.suppress(ConnectionError):  # it may have hung up on us
            connection.sendall(GET + CLOSE + END)
            assert read(stream) is None


def test_a_trailer_is_no_header(server: Server) -> None:
    sent = POST + CLOSE + CHUNKED + END + b"1\r\na\r\n0\r\nAuthorization: Bearer x\r\n\r\n"

    (answer,) = server.ask(sent)

    assert answer.json == {"bytes": 1, "path": "/count", "headers": ["connection", "host", "transfer-encoding"]}


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_requests_sent_at_once_are_answered_in_order_however_they_are_cut(server: Server, size: int) -> None:
    requests = b"".join(POST + b"Content-Length: %d\r\n\r\n" % n + b"a" * n for n in range(12))
    sent = requests + POST + CLOSE + CHUNKED + END + chunked(b"abc")

    got = server.ask(*(sent[at : at + size] for at in range(0, len(sent), size)))

    assert [answer.json["bytes"] for answer in got] == [*range(12), 3]


def test_who_sends_too_many_requests_at_once_gets_the_first_answers_and_is_told_so(server: Server) -> None:
    *first, last = server.ask((GET + END) * 1000)

    assert {answer.status for answer in first} == {200}
    assert 1 < len(first) < 1000
    assert problem(last) == (429, "too_many_in_advance")


def test_large_requests_sent_at_once_are_not_taken_for_large_headers(server: Server) -> None:
    request = POST + b"Content-Length: 200000\r\n\r\n" + b"a" * 200_000
    beginning, rest = GET[:10], GET[10:] + CLOSE + END

    got = server.ask(request + request + beginning, rest)

    assert [answer.json["bytes"] for answer in got] == [200_000, 200_000, 0]


def test_who_waits_to_be_told_to_go_on_is_told(server: Server) -> None:
    with server.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(POST + CLOSE + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        told = read(stream)
        connection.sendall(b"hello")
        answer = read(stream)

    assert told is not None
    assert told.status == 100
    assert answer is not None
    assert answer.json["bytes"] == 5


def test_who_waits_to_be_told_to_go_on_with_too_much_is_not_told(server: Server) -> None:
    (answer,) = server.ask(POST + b"Expect: 100-continue\r\nContent-Length: 300000\r\n\r\n")

    assert problem(answer) == (413, "too_large")


def test_who_is_answered_without_its_body_being_read_may_go_on(server: Server) -> None:
    deaf = POST.replace(b"/count", b"/deaf") + b"Content-Length: 100000\r\n\r\n"
    with server.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(deaf)
        refused = read(stream)
        connection.sendall(b"a" * 100_000 + GET + CLOSE + END)
        answer = read(stream)

    assert refused is not None
    assert refused.status == 401
    assert answer is not None
    assert answer.json["bytes"] == 0


def test_a_body_that_goes_on_after_its_answer_is_cut(server: Server) -> None:
    with server.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(POST.replace(b"/count", b"/deaf") + CHUNKED + END)
        refused = read(stream)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while True:  # for ever, were it not cut
                connection.sendall(chunked(b"a" * 65536)[:-5])

    assert refused is not None
    assert refused.status == 401


# -- time --------------------------------------------------------------------------------------------------------------


def test_by_default_headers_have_10_seconds_and_bodies_20() -> None:
    assert (Limits().headers_within, Limits().body_within) == (10, 20)


def dripping(connection: socket.socket, piece: bytes) -> Answer | None:
    """What a client gets that sends a piece again and again, without a pause longer than a moment."""
    connection.settimeout(0.02)
    deadline = time.monotonic() + 60
    with connection.makefile("rb") as _:
        while time.monotonic() < deadline:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(piece)
            with contextlib.suppress(TimeoutError):
                if connection.recv(1, socket.MSG_PEEK) is not None:
                    break
    connection.settimeout(60)
    with connection.makefile("rb") as stream:
        return read(stream)


@pytest.mark.parametrize(
    ("begun", "piece"),
    [
        (GET + b"X: ", b"a"),
        (GET, b"X: a\r\n"),
        (b"", b"G"),
        (GET + CHUNKED + END, b"1\r\na\r\n"),
        (GET + CHUNKED + END + b"5;", b"x"),
        (GET + CHUNKED + END + b"0\r\n", b"X: a\r\n"),
        (POST + b"Content-Length: 1000\r\n\r\n", b"a"),
        (GET + END + GET, b"X: a\r\n"),
    ],
)
def test_a_request_that_comes_drop_by_drop_is_ended(impatient: Server, begun: bytes, piece: bytes) -> None:
    connection = impatient.connect()
    connection.sendall(begun)
    if begun.startswith(GET + END):
        with connection.makefile("rb", buffering=0) as stream:
            assert read(stream) is not None

    answer = dripping(connection, piece)

    assert answer is not None
    assert answer.status in (408, 405, 431)
    assert problem(answer)[1] in ("request_timeout", "method_not_allowed", "headers_too_large")


@pytest.mark.parametrize("begun", [GET, GET + b"X: a", POST + b"Content-Length: 5\r\n\r\nhell", POST + CHUNKED + END])
def test_a_request_that_stands_is_ended(impatient: Server, begun: bytes) -> None:
    (answer,) = impatient.ask(begun)

    assert problem(answer) == (408, "request_timeout")


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"\r\n\r\n\r\n"])
def test_a_connection_on_which_nothing_is_asked_is_closed_without_a_word(impatient: Server, sent: bytes) -> None:
    assert impatient.ask(sent) == []


def test_line_ends_do_not_keep_a_connection_open(impatient: Server) -> None:
    connection = impatient.connect()
    connection.sendall(GET + END)
    with connection.makefile("rb", buffering=0) as stream:
        assert read(stream) is not None

    assert dripping(connection, b"\r\n") is None


def test_line_ends_behind_a_request_do_not_end_its_answer(impatient: Server) -> None:
    with impatient.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(b"GET /events HTTP/1.1\r\nAccept: text/event-stream\r\n" + HOST + END + b"\r\n")
        assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
        (other,) = impatient.ask(GET)  # it has waited for as long as line ends alone may take
        assert not is_gone(connection, impatient)

    assert other.status == 408


def test_who_does_not_read_a_stream_is_cut_and_holds_nobody_up(impatient: Server) -> None:
    connection = impatient.connect()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.sendall(b"GET /events?flood HTTP/1.1\r\nAccept: text/event-stream\r\n" + HOST + END)

    assert eventually(lambda: is_gone(connection, impatient))
    assert impatient.ask(GET + CLOSE + END)[0].status == 200


def is_gone(connection: socket.socket, server: Server) -> bool:
    """Whether the server has no such connection any more; without reading from it."""
    port = connection.getsockname()[1]
    return not any(
        (local, remote) == (server.port, port) and state == "01"
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        for local, remote, state in [_ends(line)]
    )


def _ends(line: str) -> tuple[int, int, str]:
    _, local, remote, state, *_ = line.split()
    return int(local.split(":")[1], 16), int(remote.split(":")[1], 16), state


def test_who_reads_a_long_answer_is_not_cut(impatient: Server) -> None:
    (answer,) = impatient.ask(b"GET /page HTTP/1.1\r\n" + HOST + CLOSE + END)

    assert len(answer.body) == 1_000_000


# -- how many ----------------------------------------------------------------------------------------------------------


def test_a_thousand_silent_connections_leave_room_for_the_others(server: Server) -> None:
    held = [server.connect() for _ in range(900)]
    for connection in held:
        connection.sendall(GET)

    assert server.ask(GET + CLOSE + END)[0].status == 200


# -- what is told ------------------------------------------------------------------------------------------------------


def test_no_request_however_wrong_is_told_of_in_the_log(tmp_path: Path) -> None:
    canary = b"ruta_live_canary"
    with serving(tmp_path) as server:
        for sent, *_ in REFUSED.values():
            server.ask(sent.replace(b"\r\n", b"\r\nAuthorization: " + canary + b"\r\n", 1))
        server.ask(GET[:-2] + b"?" + canary + END + END)
        with server.connect() as connection:
            connection.sendall(POST + b"Content-Length: 5\r\n\r\nhe")
        assert server.ask(GET + CLOSE + END)[0].status == 200
        said = server.log.read_text()

    assert said == "ready standin\n"


def test_each_refusal_of_the_protocol_is_a_problem_of_its_own() -> None:
    assert len({error.code for error in PROTOCOL_ERRORS}) == len(PROTOCOL_ERRORS)
    for error in PROTOCOL_ERRORS:
        assert error.status in problems.TITLES, error.code
        assert problems.detail(error.code, "es"), error.code  # its page, too
