"""The courier with the audit beside it: what is refused is recorded once, and nobody waits where it cannot be."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from contracts import uuid7
from deploy.local import Stack
from hub.gateway.audit import keys, refusals, store
from hub.gateway.ledger import Entry
from messaging import database
from tests.hub.ledger import Tables, entry, make_database, refused, status
from tests.hub.test_courier import Couriers
from tests.messaging.harness import wait_until

MESSAGES = 600
QUICKLY = {
    "CONSTANTS": json.dumps({"messaging.batch_writer.LOOK_EVERY": 0.1, "hub.gateway.audit.refusals.LOOK_EVERY": 0.2})
}


@pytest.fixture(scope="module")
def database_url(provisioned: Stack) -> str:
    return make_database(provisioned)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    keys.make(tmp_path / "audit")
    return tmp_path / "audit"


@pytest.fixture
def couriers(provisioned: Stack, database_url: str, tmp_path: Path) -> Iterator[Couriers]:
    couriers = Couriers(provisioned, database_url, tmp_path)
    for table in ("audit_entry", "audit_checkpoint"):
        couriers.tables.query(f"alter table {table} disable trigger user")
        couriers.tables.query(f"truncate {table}")
        couriers.tables.query(f"alter table {table} enable trigger user")
    yield couriers
    couriers.close()


def recorded(tables: Tables) -> int:
    """How many refusals the audit has."""
    rows = tables.query("select details from audit_entry where act = 'refused'")
    return sum(json.loads(row["details"])["count"] for row in rows)


def refusals_of(organisation: str, many: int) -> list[Entry]:
    return [entry(refused("not_allowed", uuid7(), to=organisation)) for _ in range(many)]


def start(couriers: Couriers, directory: Path) -> None:
    couriers.process(tampered=QUICKLY | {"GATEWAY_AUDIT_DIRECTORY": str(directory)}).start()


@contextlib.contextmanager
def held(url: str, *statements: str) -> Iterator[None]:
    """Somebody froze in the middle of a transaction, and holds what the audit needs."""
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)
        yield
        connection.rollback()


def test_what_is_refused_is_recorded_once_however_many_couriers_there_are(couriers: Couriers, directory: Path) -> None:
    couriers.ledger.send(*refusals_of("redcross", 50))
    start(couriers, directory)
    start(couriers, directory)
    wait_until(lambda: recorded(couriers.tables) == 50)
    couriers.ledger.send(*refusals_of("iom", 30))
    wait_until(lambda: recorded(couriers.tables) >= 80)
    assert recorded(couriers.tables) == 80
    assert couriers.tables.query("select 1 from refusal_count where audited <> count") == []
    # Whoever of them has written last, the copy has it all.
    (last,) = couriers.tables.query("select max(number) as number from audit_checkpoint")
    wait_until(lambda: json.loads((directory / store.COPY).read_bytes().splitlines()[-1])["number"] == last["number"])


HOLDS = {
    "the chain": f"select pg_advisory_xact_lock({store.THE_CHAIN})",
    "its table": "lock table audit_entry in access exclusive mode",
    "its checkpoints": "lock table audit_checkpoint in access exclusive mode",
}


@pytest.mark.parametrize("holds", [*HOLDS, "nothing, and the key is lost", "nothing, and the folder is lost"])
def test_while_the_audit_cannot_be_written_every_message_is_and_afterwards_the_audit_has_it_all(
    couriers: Couriers, directory: Path, holds: str
) -> None:
    said = [entry(status("redcross")) for _ in range(MESSAGES)]
    lost = {"nothing, and the key is lost": directory / keys.PRIVATE, "nothing, and the folder is lost": directory}
    away = directory.with_name("away")
    with held(couriers.tables.url, *([HOLDS[holds]] if holds in HOLDS else [])):
        if holds in lost:
            lost[holds].rename(away)
        start(couriers, directory)
        couriers.ledger.send(*refusals_of("iom", 20))
        wait_until(lambda: couriers.written() == 20)
        couriers.ledger.send(*said)
        wait_until(lambda: couriers.written() == MESSAGES + 20)
        if holds in lost:
            away.rename(lost[holds])
    wait_until(lambda: recorded(couriers.tables) == 20)


def test_in_the_couriers_own_loop_it_would_have_waited(couriers: Couriers, directory: Path) -> None:
    """The planted fault: what the thread is for."""
    couriers.tables.query(
        "insert into refusal_count values ('iom', 'not_allowed', 'http', '2026-01-01', 1, null) on conflict do nothing"
    )
    with held(couriers.tables.url, HOLDS["its table"]), database.connect(couriers.tables.url) as connection:
        connection.execute("set lock_timeout = '10ms'")
        connection.commit()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            refusals.step(connection, keys.signer(directory))


def test_a_courier_without_a_folder_for_it_records_nothing_and_does_its_work(couriers: Couriers) -> None:
    couriers.process().start()
    couriers.ledger.send(*refusals_of("iom", 20))
    wait_until(lambda: couriers.written() == 20)
    assert recorded(couriers.tables) == 0
