"""The courier as a process on a real broker and database: killed, stopped, frozen out, two of them, servers away."""

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

import contracts
from contracts import uuid7
from deploy.local import Stack
from hub.gateway.courier import Courier
from hub.gateway.ledger import Entry
from messaging import broker, topology
from messaging.broker import Publication, Publisher
from tests.hub.ledger import DATABASE, Ledger, Tables, entry, make_database, processed, refused, said, status
from tests.messaging.harness import HURRIED, WITHIN, Process, wait_until

MESSAGES = 600  # more than two batches
KILLED = -signal.SIGKILL
QUICKLY = {"messaging.batch_writer.LOOK_EVERY": 0.1, **HURRIED}


class Couriers:
    """The courier's processes, its queue and its tables."""

    def __init__(self, stack: Stack, url: str, folder: Path) -> None:
        self.stack = stack
        self.tables = Tables(url)
        self.ledger = Ledger(stack)
        self.processes: list[Process] = []
        self._folder = folder
        self._environment = {"GATEWAY_DATABASE_URL": url, "GATEWAY_HUB_AMQP_URL": self.ledger.amqp_url}
        self.tables.empty()
        self.ledger.empty()

    def process(self, *, tampered: Mapping[str, str] | None = None, **constants: float) -> Process:
        """A courier, not started yet; `constants` are those of its module."""
        changed = QUICKLY | {f"hub.gateway.courier.{name}": value for name, value in constants.items()}
        environment = {**self._environment, "CONSTANTS": json.dumps(changed), **(tampered or {})}
        command = [sys.executable, "-m", "tests.messaging.tampered", "hub.gateway.courier"]
        process = Process(command, environment, self._folder / f"courier-{len(self.processes)}.log")
        self.processes.append(process)
        return process

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """One in this process, for what needs no process of its own."""
        network = topology.read()
        urls = self.tables.url, self.ledger.amqp_url
        courier = Courier(*urls, network.services, lambda: network.organisations)
        thread = threading.Thread(target=courier.run)
        thread.start()
        try:
            assert courier.ready.wait(WITHIN)
            yield
        finally:
            courier.stop()
            thread.join(WITHIN)
        assert not thread.is_alive()

    def waiting(self) -> int:
        """How many messages stand in the queue, with those that are with a courier."""
        queues = self.stack.management.queues(topology.HUB)
        (one,) = [queue for queue in queues if queue["name"] == topology.LEDGER]
        return int(one.get("messages", 1))

    def ready(self) -> int:
        """How many messages in the queue nobody has been given."""
        connection = broker.connect(self.ledger.amqp_url)
        try:
            return int(connection.channel().queue_declare(topology.LEDGER, passive=True).message_count)
        finally:
            connection.close()

    def written(self) -> int:
        return int(self.tables.query("select count(*) as many from delivery")[0]["many"])

    def end_sessions(self) -> None:
        with self.stack.connect_as_administrator() as administrator:
            administrator.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [DATABASE]
            )

    def end_connections(self) -> None:
        """Have the broker close the couriers' connections, as soon as it knows of one."""
        mine = wait_until(
            lambda: [one for one in self.stack.management.get("connections") if one.get("user") == topology.COURIER]
        )
        for one in mine:
            self.stack.management.delete(f"connections/{quote(one['name'], safe='')}")

    def close(self) -> None:
        for process in self.processes:
            if hasattr(process, "process") and process.process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            print(process.log())  # shown when the test has failed
        self.ledger.close()


@pytest.fixture(scope="module")
def database_url(provisioned: Stack) -> str:
    return make_database(provisioned)


@pytest.fixture
def couriers(provisioned: Stack, database_url: str, tmp_path: Path) -> Iterator[Couriers]:
    couriers = Couriers(provisioned, database_url, tmp_path)
    yield couriers
    couriers.close()


def conversation(many: int = MESSAGES) -> list[Entry]:
    """Deliveries to two organisations, in turn."""
    return [entry(status(("redcross", "iom")[place % 2])) for place in range(many)]


POINTS = ["before_commit", "after_commit", "before_acknowledge", "after_acknowledge"]


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_it_loses_nothing_doubles_nothing_and_leaves_no_gap(
    couriers: Couriers, tmp_path: Path, point: str
) -> None:
    (tmp_path / "die").write_text(point)
    sent, refusals = conversation(), [entry(refused("not_allowed", uuid7())) for _ in range(10)]
    couriers.ledger.send(*refusals, *sent)
    assert couriers.process(tampered={"KILL_FILE": str(tmp_path / "die")}).launch().exit_code() == KILLED
    before = couriers.written()
    assert (before > 0) == (point != "before_commit")

    survivor = couriers.process().start()
    wait_until(lambda: couriers.written() >= len(sent) + len(refusals))
    assert survivor.stop() == 0
    assert couriers.tables.faults([*refusals, *sent]) == []
    assert couriers.ready() == 0
    assert [row["count"] for row in couriers.tables.query("select sum(count) as count from refusal_count")] == [10]


def test_one_that_acknowledged_before_it_commits_would_lose_messages(couriers: Couriers, tmp_path: Path) -> None:
    """The planted fault: the check above finds it."""
    (tmp_path / "die").write_text("before_commit")
    sent = conversation(20)
    couriers.ledger.send(*sent)
    tampered = {"KILL_FILE": str(tmp_path / "die"), "ACKNOWLEDGE_FIRST": "yes"}
    assert couriers.process(tampered=tampered).launch().exit_code() == KILLED
    # It has acknowledged what had arrived until then, which on a slow machine is not all: the next one takes the rest.
    last = entry(status("redcross"))
    couriers.ledger.send(last)
    couriers.process().start()
    wait_until(lambda: f"lost {('redcross', contracts.parse(last.body).id)}" not in couriers.tables.faults([last]))
    wait_until(lambda: couriers.waiting() == 0)
    assert "lost" in " ".join(couriers.tables.faults([last, *sent]))


def test_asked_to_stop_it_finishes_what_has_arrived(couriers: Couriers) -> None:
    sent = conversation()
    couriers.ledger.send(*sent)
    process = couriers.process().start()
    wait_until(lambda: couriers.written() > 0)
    assert process.stop() == 0
    written = couriers.written()
    assert couriers.ready() == len(sent) - written  # nothing is delivered twice
    assert couriers.process().start().stop() == 0


def test_of_two_one_writes_and_when_it_is_gone_the_other(couriers: Couriers) -> None:
    first = couriers.process().start()
    second = couriers.process().start()
    before = conversation(50)
    couriers.ledger.send(*before)
    wait_until(lambda: couriers.written() == len(before))
    first.kill()
    after = conversation(50)
    couriers.ledger.send(*after)
    wait_until(lambda: couriers.written() == len(before) + len(after))
    assert couriers.tables.faults([*before, *after]) == []
    assert second.stop() == 0


def test_one_that_froze_keeps_the_others_out_no_longer_than_its_session_lasts(couriers: Couriers) -> None:
    """And when it wakes, it neither writes nor ends."""
    frozen = couriers.process().start()
    frozen.send_signal(signal.SIGSTOP)
    sent = conversation(50)
    couriers.ledger.send(*sent)
    second = couriers.process().start()
    assert couriers.written() == 0
    couriers.end_sessions()  # as the database does when a session has said nothing for long
    couriers.stack.management.delete(f"queues/hub/{topology.LEDGER}/contents")
    frozen.send_signal(signal.SIGCONT)
    more = conversation(50)
    couriers.ledger.send(*more)
    wait_until(lambda: couriers.written() >= len(more))
    assert couriers.tables.faults([*sent[: couriers.written() - len(more)], *more]) == []
    assert {second.stop(), frozen.stop()} == {0}


@pytest.mark.parametrize("what", ["database", "broker"])
def test_it_goes_on_when_a_server_that_was_lost_is_back(couriers: Couriers, what: str) -> None:
    before, after = conversation(), conversation(50)
    couriers.ledger.send(*before)
    with couriers.running():
        wait_until(lambda: couriers.written() > 0)
        if what == "database":
            couriers.end_sessions()
        else:
            couriers.end_connections()
        couriers.ledger.send(*after)
        wait_until(lambda: couriers.written() == len(before) + len(after))
    assert couriers.tables.faults([*before, *after]) == []


def test_without_its_tables_it_waits_until_they_are_there(couriers: Couriers, caplog: pytest.LogCaptureFixture) -> None:
    couriers.tables.query("alter table delivery rename to elsewhere")
    sent = conversation(20)
    couriers.ledger.send(*sent)
    with couriers.running():
        wait_until(lambda: "the database is away" in caplog.text)
        couriers.tables.query("alter table elsewhere rename to delivery")
        wait_until(lambda: couriers.written() == len(sent))
    assert couriers.tables.faults(sent) == []
    assert couriers.tables.query("select * from parked") == []


def test_one_alone_is_written_at_once_and_what_trickles_in_behind_it_in_one_transaction(
    couriers: Couriers, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *behind = conversation(6)
    monkeypatch.setattr("hub.gateway.courier.BATCH", len(behind))
    monkeypatch.setattr("hub.gateway.courier.APART", 3600.0)
    with couriers.running():
        couriers.ledger.send(first)
        wait_until(lambda: couriers.written() == 1)
        for one in behind:
            couriers.ledger.send(one)
        wait_until(lambda: couriers.written() == 1 + len(behind))
    assert couriers.tables.query("select count(distinct xmin::text) as many from delivery") == [{"many": 2}]


def test_bytes_that_are_no_message_are_put_aside_and_the_queue_goes_on(couriers: Couriers) -> None:
    sent = conversation(20)
    couriers.ledger.send(*sent[:10], Entry("to.iom", b"\0"), Entry("to.iom", b"{"), *sent[10:])
    with couriers.running():
        wait_until(lambda: couriers.written() == len(sent))
    assert couriers.tables.faults(sent) == []
    assert couriers.ready() == 0
    assert sorted(bytes(row["raw"]) for row in couriers.tables.query("select raw from parked")) == [b"\0", b"{"]


def test_reports_and_erasures_reach_it_by_their_own_keys(couriers: Couriers) -> None:
    """As services publish them: bound are `messages.processed.#` and `person.erased.*`."""
    person, id, now = uuid7(), uuid7(), datetime.now(UTC)
    data = contracts.AttendanceSettled(
        attendance_id=uuid7(), jornada_id=uuid7(), person_id=person,
        outcome=next(iter(contracts.codes.AttendanceOutcome)), late=False,
    )  # fmt: skip
    erased = said(contracts.PersonErased(person_id=person, erased_at=now))
    couriers.ledger.send(entry(processed("applied", id, at=now)), entry(said(data, to="iom")), entry(erased))
    with couriers.running():
        wait_until(lambda: couriers.tables.query("select 1 from erased"))
        assert couriers.tables.outcomes() == {("redcross", id, "intake"): "applied"}
        assert [row["body"] for row in couriers.tables.inbox("iom")] == [None]


def test_its_user_reads_the_ledger_and_does_nothing_else(couriers: Couriers) -> None:
    publisher = Publisher(couriers.ledger.amqp_url)
    with pytest.raises(broker.BrokerLost):
        publisher.publish([Publication("hub", "to.iom", b"{}", uuid7())])
    publisher.drop()
