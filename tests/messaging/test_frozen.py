"""A process that freezes in the middle of its transaction keeps nobody waiting, wherever it froze."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest

from messaging import database, migrate, outbox
from messaging.batch_writer import BatchWriter, Task
from messaging.database import NotOurTurnError
from messaging.frames import Delivered
from messaging.identity import Identity
from messaging.relay import THE_RELAY, Relay
from messaging.transaction import TAKE_TURN, transaction
from tests.messaging.harness import Probe, wait_until
from tests.messaging.test_turns import BLOCKED, apply, other, runtime

__all__ = ["other"]

HAS_ITS_TURN = """
    select 1 from pg_locks join pg_stat_activity using (pid)
    where locktype = 'advisory' and granted and datname = 'probe' and wait_event in ('ClientRead', 'ClientWrite')
"""
IS_ANOTHERS = "select 1 from pg_locks where locktype = 'advisory' and granted and objid = %s and pid <> %s"
NOBODY_ENDS = "revoke execute on function pg_terminate_backend(integer, bigint) from public"
ALL_END = "grant execute on function pg_terminate_backend(integer, bigint) to public"
A_LOT = b"select repeat('x', 1000) from generate_series(1, 100000)"
HAS_THE_OUTBOX = "select 1 from pg_locks where relation = 'outbox'::regclass and granted and pid = %s"


@contextmanager
def within_a_pipeline(connection: database.Connection) -> Iterator[None]:
    with connection.pipeline():
        connection.execute(TAKE_TURN)
        yield


@contextmanager
def after_a_pipeline(connection: database.Connection) -> Iterator[None]:
    with connection.pipeline():
        connection.execute(TAKE_TURN)
    yield


@contextmanager
def within_an_answer(connection: database.Connection) -> Iterator[None]:
    connection.execute(TAKE_TURN)
    connection.pgconn.send_query(A_LOT)
    yield


@pytest.mark.parametrize("frozen", [within_a_pipeline, after_a_pipeline, within_an_answer])
def test_whoever_stands_in_its_turn_is_ended_by_who_waits_for_it_wherever_it_stands(
    probe: Probe,
    monkeypatch: pytest.MonkeyPatch,
    frozen: Callable[[database.Connection], AbstractContextManager[None]],
) -> None:
    other = database.connect(probe.database_url)  # the server's own limit is too long for this test
    monkeypatch.setattr(database, "LOCK_WITHIN", "100ms")
    monkeypatch.setattr(database, "IDLE_WITHIN", "1s")
    ours = runtime(probe)

    def applied() -> bool:
        with suppress(NotOurTurnError):
            apply(ours)
        return len(probe.notes()) == 1

    with suppress(psycopg.OperationalError), frozen(other):
        wait_until(lambda: probe.query(HAS_ITS_TURN))
        with pytest.raises(NotOurTurnError):
            apply(ours)  # it has not stood for long
        wait_until(applied)
    ours.close()
    with pytest.raises(psycopg.OperationalError):
        other.execute("select 1")
    other.close()


def test_whoever_works_in_its_turn_is_not_ended_however_long_it_takes(
    probe: Probe, other: database.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_WITHIN", "100ms")
    monkeypatch.setattr(database, "IDLE_WITHIN", "0s")
    ours = runtime(probe)
    with psycopg.connect(probe.database_url, application_name="work") as work, transaction(other, in_turn=True) as tx:
        work.execute("select pg_advisory_xact_lock(1)")
        tx.fetch("select 1")
        thread = Thread(target=tx.fetch, args=("select pg_advisory_xact_lock(1)",))
        thread.start()
        wait_until(lambda: probe.query(BLOCKED))
        with pytest.raises(NotOurTurnError):
            apply(ours)
        work.commit()
        thread.join()
    ours.close()
    assert not other.closed


def test_within_a_pipeline_every_statement_counts_as_a_word_of_its_client(
    probe: Probe, other: database.Connection
) -> None:
    def heard_of() -> Any:
        return probe.query("select state, state_change from pg_stat_activity where pid = %s", other.info.backend_pid)[0]

    with other.pipeline():
        other.execute(TAKE_TURN)
        wait_until(lambda: probe.query(HAS_ITS_TURN))
        first = heard_of()
        other.execute("select 1")
        wait_until(lambda: heard_of()["state_change"] > first["state_change"])
        assert heard_of()["state"] == first["state"] == "active"


@pytest.mark.parametrize("name", ["psql", "console-web"])
def test_a_session_of_another_name_is_not_ended_though_it_has_waited_for_somebody(
    probe: Probe, other: database.Connection, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(database, "IDLE_WITHIN", "0s")
    with psycopg.connect(probe.database_url, application_name=name) as somebody:
        somebody.execute("select 1")
        database.end_frozen(other)
        somebody.execute("select 1")


def test_where_no_session_may_be_ended_whoever_waits_goes_on_as_before(
    probe: Probe, other: database.Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "LOCK_WITHIN", "100ms")
    monkeypatch.setattr(database, "IDLE_WITHIN", "0s")
    ours = runtime(probe)
    with psycopg.connect(probe.stack.postgres_admin_url, dbname="probe", autocommit=True) as administrator:
        administrator.execute(NOBODY_ENDS)
        try:
            with transaction(other, in_turn=True) as tx:
                tx.fetch("select 1")
                with pytest.raises(NotOurTurnError):
                    apply(ours)
        finally:
            administrator.execute(ALL_END)
    apply(ours)
    ours.close()
    assert len(probe.notes()) == 1
    assert "this role may end none of its own" in caplog.text


def test_whoever_stands_with_rows_of_the_outbox_is_ended_by_the_relay_that_cannot_keep_house(
    probe: Probe, other: database.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_WITHIN", "100ms")
    monkeypatch.setattr(database, "IDLE_WITHIN", "0s")
    kept: list[bool] = []

    def keep_house(connection: database.Connection) -> None:
        connection.execute("lock table outbox in access exclusive mode")
        connection.commit()
        kept.append(True)

    monkeypatch.setattr(outbox, "keep_house", keep_house)
    working = Relay("probe", probe.database_url, probe.amqp_url, Identity())
    with database.connect(probe.database_url) as connection, suppress(psycopg.OperationalError), other.pipeline():
        other.execute("lock table outbox in row exclusive mode")
        wait_until(lambda: probe.query(HAS_THE_OUTBOX, other.info.backend_pid))
        working._keep_house(connection)
        assert not kept
        working._house_kept_at = float("-inf")
        working._keep_house(connection)
    assert kept


class Nothing(BatchWriter):
    """A writer that writes nothing."""

    def write(self, connection: database.Connection, batch: Sequence[Delivered]) -> int:
        return len(batch)

    def due(self, connection: database.Connection) -> Sequence[str]:
        return ()

    def keep(self, connection: database.Connection, step: str) -> bool:
        return False


def relaying(probe: Probe) -> tuple[Relay, int]:
    return Relay("probe", probe.database_url, probe.amqp_url, Identity()), THE_RELAY


def writing(probe: Probe) -> tuple[Nothing, int]:
    task = Task("nothing", "nothing", 0x4E6F74, batch=1, prefetch=1, apart=0.0)
    return Nothing(task, probe.database_url, probe.amqp_url, logging.getLogger("nothing")), task.lock


@pytest.mark.parametrize("standing_by", [relaying, writing])
def test_whoever_stands_in_an_answer_is_ended_by_who_stands_by_for_its_lock(
    probe: Probe,
    monkeypatch: pytest.MonkeyPatch,
    standing_by: Callable[[Probe], tuple[Relay | BatchWriter, int]],
) -> None:
    monkeypatch.setattr(database, "IDLE_WITHIN", "1s")
    monkeypatch.setattr(database, "END_FROZEN_EVERY", 0.0)
    working, lock = standing_by(probe)
    with closing(database.connect(probe.database_url)) as other:
        other.execute("select pg_advisory_lock(%s)", (lock,))
        other.pgconn.send_query(A_LOT)
        thread = Thread(target=working.run)
        thread.start()
        try:
            wait_until(lambda: probe.query(IS_ANOTHERS, lock, other.info.backend_pid))
        finally:
            working.stop()
            thread.join()


def test_a_migration_that_waits_in_vain_for_whoever_stands_goes_through_the_next_time(
    probe: Probe, other: database.Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(migrate, "LOCK_WITHIN", "100ms")
    monkeypatch.setattr(database, "IDLE_WITHIN", "0s")
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_all.sql").write_text("lock table outbox in access exclusive mode")
    with suppress(psycopg.OperationalError), other.pipeline():
        other.execute("lock table outbox in row exclusive mode")
        wait_until(lambda: probe.query(HAS_THE_OUTBOX, other.info.backend_pid))
        with pytest.raises(psycopg.errors.LockNotAvailable):
            migrate.migrate(probe.database_url, tmp_path)
        assert migrate.migrate(probe.database_url, tmp_path) == [f"{tmp_path.name}/0001_all"]
