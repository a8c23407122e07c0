"""The transaction that handlers write through: what is kept, what is undone, and what an interruption looks like."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import LiteralString

import psycopg
import pytest

import contracts
from messaging import database
from messaging.runtime import Delivery, Runtime
from messaging.transaction import Transaction, transaction
from tests.messaging.harness import Probe, service_published, wait_until
from tests.messaging.probe.service import NOTE, ProbeService


class Interruption(BaseException):
    """What a time limit raises, wherever the process happens to be."""


@pytest.fixture
def connection(probe: Probe) -> Iterator[database.Connection]:
    with database.connect(probe.database_url) as connection:
        yield connection


def note(tx: Transaction) -> None:
    tx.write(NOTE, {"message_id": contracts.uuid7(), "subject": "s"})


def noted(tx: Transaction) -> int:
    return int(tx.fetch("select count(*) as notes from note")[0]["notes"])


def test_a_read_sees_what_was_written_before_it(connection: database.Connection) -> None:
    with transaction(connection) as tx:
        note(tx)
        assert noted(tx) == 1
        note(tx)
        assert noted(tx) == 2


def test_undoing_one_message_leaves_those_before_and_after_it(connection: database.Connection) -> None:
    with transaction(connection) as tx:
        note(tx)
        tx.keep()
        note(tx)
        noted(tx)  # sends it
        note(tx)
        tx.undo()
        note(tx)
        tx.keep()
        assert noted(tx) == 2


@pytest.mark.parametrize(
    ("statement", "many"),
    [
        ("select from generate_series(1, 3)", 3),
        ("select 1 as one", 1),
        ("select where false", 0),
        ("set work_mem to 64", 0),
    ],
)
def test_a_select_without_columns_has_as_many_rows_as_any_other(
    connection: database.Connection, statement: LiteralString, many: int
) -> None:
    assert len(database.rows(connection.execute(statement))) == many
    with transaction(connection) as tx:
        assert len(tx.fetch(statement)) == many


def write_and_fail(connection: database.Connection, failure: BaseException) -> None:
    with transaction(connection) as tx:
        note(tx)
        noted(tx)
        raise failure


def test_nothing_is_kept_of_a_transaction_that_raises(connection: database.Connection) -> None:
    with pytest.raises(ValueError, match="no"):
        write_and_fail(connection, ValueError("no"))
    with transaction(connection) as tx:
        assert noted(tx) == 0


@contextmanager
def interrupted(after: float) -> Iterator[None]:
    """Interrupt the block after so many seconds."""

    def interrupt(*_: object) -> None:
        raise Interruption

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, after)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_an_interrupted_statement_is_not_taken_for_a_lost_database(connection: database.Connection) -> None:
    """Else a message whose statements take too long would be tried again for ever, as if the server were away."""
    with pytest.raises(Interruption) as caught, transaction(connection) as tx, interrupted(0.3):
        tx.fetch("select pg_sleep(60)")
    assert connection.closed
    assert not database.is_lost(caught.value, connection)


def test_a_server_that_ends_the_session_is_a_lost_database(probe: Probe, connection: database.Connection) -> None:
    with pytest.raises(psycopg.OperationalError) as caught, transaction(connection) as tx:
        tx.fetch("select pg_terminate_backend(pg_backend_pid())")
    assert database.is_lost(caught.value, connection)


def test_a_frozen_process_keeps_its_locks_no_longer_than_its_session_may_idle(connection: database.Connection) -> None:
    for setting in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
        (row,) = connection.execute("select setting::integer from pg_settings where name = %s", (setting,))
        assert row["setting"] > 0


SLOW = """
    create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(0.3); return new; end';
    create trigger slow before insert on inbox for each row execute function slow()
"""


def test_a_batch_that_takes_the_database_too_long_is_applied_one_by_one(
    probe: Probe, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would be tried again for ever, as if each time its answer had been lost."""
    monkeypatch.setattr(database, "ANSWER_WITHIN", 1.0)
    for statement in SLOW.split(";\n"):
        probe.query(statement)
    messages = [service_published() for _ in range(8)]
    batch = [Delivery(tag, message.to_json(), redelivered=False) for tag, message in enumerate(messages)]

    def applied() -> bool:
        with suppress(database.NoAnswerError):  # what the first attempt has begun ends by and by
            runtime.apply(ProbeService(), batch)
        return len(probe.notes()) > 0

    assert not applied()
    wait_until(applied)

    assert probe.notes() == [message.id for message in messages]
    assert probe.counted("repeated") == 0
