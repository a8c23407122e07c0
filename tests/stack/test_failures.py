"""`./ruta failures` and `./ruta queue`, beside a running hub: from the group to its end, without SQL."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

import contracts
from deploy.local import Network, mending
from deploy.local.operator_error import OperatorError
from deploy.local.state import State
from deploy.local.trail import actor
from hub.monitor import queues
from hub.monitor.mending.failures import Cause
from messaging import database, inbox
from tests import commands
from tests.faults.sending import employers
from tests.waiting import eventually


@pytest.fixture
def hub(network: Network) -> Iterator[Network]:
    """The running hub with nothing parked in employment."""
    query(network, "delete from parked")
    yield network
    query(network, "delete from parked")


def query(network: Network, sql: Any, *params: Any, service: str = "employment") -> list[tuple[Any, ...]]:
    with psycopg.connect(network.stack.service_database_url(service), autocommit=True) as connection:
        cursor = connection.execute(sql, params)
        return database.rows(cursor)


def quarantine(network: Network, *messages: contracts.Message) -> None:
    """Have them stand as if their handler had failed ten times."""
    with database.connect(network.stack.service_database_url("employment")) as connection:
        rows = [inbox.read(one.to_json()) for one in messages]
        for one in rows:
            assert isinstance(one, inbox.Received)
            connection.execute("insert into inbox values (%s, %s, %s)", (*one.key, one.digest))
            inbox.park(
                connection, [inbox.parked_row(one.raw, one.message, "quarantined", "failed", error="Error at x")]
            )


def ruta(network: Network, *words: str) -> "subprocess.CompletedProcess[str]":
    return commands.ruta(network.stack.state, *words, COLUMNS="160")


def test_a_poisoned_batch_is_mended_from_a_terminal(hub: Network) -> None:
    batch = employers(3)
    quarantine(hub, *batch)

    found = ruta(hub, "failures", "--json")
    (group,) = (one for one in json.loads(found.stdout)["groups"] if one["service"] == "employment")
    assert (group["messages"], group["reason"], group["may_be_retried"], found.returncode) == (3, "failed", 3, 1)
    dry = ruta(hub, "failures", "retry", "--service", "employment", "--reason", "the handler was mended")
    assert "This was a dry run: nothing was changed." in dry.stdout
    assert dry.returncode == 1
    assert query(hub, "select count(*) from parked where state = 'quarantined'") == [(3,)]

    done = ruta(hub, "failures", "retry", "--service", "employment", "--reason", "ticket 1234567", "--yes", "--json")

    said = json.loads(done.stdout)
    assert (done.returncode, said["selected"], said["applied"], said["remaining"]) == (0, 3, 3, 0)
    assert query(hub, "select count(*) from parked") == [(0,)]
    (entry,) = query(
        hub,
        "select actor, details from audit_entry where act = 'failures_retried' and subject = %s",
        said["operation_id"],
        service="gateway",
    )
    assert entry[0] == actor()
    assert json.loads(entry[1])["services"] == {"employment": 3}
    assert "ticket 1234567" not in entry[1]
    shown = json.loads(ruta(hub, "failures", "operation", said["operation_id"], "--json").stdout)
    assert [one["result"] for one in shown["messages"]["employment"]] == ["applied"] * 3
    assert "ticket 1234567" in ruta(hub, "failures", "operation", said["operation_id"]).stdout


def test_one_is_given_back_and_its_sender_is_told(hub: Network) -> None:
    one, other = employers(2)
    quarantine(hub, one, other)
    [(parked_id,)] = query(hub, "select parked_id from parked where message_id = %s", one.id)

    done = ruta(
        hub,
        "failures",
        "give-back",
        "--service",
        "employment",
        "--id",
        str(parked_id),
        "--reason",
        "said anew",
        "--yes",
    )

    assert done.returncode == 0, done.stderr
    assert "given back" in done.stdout
    assert query(hub, "select message_id from parked") == [(other.id,)]
    told = "select code, state from outcome where message_id = %s"
    eventually(lambda: query(hub, told, one.id, service="gateway") == [("given_back", "refused")])


def test_what_was_not_done_is_said_in_a_sentence(hub: Network) -> None:
    for words, said in (
        (("retry", "--reason", "x", "--yes", "--service", "employment"), "There is nothing of the kind."),
        (("retry", "--reason", "mended", "--yes", "--service", "nowhere"), "There is no such service (nowhere)."),
        (("retry", "--reason", "mended", "--yes", "--service", "gateway"), "Nobody tries again what is parked there"),
        (("retry", "--reason", "mended", "--yes", "--id", "1"), "Ids are of one service"),
        (("operation", str(uuid4())), "There is no such operation."),
        (("stop", str(uuid4())), "There is no such operation."),
    ):
        done = ruta(hub, "failures", *words)
        assert said in done.stdout + done.stderr, (words, done)
        assert len(done.stderr.splitlines()) <= 1
    quarantine(hub, *employers(1))
    done = ruta(hub, "failures", "retry", "--service", "employment", "--reason", " ", "--yes")
    assert "A reason is required" in done.stderr
    assert query(hub, "select state from parked") == [("quarantined",)]


def test_a_database_that_is_away_is_named_and_keeps_nothing_of_the_rest_back(
    hub: Network, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quarantine(hub, *employers(1))
    here = mending.find(hub.stack.state)
    elsewhere = here.databases["referrals"].replace("/referrals", "/away")
    monkeypatch.setattr(
        mending, "find", lambda state: mending.Here(state, here.place, {**here.databases, "referrals": elsewhere})
    )

    assert mending.show(hub.stack.state, Cause(), as_json=False) == 1

    said = capsys.readouterr().out
    assert "Not seen: referrals" in said
    assert "employment" in said


def test_queues_are_shown_with_what_is_not_known_as_no_data(hub: Network) -> None:
    def employment() -> tuple[int, None] | None:
        found = json.loads(ruta(hub, "queue", "--json").stdout)["queues"]
        (one,) = (one for one in found if one["name"] == "employment")
        return (one["readers"], one["age"]) if one["readers"] else None  # the broker counts its readers by and by

    assert eventually(employment) == (1, None)
    assert "no data" in ruta(hub, "queue", "employment").stdout


def test_the_room_of_a_queue_is_what_its_limits_leave() -> None:
    said = {
        "name": "q", "messages": 30, "message_bytes": 500, "consumers": 1,
        "effective_policy_definition": {"max-length": 100, "max-length-bytes": 400},
        "message_stats": {"publish_details": {"rate": 2.04}},
    }  # fmt: skip
    full = queues._queue("hub", said)
    assert (full.room, full.room_bytes, full.in_per_s, full.out_per_s) == (70, 0, 2.0, None)
    assert queues._queue("hub", {"name": "q"}).room is None


def test_of_a_queue_that_the_broker_has_not_counted_nothing_is_said() -> None:
    limits = {"effective_policy_definition": {"max-length": 100, "max-length-bytes": 400}}
    new = queues._queue("hub", {"name": "q", **limits})
    assert (new.messages, new.size, new.readers, new.room, new.room_bytes) == (None,) * 5


def test_where_nothing_runs_that_is_said(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUTA_AMQP_URL", "RUTA_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(OperatorError, match="Nothing runs"):
        mending.find(State(tmp_path / "nothing"))
