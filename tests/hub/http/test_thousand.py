"""A thousand connections of one organisation's key, at everyday limits: whatever is on them, they keep nobody out."""

import resource
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass

import pytest

from deploy.local import Stack
from hub.gateway.http.connection_limits import Limits
from hub.gateway.http.limits import Limits as LimitsOfKey
from tests.hub.http.callers import connected, is_connected
from tests.hub.http.entrance import Client, Entrance
from tests.messaging.harness import Probe
from tests.waiting import eventually

PLACES = Limits().connections
REQUESTS, STREAMS = LimitsOfKey().requests_at_once, LimitsOfKey().streams_at_once
FILES = PLACES + 200  # that this process has to open at once

HOST = b"Host: 127.0.0.1\r\n"
IDLE = b"GET /v1/messages/none HTTP/1.1\r\n" + HOST
STREAM = b"GET /v1/inbox HTTP/1.1\r\n" + HOST + b"Accept: text/event-stream\r\n"
# Its body never comes. Where it is asked for (100), the request is under way.
BODILESS = (
    b"POST /v1/messages HTTP/1.1\r\n" + HOST + b"Content-Type: application/cloudevents+json\r\n"
    b"Content-Length: 9\r\nExpect: 100-continue\r\n"
)
BEGUN = b"GET /v1/inbox HTTP/1.1\r\nHost: 127"


class Calling:
    """Connections of one organisation's key to one process, which stay open."""

    def __init__(self, entrance: Entrance, port: int, organisation: str) -> None:
        self._port = port
        self._signed = b"Authorization: Bearer " + entrance.keys[organisation].encode() + b"\r\n\r\n"
        self.opened: list[socket.socket] = []
        self.answered: list[int] = []  # to each of them, 0 before its answer

    def ask(self, asked: bytes) -> int:
        """Ask on a connection of its own; the status that is answered, or 100."""
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        self.opened.append(connection)
        self.answered.append(0)
        connection.sendall(asked + self._signed)
        with connection.makefile("rb", buffering=0) as answer:
            if not (line := answer.readline()):
                raise ConnectionError("cut")
            self.answered[-1] = int(line.split(b" ", 2)[1])
        return self.answered[-1]

    def fill(self, asked: bytes) -> Counter[int]:
        """Ask so on as many connections as there are places; what was answered how often."""
        answered = Counter(self.ask(asked) for _ in range(PLACES))
        while len(connected(self._port)) < PLACES:  # on a slow machine, the first may have been idle for too long
            self.ask(asked)
        return answered

    def close(self) -> None:
        for one in self.opened:
            one.close()


@dataclass(frozen=True)
class Reached:
    """A process at everyday limits, with somebody who has been connected before anything happens."""

    entrance: Entrance
    port: int
    iom: Calling
    redcross: Client

    def others_are_served(self) -> bool:
        """Whether another organisation is answered, on twenty new connections, and one that has been there before."""
        americares = Calling(self.entrance, self.port, "americares")
        with closing(americares):
            return all(americares.ask(IDLE) == 404 for _ in range(20)) and self.redcross_is_served()

    def redcross_is_served(self) -> bool:
        return self.redcross.ask("GET", "/v1/inbox").status == 200


Reach = Callable[..., AbstractContextManager[Reached]]


@pytest.fixture(scope="module")
def many_files() -> Iterator[None]:
    """As many open files as a thousand connections take; where the machine does not let us have them, this fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    assert hard == unlimited or hard >= FILES, f"a process may open {hard} files on this machine, {FILES} are needed"
    if soft != unlimited and soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def reach(many_files: None, probed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reach]:
    """Begins to serve at everyday limits, with a fault or without."""
    probe = Probe(probed, tmp_path_factory.mktemp("thousand"))
    entrance = Entrance(probe)
    started: dict[str | None, int] = {}

    @contextmanager
    def reached(fault: str | None = None) -> Iterator[Reached]:
        if fault not in started:
            process, started[fault] = entrance.limited(fault=fault)
            process.start()
        port = started[fault]
        with closing(Calling(entrance, port, "iom")) as iom, closing(Client(port, entrance.keys["redcross"])) as before:
            reached = Reached(entrance, port, iom, before)
            assert reached.redcross_is_served()
            yield reached
        eventually(lambda: not connected(port))

    yield reached
    entrance.close()
    probe.close()


def test_beyond_the_requests_and_the_streams_of_a_key_the_next_is_told_to_come_later(reach: Reach) -> None:
    assert (REQUESTS, STREAMS) == (16, 5)
    with reach() as it:
        assert [it.iom.ask(BODILESS) for _ in range(REQUESTS)] == [100] * REQUESTS
        assert [it.iom.ask(STREAM) for _ in range(STREAMS)] == [200] * STREAMS
        with closing(Client(it.port, it.entrance.keys["iom"])) as client:
            request = client.ask("GET", "/v1/inbox")
            assert (request.status, request.code) == (429, "too_many_requests_at_once")
            stream = client.ask("GET", "/v1/inbox", headers={"accept": "text/event-stream"})
            assert (stream.status, stream.code) == (429, "too_many_streams_at_once")
        assert it.others_are_served()
    assert int(request.headers["retry-after"]) >= 1
    assert int(stream.headers["retry-after"]) >= 1


def test_a_thousand_idle_connections_of_one_key_keep_nobody_out(reach: Reach) -> None:
    with reach() as it:
        assert set(it.iom.fill(IDLE)) <= {404, 429}  # it asks too much, too

        assert it.others_are_served()


def test_nor_do_a_thousand_on_which_the_next_request_has_begun(reach: Reach) -> None:
    with reach() as it:
        it.iom.fill(IDLE)
        for one in it.iom.opened:
            with suppress(ConnectionError):  # on a slow machine, the first may have been closed
                one.send(BEGUN)
        assert it.redcross_is_served()  # and what came before that has been read, too

        assert it.others_are_served()


def test_nor_do_a_thousand_streams_of_which_five_go_on(reach: Reach) -> None:
    keep_nobody_out(reach, STREAM, 200, STREAMS)


def test_nor_do_a_thousand_requests_whose_bodies_never_come_of_which_sixteen_are_waited_for(reach: Reach) -> None:
    keep_nobody_out(reach, BODILESS, 100, REQUESTS)


def keep_nobody_out(reach: Reach, asked: bytes, granted: int, at_once: int) -> None:
    """Of a thousand requests at once, a few go on and are not cut; the others keep no places."""
    with reach() as it:
        assert it.iom.fill(asked) == {granted: at_once, 429: PLACES - at_once}

        assert it.others_are_served()
        # Not the first few: what others have asked before may have used up the rate of the key.
        going_on = [one for one, answer in zip(it.iom.opened, it.iom.answered, strict=True) if answer == granted]
        assert all(is_connected(one) for one in going_on)


@pytest.mark.parametrize(
    ("fault", "attack"),
    [
        ("who rests makes no room", test_a_thousand_idle_connections_of_one_key_keep_nobody_out),
        ("who rests makes no room", test_nor_do_a_thousand_streams_of_which_five_go_on),
        ("who begins a request rests no more", test_nor_do_a_thousand_on_which_the_next_request_has_begun),
        (
            "who owes a body does not rest",
            test_nor_do_a_thousand_requests_whose_bodies_never_come_of_which_sixteen_are_waited_for,
        ),
        (
            "nothing is counted of a key",
            test_beyond_the_requests_and_the_streams_of_a_key_the_next_is_told_to_come_later,
        ),
    ],
)
def test_a_process_that_is_kept_is_noticed(reach: Reach, fault: str, attack: Callable[[Reach], None]) -> None:
    with pytest.raises((AssertionError, ConnectionError)):
        attack(lambda: reach(fault))
