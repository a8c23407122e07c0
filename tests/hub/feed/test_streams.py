"""A stream's reader that is cut off anywhere and goes on behind its last id sees each message once and in order."""

import random
import threading

from tests.hub.feed.feeding import Feed
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
