"""A stream's reader that is cut off anywhere and goes on behind its last id sees each message once and in order.

So does who reads nothing, and is cut off for that; who reads slowly is not.
"""

import contextlib
import http.client
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from deploy.local import Stack
from tests.hub.feed.feeding import Feed, Stream
from tests.hub.http.callers import GET, connected
from tests.hub.http.entrance import Entrance
from tests.messaging.harness import Probe
from tests.waiting import eventually


def read(feed: Feed, key: str, until: int, chance: random.Random, cuts: int = 0) -> list[int]:
    """Read up to a number, cut off so many times; the ids that were seen."""
    seen: list[int] = []
    for cut in range(cuts + 1):
        with feed.stream(key, seen[-1] if seen else None) as stream:
            for event in stream.events(chance.randrange(1, 3_000) if cut < cuts else None):
                seen.append(event.id)
                if event.id == until:
                    return seen
    return seen


def test_readers_that_are_cut_anywhere_see_each_message_once_and_in_order(feed: Feed, key: str) -> None:
    feed.deliver("redcross", count=20)
    seen: dict[int, list[int]] = {}

    def follow(reader: int) -> None:
        seen[reader] = read(feed, key, 200, random.Random(reader), cuts=10)  # noqa: S311 - always the same

    readers = [threading.Thread(target=follow, args=(reader,)) for reader in range(2)]
    for reader in readers:
        reader.start()
    for _ in range(18):
        feed.deliver("redcross", count=10)
        feed.deliver("iom", count=3)
    for reader in readers:
        reader.join(90)
    assert seen == {0: list(range(1, 201)), 1: list(range(1, 201))}
    assert len(feed.unread("redcross")) == 200


def test_a_message_is_one_line_and_emptied_ones_are_named(feed: Feed, key: str) -> None:
    feed.deliver("redcross", '{\r\n"a":\n1}', "no JSON")
    feed.deliver("redcross", None, erased=True)
    feed.deliver("redcross", None)
    with feed.stream(key) as stream:
        assert stream.answer.headers["Content-Type"] == "text/event-stream"
        assert stream.answer.headers["Cache-Control"] == "no-store"
        events = stream.events()
        found = [next(events) for _ in range(4)]
    assert [(one.id, one.event) for one in found] == [(1, "message"), (2, "unreadable"), (3, "erased"), (4, "expired")]
    assert found[0].data == '{  "a": 1}'


def test_last_event_id_goes_before_the_address(feed: Feed, key: str) -> None:
    feed.deliver("redcross", count=5)
    with feed.stream(key, 3, "/v1/inbox?after=1") as stream:
        assert next(stream.events()).id == 4
    with feed.stream(key, None, "/v1/inbox?after=1") as stream:
        assert next(stream.events()).id == 2


def test_a_revoked_keys_stream_ends_in_order(feed: Feed) -> None:
    key = feed.new_key("redcross")
    feed.deliver("redcross", count=1)
    with feed.stream(key) as stream:
        events = stream.events()
        assert next(events).id == 1
        feed.revoke(key)
        assert list(events) == []  # it ends by itself, and in good form: http.client raises where the end is missing


def test_what_is_delivered_while_the_database_loses_its_sessions_is_not_missed(feed: Feed, key: str) -> None:
    feed.deliver("redcross", count=1)
    with feed.stream(key) as stream:
        events = stream.events()
        assert next(events).id == 1
        lose = (
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'feed' and pid <> pg_backend_pid()"
        )
        feed.query(lose)
        feed.deliver("redcross", count=3)
        assert [next(events).id for _ in range(3)] == [2, 3, 4]


def test_readers_survive_the_end_of_the_process_in_order_and_its_death(fed: str) -> None:
    feed = Feed(fed).start()
    try:
        feed.empty()
        key = feed.key("redcross")
        feed.deliver("redcross", count=3)
        with feed.stream(key) as stream:
            events = stream.events()
            assert [next(events).id for _ in range(3)] == [1, 2, 3]
            feed.process.terminate()
            assert list(events) == []
            assert feed.process.wait(60) in (0, -15)
        feed.start()
        eventually(lambda: feed.ask(key, "/v1/messages/none").status == 404)
        with feed.stream(key, 3) as stream:
            feed.deliver("redcross", count=2)
            assert next(stream.events()).id == 4
            feed.kill()
        feed.start()
        eventually(lambda: feed.ask(key, "/v1/messages/none").status == 404)
        with feed.stream(key, 4) as stream:
            assert next(stream.events()).id == 5
    finally:
        feed.close()


# -- who reads nothing, or slowly: the process that partners reach, with a shorter window ------------------------------

MANY, LONG = 320, 50_000  # messages, and the bytes of each: far more together than the buffers of a connection hold
HOLDS = 256 * 1024  # bytes that a reader's kernel takes for it
WINDOW, TICK = 1.5, 0.3  # seconds: in which one has to read something; between two looks of who reads slowly
AT_ONCE = 5  # streams that one key may have

Open = Callable[..., Feed]


@pytest.fixture(scope="module")
def opened(probed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Begins to serve, with a fault or without, an inbox of the Red Cross in which a great deal waits."""
    probe = Probe(probed, tmp_path_factory.mktemp("streams"))
    entrance = Entrance(probe)
    Feed(entrance.database_url).deliver("redcross", *('{"long":"%s"}' % ("x" * LONG) for _ in range(MANY)))
    started: dict[object, Feed] = {}

    def open_(fault: str | None = None, **limits: float) -> Feed:
        limits = {"read_within": WINDOW, "headers_within": TICK, **limits}
        named = fault, *limits.items()
        if named not in started:
            process, port = entrance.limited(limits, fault)
            process.start()
            feed = started[named] = Feed(entrance.database_url)
            feed.port = port
            for organisation, key in entrance.keys.items():
                feed.knows(organisation, key)
        return started[named]

    yield open_
    entrance.close()
    probe.close()


def numbers(stream: Stream) -> Iterator[int]:
    """What comes on a stream, until all is there or it is cut."""
    with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
        for event in stream.events():
            yield event.id
            if event.id == MANY:
                return


def begun(stream: Stream) -> None:
    """Wait until something of the answer is here, and leave it unread."""
    assert stream.socket.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 200"


def test_who_reads_nothing_is_cut_holds_no_stream_up_and_misses_nothing(opened: Open) -> None:
    are_cut_and_miss_nothing(opened(), patience=90)


def are_cut_and_miss_nothing(feed: Feed, patience: float) -> None:
    """Hold all streams of a key without reading; fail where that is not cut, or anything has taken longer (seconds)."""
    key, deadline = feed.key("redcross"), time.monotonic() + patience
    with feed.stream(feed.key("iom")) as other:
        other.socket.settimeout(patience)
        meanwhile = 0
        while not meanwhile:  # on a busy machine, all may be cut before another has heard anything
            seen, meanwhile = while_others_read_nothing(feed, other, deadline)
    assert len(seen) < MANY
    while seen[-1:] != [MANY]:
        assert time.monotonic() < deadline
        with feed.stream(key, seen[-1] if seen else 0) as again:
            seen += numbers(again)
    assert seen == list(range(1, MANY + 1))


def while_others_read_nothing(feed: Feed, other: Stream, deadline: float) -> tuple[list[int], int]:
    """What one of them has when it is cut, and how many messages have come to another organisation before that."""
    with contextlib.ExitStack() as open_:
        silent = [open_.enter_context(feed.stream(feed.key("redcross"), 0, holds=HOLDS)) for _ in range(AT_ONCE)]
        ports = {one.socket.getsockname()[1] for one in silent}
        for one in silent:
            begun(one)
        meanwhile = 0
        theirs = other.events()
        while still := ports & set(connected(feed.port)):
            assert time.monotonic() < deadline, f"{len(still)} are not cut"
            feed.deliver("iom", count=1)
            next(theirs)
            meanwhile += ports <= set(connected(feed.port))
        assert meanwhile or time.monotonic() < deadline
        return list(numbers(silent[0])), meanwhile


def test_who_reads_slowly_but_steadily_gets_everything_on_one_connection(opened: Open, **limits: float) -> None:
    feed = opened(**limits)
    deadline = time.monotonic() + 90
    while True:
        seen, longest = slowly(feed)
        # On a busy machine, that one was reading nothing after all.
        if seen[-1:] == [MANY] or longest < WINDOW / 2 or time.monotonic() > deadline:
            break
    assert seen == list(range(1, MANY + 1))


def slowly(feed: Feed) -> tuple[list[int], float]:
    """Read one at a time for more than two windows, then the rest; what was seen, and the longest pause in seconds.

    So little at a time that the server, which fills far larger buffers, can write nothing meanwhile.
    """
    seen: list[int] = []
    longest = 0.0
    with feed.stream(feed.key("redcross"), holds=HOLDS) as stream:
        began = read_at = time.monotonic()
        for number in numbers(stream):
            seen.append(number)
            longest, read_at = max(longest, time.monotonic() - read_at), time.monotonic()
            if read_at - began < 2.5 * WINDOW:
                tick(feed)
    return seen, longest


def tick(feed: Feed) -> None:
    """Wait for a while, by the server's clock: who begins a request and says no more is told after `headers_within`."""
    with socket.create_connection(("127.0.0.1", feed.port), timeout=60) as connection:
        connection.sendall(GET)
        assert connection.recv(12) == b"HTTP/1.1 408"


@pytest.mark.parametrize("fault", ["nobody is cut", "who reads keeps a connection to the database"])
def test_a_process_that_cuts_nobody_or_holds_others_up_is_noticed(opened: Open, fault: str) -> None:
    with pytest.raises((AssertionError, TimeoutError)):
        are_cut_and_miss_nothing(opened(fault), patience=3 * WINDOW)


def test_a_process_that_begins_anew_for_who_comes_back_is_noticed(opened: Open) -> None:
    with pytest.raises(AssertionError):
        are_cut_and_miss_nothing(opened("who comes back begins anew"), patience=90)


def test_a_process_that_cuts_who_reads_slowly_is_noticed(opened: Open) -> None:
    with pytest.raises(AssertionError):
        test_who_reads_slowly_but_steadily_gets_everything_on_one_connection(opened, read_at_least=1e12)
