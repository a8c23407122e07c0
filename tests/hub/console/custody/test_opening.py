"""Custody opens what is an organisation's own, once that is in the audit; and says nothing else to anybody."""

import logging
import threading
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from contracts.codes import OrganisationStatus
from hub.console import audit
from hub.console.custody import recording
from hub.console.custody.keys import INDEX
from hub.console.keyring import Keyring
from hub.gateway.audit import chain, store
from hub.gateway.audit import keys as audit_keys
from messaging import database
from tests.examples import REFERRAL_ID
from tests.hub.console.custody.boxes import ANA, PLANTED, SESSION, Console, line, offered, organisation

NOBODYS = UUID("01950000-0000-7000-8000-00000000bbbb")


def test_a_block_is_opened_and_the_audit_says_by_whom_and_what_for(console: Console) -> None:
    block = console.offer(person_id=(person := uuid4()))
    (opened,) = console.open(block)
    assert opened == {"block": str(block), "kind": "person", "content": ANA}
    (entry,) = console.entries()
    assert (entry["actor"], entry["act"], entry["subject"]) == ("staff:rc-07", "opened", "redcross")
    details = entry["details"]
    assert details["blocks"] == [str(block)]
    assert (details["session"], details["purpose"]) == (str(SESSION), "case")
    with database.connect(console.url) as connection:
        (seen,) = audit.who_saw(connection, Keyring.read(console.key_file), str(person))
    assert seen.act == "opened"


def test_a_page_of_blocks_is_one_entry_and_keeps_its_order(console: Console) -> None:
    blocks = [console.offer(person_id=uuid4()) for _ in range(3)]
    opened = console.open(*reversed(blocks), blocks[0])
    assert [one["block"] for one in opened] == [str(one) for one in reversed(blocks)]
    (entry,) = console.entries()
    assert set(entry["details"]["blocks"]) == set(map(str, blocks))
    assert len(set(entry["details"]["people"])) == 3


def test_a_note_is_opened_and_recorded_under_whom_its_referral_is_of(console: Console) -> None:
    offered_block = console.offer(referral_id=REFERRAL_ID)
    note = console.note(text="Llamarla por Hexquilombia")
    (opened,) = console.open(note)
    assert opened["content"] == {"text": "Llamarla por Hexquilombia"}
    console.open(offered_block)
    of_note, of_person = (one["details"]["people"] for one in console.entries())
    assert of_note == of_person != []


# -- whose it is ------------------------------------------------------------------------------------------------------


def test_a_block_of_another_organisation_never_opens_and_is_as_one_that_is_not_there(console: Console) -> None:
    theirs = console.offer("iom")
    assert console.open(theirs, NOBODYS) == [
        {"block": str(theirs), "code": "unknown"},
        {"block": str(NOBODYS), "code": "unknown"},
    ]
    (entry,) = console.entries()
    assert (entry["act"], entry["subject"]) == ("open_refused", "redcross")
    assert entry["details"]["blocks"] == [str(theirs), str(NOBODYS)]
    assert "people" not in entry["details"]
    assert console.open(theirs, organisation="iom")[0]["content"] == ANA


def test_a_block_that_came_to_one_and_is_sealed_to_another_stays_closed(console: Console) -> None:
    message = offered(console.private["iom"], "redcross")
    console.keep("redcross", message)
    assert console.open(console.block_of(message))[0]["code"] == "no_key"


def test_of_a_case_under_a_code_nothing_is_opened_nor_of_what_is_said_about_it(console: Console) -> None:
    block = console.offer(case_code="GBV-0001", referral_id=REFERRAL_ID)
    note = console.note()
    console.index()
    assert [one["code"] for one in console.open(block, note)] == ["unknown", "unknown"]
    assert console.search("Zulmarixa") == []
    assert console.acts() == ["open_refused", "searched"]


def test_a_note_of_a_referral_that_nobody_knows_stays_closed_until_it_is_known_to_be_of_a_person(
    console: Console,
) -> None:
    """A sender was never offered it: of a case under a code the console knows no referral."""
    note = console.note()
    assert console.open(note)[0]["code"] == "unknown"
    console.record(person := uuid4())
    assert console.open(note)[0]["kind"] == "note"
    with database.connect(console.url) as connection:
        assert len(list(audit.who_saw(connection, Keyring.read(console.key_file), str(person)))) == 1


def test_who_is_not_hosted_or_is_suspended_is_opened_nothing(console: Console) -> None:
    block = console.offer()
    console.organisations["redcross"] = organisation("redcross", status=OrganisationStatus.SUSPENDED)
    assert console.ask(do="open", organisation="redcross", blocks=[str(block)]) == {"code": "not_hosted"}
    assert console.ask(do="open", organisation="fuvadis", blocks=[str(block)]) == {"code": "not_hosted"}
    assert console.acts() == []


# -- keys -------------------------------------------------------------------------------------------------------------


def test_what_was_sealed_before_a_new_key_stays_readable_and_a_new_one_is_noticed(console: Console) -> None:
    before = console.offer()
    console.open(before)  # the keys have been read
    folder = console.organisations_folder / "redcross"
    old = console.private["redcross"]
    (folder / "private.jwk").rename(folder / f"private-{old['kid']}.jwk")
    console.private["redcross"] = console.new_key("redcross")
    after = console.offer()
    assert [one.get("content") for one in console.open(before, after)] == [ANA, ANA]


def test_a_key_that_is_taken_away_opens_nothing_more(console: Console) -> None:
    block = console.offer()
    console.open(block)
    (console.organisations_folder / "redcross" / "private.jwk").unlink()
    assert console.open(block)[0]["code"] == "no_key"


def test_a_key_that_others_can_read_or_that_is_none_is_left_alone(console: Console) -> None:
    block = console.offer()
    folder = console.organisations_folder / "redcross"
    for name, content in (("private-a.jwk", b"{"), ("private-b.jwk", b"\xff")):
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    assert console.open(block)[0]["content"] == ANA
    (folder / "private.jwk").chmod(0o644)
    (folder / "private-a.jwk").unlink()  # and by that the folder is another
    assert console.open(block)[0]["code"] == "no_key"


def test_custody_leaves_alone_the_keys_of_who_is_not_hosted(console: Console) -> None:
    for id in ("hub", "fuvadis"):
        console.new_key(id)
    console.index()
    assert not (console.organisations_folder / "fuvadis" / INDEX).exists()
    assert console.ask(do="search", organisation="fuvadis", text="Ana") == {"code": "not_hosted"}


def test_a_changed_block_is_said_to_be_that_and_no_more(console: Console) -> None:
    block = console.offer()
    console.query("update sealed_block set jwe = left(jwe, -4) || 'AAAA' where id = %s", block)
    assert console.open(block) == [{"block": str(block), "code": "cannot_open"}]


def test_what_is_no_person_is_not_shown_as_one(console: Console) -> None:
    block = console.offer(person={"phone": "Wurzelbaum"})
    assert console.open(block) == [{"block": str(block), "code": "cannot_open"}]


# -- what cannot be recorded is not done ------------------------------------------------------------------------------


def never(*_: object, **__: object) -> Any:
    raise AssertionError("opened without an entry in the audit")


@pytest.fixture
def nothing_may_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where anything is opened."""
    monkeypatch.setattr("hub.console.custody.desk.open_block", never)


@pytest.mark.usefixtures("nothing_may_open")
def test_without_the_key_that_signs_the_audit_nothing_opens(console: Console) -> None:
    block = console.offer()
    (console.audit_folder / "private.pem").unlink()
    assert console.ask(do="open", organisation="redcross", blocks=[str(block)]) == {"code": "not_recorded"}
    assert console.ask(do="search", organisation="redcross", text="Ana") == {"code": "not_recorded"}
    assert console.acts() == []


@pytest.mark.usefixtures("nothing_may_open")
def test_without_the_key_for_people_nothing_opens(console: Console) -> None:
    block = console.offer()
    console.key_file.unlink()
    assert console.ask(do="open", organisation="redcross", blocks=[str(block)]) == {"code": "not_recorded"}
    assert console.acts() == []


@pytest.mark.usefixtures("nothing_may_open")
def test_without_the_database_nothing_opens(console: Console) -> None:
    block = console.offer()
    console.recording._database_url = "postgresql://nobody@127.0.0.1:1/nowhere"
    assert console.ask(do="open", organisation="redcross", blocks=[str(block)]) == {"code": "not_recorded"}


@pytest.mark.usefixtures("nothing_may_open")
@pytest.mark.parametrize("fault", [psycopg.OperationalError("gone"), psycopg.errors.DiskFull("full")])
def test_where_the_commit_fails_nothing_opens(
    console: Console, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    block = console.offer()

    def fail(_: object) -> None:
        raise fault

    monkeypatch.setattr(recording, "commit", fail)
    assert console.ask(do="open", organisation="redcross", blocks=[str(block)]) == {"code": "not_recorded"}
    assert console.acts() == []


def test_it_is_opened_after_the_commit_and_not_before(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    block = console.offer()
    seen: list[list[str]] = []
    monkeypatch.setattr("hub.console.custody.desk.open_block", lambda *_: seen.append(console.acts()))
    console.open(block)
    assert seen == [["opened"]]  # by another connection


def test_a_connection_that_was_lost_is_made_again(console: Console) -> None:
    block = console.offer()
    console.open(block)
    console.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
                  "and pid <> pg_backend_pid()")  # fmt: skip
    assert console.open(block)[0]["content"] == ANA


def test_entries_of_many_at_once_are_one_chain_that_verifies(console: Console) -> None:
    person = uuid4()
    blocks = [console.offer(person_id=person), *(console.offer(person_id=uuid4()) for _ in range(5))]
    threads = [threading.Thread(target=console.open, args=blocks) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert console.acts() == ["opened"] * 6
    console.forget(person)  # and still
    console.copy_checkpoints()
    with database.connect(console.url) as connection:
        connection.execute(store.PLAIN)
        copy = console.audit_folder / store.COPY
        sources = {"database": store.checkpoints(connection), "copy": store.copied(copy, copy.stat().st_size)}
        is_signed = audit_keys.checker(console.audit_folder / audit_keys.PUBLIC)
        assert list(chain.find(store.entries(connection), sources, is_signed)) == []
    with database.connect(console.url) as connection:
        assert list(audit.who_saw(connection, Keyring.read(console.key_file), str(person))) == []


# -- what is asked ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        b"",
        b"\n",
        b"null\n",
        b"{\n",
        b"\xff\xfe\n",
        b"[" * 5_000 + b"\n",
        line(do="open", organisation="redcross"),
        line(do="open", organisation="redcross", blocks=[]),
        line(do="open", organisation="redcross", blocks=["x"]),
        line(do="open", organisation="redcross", blocks=[str(NOBODYS)] * 101),
        line(do="open", organisation="../hub", blocks=[str(NOBODYS)]),
        line(do="open", organisation="redcross", blocks=[str(NOBODYS)], more=1),
        line(do="open", organisation="redcross", blocks=[str(NOBODYS)], staff="Ana Díaz"),
        line(do="open", organisation="redcross", blocks=[str(NOBODYS)], purpose="because she asked"),
        line(do="open", organisation="redcross", blocks=[str(NOBODYS)], session="none"),
        line(do="read", organisation="redcross", blocks=[str(NOBODYS)]),
        line(do="search", organisation="redcross", text=""),
        line(do="search", organisation="redcross", text="a" * 201),
    ],
)
def test_what_is_not_as_it_has_to_be_is_answered_and_recorded_as_nothing(console: Console, asked: bytes) -> None:
    assert console.desk.answer(asked) == b'{"code":"not_a_request"}\n'
    assert console.acts() == []


def test_a_mistake_of_ours_quotes_nothing(
    console: Console, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    block = console.offer()

    def fail(*_: object) -> None:
        raise ValueError("Zulmarixa")

    monkeypatch.setattr("hub.console.custody.desk.open_block", fail)
    with caplog.at_level(logging.DEBUG):
        assert console.ask(do="open", organisation="redcross", blocks=[str(block)]) == {"code": "failed"}
    assert "Zulmarixa" not in caplog.text
    assert all("Zulmarixa" not in str(vars(one)) for one in caplog.records)


def test_nothing_of_what_was_opened_or_searched_stands_anywhere(
    console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        block = console.offer(referral_id=REFERRAL_ID)
        note = console.note()
        console.index()
        assert [one["kind"] for one in console.open(block, note)] == ["person", "note"]
        assert console.search("Zulmarixa Brezhuvia +573017731049") == [(block, 3)]
        console.copy_checkpoints()
    written = console.everything() + "".join(str(vars(one)) for one in caplog.records)
    files = [path.read_bytes() for path in console.folder.rglob("*") if path.is_file()]
    for word in PLANTED:
        assert word.lower() not in written.lower()
        assert not [one for one in files if word.encode() in one]
    assert str(block) in written  # what is looked through is what was written


def test_a_database_and_the_socket_alone_open_nothing(console: Console, tmp_path: Path) -> None:
    """Whoever has a dump can ask a custody of their own: it has no keys."""
    block = console.offer()
    for path in console.organisations_folder.rglob("*"):
        if path.is_file():
            path.unlink()
    assert console.open(block) == [{"block": str(block), "code": "no_key"}]
