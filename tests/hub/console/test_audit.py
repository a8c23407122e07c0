"""What staff see and do is recorded before it is shown; people in it are found, and, erased, are nobody any more."""

import json
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from starlette.responses import Response

from hub.console import audit
from hub.console.keyring import Keyring, UnusableKeyring
from hub.console.web import app, permissions
from hub.console.web.errors import Stopped
from hub.console.web.screen import Screen
from hub.console.web.visit import Visit
from hub.gateway.audit import __main__ as command
from hub.gateway.audit import store, words
from messaging import database
from messaging.database import Connection
from tests.hub.console.kit import CENTRE, Browser, Console, Person
from tests.waiting import eventually

Enrolled = Callable[..., Person]
PEOPLE = [str(uuid4()) for _ in range(50)]


def show(visit: Visit) -> Response:
    """A list of people."""
    if "without" not in visit.query:
        visit.note("list_seen", people=PEOPLE, count=len(PEOPLE))
    return visit.page("home.html", organisation="", roles=[], codes_left=10, few=False)


def change(visit: Visit) -> Response:
    """Something that is done, and then refused."""
    visit.tx.execute("update staff set name = 'changed' where code = %s", (visit.staff.code,))
    visit.note("changed")
    raise Stopped("not_found")


PLANTED = (Screen("people", "/people", get=show, act="list_seen"), Screen("change", "/change", post=change))


@pytest.fixture(scope="module")
def planted(console: Console) -> Iterator[Browser]:
    """A browser of somebody who has come in, where there are two more pages."""
    with pytest.MonkeyPatch.context() as patch:
        screens = (*PLANTED, *app.all_screens(console.settings))
        patch.setattr(app, "all_screens", lambda _: screens)
        patch.setattr(
            permissions, "MAY", {**permissions.MAY, "people": permissions.ALL_STAFF, "change": permissions.ALL_STAFF}
        )
        patch.setattr(permissions.check, "__defaults__", (permissions.MAY,))
        patch.setattr(permissions.may_come, "__defaults__", (permissions.MAY,))
        browser = Browser(console.run())
        console.enrol(browser, "planted", "coordinator", organisation=CENTRE)
        yield browser


@pytest.fixture
def tx(console: Console) -> Iterator[Connection]:
    with database.connect(console.url) as connection:
        yield connection
        connection.rollback()


def verify(console: Console, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setenv("CONSOLE_DATABASE_URL", console.url)
    monkeypatch.setenv("CONSOLE_AUDIT_DIRECTORY", str(console.state.console_audit))
    for one in ("SERVICE_DATABASE_URL", "GATEWAY_AUDIT_DIRECTORY"):
        monkeypatch.delenv(one, raising=False)
    return command.main(list(arguments or ("verify",)))


# -- before it is shown ------------------------------------------------------------------------------------------------


def test_a_list_writes_one_row_with_all_who_stand_in_it_and_none_in_clear(console: Console, planted: Browser) -> None:
    before = len(console.acts())
    assert planted.get("/people").status == 200
    (row,) = console.acts()[before:]
    details = json.loads(row["details"])
    assert (row["act"], row["subject"], len(details["people"])) == ("list_seen", CENTRE, 50)
    assert row["actor"].startswith("staff:s-")
    assert not any(one in row["details"] for one in PEOPLE)


def test_without_a_row_there_is_no_page(console: Console, planted: Browser) -> None:
    answer = planted.get("/people?without=1")
    assert (answer.status, "internal" in answer.text) == (500, True)


@pytest.mark.parametrize("fault", ["sign", "append", "key"])
def test_what_cannot_be_recorded_is_not_shown(
    console: Console, planted: Browser, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def fail(*_: Any) -> bytes:
        raise psycopg.OperationalError if fault == "append" else RuntimeError

    if fault == "append":
        monkeypatch.setattr(store, "append", fail)
    elif fault == "key":
        monkeypatch.setattr(Keyring, "open", fail)
    else:
        monkeypatch.setattr(store, "to_sign", fail)
    answer = planted.get("/people")
    assert answer.status == (503 if fault == "append" else 500)
    assert "Inicio ·" not in answer.text


def test_what_is_refused_half_way_is_undone_and_the_refusal_recorded(console: Console, planted: Browser) -> None:
    planted.get("/")
    before = len(console.acts())
    assert planted.send("/change").status == 404
    assert [row["act"] for row in console.acts()[before:]] == ["access_refused"]
    assert console.query("select from staff where name = 'changed'") == []


def test_many_pages_at_once_make_one_chain(
    console: Console, planted: Browser, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[int] = []

    def look() -> None:
        mine = Browser(planted.running, cookies=dict(planted.cookies))
        answers.extend(mine.get("/people").status for _ in range(5))

    threads = [threading.Thread(target=look) for _ in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert answers == [200] * 60
    numbers = [row["number"] for row in console.acts()]
    assert numbers == [*range(1, len(numbers) + 1)]
    copy = console.state.console_audit / store.COPY
    eventually(lambda: copy.exists() and f'"number": {numbers[-1]},' in copy.read_text())
    assert verify(console, monkeypatch) == 0
    assert f"{len(numbers)} entries" in capsys.readouterr().out


def test_every_act_has_words(console: Console) -> None:
    acts = {row["act"] for row in console.acts()} - {"list_seen", "changed"}
    assert acts <= words.ACTS.keys()


def test_acts_are_found_by_the_command_too(
    console: Console, planted: Browser, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.get("/people")
    assert (
        verify(console, monkeypatch, "search", "--organisation", CENTRE, "--act", "enrolled", "--language", "es") == 0
    )
    assert "alta terminada: barranquilla" in capsys.readouterr().out


# -- people ------------------------------------------------------------------------------------------------------------


def saw(console: Console, person: str) -> str:
    with console.office() as office:
        return office.saw(person)


def test_a_person_who_asks_is_told_who_saw_what_of_them(console: Console, planted: Browser) -> None:
    planted.get("/people")
    assert "list_seen: barranquilla" in saw(console, PEOPLE[7])
    assert "Nobody has seen anything" in saw(console, str(uuid4()))
    assert "who saw what of a person: network" in saw(console, PEOPLE[7])  # this, too


def test_erased_a_person_is_nobody_in_the_audit_and_the_chain_is_as_it_was(
    console: Console, planted: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted.get("/people")
    erased, stays = PEOPLE[11], PEOPLE[12]
    before = saw(console, erased).count("list_seen")
    assert before > 0
    with database.connect(console.url) as connection:
        audit.forget(connection, erased)
        audit.forget(connection, erased)
        connection.commit()
    planted.get("/people")  # somebody shows the person all the same
    assert "Nobody has seen anything" in saw(console, erased)
    assert saw(console, stays).count("list_seen") == before + 1
    assert json.loads(console.acts("list_seen")[-1]["details"])["people"].count(audit.ERASED) == 1
    eventually(lambda: verify(console, monkeypatch) == 0)
    assert console.query("select key from person_key where person = %s", erased) == [{"key": None}]


def test_each_person_stands_in_it_in_one_form_of_their_own(console: Console, tx: Connection) -> None:
    """Whatever people and codes there are, in whatever lists: the same one is the same text, and others are others."""
    dice = random.Random(1)  # noqa: S311
    people = [*(str(uuid4()) for _ in range(20)), *(f"C-{number:04}" for number in range(20)), "ñ", "c" * 17]
    forms: dict[str, str] = {}
    for _ in range(30):
        some = dice.choices(people, k=dice.randint(1, 30))
        for person, form in zip(some, audit.encrypted(tx, console.keyring, some), strict=True):
            assert forms.setdefault(person, form) == form
    assert len(set(forms.values())) == len(forms)
    assert not any(person in form for person in people if len(person) > 1 for form in forms.values())


def test_the_database_alone_does_not_tell_who_it_is(console: Console, tx: Connection) -> None:
    person = str(uuid4())
    audit.encrypted(tx, console.keyring, [person])
    (row,) = tx.execute("select key from person_key where person = %s", (person,)).fetchall()
    with pytest.raises(UnusableKeyring):
        Keyring(bytes(32)).open(audit.PURPOSE, person, bytes(row["key"]))
    with pytest.raises(UnusableKeyring):
        console.keyring.open(audit.PURPOSE, str(uuid4()), bytes(row["key"]))


@pytest.mark.parametrize("fault", ["gone", "short", "open"])
def test_a_key_file_that_cannot_be_used_is_named(tmp_path: Path, fault: str) -> None:
    file = tmp_path / "console.key"
    if fault != "gone":
        file.write_bytes(bytes(31 if fault == "short" else 32))
        file.chmod(0o644 if fault == "open" else 0o600)
    with pytest.raises(UnusableKeyring, match=r"console\.key"):
        Keyring.read(file)


# -- the chain ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["audit_entry", "audit_checkpoint"])
@pytest.mark.parametrize("change", ["update {} set hash = hash", "delete from {} where false", "truncate {}"])
def test_the_tables_are_only_appended(console: Console, table: str, change: str) -> None:
    with pytest.raises(psycopg.errors.RestrictViolation):
        console.query(change.format(table))


def test_a_byte_that_was_changed_is_found(
    console: Console, planted: Browser, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.get("/people")
    eventually(lambda: verify(console, monkeypatch) == 0)
    capsys.readouterr()
    actor = console.acts()[1]["actor"]
    with psycopg.connect(console.url) as connection:
        tamper(connection, "staff:s-other")
        connection.commit()
        assert verify(console, monkeypatch) == 1
        assert "Entry 2 is not as it was written" in capsys.readouterr().out
        tamper(connection, actor)
    eventually(lambda: verify(console, monkeypatch) == 0)


def tamper(connection: psycopg.Connection[Any], actor: str) -> None:
    """What the database's owner can do."""
    connection.execute("alter table audit_entry disable trigger user")
    connection.execute("update audit_entry set actor = %s where number = 2", (actor,))
    connection.execute("alter table audit_entry enable trigger user")


def test_a_failure_to_note_a_refusal_is_no_page_either(
    console: Console, enrolled: Enrolled, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled()

    def fail(*_: Any) -> None:
        raise psycopg.OperationalError

    monkeypatch.setattr(store, "append", fail)
    assert browser.get("/no/hay").status == 503
