"""What has arrived is indexed once, by hashes that nobody without the key can make; and found by what people type."""

import itertools
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest

import contracts
from contracts import sealing
from hub.console import audit
from hub.console.custody import indexing, searching
from hub.console.custody.keys import INDEX, Keys
from hub.console.custody.protocol import MOST_HITS
from messaging import database
from tests.examples import NOW, PERSON, REFERRAL_ID
from tests.hub.console.custody.boxes import ANA, Console, noted, offered
from tests.hub.console.kept import Kept

YULEISY = PERSON | {"phone": "+573004815162"}


def test_what_arrives_is_indexed_once_and_the_audit_says_so_first(console: Console) -> None:
    blocks = [console.offer(), console.offer("iom")]
    console.index()
    console.index()
    entries = console.entries()
    assert [(one["actor"], one["act"]) for one in entries] == [("custody", "indexed")] * 2
    assert {one["subject"]: one["details"]["blocks"] for one in entries} == {
        "redcross": [str(blocks[0])],
        "iom": [str(blocks[1])],
    }
    assert all(len(one["details"]["people"]) == 1 for one in entries)


def test_of_what_is_indexed_while_it_is_sought_no_term_is_missed(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = console.offer()

    def meanwhile(places: range, many: int) -> Iterator[tuple[int, ...]]:
        if many < len(places):  # all terms were looked for
            console.index()
        return itertools.combinations(places, many)

    monkeypatch.setattr(searching, "combinations", meanwhile)
    assert console.search("Zulmarixa Brezhuvia") == []
    assert console.search("Zulmarixa Brezhuvia") == [(block, 2)]


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("Zulmarixa", 1),
        ("zulmarixa QORVELLE", 2),
        ("Sulmarixa Korveye", 2),  # as it sounds
        ("Qorvelle Zulmarixa de la Xandoquint", 3),
        ("Brezhuvia Pérez", 1),  # one of two
        ("QX-77.310.495", 1),
        ("qx77310495", 1),
        ("77310495", 1),
        ("+57 301 773 1049", 1),
        ("301 7731049", 1),
        ("1049", 1),
        ("8193", 1),  # of who answers for them
        ("+573026048193", 1),
        ("Zulmarixa 1049", 2),
    ],
)
def test_a_person_is_found_by_what_people_type(console: Console, typed: str, terms: int) -> None:
    block = console.offer()
    console.offer(person=YULEISY)
    console.index()
    assert console.search(typed) == [(block, terms)]


@pytest.mark.parametrize("typed", ["Ana", "Pérez Gómez", "3009999999", "9999", "12345678", "de la", "¿?", "  ", "104"])
def test_what_is_not_there_is_answered_as_what_is_anothers(console: Console, typed: str) -> None:
    console.offer()
    console.index()
    unknown = console.ask(do="search", organisation="redcross", text=typed)
    assert (unknown["hits"], unknown["more"]) == ([], False)
    others = console.ask(do="search", organisation="iom", text="Zulmarixa Qorvelle")
    assert others == {"hits": [], "of": 2, "more": False}
    assert others.keys() == unknown.keys()


def test_who_hits_most_stands_first_and_of_equals_who_is_written_so(console: Console) -> None:
    two = console.offer(person={"given_names": "Gisela Rosa", "family_names": "Mora"})
    all_of_them = console.offer(person={"given_names": "Gisela Rosa", "family_names": "Vélez"})
    sounds = console.offer(person={"given_names": "Jisela Rosa", "family_names": "Velez"})
    one = console.offer(person={"given_names": "Marta", "family_names": "Vélez"})
    console.index()
    assert console.search("Gisela Rosa Vélez") == [(all_of_them, 3), (sounds, 3), (two, 2)]
    assert console.search("Marta Nadie Ninguno") == [(one, 1)]  # half of the terms and less, where nothing is better
    assert console.search("Gisela Vélez") == [(all_of_them, 2), (sounds, 2)]


def test_a_search_is_recorded_without_what_was_typed(console: Console) -> None:
    console.search("Zulmarixa 3017731049")
    (entry,) = console.entries()
    assert (entry["actor"], entry["act"], entry["subject"]) == ("staff:rc-07", "searched", "redcross")
    assert (entry["details"]["terms"], entry["details"]["kinds"]) == (2, ["telephone", "word"])


def test_of_many_so_many_are_shown_and_it_is_said_that_there_are_more(console: Console) -> None:
    for number in range(MOST_HITS + 1):
        console.offer(person={"given_names": "Gisela", "notes": str(number)}, person_id=uuid4())
    console.index()
    said = console.ask(do="search", organisation="redcross", text="Gisela Nadie")
    assert len(said["hits"]) == MOST_HITS
    assert said["more"]


def test_the_same_person_has_other_hashes_at_another_organisation(console: Console) -> None:
    console.offer("redcross")
    console.offer("iom")
    console.index()
    one, other = (set(row["tokens"]) for row in console.query("select tokens from block_index"))
    assert len(one) == len(other) > 8
    assert one.isdisjoint(other)


def test_the_key_for_the_index_stands_beside_the_private_one_and_nowhere_else(console: Console) -> None:
    console.offer()
    console.index()
    file = console.organisations_folder / "redcross" / INDEX
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes().hex() not in console.everything()
    assert Keys(console.organisations_folder).index("redcross") == file.read_bytes()


def test_where_the_key_for_the_index_cannot_be_used_nothing_is_opened(console: Console) -> None:
    console.offer()
    file = console.organisations_folder / "redcross" / INDEX
    file.write_bytes(b"short")
    file.chmod(0o600)
    assert console.indexing.look() == indexing.AGAIN_AFTER
    assert console.acts() == []
    assert console.ask(do="search", organisation="redcross", text="Ana") == {"code": "not_recorded"}


def test_a_block_that_cannot_be_opened_is_not_tried_again_and_keeps_nobody_back(console: Console) -> None:
    bad = console.offer(person={"phone": "no telephone"})
    good = console.offer()
    console.index()
    rows = {row["id"]: row for row in console.query("select id, index_due, index_code from sealed_block")}
    assert (rows[bad]["index_due"], rows[bad]["index_code"]) == (None, "cannot_open")
    assert console.search("Zulmarixa") == [(good, 1)]


def test_a_block_whose_key_is_not_there_waits_unopened_until_it_is(console: Console) -> None:
    folder = console.organisations_folder / "redcross"
    block = console.offer()
    (folder / "private.jwk").rename(folder / "elsewhere")
    console.index()
    assert console.acts() == []
    assert console.query("select 1 as one from sealed_block where index_due > now()")
    (folder / "elsewhere").rename(folder / "private.jwk")
    console.query("update sealed_block set index_due = now()")
    console.index()
    assert console.search("Zulmarixa") == [(block, 1)]


def test_notes_are_not_opened_to_be_indexed(console: Console) -> None:
    console.note()
    console.index()
    assert console.acts() == []


def test_killed_between_the_entry_and_the_hashes_it_is_done_again(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = console.offer()
    with monkeypatch.context() as patched:
        patched.setattr(indexing, "_found_by", _fail)
        assert console.indexing.look() == indexing.AGAIN_AFTER
    assert console.acts() == ["indexed"]
    console.index()
    assert console.acts() == ["indexed", "indexed"]
    assert console.search("Zulmarixa") == [(block, 1)]


def test_a_block_that_cannot_be_hashed_keeps_nobody_back(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = console.offer(person=YULEISY), console.offer()
    tokens = searching.tokens

    def fail(key: bytes, person: Any) -> list[int]:
        return _fail() if person.given_names == YULEISY["given_names"] else tokens(key, person)

    monkeypatch.setattr(searching, "tokens", fail)
    console.index()
    rows = {row["id"]: row["index_code"] for row in console.query("select id, index_code from sealed_block")}
    assert rows == {bad: "cannot_open", good: None}
    assert console.search("Zulmarixa") == [(good, 1)]


def _fail(*_: object) -> Any:
    raise RuntimeError


# -- who is erased ----------------------------------------------------------------------------------------------------


def test_who_is_erased_loses_hashes_blocks_and_key_at_once(console: Console) -> None:
    person = uuid4()
    theirs = console.offer(person_id=person, referral_id=REFERRAL_ID)
    note = console.note()
    elsewhere = console.offer("iom", person_id=person)
    others = console.offer(person_id=uuid4())
    console.index()
    console.open(theirs)
    console.forget(person)
    assert [row["id"] for row in console.query("select id from sealed_block")] == [others]
    assert [row["block"] for row in console.query("select block from block_index")] == [others]
    assert console.search("Zulmarixa") == [(others, 1)]
    assert [one["code"] for one in console.open(theirs, note)] == ["unknown", "unknown"]
    assert console.open(elsewhere, organisation="iom")[0]["code"] == "unknown"
    (row,) = console.query("select key from person_key where person = %s", str(person))
    assert row["key"] is None
    assert str(person) not in json.dumps([one["details"] for one in console.entries()])


def test_what_the_hub_says_of_an_erasure_carries_it_out_here_too(console: Console) -> None:
    person = uuid4()
    console.offer(person_id=person)
    console.index()
    with closing(Kept(console.url)) as service:
        assert service.hear(contracts.PersonErased(person_id=person, erased_at=NOW)) == []
    assert console.query("select id from sealed_block") == []
    assert console.query("select block from block_index") == []
    assert [row["data"] for row in console.query("select data from delivered")] == [None]


def test_what_comes_about_an_erased_person_is_kept_without_what_it_says(console: Console) -> None:
    person = uuid4()
    console.offer(person_id=person, referral_id=REFERRAL_ID)
    console.forget(person)
    message = offered(console.private["redcross"], "redcross", person_id=person)
    console.keep("redcross", message)
    assert console.query("select 1 as one from sealed_block") == []
    console.keep("redcross", noted_again := _note(console))
    assert console.query("select 1 as one from sealed_block") == []
    rows = console.query("select message_id, data, erased_at from delivered")
    assert {message.id, noted_again.id} < {row["message_id"] for row in rows}
    assert all(row["data"] is None and row["erased_at"] for row in rows)


NOBODY_ANY_MORE = "update referral set person_id = null"


def test_notes_to_a_sender_go_with_the_person_and_what_comes_later_is_not_kept(console: Console) -> None:
    """A sender is told of a referral in words that name nobody: whose it is stands in what was recorded."""
    person = uuid4()
    console.record(person)
    note = console.note()
    others = console.note(referral_id=uuid4())
    assert console.open(note)[0]["kind"] == "note"
    console.forget(person)
    assert console.query("select id from sealed_block") == [{"id": others}]
    console.query(NOBODY_ANY_MORE)
    console.keep("redcross", _note(console))
    assert console.query("select id from sealed_block") == [{"id": others}]
    rows = console.query("select data, erased_at from delivered where referral_id = %s", REFERRAL_ID)
    assert [(row["data"], row["erased_at"] is None) for row in rows] == [(None, False)] * 2


@pytest.mark.parametrize("loses_first", [True, False])
def test_the_same_whether_the_referral_or_the_key_loses_the_person_first(console: Console, loses_first: bool) -> None:
    person = uuid4()
    console.record(person)
    console.note()
    with closing(database.connect(console.url)) as connection:
        if loses_first:
            connection.execute(NOBODY_ANY_MORE)
        audit.forget(connection, str(person))
        connection.execute(NOBODY_ANY_MORE)
        connection.commit()
    console.keep("redcross", _note(console))
    assert console.query("select id from sealed_block") == []
    assert console.query("select referral_id from forgotten_referral") == [{"referral_id": REFERRAL_ID}]


@pytest.mark.parametrize("is_told", [True, False])
def test_a_referral_that_is_recorded_after_the_erasure_takes_its_notes_along(console: Console, is_told: bool) -> None:
    person = uuid4()
    console.note()
    console.forget(person)
    console.record(person if is_told else None)
    assert console.query("select id from sealed_block") == []


def test_of_who_was_erased_nothing_opens_that_is_still_there(console: Console) -> None:
    """Whatever has left it there."""
    person = uuid4()
    console.record(person)
    note = console.note()
    (row,) = console.query("select * from sealed_block")
    again = (
        "insert into sealed_block (id, organisation, source, message_id, place, kind, referral_id, confidential, jwe)"
        " values (%s, 'redcross', 'hub', %s, 'x', 'note', %s, false, %s)"
    )
    console.forget(person)
    console.query(again, note, row["message_id"], REFERRAL_ID, row["jwe"])
    assert console.open(note)[0]["code"] == "unknown"
    console.query("delete from forgotten_referral")
    assert console.open(note)[0]["code"] == "unknown"
    console.query("delete from person_key")
    assert console.open(note)[0]["kind"] == "note"


def _note(console: Console) -> Any:

    return noted(console.private["redcross"], "redcross", "Wurzelbaum", REFERRAL_ID)


def test_who_is_erased_while_they_are_indexed_gets_no_hashes(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    person = uuid4()
    console.offer(person_id=person)
    before = searching.tokens

    def erased_meanwhile(*given: Any) -> list[int]:
        console.forget(person)
        return before(*given)

    monkeypatch.setattr(searching, "tokens", erased_meanwhile)
    console.index()
    assert console.query("select 1 as one from block_index") == []


# -- what is read of a name and a number ------------------------------------------------------------------------------


def test_hashes_depend_on_the_key_and_on_what_they_are_of() -> None:
    one = searching.token(b"a" * 32, "word", "ana")
    assert one == searching.token(b"a" * 32, "word", "ana")
    assert len({one, searching.token(b"b" * 32, "word", "ana"), searching.token(b"a" * 32, "sound", "ana")}) == 3
    assert -(2**63) <= one < 2**63


def test_a_search_has_few_terms_however_much_is_typed() -> None:
    assert len(searching.terms(b"k" * 32, "Ana Eva Luz Sol Mar Paz Fe 3001234567 1234")) == 6


def test_a_person_about_whom_nothing_is_said_has_no_hashes(console: Console) -> None:
    block = console.offer(person={"notes": "Wurzelbaum"})
    console.index()
    assert console.query("select tokens from block_index where block = %s", block) == [{"tokens": []}]


def test_the_jwe_is_sealed_as_partners_seal(console: Console) -> None:
    block = console.offer()
    (row,) = console.query("select jwe from sealed_block where id = %s", block)
    assert sealing.open_sealed(row["jwe"], console.private["redcross"]) == ANA
