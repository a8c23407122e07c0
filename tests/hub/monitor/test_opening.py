"""What the log hides is opened for a reason, after the audit has it, once; by whoever shows the log no other way."""

import os
import subprocess
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from contracts import uuid7
from deploy.local import Stack
from hub.gateway.audit import keys
from hub.gateway.audit.store import Act
from hub.monitor.log import confidential
from hub.monitor.log.confidential import NotOpened, Opened
from messaging import database
from messaging.database import Connection
from messaging.topology import GATEWAY
from tests import commands
from tests.examples import confidential_request
from tests.hub.ledger import processed, said
from tests.hub.monitor.logging import DATABASE, Log

WHY = "organisation_asks 88"
HIDDEN_TABLES = ("confidential_message", "confidential_outcome", "confidential_id", "opening")


@pytest.fixture
def request_id(log: Log) -> UUID:
    """A message of a confidential case, of the Red Cross, that was refused."""
    request = said(confidential_request(referral_id=uuid7()), source="redcross")
    log.write(request)
    log.write(processed("refused", request.id, organisation="redcross", type=request.type, code="no_consent"))
    return request.id


@pytest.fixture
def reader(stack: Stack, log: Log) -> Iterator[Connection]:
    with database.connect(stack.provide_log_reader(DATABASE)) as connection:
        yield connection


def open_up(reader: Connection, *ids: UUID, reason: str = WHY, recorded: list[Act] | None = None) -> Opened:
    acts = recorded if recorded is not None else []
    return confidential.open_up(
        reader, ids, actor="staff:s-1", subject="barranquilla", reason=reason, record=acts.append
    )


def test_it_is_opened_for_a_reason_once_the_audit_has_it(log: Log, reader: Connection, request_id: UUID) -> None:
    recorded: list[Act] = []

    opened = open_up(reader, request_id, recorded=recorded)

    ((hidden,), (outcome,)) = opened.messages, opened.outcomes
    assert (hidden.id, hidden.organisation) == (request_id, "redcross")
    assert (outcome.message_id, outcome.code) == (request_id, "no_consent")
    (act,) = recorded
    assert (act.actor, act.act, act.subject) == ("staff:s-1", confidential.ACT, "barranquilla")
    assert act.details["messages"] == [str(request_id)]
    (row,) = log.query("select actor, reason, messages, shown_at from opening where id = %s", act.details["opening"])
    assert (row["actor"], row["reason"], row["messages"]) == ("staff:s-1", WHY, [request_id])
    assert row["shown_at"] is not None


@pytest.mark.parametrize("reason", ["", " ", "Ana Pérez", "review Ana", "review 3001234567", "other 1", "review 1 2"])
def test_without_a_reason_that_names_nobody_nothing_is_asked_for(
    log: Log, reader: Connection, request_id: UUID, reason: str
) -> None:
    recorded: list[Act] = []

    with pytest.raises(NotOpened, match="reason_missing"):
        open_up(reader, request_id, reason=reason, recorded=recorded)

    assert (recorded, log.query("select from opening where %s = any(messages)", request_id)) == ([], [])


def test_what_the_audit_cannot_write_stays_closed(log: Log, reader: Connection, request_id: UUID) -> None:
    before = log.query("select count(*) as many from opening")

    def fails(act: Act) -> None:
        raise psycopg.OperationalError

    with pytest.raises(psycopg.OperationalError):
        confidential.open_up(reader, [request_id], actor="staff:s-1", subject="barranquilla", reason=WHY, record=fails)

    assert log.query("select count(*) as many from opening") == before


def test_the_database_shows_nothing_that_was_not_written_down_before_and_nothing_twice(
    log: Log, reader: Connection, request_id: UUID
) -> None:
    opening = uuid7()
    reader.execute(confidential.ASK, (opening, [request_id], "staff:s-1", WHY))
    assert one(reader, opening) is None, "what is rolled back would have been shown"
    reader.rollback()
    assert one(reader, opening) is None
    reader.execute(confidential.ASK, (opening, [request_id], "staff:s-1", WHY))
    reader.commit()

    assert one(reader, opening) is not None
    reader.commit()

    assert one(reader, opening) is None
    assert one(reader, uuid7()) is None


def one(reader: Connection, opening: UUID) -> object:
    row = reader.execute(confidential.OPEN, (opening,)).fetchone()
    assert row is not None
    return row["opened"]


@pytest.mark.parametrize("reason", ["", "Ana Pérez", "review 3001234567890123456789"])
@pytest.mark.parametrize("actor", ["staff:s-1", "Ana Pérez"])
def test_the_database_takes_no_names(reader: Connection, request_id: UUID, actor: str, reason: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        reader.execute(confidential.ASK, (uuid7(), [request_id], actor, reason))


@pytest.mark.parametrize("table", HIDDEN_TABLES)
def test_whoever_shows_the_log_reads_no_table_of_what_is_hidden(reader: Connection, table: str) -> None:
    for statement in (f"select * from {table}", f"delete from {table}", f"insert into {table} default values"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(statement.encode())
        reader.rollback()


def test_what_was_opened_stays_written(log: Log, reader: Connection, request_id: UUID) -> None:
    open_up(reader, request_id)

    for statement in (
        "delete from opening",
        "truncate opening",
        "update opening set shown_at = null",
        "update opening set reason = 'review', shown_at = now()",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation):
            log.query(statement)


def test_of_what_is_of_no_confidential_case_there_is_nothing(reader: Connection, log: Log) -> None:
    assert open_up(reader, uuid7()) == Opened((), ())
    with pytest.raises(NotOpened, match="too_many"):
        open_up(reader, *(uuid7() for _ in range(confidential.MOST + 1)))


AWAY = "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1"


def test_a_terminal_opens_it_for_a_reason_once_the_audit_of_the_network_has_it(
    log: Log, databases: Stack, request_id: UUID
) -> None:
    keys.make(databases.state.audit)  # the hub's: others verify this chain
    gateway = databases.service_database_url(GATEWAY)
    environment = os.environ | {
        "SERVICE_DATABASE_URL": log.url,
        "AUDIT_DATABASE_URL": gateway,
        "GATEWAY_AUDIT_DIRECTORY": str(databases.state.audit),
        "AUDIT_ACTOR": "operator:1000",
    }

    def trace(*more: str, **other: str) -> subprocess.CompletedProcess[str]:
        return commands.run("hub.monitor.log.asking", "trace", str(request_id), *more, environment=environment | other)

    for closed in (trace(), trace("--open"), trace("--open", "--why", "Ana"),
                   trace("--open", "--why", "review", AUDIT_DATABASE_URL=AWAY)):  # fmt: skip
        assert "redcross" not in closed.stdout
        assert "no_consent" not in closed.stdout
    opened = trace("--open", "--why", "fault_to_mend 88")

    assert "redcross" in opened.stdout
    assert "(no_consent)" in opened.stdout
    with database.connect(gateway) as connection:
        last = "select actor, act, details from audit_entry order by number desc limit 1"
        row = connection.execute(last).fetchone()
    assert row is not None
    assert (row["actor"], row["act"]) == ("operator:1000", confidential.ACT)
    assert "fault_to_mend 88" in row["details"]
