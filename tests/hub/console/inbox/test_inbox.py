"""What a hosted organisation is sent is kept once, its blocks as they came; and whatever is away, nothing is lost."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import contracts
from contracts import codes, sealing, uuid7
from contracts.fields import SealedTo
from contracts.marks import fields_within
from deploy.local.process import start_child
from deploy.local.state import ROOT
from hub.console.entrance import Unavailable
from hub.console.inbox import reader, storing
from hub.console.inbox.reading import Inbox
from messaging import database, topology
from messaging.health import health
from tests.examples import NOW, PERSON_ID, REFERRAL_ID
from tests.hub.console.custody.boxes import ANA, PLANTED, Console, brought, by_the_hub, noted, offered
from tests.hub.console.inbox.inboxes import Hosted
from tests.hub.console.servers import Request, serving
from tests.hub.feed.feeding import Feed
from tests.waiting import eventually

WITHIN = 60.0  # seconds; reached only where something is broken
Make = Callable[[str], Hosted]


def refusal_of(refused: UUID, code: str = "not_yours") -> contracts.Message[Any]:
    data = contracts.MessageRefused(
        code=code, refused_id=refused, refused_type="referral.accepted.v1", body_sha256="0" * 64
    )
    return by_the_hub(data, "redcross")


# -- what is kept ---------------------------------------------------------------------------------------------------


def test_a_message_is_kept_with_its_block_as_it_came_and_acknowledged(console: Console, hosted: Make) -> None:
    redcross = hosted("redcross")
    message = offered(console.private["redcross"], "redcross", person_id=PERSON_ID, referral_id=REFERRAL_ID)
    redcross.send(message)
    redcross.reader.step()
    (row,) = console.query("select * from delivered")
    assert (row["organisation"], row["source"], row["message_id"]) == ("redcross", "hub", message.id)
    assert (row["type"], row["subject"], row["said_at"]) == (message.type, message.subject, message.time)
    assert (row["referral_id"], row["people"], row["confidential"]) == (REFERRAL_ID, [PERSON_ID], False)
    assert row["envelope"]["correlationid"] == str(message.correlationid)
    assert row["envelope"]["sequence"] == "0000000001"
    assert row["data"]["request"]["need_code"] == message.data.request.need_code
    assert "sealed" not in row["data"]["request"]
    (block,) = console.query("select * from sealed_block")
    assert (block["kind"], block["place"], block["jwe"]) == (
        "person", "data.request.sealed", message.data.request.sealed,
    )  # fmt: skip
    assert (block["person_id"], block["referral_id"]) == (PERSON_ID, REFERRAL_ID)
    assert redcross.unread() == []


def test_nothing_of_a_person_is_kept_in_clear(console: Console, hosted: Make) -> None:
    redcross = hosted("redcross")
    key = console.private["redcross"]
    redcross.send(offered(key, "redcross", referral_id=REFERRAL_ID), noted(key, "redcross", str(ANA), REFERRAL_ID))
    redcross.reader.step()
    assert len(redcross.kept()) == 2
    written = console.everything().lower()
    assert not [word for word in PLANTED if word.lower() in written]


def test_the_same_again_changes_nothing(console: Console, hosted: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    redcross = hosted("redcross")
    redcross.send(*(offered(console.private["redcross"], "redcross") for _ in range(3)))

    def fail(*_: object) -> None:
        raise Unavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(reader, "acknowledge", fail)
        with pytest.raises(Unavailable):
            redcross.reader.step()
    before = console.everything()
    assert len(redcross.unread()) == 3
    redcross.reader.step()
    assert console.everything() == before
    assert redcross.unread() == []


def test_an_acknowledgement_follows_the_commit(console: Console, hosted: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    redcross = hosted("redcross")
    redcross.send(offered(console.private["redcross"], "redcross"))

    def fail(_: object) -> None:
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr(storing, "commit", fail)
    with pytest.raises(psycopg.OperationalError):
        redcross.reader.step()
    assert redcross.kept() == []
    assert len(redcross.unread()) == 1


def test_of_two_organisations_each_has_its_own_copy(console: Console, hosted: Make) -> None:
    message = by_the_hub(contracts.PersonErasureAsked(person_id=PERSON_ID, erase_by=NOW.date()), "redcross")
    for id in ("redcross", "iom"):
        one = hosted(id)
        one.send(message)
        one.reader.step()
        assert one.kept() == [message.id]


# -- what came back to what was said ----------------------------------------------------------------------------------


def test_a_page_can_say_what_became_of_what_was_sent(console: Console, hosted: Make) -> None:
    redcross = hosted("redcross")
    refused, applied, under_way = uuid7(), uuid7(), uuid7()
    answer = noted(console.private["redcross"], "redcross", "x", REFERRAL_ID).model_copy(
        update={"causationid": applied}
    )
    redcross.send(refusal_of(refused), answer)
    redcross.reader.step()
    with closing(database.connect(console.url)) as connection:
        said = storing.answers(connection, "redcross", [refused, applied, under_way])
        assert storing.answers(connection, "iom", [refused, applied]) == {}
    assert said == {refused: (True, "not_yours"), applied: (False, None)}


# -- what is poisonous ------------------------------------------------------------------------------------------------


def test_what_cannot_be_read_is_set_aside_and_the_rest_goes_on(console: Console, hosted: Make) -> None:
    redcross = hosted("redcross")
    good = [offered(console.private["redcross"], "redcross") for _ in range(3)]
    bad = good[0].to_json().decode()
    unknown = json.loads(bad) | {"id": str(uuid7()), "type": "referral.sung.v1"}
    wrong = json.loads(bad) | {"id": str(uuid7()), "data": {}}
    redcross.send(good[0], "{", good[1], json.dumps(unknown), json.dumps(wrong), good[2])
    redcross.reader.step()
    assert redcross.kept() == [one.id for one in good]
    assert sorted(redcross.set_aside()) == ["invalid_field", "not_json", "unknown_contract"]
    assert redcross.unread() == []


@pytest.mark.parametrize("fault", [RuntimeError("Zulmarixa"), psycopg.errors.NumericValueOutOfRange("Zulmarixa")])
def test_what_cannot_be_kept_is_set_aside_and_the_rest_goes_on(
    console: Console,
    hosted: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: Exception,
) -> None:
    redcross = hosted("redcross")
    good = [offered(console.private["redcross"], "redcross") for _ in range(3)]
    before = storing._blocks

    def fail(row: Any, message: Any) -> Any:
        if message.id == good[1].id:
            raise fault
        return before(row, message)

    monkeypatch.setattr(storing, "_blocks", fail)
    redcross.send(*good)
    redcross.reader.step()
    assert redcross.kept() == [good[0].id, good[2].id]
    assert redcross.set_aside() == ["failed"]
    assert redcross.unread() == []
    assert "Zulmarixa" not in "".join(str(vars(one)) for one in caplog.records)


def test_what_was_erased_or_is_gone_at_the_gateway_is_acknowledged(hosted: Make, feed: Feed) -> None:
    redcross = hosted("redcross")
    feed.deliver("redcross", None, erased=True)
    redcross.send("{}")
    redcross.reader.step()
    assert redcross.kept() == []
    assert redcross.unread() == []


def test_what_is_set_aside_goes_with_the_person_whom_it_names(console: Console, hosted: Make) -> None:
    redcross = hosted("redcross")
    about, others = (json.dumps({"type": "what.v1", "person": str(one).upper()}) for one in (PERSON_ID, uuid4()))
    redcross.send(about, others)
    redcross.reader.step()
    console.forget(PERSON_ID)
    assert [bytes(row["raw"]).decode() for row in console.query("select raw from set_aside")] == [others]


def test_what_is_set_aside_goes_with_the_referral_that_it_names(console: Console, hosted: Make) -> None:
    redcross = hosted("redcross")
    console.record(PERSON_ID)
    about, others = (json.dumps({"type": "what.v1", "referral_id": str(one)}) for one in (REFERRAL_ID, uuid4()))
    redcross.send(about, others)
    redcross.reader.step()
    console.forget(PERSON_ID)
    assert [bytes(row["raw"]).decode() for row in console.query("select raw from set_aside")] == [others]


def test_what_was_set_aside_is_kept_once_it_can_be(
    console: Console, hosted: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    redcross = hosted("redcross")
    good = [offered(console.private["redcross"], "redcross") for _ in range(3)]
    with monkeypatch.context() as patched:
        patched.setattr(storing, "_blocks", _fail)
        redcross.send("{", *good)
        redcross.reader.step()
    assert sorted(redcross.set_aside()) == ["failed"] * 3 + ["not_json"]
    before = storing._blocks
    monkeypatch.setattr(
        storing, "_blocks", lambda row, message: _fail() if message.id == good[1].id else before(row, message)
    )
    redcross.reader.try_again()
    assert redcross.kept() == [good[0].id, good[2].id]
    assert len(console.query("select 1 as one from sealed_block")) == 2
    assert sorted(redcross.set_aside()) == ["failed", "not_json"]
    monkeypatch.setattr(storing, "_blocks", before)
    redcross.reader.try_again()  # not within the hour
    assert len(redcross.kept()) == 2
    redcross.reader._again_at = 0.0
    redcross.reader.try_again()
    assert len(redcross.kept()) == 3
    assert redcross.set_aside() == ["not_json"]


def test_what_was_set_aside_is_tried_again_at_the_start(console: Console, hosted: Make) -> None:
    redcross = hosted("redcross")
    message = offered(console.private["redcross"], "redcross")
    console.query(
        "insert into set_aside (organisation, digest, code, raw) values ('redcross', 'x', 'unknown_contract', %s)",
        message.to_json(),
    )
    redcross.start()
    eventually(lambda: redcross.kept() == [message.id])
    eventually(lambda: redcross.set_aside() == [])


def _fail(*_: object) -> Any:
    raise RuntimeError


def test_a_notice_of_an_erasure_is_kept_for_who_has_to_act_on_it(console: Console, hosted: Make) -> None:
    redcross = hosted("redcross")
    notice = by_the_hub(contracts.PersonErasureAsked(person_id=PERSON_ID, erase_by=NOW.date()), "redcross")
    redcross.send(offered(console.private["redcross"], "redcross", person_id=PERSON_ID), notice)
    redcross.reader.step()
    console.forget(PERSON_ID)
    rows = {row["message_id"]: row["data"] for row in console.query("select message_id, data from delivered")}
    assert [id for id, data in rows.items() if data is not None] == [notice.id]


def test_who_is_erased_while_something_of_them_is_kept_is_erased_from_that_too(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgetting = threading.Thread(target=console.forget, args=(PERSON_ID,))
    commit = storing.commit

    def erased_meanwhile(connection: Any) -> None:
        forgetting.start()
        forgetting.join(0.5)
        assert forgetting.is_alive()  # it waits
        commit(connection)

    monkeypatch.setattr(storing, "commit", erased_meanwhile)
    console.keep("redcross", offered(console.private["redcross"], "redcross", person_id=PERSON_ID))
    forgetting.join()
    assert console.query("select 1 as one from sealed_block") == []
    (row,) = console.query("select data from delivered")
    assert row["data"] is None


def bodies(console: Console, organisation: str) -> list[bool]:
    """Whether each message that an organisation was sent still says something."""
    sql = "select data is not null as says, people from delivered where organisation = %s order by received_at"
    rows = console.query(sql, organisation)
    assert all(row["says"] or not row["people"] for row in rows)
    return [row["says"] for row in rows]


def blocks_of(console: Console) -> list[str]:
    sql = "select organisation from sealed_block order by organisation, received_at"
    return [row["organisation"] for row in console.query(sql)]


def test_what_an_organisation_deletes_of_a_referral_is_gone_and_stays_gone_for_that_organisation(
    console: Console,
) -> None:
    other = uuid4()
    names_it = b'{"referral_id": "%s"' % str(REFERRAL_ID).encode()
    for who in ("redcross", "iom"):
        for referral in (REFERRAL_ID, other):
            console.keep(who, offered(console.private[who], who, person_id=uuid4(), referral_id=referral))
        console.keep(who, names_it, b'{"referral_id": "%s"' % str(other).encode())
    console.purge("redcross", REFERRAL_ID)

    def left() -> tuple[list[bool], int]:
        return bodies(console, "redcross"), len(console.query("select from set_aside where organisation = 'redcross'"))

    assert left() == ([False, True], 1)
    assert (bodies(console, "iom"), blocks_of(console)) == ([True, True], ["iom", "iom", "redcross"])
    assert len(console.query("select from set_aside where organisation = 'iom'")) == 2
    console.note("iom", referral_id=REFERRAL_ID)  # what comes later
    for late in (
        noted(console.private["redcross"], "redcross", "Wurzelbaum", REFERRAL_ID),
        brought(console.private["redcross"], "redcross", "Wurzelbaum", REFERRAL_ID, "iom"),
        offered(console.private["redcross"], "redcross", person_id=PERSON_ID, referral_id=REFERRAL_ID),
    ):
        console.keep("redcross", late, names_it.upper().replace(b"-", b""))
    assert left() == ([False, True, False, False, False], 1)
    assert blocks_of(console) == ["iom", "iom", "iom", "redcross"]
    console.note("redcross", referral_id=other)
    console.purge("redcross", REFERRAL_ID)


def test_what_is_kept_while_an_organisation_deletes_it_is_deleted_too(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    purging = threading.Thread(target=console.purge, args=("redcross", REFERRAL_ID))
    commit = storing.commit

    def purged_meanwhile(connection: Any) -> None:
        purging.start()
        purging.join(0.5)
        assert purging.is_alive()  # it waits
        commit(connection)

    monkeypatch.setattr(storing, "commit", purged_meanwhile)
    names_it = b'{"referral_id": "%s"' % str(REFERRAL_ID).encode()
    console.keep("redcross", offered(console.private["redcross"], "redcross", referral_id=REFERRAL_ID), names_it)
    purging.join()
    assert (bodies(console, "redcross"), blocks_of(console)) == ([False], [])
    assert console.query("select from set_aside") == []


# -- what is away -----------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon."""
    monkeypatch.setattr(reader, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(reader, "LONGEST_PAUSE", 0.05)


@pytest.mark.usefixtures("quick")
def test_an_entrance_that_is_away_for_one_keeps_no_other_waiting(console: Console, hosted: Make, feed: Feed) -> None:
    redcross, iom = hosted("redcross"), hosted("iom")
    redcross.hand_out(feed.key("redcross"), "http://127.0.0.1:1")
    for one in (redcross, iom):
        one.start()
        one.send(offered(console.private[one.organisation], one.organisation))
    eventually(lambda: iom.unread() == [])
    assert redcross.kept() == []
    redcross.hand_out(feed.key("redcross"), f"http://127.0.0.1:{feed.port}")
    eventually(lambda: redcross.unread() == [])
    assert len(redcross.kept()) == 1


def problem_of(hosted: Hosted) -> str:
    """What keeps an organisation's inbox from being read, as `./ruta status` is told it; empty where nothing does."""
    known = health._problems.get(hosted.reader._part)
    return "" if known is None else known.code


@pytest.mark.usefixtures("quick")
def test_a_database_that_is_away_is_waited_for(console: Console, hosted: Make) -> None:
    redcross = hosted("redcross")
    redcross.reader._database_url = "postgresql://nobody@127.0.0.1:1/nowhere"
    redcross.send(offered(console.private["redcross"], "redcross"))
    redcross.start()
    eventually(lambda: problem_of(redcross).startswith("database_"))
    assert len(redcross.unread()) == 1
    redcross.reader._database_url = console.url
    eventually(lambda: redcross.unread() == [])
    assert len(redcross.kept()) == 1


@pytest.mark.usefixtures("quick")
def test_a_key_that_was_replaced_is_read_anew(console: Console, hosted: Make, feed: Feed) -> None:
    redcross = hosted("redcross")
    redcross.hand_out("ruta_live_redcross_nothing", f"http://127.0.0.1:{feed.port}")
    redcross.start()
    redcross.send(offered(console.private["redcross"], "redcross"))
    eventually(lambda: problem_of(redcross) == "answered_401")
    assert redcross.kept() == []
    redcross.hand_out(feed.key("redcross"), f"http://127.0.0.1:{feed.port}")
    eventually(lambda: redcross.unread() == [])


@pytest.mark.parametrize(
    ("status", "headers", "body", "code", "pause"),
    [
        (429, {"retry-after": "7"}, b"{}", "answered_429", 7.0),
        (503, {"retry-after": "999999"}, b"{}", "answered_503", 300.0),
        (503, {"retry-after": "soon"}, b"{}", "answered_503", None),
        (401, {}, b"{}", "answered_401", None),
        (302, {"location": "http://elsewhere"}, b"", "answered_302", None),
        (200, {}, b"<html>", "not_an_inbox", None),
        (200, {}, b"[" * 100_000, "not_an_inbox", None),
        (200, {}, b'{"messages":[{"cursor":1}],"next":"1","more":false}', "not_an_inbox", None),
    ],
)
def test_what_the_entrance_says_is_taken_for_what_it_is(
    console: Console, hosted: Make, status: int, headers: dict[str, str], body: bytes, code: str, pause: float | None
) -> None:
    redcross = hosted("redcross")
    with serving(lambda _: (status, headers, body)) as url:
        redcross.hand_out("a key", url)
        inbox = Inbox(redcross.credentials)
        with pytest.raises(Unavailable) as caught:
            inbox.read()
        inbox.close()
    assert (caught.value.code, caught.value.pause) == (code, pause)


@pytest.mark.usefixtures("quick")
def test_as_long_as_the_entrance_asks_it_is_left_alone(hosted: Make) -> None:
    redcross = hosted("redcross")
    asked: list[float] = []

    def answer(_: Request) -> tuple[int, dict[str, str], bytes]:
        asked.append(time.monotonic())
        return 429, {"retry-after": "1"}, b"{}"

    with serving(answer) as url:
        redcross.hand_out("a key", url)
        redcross.start()
        eventually(lambda: len(asked) >= 3)
        redcross.stop()
    assert min(after - before for before, after in pairwise(asked)) >= 0.99


@pytest.mark.parametrize("said", ["", "{", '{"http_url":"http://x","systems":{}}', '{"http_url":"x:y:z","systems":{"console":{"api_key":"k"}}}'])  # fmt: skip  # noqa: E501
def test_credentials_that_cannot_be_used_are_no_reason_to_end(hosted: Make, said: str) -> None:
    redcross = hosted("redcross")
    redcross.credentials.write_text(said)
    with pytest.raises(Unavailable):
        redcross.reader.step()


# -- the process ------------------------------------------------------------------------------------------------------


def test_killed_between_the_commit_and_the_acknowledgement_nothing_is_lost_or_there_twice(
    console: Console, hosted: Make, feed: Feed
) -> None:
    redcross = hosted("redcross")
    network = console.folder / "network.toml"
    network.write_text(
        topology.NETWORK_FILE.read_text()
        + '\n[organisations.redcross.systems.console]\nreads = ["referral.*"]\nsends = []\n'
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CONSOLE_DATABASE_URL": console.url,
        "CONSOLE_CREDENTIALS": str(console.organisations_folder),
        "RUTA_NETWORK_FILE": str(network),
    }
    messages = [offered(console.private["redcross"], "redcross") for _ in range(5)]
    redcross.send(*messages)
    log = console.folder / "inbox.log"
    for module, code in (
        ("tests.hub.console.inbox.killed_before_acknowledge", -signal.SIGKILL),
        ("hub.console.inbox", 0),
    ):
        with log.open("ab") as said:
            process = start_child(
                [sys.executable, "-P", "-m", module], env=environment, stderr=said, stdout=subprocess.DEVNULL
            )
        if code == 0:
            eventually(lambda: redcross.unread() == [])
            process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN) == code, log.read_text()
        assert redcross.kept() == [one.id for one in messages]
    assert len(console.query("select 1 as one from sealed_block")) == 5


def test_readers_come_and_go_with_the_organisations(console: Console, hosted: Make, feed: Feed) -> None:
    redcross = hosted("redcross")
    hosted("iom")
    there = dict(console.organisations)
    iom = there.pop("iom")
    readers = reader.Readers(
        console.url, lambda: there, lambda who: console.organisations_folder / who / "credentials.json", None
    )
    readers.look()
    redcross.send(offered(console.private["redcross"], "redcross"))
    eventually(lambda: redcross.unread() == [])
    there["iom"] = iom
    readers.look()
    names = {one.name for one in threading.enumerate()}
    assert {"inbox-redcross", "inbox-iom"} <= names
    del there["redcross"]
    threads = [thread for _, thread in readers._readers.values()]
    readers.look()
    assert set(readers._readers) == {"iom"}
    readers.stop()
    for thread in threads:
        thread.join()


# -- what is in a block -----------------------------------------------------------------------------------------------


def test_of_every_block_that_an_organisation_is_sent_it_is_known_what_it_is() -> None:
    known = set(storing.KINDS)
    found = {
        (contract.name, f"data.{where}")
        for contract in contracts.CONTRACTS.values()
        if contract.sent_by == "hub"
        for where, parts in fields_within(contract.data)
        if any(isinstance(one, SealedTo) for one in parts)
    }
    assert found <= known


def test_a_block_of_a_kind_that_nobody_knows_stays_closed(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "KINDS", {})
    block = console.offer()
    (row,) = console.query("select kind, index_due from sealed_block")
    assert (row["kind"], row["index_due"]) == (storing.OTHER, None)
    assert console.open(block)[0]["code"] == "cannot_open"


def test_a_block_that_stands_deeper_is_left_out_of_what_is_kept_in_clear() -> None:
    jwe = sealing.seal({"text": "x"}, sealing.public_part(sealing.new_key()))
    said = {"a": [{"sealed": jwe, "b": 1}, jwe], "c": jwe}
    assert storing._without(said, {jwe}) == {"a": [{"b": 1}]}


def test_states_are_kept_as_codes(console: Console) -> None:
    console.note()
    (row,) = console.query("select data from delivered")
    assert row["data"]["state"] == codes.ReferralState.IN_SERVICE
