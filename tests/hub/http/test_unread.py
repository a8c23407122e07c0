"""Who reads nothing is cut off; who reads slowly gets everything."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from hub.gateway.http.connection_limits import Limits
from hub.gateway.http.unread import Unread, acknowledged
from tests.hub.http.callers import CLOSE, END, GET, Caller, Open, established
from tests.waiting import eventually

LIMITS = Limits()
LONG = 48 * 1024 * 1024  # bytes: far more than the buffers of both sides of a connection hold
PIECE = 4 * 1024 * 1024
SOME = 256 * 1024  # bytes: less than those hold
PAGE = GET.replace(b"/count", b"/page?bytes=%d" % LONG)
FLOOD = GET.replace(b"/count", b"/events?flood") + b"Accept: text/event-stream\r\n"
WINDOW = 2.0  # seconds


# -- what decides, with a clock of its own -----------------------------------------------------------------------------


class Clock:
    """As much of a loop as it takes; time passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: dict[object, tuple[float, Callable[[], None]]] = {}

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> "Timer":
        timer = Timer(self)
        self.due[timer] = (self.now + seconds, call)
        return timer

    def passes(self, seconds: float) -> None:
        self.now += seconds
        for timer, (at, call) in list(self.due.items()):
            if at <= self.now:
                del self.due[timer]
                call()


class Timer:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def cancel(self) -> None:
        self._clock.due.pop(self, None)


class Watched:
    """A connection that is watched, with far more unsent than its buffers hold."""

    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        self.clock = Clock()
        self.cut = 0
        self._ours, self._theirs = ours, theirs
        self.unread = Unread(cast(asyncio.AbstractEventLoop, self.clock), LIMITS, ours, self._cut)
        ours.setblocking(False)
        self._fill()

    def _cut(self) -> None:
        self.cut += 1

    def _fill(self) -> None:
        try:
            while True:
                self._ours.send(bytes(SOME))
        except BlockingIOError:
            pass

    def reads(self) -> None:
        """The other side takes some, until its kernel says so."""
        before = acknowledged(self._ours)
        while acknowledged(self._ours) - before < LIMITS.read_at_least:
            self._theirs.recv(SOME)
            self._fill()


@pytest.fixture
def watched() -> Iterator[Watched]:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as theirs,
        listening.accept()[0] as ours,
    ):
        yield Watched(ours, theirs)


def test_who_reads_nothing_is_cut_after_one_window(watched: Watched) -> None:
    watched.unread.watch()

    watched.clock.passes(LIMITS.read_within)

    assert watched.cut == 1


def test_who_reads_a_little_in_each_window_is_not_cut_for_minutes(watched: Watched) -> None:
    watched.unread.watch()

    for _ in range(int(LIMITS.read_at_most / LIMITS.read_within) - 1):
        watched.reads()
        watched.clock.passes(LIMITS.read_within)

    assert watched.cut == 0
    watched.reads()
    watched.clock.passes(LIMITS.read_within)
    assert watched.cut == 1  # that is enough


def test_who_read_once_and_stops_is_cut(watched: Watched) -> None:
    watched.unread.watch()
    watched.reads()
    watched.clock.passes(LIMITS.read_within)

    watched.clock.passes(LIMITS.read_within)

    assert watched.cut == 1


def test_who_has_read_all_is_watched_no_more(watched: Watched) -> None:
    watched.unread.watch()
    watched.unread.end()

    watched.clock.passes(LIMITS.read_at_most)
    assert watched.cut == 0
    watched.unread.watch()  # and anew from now on
    watched.reads()
    watched.clock.passes(LIMITS.read_within)
    assert watched.cut == 0


def test_to_begin_to_watch_again_gains_nothing(watched: Watched) -> None:
    watched.unread.watch()
    watched.reads()
    watched.clock.passes(LIMITS.read_within - 1)
    watched.unread.watch()
    watched.clock.passes(1)
    watched.clock.passes(LIMITS.read_within - 1)
    watched.unread.watch()
    watched.clock.passes(1)

    assert watched.cut == 1


def test_an_end_that_nobody_tells_of_is_no_error(watched: Watched) -> None:
    watched.unread.watch()
    watched._ours.close()

    watched.clock.passes(LIMITS.read_within)

    assert watched.cut == 1


def test_a_page_of_the_feed_may_take_minutes() -> None:
    assert (LIMITS.read_within, LIMITS.read_at_least, LIMITS.read_at_most) == (20, 1024, 300)


# -- over the wire -----------------------------------------------------------------------------------------------------


def slowly(caller: Caller, asked: bytes) -> tuple[int, float]:
    """Read piece by piece, a third of a second apart; how many bytes came, and the longest pause in seconds."""
    connection = caller.connect()
    connection.sendall(asked)
    got, longest, read_at = 0, 0.0, time.monotonic()
    while True:
        (other,) = _ended_for_standing(caller)
        assert other == 408
        until = got + PIECE
        while got < until:
            try:
                data = connection.recv(65536)
            except OSError:  # cut
                data = b""
            got += len(data)
            longest, read_at = max(longest, time.monotonic() - read_at), time.monotonic()
            if not data or got > LONG:
                return got, longest


def _ended_for_standing(caller: Caller) -> list[int]:
    """A clock: who begins a request and says no more is told after `headers_within`."""
    connection = caller.connect()
    connection.sendall(GET)
    with connection.makefile("rb") as stream:
        return [int(stream.readline().split()[1])]


SLOW = {"headers_within": 0.3, "read_within": WINDOW}


def test_who_reads_slowly_gets_everything(opened: Open) -> None:
    with opened(**SLOW) as caller:
        got = _patiently(caller, PAGE + CLOSE + END)

    assert got > LONG


def _patiently(caller: Caller, asked: bytes) -> int:
    """Read slowly, but never so slowly, by a busy machine, that it was reading nothing."""
    deadline = time.monotonic() + 90
    while True:
        got, longest = slowly(caller, asked)
        if got > LONG or longest < WINDOW / 2 or time.monotonic() > deadline:
            return got


@pytest.mark.parametrize("opened", ["plain"], indirect=True)
def test_a_server_that_cuts_who_reads_slowly_is_noticed(opened: Open) -> None:
    def faulty(**limits: float) -> Any:
        return opened(**limits, read_at_least=1e12)

    with pytest.raises(AssertionError):
        test_who_reads_slowly_gets_everything(faulty)


@pytest.mark.parametrize(
    "asked", [PAGE + CLOSE + END, PAGE + END, FLOOD + END], ids=["the last", "one of several", "stream"]
)
def test_who_reads_nothing_is_cut_and_holds_nobody_up(opened: Open, asked: bytes) -> None:
    with opened(read_within=0.3, idle=0.3, stranger_idle=2.0) as caller:
        connection = caller.connect()
        connection.sendall(asked)

        eventually(lambda: not established(caller))
        eventually(caller.is_served)
