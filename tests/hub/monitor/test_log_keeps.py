"""The log is the same whatever the order of what comes; it gives up its oldest days, and is killed anywhere."""

import json
import random
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

import contracts
from contracts import uuid7
from deploy.local import Stack
from deploy.local.state import ROOT
from hub.monitor.log import keeping
from hub.monitor.log.keeping import Settings
from messaging import topology
from messaging.broker import Publication, Publisher
from tests.examples import confidential_request, referral_requested
from tests.hub.ledger import processed, refused, said, status
from tests.hub.monitor.logging import NOW, Log, key_of
from tests.messaging.harness import Process, wait_until

_0009 = ROOT / "hub" / "monitor" / "migrations" / "0009_what_failed_is_found_whatever_the_day.sql"
(INTO_FAILURE,) = (one for one in _0009.read_text().split(";\n") if one.startswith("insert into failure"))
WITHOUT_DAYS = ("confidential_message", "confidential_outcome", "failure")

# -- any order ---------------------------------------------------------------------------------------------------------

SAME = {
    "message": "arrived_at",
    "outcome": "logged_at",
    "failure": "logged_at",
    "mention": "arrived_at",
    "confidential_message": "arrived_at",
    "confidential_outcome": "logged_at",
    "confidential_id": "since",
}
"""Tables that are the same but for when something came."""
SUMS = {
    "flow": "select source, recipient, type, sum(count), sum(bytes) from flow group by 1, 2, 3",
    "flow_hour": "select source, recipient, type, sum(count) from flow_hour group by 1, 2, 3",
    "flow_failed": "select source, service, type, sum(count) from flow_failed group by 1, 2, 3",
}
"""And those that are when it is summed up."""


def conversation(chance: random.Random) -> list[contracts.Message]:
    """Referrals, some of them confidential, what they caused, and what became of it; each message once."""
    referrals = [uuid7() for _ in range(6)]
    sent: list[contracts.Message] = []
    used_again, not_let_in = set[UUID](), set[UUID]()
    for _ in range(40):
        match chance.choice(
            ["asked", "hidden", "told", "told", "caused", "processed", "refused", "not let in", "again"]
        ):
            case "asked":
                asked = referral_requested(referral_id=chance.choice(referrals), person_id=uuid7())
                sent.append(said(asked, source="redcross"))
            case "hidden" if chance.random() < 0.3:
                sent.append(said(confidential_request(referral_id=chance.choice(referrals)), source="iom"))
            case "told":
                sent.append(status(chance.choice(["iom", "redcross"]), chance.choice(referrals)))
            case "caused" if sent:
                cause, root = chance.choice(sent), chance.choice(sent)
                ids = {"causationid": cause.id, "correlationid": root.id}
                sent.append(status("iom", uuid7()).model_copy(update=ids))
            case "processed" if sent:
                one = chance.choice(sent)
                state, code = chance.choice([("applied", None), ("waits", "unknown_person"), ("refused", "no_consent")])
                sent.append(processed(state, one.id, type=one.type, code=code))
            case "refused" if sent:
                sent.append(refused("no_consent", chance.choice(sent).id, by="referrals"))
            case "not let in":
                code = chance.choice(["not_allowed", "confidential_needs_own_key"])
                id = chance.choice([uuid7(), *referrals, *(one.id for one in sent)])
                if id not in not_let_in:  # of the same that is refused again the log has the first
                    not_let_in.add(id)
                    sent.append(refused(code, id, cause=chance.choice([None, *sent])))
            case "again" if sent:
                one = chance.choice(sent)
                if one.id not in used_again:
                    used_again.add(one.id)
                    other = said(referral_requested(referral_id=uuid7()), source="fuvadis")
                    sent.append(other.model_copy(update={"id": one.id}))
    return sent


def kept(log: Log) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for table, when in SAME.items():
        rows: list[dict[str, Any]] = log.query(f"select * from {table}")
        found[table] = sorted(str({name: value for name, value in row.items() if name != when}) for row in rows)
    for table, summed in SUMS.items():
        found[table] = sorted(str(row) for row in log.query(summed))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_any_order_any_batches_and_any_repeats_give_the_same_log(log: Log, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - always the same sequence
    messages = conversation(chance)
    log.write(*messages)
    wanted = kept(log)

    for _ in range(3):
        log.empty()
        come = [*messages, *chance.choices(messages, k=20)]
        chance.shuffle(come)
        while come:
            many = chance.randint(1, 12)
            log.write(*come[:many])
            del come[:many]
        assert kept(log) == wanted


# -- days --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_an_upgrade_finds_the_failures_that_the_log_would_have_kept(log: Log, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - always the same sequence
    for _ in range(3):
        log.write(*conversation(chance))
    log.write(*(processed("quarantined", uuid7(), code="failed", at=NOW) for _ in range(3)))
    again = uuid7()
    log.write(processed("quarantined", again, code="failed", at=NOW))
    log.write(processed("waits", again, code="unknown_person", at=NOW + timedelta(seconds=1)))
    kept = log.query("select message_id, service, state, said_at from failure order by 1, 2")
    assert len(kept) > 3

    log.query("delete from failure")
    log.query(INTO_FAILURE)

    assert log.query("select message_id, service, state, said_at from failure order by 1, 2") == kept


def test_a_day_that_is_missing_is_made_and_no_message_is_blamed_for_it(log: Log) -> None:
    """By a clock that has leapt days are given up that come after all."""
    message = status("iom").model_copy(update={"time": NOW + timedelta(days=4_000)})  # its own is nobody's
    day = log.now.date()
    for table in keeping.TABLES:
        log.query(f"drop table {table}_{day:%Y%m%d}")

    with pytest.raises(psycopg.errors.CheckViolation):
        log.write(message)
    log.connection.rollback()
    keeping.see_to(log.connection, log.now)

    assert log.write(message) == 1


def test_what_is_older_than_the_setting_goes_a_day_at_a_time_the_oldest_first(log: Log) -> None:
    keeping.make_partitions(log.connection, NOW, days=6)
    first, now = log.now, NOW + timedelta(days=5)
    for day in range(6):
        log.now = first + timedelta(days=day)
        hidden = said(confidential_request(referral_id=uuid7()), source="iom")
        log.write(status("iom"), hidden, processed("refused", hidden.id, type=hidden.type, code="no_consent"))
    log.now = first

    gone = keeping.give_up(log.connection, now, Settings(days=3))

    assert gone == [(NOW + timedelta(days=day)).date() for day in range(3)]
    for table, when in (
        ("message", "arrived_at"), ("outcome", "logged_at"), ("failure", "logged_at"),
        ("confidential_message", "arrived_at"), ("confidential_outcome", "logged_at"),
    ):  # fmt: skip
        rows = log.query(f"select distinct ({when} at time zone 'utc')::date as day from {table} order by 1")
        assert [row["day"] for row in rows] == [(NOW + timedelta(days=day)).date() for day in range(3, 6)]
    keeping.make_partitions(log.connection, NOW)


def test_what_has_no_days_goes_after_its_time_too(log: Log) -> None:
    hidden = said(confidential_request(referral_id=uuid7()), source="iom")
    log.write(hidden, processed("refused", hidden.id, type=hidden.type, code="no_consent"))

    keeping.tidy(log.connection, log.now + timedelta(days=89), Settings(days=90))
    kept = [log.query(f"select count(*) as count from {table}")[0]["count"] for table in WITHOUT_DAYS]
    keeping.tidy(log.connection, log.now + timedelta(days=91), Settings(days=90))
    left = [log.query(f"select count(*) as count from {table}")[0]["count"] for table in WITHOUT_DAYS]

    assert (kept, left) == ([1, 1, 1], [0, 0, 0])


# -- killed ------------------------------------------------------------------------------------------------------------

MANY = 1_200
DIES = """
import json, os, signal, sys
from hub.monitor.log import __main__ as process
from messaging import batch_writer

function, before = json.loads(os.environ.get("DIE", "[null, false]"))
of = batch_writer if function == "acknowledge" else process
done, calls = getattr(of, function or "commit"), 0

def dies(*args):
    global calls
    calls += 1
    if function and calls == 2 and before:
        os.kill(os.getpid(), signal.SIGKILL)
    done(*args)
    if function and calls == 2:
        os.kill(os.getpid(), signal.SIGKILL)

setattr(of, function or "commit", dies)
sys.exit(process.main())
"""


@pytest.mark.parametrize(
    ("function", "before"), [("commit", True), ("commit", False), ("acknowledge", True), ("acknowledge", False)]
)
def test_killed_in_the_middle_of_a_batch_it_loses_nothing_and_has_nothing_twice(
    provisioned: Stack, log: Log, tmp_path: Path, function: str, before: bool
) -> None:
    queue = f"queues/hub/{topology.LOG}/contents"
    provisioned.management.delete(queue)
    sent = [status(("redcross", "iom")[place % 2]) for place in range(MANY)]
    publisher = Publisher(provisioned.amqp_url("intake", topology.HUB))
    try:
        batch = [Publication("hub", key_of(one), one.to_json(), str(one.id)) for one in sent]
        assert publisher.publish(batch) == set()
    finally:
        publisher.drop()
    environment = {
        "MONITOR_DATABASE_URL": log.url,
        "MONITOR_HUB_AMQP_URL": provisioned.amqp_url(topology.MONITOR, topology.HUB),
        "RUTA_MONITOR_KEEP_DAYS": "3650",
    }
    command = [sys.executable, "-P", "-c", DIES]

    killed = Process(command, {**environment, "DIE": json.dumps([function, before])}, tmp_path / "killed.log")
    assert killed.launch().exit_code() == -signal.SIGKILL

    survivor = Process(command, environment, tmp_path / "survivor.log").launch()
    try:
        wait_until(lambda: log.query("select count(distinct id) as many from message")[0]["many"] >= MANY)
    finally:
        survivor.stop()
    (row,) = log.query("select count(*) as many, count(distinct id) as ids from message")
    assert (row["many"], row["ids"]) == (MANY, MANY)
    assert log.query("select sum(count) as many from flow")[0]["many"] == MANY
    for queue in (topology.LEDGER, "deliver.redcross", "deliver.iom"):
        provisioned.management.delete(f"queues/hub/{queue}/contents")
