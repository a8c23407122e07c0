"""What a service is to forget leaves the outbox once it is out, and what was quarantined; nothing else goes."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from contracts import uuid7
from deploy.local import Stack
from messaging import database, erasure, inbox, outbox, relay
from messaging.broker import Publication
from messaging.database import Connection
from messaging.identity import Identity
from messaging.migrate import migrate
from messaging.transaction import transaction
from tests.messaging.harness import Probe, wait_until

PROBE = Path(__file__).parent / "probe"
SOMEBODY, SOMEBODY_ELSE = uuid7(), uuid7()


@pytest.fixture
def connection(stack: Stack) -> Iterator[Connection]:
    stack.drop_database("test_erasure")
    url = stack.create_database("test_erasure")
    migrate(url, PROBE)
    with database.connect(url) as connection:
        yield connection


def commit_about(connection: Connection, writer: UUID, person_id: UUID) -> int:
    """Write a message about somebody to the outbox; return its position."""
    said = Publication("hub", "a.key", f'{{"person_id":"{person_id}"}}'.encode(), uuid7())
    committed = outbox.write(connection, writer, [said], outbox.Tally())
    connection.commit()
    return committed().position


def park(connection: Connection, raw: bytes, state: str = "quarantined") -> None:
    inbox.park(connection, [inbox.parked_row(raw, None, state, "no_handler")])
    connection.commit()


def forget(connection: Connection, *ids: UUID) -> None:
    with transaction(connection) as tx:
        erasure.forget(tx, ids)


def column(connection: Connection, sql: Any) -> list[Any]:
    return [next(iter(row.values())) for row in connection.execute(sql).fetchall()]


def later(connection: Connection) -> None:
    """Let the time pass in which something decided before may still be written."""
    connection.execute(f"update forgotten set since = since - interval '{erasure.NOBODY_WRITES_SO_LONG}'")


def test_what_has_been_published_about_somebody_leaves_and_the_rest_stays(connection: Connection) -> None:
    writer = outbox.open_writer(connection, "test")
    about_both = [commit_about(connection, writer, one) for one in (SOMEBODY, SOMEBODY_ELSE)]
    outbox.mark(connection, writer, about_both[-1])
    forget(connection, SOMEBODY)
    erasure.carry_out(connection)
    assert column(connection, "select position from outbox") == about_both[1:]


def test_what_is_kept_for_long_leaves_too_however_much_lies_before_it(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "AT_ONCE", 2)
    writer = outbox.open_writer(connection, "test")
    positions = [commit_about(connection, writer, one) for one in (SOMEBODY, *[SOMEBODY_ELSE] * 5, SOMEBODY)]
    outbox.mark(connection, writer, positions[-1])
    connection.execute("update outbox set recorded_at = recorded_at - interval '2 days'")
    forget(connection, SOMEBODY)
    later(connection)
    with monkeypatch.context() as hurried:
        hurried.setattr(erasure, "SEARCHES_FOR", -1.0)  # there is no time for it
        erasure.carry_out(connection)
        assert column(connection, "select id from forgotten") == [SOMEBODY]
    erasure.carry_out(connection)
    assert column(connection, "select position from outbox") == positions[1:-1]
    assert column(connection, "select 1 from forgotten") == []


def test_that_somebody_was_erased_can_be_said_again(connection: Connection) -> None:
    writer = outbox.open_writer(connection, "test")
    said = Publication("hub", "person.erased.hub", f'{{"person_id":"{SOMEBODY}"}}'.encode(), uuid7())
    committed = outbox.write(connection, writer, [said], outbox.Tally())
    connection.commit()
    outbox.mark(connection, writer, committed().position)
    forget(connection, SOMEBODY)
    later(connection)
    erasure.carry_out(connection)
    assert column(connection, "select routing_key from outbox") == ["person.erased.hub"]
    assert column(connection, "select 1 from forgotten") == []


def test_what_is_not_out_yet_leaves_in_its_order_and_is_forgotten_then(connection: Connection) -> None:
    writer = outbox.open_writer(connection, "test")
    position = commit_about(connection, writer, SOMEBODY)
    forget(connection, SOMEBODY)
    later(connection)
    erasure.carry_out(connection)
    assert column(connection, "select position from outbox") == [position]
    outbox.mark(connection, writer, position)
    erasure.carry_out(connection)
    assert (column(connection, "select 1 from outbox"), column(connection, "select 1 from forgotten")) == ([], [])


def test_what_the_same_transaction_still_writes_after_it_goes_too(connection: Connection) -> None:
    writer = outbox.open_writer(connection, "test")
    forget(connection, SOMEBODY)
    erasure.carry_out(connection)
    outbox.mark(connection, writer, commit_about(connection, writer, SOMEBODY))
    erasure.carry_out(connection)
    assert column(connection, "select 1 from outbox") == []
    assert column(connection, "select id from forgotten") == [SOMEBODY]  # until nobody can write any more
    later(connection)
    erasure.carry_out(connection)
    assert column(connection, "select 1 from forgotten") == []


@pytest.mark.parametrize(
    "written",
    [str, lambda one: str(one).upper(), lambda one: one.hex, lambda one: f"urn:uuid:{one}"],
    ids=["as we write it", "in capitals", "without dashes", "as a URN"],
)
def test_of_what_was_quarantined_about_somebody_a_digest_is_left(connection: Connection, written: Any) -> None:
    raw, other = (f'{{"person_id":"{written(one)}","x":"\\u00e9é"}}'.encode() for one in (SOMEBODY, SOMEBODY_ELSE))
    broken = b"\xff\x00" + raw
    for one in (raw, broken, other):
        park(connection, one)
    forget(connection, SOMEBODY)
    erasure.carry_out(connection)
    erasure.carry_out(connection)  # and again changes nothing
    rows = connection.execute("select state, reason, raw from parked order by parked_id").fetchall()
    assert [(row["state"], row["reason"], bytes(row["raw"])) for row in rows] == [
        ("quarantined", "erased", hashlib.sha256(raw).digest()),
        ("quarantined", "erased", hashlib.sha256(broken).digest()),
        ("quarantined", "no_handler", other),
    ]


def test_bytes_that_come_again_after_they_were_erased_are_erased_again(connection: Connection) -> None:
    raw = f'{{"person_id":"{SOMEBODY}"}}'.encode()
    for _ in range(3):
        park(connection, raw)
        forget(connection, SOMEBODY)
        erasure.carry_out(connection)
    assert column(connection, "select reason from parked") == ["erased"] * 3


def test_what_waits_may_be_a_fact_that_counts_and_comes_to_its_end_first(connection: Connection) -> None:
    raw = f'{{"person_id":"{SOMEBODY}"}}'.encode()
    park(connection, raw, "waiting")
    forget(connection, SOMEBODY)
    later(connection)
    erasure.carry_out(connection)
    assert [bytes(one) for one in column(connection, "select raw from parked")] == [raw]
    assert column(connection, "select id from forgotten") == [SOMEBODY]
    connection.execute("update parked set state = 'quarantined'")
    erasure.carry_out(connection)
    erasure.carry_out(connection)
    assert [bytes(one) for one in column(connection, "select raw from parked")] == [hashlib.sha256(raw).digest()]
    assert column(connection, "select 1 from forgotten") == []


def test_what_a_handler_that_failed_wanted_forgotten_is_not(connection: Connection) -> None:
    def fail() -> None:
        with transaction(connection) as tx:
            erasure.forget(tx, [SOMEBODY])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert column(connection, "select 1 from forgotten") == []


def test_an_erasure_that_fails_keeps_neither_partitions_nor_messages_from_the_relay(
    probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(connection: Connection) -> None:
        connection.execute("select 1 / 0")

    monkeypatch.setattr(erasure, "carry_out", fails)
    working = relay.Relay("probe", probe.database_url, probe.amqp_url, Identity())
    with database.connect(probe.database_url) as connection:
        writer = outbox.open_writer(connection, "test")
        commit_about(connection, writer, SOMEBODY)
        outbox.abandon(connection, writer)
        working._keep_house(connection)
        assert working.publish_backlog(connection) == 1
    working._publisher.drop()


def test_the_relay_carries_it_out_when_it_keeps_house(probe: Probe) -> None:
    with database.connect(probe.database_url) as connection:
        writer = outbox.open_writer(connection, "test")
        outbox.mark(connection, writer, commit_about(connection, writer, SOMEBODY))
        park(connection, f'{{"person_id":"{SOMEBODY}"}}'.encode())
        forget(connection, SOMEBODY)
    probe.relay().start()
    wait_until(lambda: probe.query("select 1 from outbox") == [])
    wait_until(lambda: [row["reason"] for row in probe.parked()] == ["erased"])
