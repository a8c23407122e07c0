"""The audit on a real database: chained by several processes at once, killed anywhere, tampered with, searched."""

import contextlib
import json
import multiprocessing
import os
import signal
import threading
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from contracts import uuid7
from deploy.local import Stack
from hub.gateway.audit import __main__ as command
from hub.gateway.audit import keys, refusals, store, words
from hub.gateway.audit.chain import hash_of
from hub.gateway.audit.store import Act
from messaging import database
from messaging.health import Health, health
from tests.hub.ledger import Tables, make_database
from tests.waiting import eventually

HOURS_AGO = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=2)
KILLED = -signal.SIGKILL
processes = multiprocessing.get_context("spawn")
TRIGGERS = ("audit_entry", "audit_checkpoint")


class Audit:
    """The audit's tables, its directory, and its command."""

    def __init__(self, url: str, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self.directory = directory
        self.tables = Tables(url)
        self._capsys = capsys
        keys.make(directory)
        self.tamper("truncate audit_entry, audit_checkpoint")
        self.tables.query("truncate refusal_count")

    def tamper(self, sql: str, *params: object) -> None:
        """What the database's owner can do."""
        with psycopg.connect(self.url) as connection:
            for table in TRIGGERS:
                connection.execute(f"alter table {table} disable trigger user")
            connection.execute(sql, params)
            for table in TRIGGERS:
                connection.execute(f"alter table {table} enable trigger user")

    def append(self, *acts: Act) -> None:
        with database.connect(self.url) as connection:
            store.append(connection, acts, keys.signer(self.directory))
            connection.commit()
            store.copy(connection, self.directory)

    def some(self, many: int) -> None:
        """So many entries, in transactions of two."""
        acts = [act(number) for number in range(many)]
        for begin in range(0, many, 2):
            self.append(*acts[begin : begin + 2])

    def refuse(self, count: int = 1, *, code: str = "not_allowed", minute: datetime = HOURS_AGO, **more: Any) -> None:
        """Count refusals, as the entrances do."""
        values = {"organisation": "redcross", "entrance": "http", "first_message": uuid7(), **more}
        self.tables.query(
            "insert into refusal_count (organisation, code, entrance, minute, count, first_message) "
            "values (%s, %s, %s, %s, %s, %s) on conflict (organisation, code, entrance, minute) do update "
            "set count = refusal_count.count + excluded.count",
            values["organisation"], code, values["entrance"], minute, count, values["first_message"],
        )  # fmt: skip

    def look(self) -> None:
        """What the courier's thread does once a minute."""
        refusals.Appending(self.url, self.directory).look()

    def run(self, *arguments: object, code: int = 0) -> str:
        assert command.main([str(one) for one in arguments]) == code, self._capsys.readouterr()
        return self._capsys.readouterr().out

    def verify(self, code: int = 0, *arguments: object) -> str:
        return self.run("verify", *arguments, code=code)

    def searched(self, *arguments: object, code: int = 0) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.run("search", "--json", *arguments, code=code).splitlines()]

    def count(self) -> int:
        return int(self.tables.query("select count(*) as many from audit_entry")[0]["many"])


def act(number: int = 0, subject: str = "redcross") -> Act:
    return Act("operator:0", "key_revoked", subject, {"key": f"{number:012x}", "system": None})


@pytest.fixture(scope="module")
def database_url(stack: Stack) -> str:
    return make_database(stack)


@pytest.fixture
def audit(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Audit:
    directory = tmp_path / "audit"
    monkeypatch.setenv("SERVICE_DATABASE_URL", database_url)
    monkeypatch.setenv("GATEWAY_AUDIT_DIRECTORY", str(directory))
    return Audit(database_url, directory, capsys)


# -- what nobody touched -----------------------------------------------------------------------------------------------


def test_what_was_appended_is_right_and_said_so_in_both_languages(audit: Audit) -> None:
    assert audit.verify() == "Nothing has been recorded yet.\n"
    audit.some(7)
    assert audit.verify().startswith("The audit is as it was written: 7 entries")
    assert audit.verify(0, "--language", "es").startswith("La auditoría está como se escribió: 7 registros")
    assert json.loads(audit.verify(0, "--json")) == {"right": True, "problems": []}


def test_entries_are_numbered_from_1_and_the_copy_has_every_checkpoint(audit: Audit) -> None:
    audit.some(5)
    assert [row["number"] for row in audit.tables.query("select number from audit_entry order by 1")] == [1, 2, 3, 4, 5]
    copy = (audit.directory / store.COPY).read_text().splitlines()
    assert [json.loads(line)["number"] for line in copy] == [2, 4, 5]
    assert (audit.directory / store.COPY).stat().st_mode & 0o777 == 0o600


def test_a_database_with_another_form_of_dates_and_another_zone_reads_the_same(audit: Audit, stack: Stack) -> None:
    audit.some(2)
    (role,) = audit.tables.query("select current_user as name")
    for setting in ("datestyle to 'SQL, DMY'", "timezone to 'America/Bogota'"):
        audit.tables.query(f'alter role "{role["name"]}" set {setting}')
    try:
        audit.some(2)
        audit.verify()
    finally:
        audit.tables.query(f'alter role "{role["name"]}" reset all')
    audit.verify()


# -- what somebody changed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TRIGGERS)
@pytest.mark.parametrize("change", ["update {} set hash = hash", "delete from {} where false", "truncate {}"])
def test_the_tables_are_only_appended(audit: Audit, table: str, change: str) -> None:
    audit.some(3)
    with pytest.raises(psycopg.errors.RestrictViolation):
        audit.tables.query(change.format(table))
    audit.verify()


NUMBER_4 = "where number = 4"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (f"update audit_entry set at = at + interval '1 microsecond' {NUMBER_4}", "Entry 4 is not as it was written"),
        (f"update audit_entry set at = 'infinity' {NUMBER_4}", "Entry 4 is not as it was written"),
        (f"update audit_entry set at = '2026-11-27 10:00:00 BC' {NUMBER_4}", "Entry 4 is not as it was written"),
        (f"update audit_entry set actor = 'operator:1' {NUMBER_4}", "Entry 4 is not as it was written"),
        (f"update audit_entry set act = 'key_revokee' {NUMBER_4}", "Entry 4 is not as it was written"),
        (f"update audit_entry set subject = 'redcros' {NUMBER_4}", "Entry 4 is not as it was written"),
        (f"update audit_entry set details = details || ' ' {NUMBER_4}", "Entry 4 is not as it was written"),
        (f"update audit_entry set previous = set_bit(previous, 77, 1 - get_bit(previous, 77)) {NUMBER_4}", "Entry 4 "),
        (f"update audit_entry set hash = set_bit(hash, 77, 1 - get_bit(hash, 77)) {NUMBER_4}", "Entry 4 is not as"),
        (f"update audit_entry set number = 44 {NUMBER_4}", "Entry 4 is missing"),
        (f"delete from audit_entry {NUMBER_4}", "Entry 4 is missing"),
        ("delete from audit_entry where number in (4, 5)", "Entries 4 to 5 are missing"),
        ("delete from audit_entry where number = 1", "Entry 1 is missing"),
        ("delete from audit_entry where number = 9", "The tail was cut: entry 9 is missing, and checkpoint 9 is of it"),
        ("delete from audit_entry where number > 5", "The tail was cut: entries 6 to 9 are missing, and checkpoint 9"),
        ("truncate audit_entry, audit_checkpoint", "The tail was cut: entries 1 to 9 are missing, and checkpoint 9 in"),
        ("truncate audit_checkpoint", "Checkpoint 2 is in the copy and not in the database"),
        ("delete from audit_checkpoint where number = 6", "Checkpoint 6 is in the copy and not in the database"),
        ("update audit_checkpoint set number = 5 where number = 6", "Checkpoint 5 is not signed by this hub"),
        ("update audit_checkpoint set hash = '' where number = 6", "Checkpoint 6 is not signed by this hub"),
        ("update audit_checkpoint set at = now() where number = 6", "Checkpoint 6 is not signed by this hub"),
        ("update audit_checkpoint set signature = '' where number = 6", "Checkpoint 6 is not signed by this hub"),
    ],
)
def test_what_the_databases_owner_changed_is_named(audit: Audit, change: str, said: str) -> None:
    audit.some(9)
    audit.tamper(change)
    assert audit.verify(1).splitlines()[0].startswith(said)


def test_a_row_that_was_inserted_at_the_end_or_in_the_middle_is_named(audit: Audit) -> None:
    audit.some(5)
    (last,) = audit.tables.query("select * from audit_entry where number = 5")
    at = audit.tables.query("select '2026-11-27 10:00:00+00'::timestamptz::text as at")[0]["at"]
    values = (6, at, "operator:0", "key_revoked", "iom", "{}", last["hash"])
    insert = "insert into audit_entry values (%s, %s, %s, %s, %s, %s, %s, %s)"
    audit.tamper(insert, *values, hash_of(*values))
    assert audit.verify(1) == "Entry 6 at the end is not signed: it was inserted, or its checkpoint was removed.\n"

    audit.tamper("delete from audit_entry where number = 6")
    audit.tamper("update audit_entry set number = number + 100 where number > 2")
    audit.tamper("update audit_entry set number = number - 99 where number > 100")
    (before,) = audit.tables.query("select * from audit_entry where number = 2")
    values = (3, at, "operator:0", "key_revoked", "iom", "{}", before["hash"])
    audit.tamper(insert, *values, hash_of(*values))
    assert audit.verify(1).startswith("Entry 4 was written as entry 3: before it one was inserted")


def test_a_tail_that_was_cut_with_its_checkpoints_is_found_by_the_copy_and_recording_goes_on(audit: Audit) -> None:
    audit.some(8)
    audit.tamper("delete from audit_entry where number > 4")
    audit.tamper("delete from audit_checkpoint where number > 4")
    copy = audit.directory / store.COPY
    assert audit.verify(1) == (
        f"The tail was cut: entries 5 to 8 are missing, and checkpoint 8 in {copy} is of the last.\n"
    )
    audit.append(act(77))  # nothing that is done meanwhile is lost
    assert audit.count() == 5
    audit.verify(1)


def test_where_the_checkpoints_were_left_recording_goes_on_and_they_stay_to_be_found(audit: Audit) -> None:
    audit.some(4)
    audit.tamper("delete from audit_entry where number > 3")
    audit.append(act(77))
    assert "Checkpoint 4 says otherwise than entry 4" in audit.verify(1)


def test_an_audit_that_was_written_anew_without_the_key_is_found_from_the_last_checkpoint_that_is_right(
    audit: Audit, tmp_path: Path
) -> None:
    audit.some(6)
    audit.tamper("delete from audit_entry where number > 2")
    audit.tamper("delete from audit_checkpoint where number > 2")
    own = tmp_path / "own"
    keys.make(own)
    with database.connect(audit.url) as connection:
        store.append(connection, [act(n, "iom") for n in range(4)], keys.signer(own))
        connection.commit()
    assert "Checkpoint 6 is not signed by this hub" in audit.verify(1)
    assert "behind checkpoint 2, the last that is right" in audit.verify(1)


def test_no_more_than_ten_problems_are_told(audit: Audit) -> None:
    audit.some(30)
    audit.tamper("update audit_entry set actor = 'operator:1'")
    lines = audit.verify(1).splitlines()
    assert len(lines) == 11
    assert lines[-1] == words.OTHERS["en"]["more"]


# -- the copy ----------------------------------------------------------------------------------------------------------


def test_without_the_copy_one_is_told(audit: Audit) -> None:
    audit.some(3)
    (audit.directory / store.COPY).unlink()
    assert audit.verify(1).startswith("There is no copy of the checkpoints in ")
    audit.append(act())
    audit.verify()


def test_half_a_line_of_a_process_that_was_killed_says_nothing_and_is_written_again(audit: Audit) -> None:
    audit.some(6)
    copy = audit.directory / store.COPY
    whole = copy.read_bytes()
    for cut in (1, 40, len(whole) // 3 + 10, len(whole)):
        copy.write_bytes(whole[:-cut])
        if cut < len(whole):
            audit.verify()
        with database.connect(audit.url) as connection:
            store.copy(connection, audit.directory)
        assert copy.read_bytes() == whole


@pytest.mark.parametrize("damage", [b"{}\n", b"\xff\x00\n", b"x" * 5_000 + b"\n"])
def test_a_line_that_is_no_checkpoint_is_named_and_what_comes_later_is_copied_all_the_same(
    audit: Audit, damage: bytes
) -> None:
    audit.some(4)
    copy = audit.directory / store.COPY
    with copy.open("ab") as file:
        file.write(damage)
    assert f"Line 3 in {copy} is no checkpoint" in audit.verify(1)
    audit.append(act())
    assert json.loads(copy.read_bytes().splitlines()[-1])["number"] == 5


def test_a_copy_that_is_kept_elsewhere_may_be_older(audit: Audit, tmp_path: Path) -> None:
    audit.some(4)
    kept = tmp_path / "kept.jsonl"
    kept.write_bytes((audit.directory / store.COPY).read_bytes())
    audit.some(4)
    audit.verify(0, "--copy", kept, "--key", audit.directory / keys.PUBLIC)
    audit.tamper("delete from audit_entry where number > 2")
    audit.tamper("delete from audit_checkpoint where number > 2")
    assert f"entries 3 to 4 are missing, and checkpoint 4 in {kept}" in audit.verify(1, "--copy", kept)


def test_without_a_key_nothing_is_called_right(audit: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    audit.some(2)
    (audit.directory / keys.PUBLIC).unlink()
    assert command.main(["verify"]) == 2
    assert "public.pem cannot be read" in capsys.readouterr().err


# -- several at once, and killed ---------------------------------------------------------------------------------------


def append_many(url: str, directory: Path, begin: Any, many: int) -> None:
    begin.wait(60)
    with database.connect(url) as connection:
        for number in range(many):
            store.append(connection, [act(number)], keys.signer(directory))
            connection.commit()
            store.copy(connection, directory)


def test_several_processes_that_append_at_once_leave_one_chain_and_one_copy(audit: Audit) -> None:
    begin = processes.Event()
    started = [processes.Process(target=append_many, args=(audit.url, audit.directory, begin, 40)) for _ in range(2)]
    for one in started:
        one.start()
    begin.set()
    for one in started:
        one.join(120)
    assert [one.exitcode for one in started] == [0, 0]
    assert audit.count() == 80
    assert audit.verify().startswith("The audit is as it was written: 80 entries")
    assert len((audit.directory / store.COPY).read_text().splitlines()) == 80


def test_who_reads_the_last_entry_without_the_lock_would_break_the_chain(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit.append(act())
    before_others_wrote = "select clock_timestamp()::text as at, 0 as number, ''::bytea as hash"
    monkeypatch.setattr(store, "LAST", before_others_wrote)
    with pytest.raises(psycopg.errors.UniqueViolation):  # the database lets no number be there twice
        audit.append(act())
    audit.verify()


def append_until_killed(url: str, directory: Path) -> None:
    refusals.LOOK_EVERY = 0.0  # type: ignore[misc]
    with database.connect(url) as connection:
        while True:
            refusals.step(connection, keys.signer(directory))
            store.copy(connection, directory)


def test_killed_anywhere_every_refusal_is_there_exactly_once(audit: Audit) -> None:
    refused = 0
    for at in range(3):
        for minute in range(40):
            audit.refuse(minute + 1, minute=HOURS_AGO + timedelta(minutes=minute), code=f"code_{at}")
            refused += minute + 1
        process = processes.Process(target=append_until_killed, args=(audit.url, audit.directory))
        before = audit.count()
        process.start()
        eventually(lambda before=before: audit.count() > before)  # type: ignore[misc]
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(60)
        assert process.exitcode == KILLED
    audit.look()

    entries = audit.searched("--act", "refused")
    assert sum(one["details"]["count"] for one in entries) == refused
    assert len({(one["details"]["code"], one["details"]["minute"]) for one in entries}) == len(entries) == 120
    audit.verify()


@pytest.mark.parametrize("after", [False, True])
def test_killed_around_the_commit_a_refusal_is_there_exactly_once(audit: Audit, after: bool) -> None:
    audit.refuse(5)
    process = processes.Process(target=die_at_the_commit, args=(audit.url, audit.directory, after))
    process.start()
    process.join(60)
    assert process.exitcode == KILLED
    assert audit.count() == after
    audit.look()
    audit.look()
    assert [one["details"]["count"] for one in audit.searched()] == [5]
    audit.verify()  # the copy has what the killed one left out


def die_at_the_commit(url: str, directory: Path, after: bool) -> None:
    def commit(connection: database.Connection) -> None:
        if after:
            connection.commit()
        os.kill(os.getpid(), signal.SIGKILL)

    refusals.commit = commit
    with database.connect(url) as connection:
        refusals.step(connection, keys.signer(directory))


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_minute_is_one_entry_when_it_is_closed_and_what_comes_late_another(audit: Audit) -> None:
    now = audit.tables.query("select date_trunc('minute', clock_timestamp()) as now")[0]["now"]
    audit.refuse(3)
    audit.refuse(4)
    audit.refuse(1, minute=now + timedelta(minutes=1))  # not over yet
    audit.refuse(2, entrance="amqp")
    audit.look()
    audit.look()
    assert [(one["details"]["entrance"], one["details"]["count"]) for one in audit.searched()] == [
        ("amqp", 2),
        ("http", 7),
    ]
    audit.refuse(5)
    audit.look()
    (*_, late) = audit.searched()
    assert late["details"]["count"] == 5
    assert late["details"]["minute"] == HOURS_AGO.isoformat(timespec="minutes")


def test_a_minute_of_a_clock_far_ahead_is_recorded_too(audit: Audit) -> None:
    audit.refuse(3, minute=HOURS_AGO + timedelta(days=400))
    audit.look()
    assert [one["details"]["count"] for one in audit.searched()] == [3]


def test_more_than_one_step_holds_are_all_recorded(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "CLOSED", refusals.CLOSED.replace(f"limit {refusals.ROWS}", "limit 7"))
    for minute in range(20):
        audit.refuse(minute=HOURS_AGO + timedelta(minutes=minute))
    audit.look()
    assert audit.count() == 20
    audit.verify()


def test_a_count_that_was_not_marked_as_taken_would_be_noticed(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    audit.refuse(5)
    monkeypatch.setattr(refusals, "TAKEN", f"{refusals.TAKEN} and false")
    with database.connect(audit.url) as connection:
        refusals.step(connection, keys.signer(audit.directory))
        refusals.step(connection, keys.signer(audit.directory))
    assert [one["details"]["count"] for one in audit.searched()] == [5, 5]  # not the once that is promised


@contextlib.contextmanager
def held(url: str, sql: str, *params: object) -> Iterator[None]:
    """Somebody froze in the middle of a transaction."""
    with psycopg.connect(url) as connection:
        connection.execute(sql, params)
        yield
        connection.rollback()


def test_who_holds_the_chain_keeps_the_step_for_no_moment_and_nobody_else(audit: Audit) -> None:
    audit.refuse(5)
    with (
        held(audit.url, "select pg_advisory_xact_lock(%s)", store.THE_CHAIN),
        database.connect(audit.url) as connection,
    ):
        connection.execute("set lock_timeout = '1ms'")
        assert refusals.step(connection, keys.signer(audit.directory)) == 0
        audit.refuse(2)  # counting goes on
    audit.look()
    assert [one["details"]["count"] for one in audit.searched()] == [7]


def test_a_count_that_an_entrance_holds_is_left_for_the_next_time(audit: Audit) -> None:
    audit.refuse(5, code="one")
    audit.refuse(6, code="two")
    with (
        held(audit.url, "update refusal_count set count = count where code = 'one'"),
        database.connect(audit.url) as connection,
    ):
        connection.execute("set lock_timeout = '1ms'")
        refusals.step(connection, keys.signer(audit.directory))
        assert [one["details"]["code"] for one in audit.searched()] == ["two"]
    audit.look()
    assert [one["details"]["code"] for one in audit.searched()] == ["two", "one"]


@pytest.mark.parametrize("lacks", ["key", "directory", "table"])
def test_what_keeps_the_audit_from_being_written_ends_nobody_and_loses_nothing(
    audit: Audit, database_url: str, lacks: str
) -> None:
    audit.refuse(5)
    away = audit.directory.with_name("away")
    if lacks == "key":
        (audit.directory / keys.PRIVATE).rename(away)
    elif lacks == "directory":
        audit.directory.rename(away)
    else:
        audit.tables.query("alter table audit_entry rename to away")
    audit.look()
    told = [one.code for one in health._problems.values() if one.what == refusals.PART]
    if lacks == "key":
        away.rename(audit.directory / keys.PRIVATE)
    elif lacks == "directory":
        away.rename(audit.directory)
    else:
        audit.tables.query("alter table away rename to audit_entry")
    assert audit.count() == 0
    audit.look()
    assert [one["details"]["count"] for one in audit.searched()] == [5]
    audit.verify()
    assert told == ["unwritten"]
    assert refusals.PART not in health._problems  # it is over


def test_a_look_that_does_not_come_to_its_end_is_told_while_it_stands(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "STANDS_AFTER", 0.01)
    own, go_on = Health(), threading.Event()
    monkeypatch.setattr(refusals, "health", own)
    monkeypatch.setattr(store, "copy", lambda *_: go_on.wait(60))  # a disk that hangs
    appending = refusals.Appending(audit.url, audit.directory)
    thread = threading.Thread(target=appending.run)
    thread.start()
    eventually(lambda: [(one.what, one.code) for one in own._problems.values()] == [("audit", "no_answer")])
    assert own._came_round == {}  # so nobody ends the process for it
    go_on.set()
    appending.stop()
    thread.join(60)
    assert not thread.is_alive()


def test_the_thread_appends_by_itself_and_ends_when_it_is_asked(audit: Audit) -> None:
    audit.refuse(5)
    appending = refusals.Appending(audit.url, audit.directory)
    thread = threading.Thread(target=appending.run)
    thread.start()
    eventually(lambda: audit.count() == 1)
    appending.stop()
    thread.join(30)
    assert not thread.is_alive()


# -- search ------------------------------------------------------------------------------------------------------------


def test_search_finds_by_organisation_act_and_days(audit: Audit) -> None:
    audit.append(act(1), act(2, "iom"), Act("gateway", "refused", "iom", {"code": "not_allowed", "count": 3}))
    audit.tamper("update audit_entry set at = '2026-02-01 23:59:59+00' where number = 1")
    audit.tamper("update audit_entry set at = '2026-02-02 00:00:00+00' where number = 2")

    def found(*arguments: str, code: int = 0) -> list[int]:
        return [one["number"] for one in audit.searched(*arguments, code=code)]

    assert found() == [1, 2, 3]
    assert found("--organisation", "iom") == [2, 3]
    assert found("--act", "key_revoked") == [1, 2]
    assert found("--organisation", "iom", "--act", "key_revoked") == [2]
    assert found("--until", "2026-02-01") == [1]
    assert found("--since", "2026-02-02", "--until", "2026-02-02") == [2]
    assert found("--organisation", "nobody", code=1) == []
    assert found("--organisation", "' or true --", code=1) == []


def test_an_entry_is_a_line_in_either_language(audit: Audit) -> None:
    audit.append(Act("gateway", "refused", "iom", {"code": "not_allowed", "count": 3}))
    english, spanish = audit.run("search"), audit.run("search", "--language", "es")
    assert 'gateway  messages or requests refused: iom  {"code":"not_allowed","count":3}' in english
    assert "mensajes o peticiones rechazados: iom" in spanish


@pytest.mark.parametrize("day", ["yesterday", "2026-13-01", "", "2026-11-27T10:00:00"])
def test_what_is_no_day_is_said(audit: Audit, capsys: pytest.CaptureFixture[str], day: str) -> None:
    assert command.main(["search", "--since", day]) == 2
    assert f"{day} is no day" in capsys.readouterr().err


def test_where_there_has_been_no_network_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("SERVICE_DATABASE_URL", "GATEWAY_AUDIT_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    for arguments in (["verify"], ["search"]):
        assert command.main(arguments) == 2
        assert "There has been no network yet" in capsys.readouterr().err


def test_a_database_that_is_away_is_said_without_its_address(
    audit: Audit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SERVICE_DATABASE_URL", "postgresql://gateway:secret@127.0.0.1:1/gateway")
    for arguments in (["verify"], ["search"]):
        assert command.main(arguments) == 2
        said = capsys.readouterr().err
        assert "cannot be read" in said
        assert "secret" not in said


# -- how long, and how much --------------------------------------------------------------------------------------------

LONG = 100_000


def test_a_hundred_thousand_entries_are_verified_in_constant_memory(audit: Audit) -> None:
    with database.connect(audit.url) as connection:
        sign = keys.signer(audit.directory)
        for begin in range(0, LONG, 500):
            store.append(connection, [act(begin + n) for n in range(500)], sign)
            connection.commit()
        store.copy(connection, audit.directory)
    began = time.process_time()
    assert f"{LONG} entries" in audit.verify()
    took = time.process_time() - began
    assert took < 30  # one second; what grew faster than the chain would take minutes

    def most(statement: str) -> int:
        tracemalloc.start()
        audit.tamper(statement)
        command.main(["verify"])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    whole = most(f"delete from audit_entry where number > {LONG // 4}")
    part = most(f"delete from audit_entry where number > {LONG // 20}")
    assert whole < 1.5 * part
