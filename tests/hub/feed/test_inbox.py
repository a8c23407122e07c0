"""A reader of the inbox sees each message of its organisation once, in order and byte for byte, and nobody else's."""

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote
from uuid import UUID

import pytest

from contracts import uuid7
from tests.hub.feed.feeding import BODY, TYPE, Feed
from tests.waiting import eventually

NO_CURSORS = [
    "-1",
    "+1",
    "01",
    "1.0",
    "1e0",
    "1 ",
    " 1",
    "",
    "x",
    "0x1",
    "\N{ARABIC-INDIC DIGIT ONE}",
    "1\n",
    "1,2",
    "null",
    "9" * 18,
    "9" * 4301,
    "3",
]
"""Where two messages are there."""


def numbers(feed: Feed, key: str, target: str = "/v1/inbox") -> list[int]:
    return [int(one["cursor"]) for one in feed.ask(key, target).said["messages"]]


def test_messages_come_in_order_and_byte_for_byte(feed: Feed, key: str) -> None:
    bodies = [
        '{"b":1, "a" : 1.0,"a":2,\t"n":1e400, "big":123456789012345678901234567890}',
        '{ "accents":"canción \\u00f1 \\/ ñ \u2028 😀" }\n',
        "\r\n{}",
    ]
    feed.deliver("redcross", *bodies)
    answer = feed.ask(key)
    said = [f'{{"cursor":"{place}","acknowledged":false,"message":{body}}}' for place, body in enumerate(bodies, 1)]
    assert answer.body.decode() == f'{{"messages":[{",".join(said)}],"next":"3","more":false}}'
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


def test_whoever_goes_on_at_next_sees_each_message_once(feed: Feed, key: str) -> None:
    feed.deliver("redcross", count=25)
    seen, target, more = [], "/v1/inbox?limit=10", True
    while more:
        said = feed.ask(key, target).said
        seen += [int(one["cursor"]) for one in said["messages"]]
        target, more = f"/v1/inbox?limit=10&after={said['next']}", said["more"]
    assert seen == list(range(1, 26))
    assert feed.ask(key, target).said == {"messages": [], "next": "25", "more": False}


def test_no_answer_has_more_than_the_most_messages(feed: Feed, key: str) -> None:
    feed.deliver("redcross", count=502)
    for limit, expected in (
        ("", 100),
        ("?limit=1", 1),
        ("?limit=500", 500),
        ("?limit=501", 500),
        ("?limit=999999999", 500),
    ):
        said = feed.ask(key, f"/v1/inbox{limit}").said
        assert (len(said["messages"]), said["more"], said["next"]) == (expected, True, str(expected))


def test_no_answer_is_longer_than_the_most_bytes_and_one_message_always_comes(feed: Feed, key: str) -> None:
    long = json.dumps("x" * (128 * 1024 - 2))
    feed.deliver("redcross", *[long] * 6, json.dumps("x" * (640 * 1024)), "{}")
    said = feed.ask(key).said
    assert (len(said["messages"]), said["more"], said["next"]) == (4, True, "4")
    assert numbers(feed, key, "/v1/inbox?after=4") == [5, 6]
    assert numbers(feed, key, "/v1/inbox?after=6") == [7]
    assert numbers(feed, key, "/v1/inbox?after=7") == [8]


def test_limit_0_tells_how_many_are_not_acknowledged(feed: Feed, key: str) -> None:
    feed.deliver("redcross", count=3)
    feed.acknowledge(key, through="1")
    assert feed.ask(key, "/v1/inbox?limit=0").said == {"messages": [], "next": "1", "more": False, "waiting": 2}


def test_without_a_cursor_one_reads_from_the_first_message_on_that_is_not_acknowledged(feed: Feed, key: str) -> None:
    ids = feed.deliver("redcross", count=5)
    feed.acknowledge(key, ids=[str(ids[place]) for place in (0, 1, 3)])
    said = feed.ask(key).said["messages"]
    assert [(one["cursor"], one["acknowledged"]) for one in said] == [("3", False), ("4", True), ("5", False)]
    feed.acknowledge(key, through="5")
    assert feed.ask(key).said == {"messages": [], "next": "5", "more": False}
    assert numbers(feed, key, "/v1/inbox?after=0") == [1, 2, 3, 4, 5]


def test_to_read_acknowledges_nothing(feed: Feed, key: str) -> None:
    feed.deliver("redcross", count=3)
    assert [numbers(feed, key) for _ in range(3)] == [[1, 2, 3]] * 3
    assert feed.unread("redcross") == [1, 2, 3]


def test_an_emptied_message_says_why_and_keeps_its_place(feed: Feed, key: str) -> None:
    (erased,) = feed.deliver("redcross", None, erased=True)
    (expired,) = feed.deliver("redcross", None)
    first, second = feed.ask(key).said["messages"]
    for said, id, why in ((first, erased, "erased"), (second, expired, "expired")):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said.pop("delivered_at"))
        assert said.pop("cursor")
        assert said == {"acknowledged": False, why: True, "id": str(id), "type": TYPE}


@pytest.mark.parametrize("body", ["", "{", "no JSON", '{"a":1} {', "[" * 100_000, '{"a":NaN}'])
def test_what_is_no_json_breaks_no_answer_and_is_not_lost(feed: Feed, key: str, body: str) -> None:
    feed.deliver("redcross", "{}", body, "{}")
    said = feed.ask(key).said["messages"]
    assert [one.get("message") for one in said] == [{}, None, {}]
    assert (said[1]["unreadable"], said[1]["raw"]) == (True, body)


@pytest.mark.parametrize("cursor", NO_CURSORS)
def test_a_cursor_that_was_never_given_out_is_refused(feed: Feed, key: str, cursor: str) -> None:
    feed.deliver("redcross", count=2)
    feed.deliver("iom", count=9)
    answer = feed.ask(key, f"/v1/inbox?after={quote(cursor)}")
    assert (answer.status, answer.code, answer.said["where"]) == (400, "cursor", "after")
    refused = feed.acknowledge(key, through=cursor)
    assert (refused.status, refused.code, refused.said["where"]) == (400, "cursor", "through")
    assert feed.unread("redcross") == [1, 2]
    if (
        cursor.isprintable() and cursor.isascii() and cursor == cursor.strip()
    ):  # a header's value has no blanks around it
        refused = feed.ask(key, headers={"Accept": "text/event-stream", "Last-Event-ID": cursor})
        assert (refused.status, refused.code, refused.said["where"]) == (400, "cursor", "last-event-id")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=-1", "parameter"),
        ("limit=1e9", "parameter"),
        ("limit=", "parameter"),
        ("wait=x", "parameter"),
        ("wait=1.5", "parameter"),
        ("wait=" + "9" * 5000, "parameter"),
        ("limit=1&limit=2", "parameter_twice"),
        ("after=1&after=2", "parameter_twice"),
        ("offset=1", "unknown_parameter"),
        ("organisation=iom", "unknown_parameter"),
    ],
)
def test_what_is_asked_wrongly_is_refused(feed: Feed, key: str, query: str, code: str) -> None:
    answer = feed.ask(key, f"/v1/inbox?{query}")
    assert (answer.status, answer.code) == (400, code)


def test_nobody_reads_what_is_anothers(feed: Feed, key: str) -> None:
    other = feed.key("iom")
    feed.deliver("iom", count=2)
    feed.deliver("redcross", count=1)
    assert numbers(feed, key) == [1]
    assert numbers(feed, other) == [1, 2]
    assert feed.ask("ruta_live_redcross_forged").status == 401


def test_a_systems_key_has_that_systems_messages_and_the_organisations_has_all(feed: Feed, key: str) -> None:
    events = feed.key("redcross", "attendance")
    feed.deliver("redcross", count=2)
    feed.deliver("redcross", count=2, system="attendance")
    (theirs,) = feed.deliver("redcross", count=1)
    assert (numbers(feed, key), numbers(feed, events)) == ([1, 2, 3, 4, 5], [3, 4])
    assert numbers(feed, events, "/v1/inbox?after=3") == [4]
    assert feed.ask(events, "/v1/inbox?limit=0").said["waiting"] == 2
    refused = feed.acknowledge(events, ids=[str(theirs)])
    assert (refused.status, feed.unread("redcross")) == (404, [1, 2, 3, 4, 5])
    assert feed.acknowledge(events, through="5").said == {"acknowledged": 2}
    assert feed.unread("redcross") == [1, 2, 5]
    assert numbers(feed, events) == []


def test_a_copy_is_the_systems_alone_and_acknowledged_for_itself(feed: Feed, key: str) -> None:
    console = feed.key("redcross", "attendance")
    both = feed.deliver("redcross", count=2)
    feed.deliver("redcross", system="attendance", copies_of=both)
    assert (numbers(feed, key), numbers(feed, console)) == ([1, 2], [3, 4])
    assert [feed.ask(one, "/v1/inbox?limit=0").said["waiting"] for one in (key, console)] == [2, 2]
    assert feed.acknowledge(console, ids=[str(both[0])]).said == {"acknowledged": 1}
    assert feed.unread("redcross") == [1, 2, 4]
    assert feed.acknowledge(key, through="4").said == {"acknowledged": 2}
    assert feed.unread("redcross") == [4]
    assert numbers(feed, key, "/v1/inbox?after=2") == []
    assert feed.acknowledge(key, ids=[str(both[1])]).said == {"acknowledged": 0}
    assert feed.unread("redcross") == [4]
    assert feed.acknowledge(console, through="4").said == {"acknowledged": 1}


def test_a_system_that_looks_is_noted_for_itself(feed: Feed) -> None:
    """What its organisation has by AMQP is not kept here because of it."""
    feed.ask(feed.key("redcross", "attendance"))
    assert feed.query("select organisation from http_reader") == []
    assert feed.query("select address from system_reader") == [("redcross.attendance",)]


def test_the_first_look_is_noted_once(feed: Feed, key: str) -> None:
    assert feed.query("select organisation from http_reader") == []
    feed.ask(key)
    first = feed.query("select organisation, since from http_reader")
    feed.ask(key)
    feed.acknowledge(key, ids=[])
    assert feed.query("select organisation, since from http_reader") == first
    assert [organisation for organisation, _ in first] == ["redcross"]


def test_head_is_answered_at_once_and_without_a_body(feed: Feed, key: str) -> None:
    for headers in ({}, {"Accept": "text/event-stream"}):
        answer = feed.ask(key, "/v1/inbox?wait=30", method="HEAD", headers=headers)
        assert (answer.status, answer.body) == (200, b"")


# -- to wait ----------------------------------------------------------------------------------------------------------


def test_who_waits_is_answered_when_something_comes(feed: Feed, key: str) -> None:
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(feed.ask, key, "/v1/inbox?wait=30")
        eventually(lambda: feed.query("select from http_reader"))
        feed.deliver("iom", count=1)
        feed.deliver("redcross", count=1)
        assert [one["cursor"] for one in answer.result().said["messages"]] == ["1"]


def test_who_waits_in_vain_is_answered_in_the_end(feed: Feed, key: str) -> None:
    assert feed.ask(key, "/v1/inbox?wait=1").said == {"messages": [], "next": "0", "more": False}


def test_who_waits_with_a_key_that_is_revoked_is_told_so(feed: Feed) -> None:
    key = feed.new_key("redcross")
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(feed.ask, key, "/v1/inbox?wait=30")
        eventually(lambda: feed.query("select from http_reader"))
        feed.revoke(key)
        assert answer.result().status == 401


# -- to acknowledge ---------------------------------------------------------------------------------------------------


def test_to_acknowledge_again_changes_nothing(feed: Feed, key: str) -> None:
    ids = feed.deliver("redcross", count=4)
    assert feed.acknowledge(key, through="2").said == {"acknowledged": 2}
    before = feed.query("select number, acknowledged_at from delivery order by number")
    assert feed.acknowledge(key, through="2").said == {"acknowledged": 0}
    assert feed.acknowledge(key, through="1").said == {"acknowledged": 0}
    assert feed.acknowledge(key, ids=[str(ids[0]), str(ids[1])]).said == {"acknowledged": 0}
    assert feed.query("select number, acknowledged_at from delivery order by number") == before
    assert feed.acknowledge(key, ids=[str(ids[1]), str(ids[3]), str(ids[3]).upper()]).said == {"acknowledged": 1}
    assert feed.unread("redcross") == [3]


def test_an_id_that_is_not_ones_own_is_unknown_and_nothing_is_acknowledged(feed: Feed, key: str) -> None:
    mine, theirs = feed.deliver("redcross", count=2), feed.deliver("iom", count=1)
    for stranger in (str(theirs[0]), str(uuid7()), "no id", "", f"{{{mine[0]}}}", f"urn:uuid:{mine[0]}"):
        refused = feed.acknowledge(key, ids=[str(mine[0]), stranger])
        assert (refused.status, refused.code) == (404, "unknown_message")
    assert (feed.unread("redcross"), feed.unread("iom")) == ([1, 2], [1])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "not_json"),
        (b"{", 400, "not_json"),
        (b'{"through":"1"} x', 400, "not_json"),
        (b'{"through":NaN}', 400, "not_json"),
        (b'\xff{"through":"1"}', 400, "not_json"),
        (b'{"through":"\xff"}', 400, "not_json"),
        (b"[" * 60_000, 400, "not_json"),
        (b"[]", 422, "invalid_field"),
        (b"null", 422, "invalid_field"),
        (b"{}", 422, "invalid_field"),
        (b'{"through":"1","ids":[]}', 422, "invalid_field"),
        (b'{"through":"1","organisation":"iom"}', 422, "invalid_field"),
        (b'{"through":1}', 400, "cursor"),
        (b'{"through":null}', 400, "cursor"),
        (b'{"through":["1"]}', 400, "cursor"),
        (b'{"ids":"x"}', 422, "invalid_field"),
        (b'{"ids":[1]}', 404, "unknown_message"),
        (b'{"ids":[null]}', 404, "unknown_message"),
        (json.dumps({"ids": [str(UUID(int=7))] * 1001}).encode(), 422, "invalid_field"),
        (b'{"through":"' + b"1" * 65_536 + b'"}', 413, "too_large"),
    ],
    ids=lambda value: value[:30].decode("latin-1") if isinstance(value, bytes) else str(value),
)
def test_what_is_acknowledged_wrongly_is_refused(feed: Feed, key: str, body: bytes, status: int, code: str) -> None:
    feed.deliver("redcross", count=2)
    headers = {"Content-Type": "application/json"}
    refused = feed.ask(key, "/v1/inbox/acknowledge", method="POST", body=body, headers=headers)
    assert (refused.status, refused.code) == (status, code)
    assert feed.unread("redcross") == [1, 2]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-Type": "text/plain"}, "content_type"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "content_type"),
        ({}, "content_type"),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, "content_encoding"),
    ],
)
def test_another_kind_of_body_is_refused(feed: Feed, key: str, headers: dict[str, str], code: str) -> None:
    answer = feed.ask(key, "/v1/inbox/acknowledge", method="POST", body=b'{"through":"0"}', headers=headers)
    assert (answer.status, answer.code) == (415, code)


def test_a_thousand_can_be_acknowledged_at_once(feed: Feed, key: str) -> None:
    ids = feed.deliver("redcross", count=1_000)
    assert feed.acknowledge(key, ids=[str(id) for id in ids]).said == {"acknowledged": 1_000}
    assert feed.unread("redcross") == []


@pytest.fixture
def patient(fed: str) -> Iterator[Feed]:
    """Another process of the same, which gives up no request because the machine is slow."""
    feed = Feed(fed)
    waits = ("ANSWER_WITHIN", "CONNECTED_WITHIN")
    yield feed.start(**{f"hub.gateway.http.delivered.{name}": 90.0 for name in waits})
    feed.close()


def test_readers_that_acknowledge_the_same_at_once_acknowledge_all_of_it_once(
    feed: Feed, key: str, patient: Feed
) -> None:
    ids = [str(id) for id in feed.deliver("redcross", count=12_000)]
    begin = threading.Barrier(6)

    def acknowledge(reader: int) -> int:
        begin.wait()
        said = {"through": "12000"} if reader % 2 else {"ids": ids[:: reader + 7][:1_000]}
        answer = patient.acknowledge(key, said)
        assert answer.status == 200
        return int(answer.said["acknowledged"])

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(acknowledge, range(6))) == 12_000
    assert feed.unread("redcross") == []


def test_nothing_expires_unread(feed: Feed, key: str) -> None:
    id = uuid7()
    feed.deliver("redcross", BODY % (id, TYPE, 0))
    feed.query("update delivery set delivered_at = now() - interval '10 years'")
    assert feed.ask(key).said["messages"][0]["message"]["id"] == str(id)
