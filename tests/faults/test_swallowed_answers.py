"""What a server says is swallowed on its way while TCP stays as alive as ever (trap 20): all heals within a minute."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from amqp import spec
from amqp.exceptions import UnexpectedFrame
from psycopg.errors import LockNotAvailable

import contracts
from chaos.proxy import Proxy, is_heartbeat, method
from deploy.local import Stack
from deploy.local.operator_error import OperatorError
from messaging import broker, database, frames, migrate, relay, topology, transaction
from messaging.broker import BrokerLost, Publication, Publisher
from messaging.database import Connection, NoAnswerError
from messaging.frames import NoAnswerError as NoAnswerOfTheBroker
from messaging.health import health
from messaging.identity import Identity
from messaging.runtime import Delivery, Runtime
from tests.messaging.checker import check
from tests.messaging.conftest import probe, probed, runtime
from tests.messaging.harness import PROBE, Probe, Process, conversation, service_published, wait_until
from tests.messaging.partners import Gateway, Partner
from tests.messaging.probe.service import ProbeService
from tools.directory import sending

__all__ = ["probe", "probed", "runtime"]

HEALS_WITHIN = 60.0  # seconds after the answers have come back
A_WHILE = 3.0  # seconds of silence
FOR_GOOD = 100.0  # longer than any deadline, and than a part of a process may stand (health.STALLED_AFTER)
DEADLINE = 1.0  # seconds, of what waits in the test's own process
ONCE = 1.9  # seconds: a second wait would not have ended by then

# For what the suite tries each time. The real values are tried beside them.
IN_A_HURRY = {
    "messaging.database.ANSWER_WITHIN": 2.0,
    "messaging.database.IDLE_WITHIN": "4s",
    "messaging.database.CONNECT_WITHIN": 2,
    "messaging.relay.UNUSED_WITHIN": "4s",
    "messaging.broker.HEARTBEAT": 2,
    "messaging.broker.ANSWER_WITHIN": 2.0,
    "messaging.broker.CONNECT_WITHIN": 2.0,
    "messaging.broker.LOOK_AFTER": 3.0,
    "messaging.broker.RECONNECT_WITHIN": 0.5,
}
IN_SMALL_BATCHES = {"messaging.on.BATCH": 10}  # so that it is in the middle of them

SILENCES = [
    pytest.param(A_WHILE, IN_A_HURRY, id="for 3 s, in a hurry"),
    pytest.param(A_WHILE, {}, id="for 3 s", marks=pytest.mark.long),
    pytest.param(FOR_GOOD, {}, id="for good", marks=pytest.mark.long),
]
in_every_silence = pytest.mark.parametrize(("seconds", "constants"), SILENCES)


@contextmanager
def before(url: str, *, by_frame: bool = False) -> Iterator[Proxy]:
    proxy = Proxy(url, by_frame=by_frame)
    try:
        yield proxy
    finally:
        proxy.close()


def be_silent(proxy: Proxy, seconds: float, meanwhile: Callable[[], None]) -> float:
    """Swallow for so long all that the server says; return when its answers have come back."""
    proxy.listening.clear()
    until = time.monotonic() + seconds
    meanwhile()
    wait_until(lambda: time.monotonic() > until, within=seconds + 5)
    assert proxy.swallowed
    proxy.listening.set()
    return time.monotonic()


def said_problem(process: Process, what: str) -> bool:
    """Whether the process has said that this keeps it from its work, and that it does no longer."""
    lines = [json.loads(line) for line in process.log().splitlines() if line.startswith("{")]
    said = {(line["says"], line["code"]) for line in lines if line.get("what") == what}
    return {"problem", "problem is over"} <= {says for says, _ in said} and "no_answer" in {code for _, code in said}


# -- one wait ------------------------------------------------------------------------------------------------------


@pytest.fixture
def silent(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A connection whose database has fallen silent."""
    monkeypatch.setattr(database, "ANSWER_WITHIN", DEADLINE)
    with before(probe.database_url) as proxy:
        connection = database.connect(proxy.url)
        with transaction.transaction(connection):
            pass
        connection.execute("select 1")
        proxy.listening.clear()
        yield connection
        connection.close()


def in_a_transaction(connection: Connection) -> None:
    with transaction.transaction(connection, in_turn=True) as tx:
        tx.fetch("select 1")


def in_a_pipeline(connection: Connection) -> None:
    with connection.pipeline():
        connection.execute("select 1")
        connection.execute("select 2").fetchall()


WAITS: dict[str, Callable[[Connection], Any]] = {
    "a statement": lambda connection: connection.execute("select 1"),
    "a commit": lambda connection: connection.commit(),
    "a rollback": lambda connection: connection.rollback(),
    "a pipeline": in_a_pipeline,
    "a transaction of a handler": in_a_transaction,
    "the end of a block": lambda connection: connection.__exit__(None, None, None),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS.keys())
def test_a_database_that_does_not_answer_is_waited_for_once(silent: Connection, wait: Callable[..., None]) -> None:
    began = time.monotonic()
    with pytest.raises(NoAnswerError) as raised:
        wait(silent)
    assert DEADLINE <= time.monotonic() - began < ONCE
    assert silent.closed
    assert database.is_lost(raised.value, silent)
    assert database.problem(raised.value) == "no_answer"


@pytest.mark.parametrize("missing", range(3))
def test_rows_of_an_answer_are_missed(probe: Probe, missing: int) -> None:
    """Their end says how many there were. One that nobody missed would be a message that passes for a repeat."""
    numbers = count()
    with before(f"{probe.database_url}?sslmode=disable&gssencmode=disable", by_frame=True) as proxy:
        connection = database.connect(proxy.url)
        assert len(connection.execute("select generate_series(1, 3)").fetchall()) == 3
        assert connection.execute("show server_version").fetchone()
        proxy.swallows = lambda _, from_server, said: from_server and said[:1] == b"D" and next(numbers) == missing
        with pytest.raises(NoAnswerError):
            connection.execute("select generate_series(1, 3)")
        assert connection.closed


def test_who_is_interrupted_while_a_database_is_silent_does_not_wait_for_it_again(
    silent: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a handler is that took too long, within a pipeline whose end waits for all answers."""

    class TooLong(BaseException):
        pass

    def interrupted(*_: object, **__: object) -> None:
        interrupting.undo()  # what waits next waits as ever
        raise TooLong

    began = time.monotonic()
    with (  # noqa: PT012 - in the middle of it
        monkeypatch.context() as interrupting,
        pytest.raises(TooLong),
        transaction.transaction(silent) as tx,
        silent.pipeline(),
    ):
        interrupting.setattr("psycopg.waiting.wait", interrupted)
        tx.fetch("select 1")
    assert silent.closed
    assert time.monotonic() - began < DEADLINE


def declare(connection: Publisher) -> None:
    connection._channel.queue_declare("probe", passive=True)


def publish(connection: Publisher) -> None:
    connection.publish([Publication("", "probe", b"{}", str(contracts.uuid7()))])


@pytest.mark.parametrize("ask", [declare, publish])
def test_a_broker_that_does_not_answer_is_not_waited_for_although_its_heart_beats(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Publisher], None]
) -> None:
    """Each heartbeat would begin py-amqp's wait anew."""
    monkeypatch.setattr(broker, "HEARTBEAT", 2)
    monkeypatch.setattr(broker, "ANSWER_WITHIN", 3.0)
    beats: list[bytes] = []

    def all_but_heartbeats(connection: int, from_server: bool, frame: bytes) -> bool:
        if from_server and is_heartbeat(frame):
            beats.append(frame)
        return from_server and not is_heartbeat(frame)

    with before(probe.amqp_url, by_frame=True) as proxy:
        connection = Publisher(proxy.url)
        publish(connection)
        proxy.swallows = all_but_heartbeats
        began = time.monotonic()
        with pytest.raises(BrokerLost) as raised:
            ask(connection)
        assert 3 <= time.monotonic() - began < 4
        assert len(beats) > 1
        assert broker.problem(raised.value) == "no_answer"
        connection.drop()


@pytest.mark.parametrize("answers", [0, 1, 2], ids=["to nothing", "to the first method", "to all but the last"])
def test_a_broker_that_falls_silent_while_a_connection_is_made_is_not_waited_for(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, answers: int
) -> None:
    monkeypatch.setattr(broker, "CONNECT_WITHIN", DEADLINE)
    numbers = count()
    with before(probe.amqp_url, by_frame=True) as proxy:
        proxy.swallows = lambda connection, from_server, frame: from_server and next(numbers) >= answers
        began = time.monotonic()
        with pytest.raises(NoAnswerOfTheBroker):
            broker.connect(proxy.url)
        assert DEADLINE <= time.monotonic() - began < ONCE


def all_deliveries(swallowed: list[bytes]) -> Callable[[int, bool, bytes], bool]:
    """Swallow each delivery with its content, and note the body."""

    def swallows(_: int, from_server: bool, frame: bytes) -> bool:
        if not from_server or is_heartbeat(frame) or method(frame) not in (None, spec.Basic.Deliver):
            return False
        if frame[0] == frames.BODY:
            swallowed.append(frame)
        return True

    return swallows


def nothing(*_: object) -> bool:
    return False


def consumer(url: str, queue: str) -> tuple[frames.Connection, Any]:
    connection = broker.connect(url)
    channel = connection.channel()
    channel.basic_consume(queue)
    return connection, channel


def ids(connection: frames.Connection, atleast: int) -> list[UUID]:
    """Take what is delivered, until it is so much."""
    while len(connection.delivered) < atleast:
        connection.drain_events(timeout=5)
    taken = [contracts.parse(one.body).id for one in connection.delivered]
    connection.delivered.clear()
    return taken


def test_deliveries_that_were_swallowed_come_again_by_a_new_connection_in_order(probe: Probe) -> None:
    """With nothing behind them by which they would be missed."""
    swallowed: list[bytes] = []
    sent = conversation(10)
    with before(probe.amqp_url, by_frame=True) as proxy:
        connection, channel = consumer(proxy.url, "probe")
        proxy.swallows = all_deliveries(swallowed)
        probe.send(*sent)
        wait_until(lambda: len(swallowed) == 10)
        proxy.swallows = nothing

        broker.look_after(connection, channel, ["probe"])
        with pytest.raises(UnexpectedFrame):
            connection.drain_events(timeout=5)
        broker.drop(connection)

        connection, _ = consumer(proxy.url, "probe")
        assert ids(connection, 10) == [message.id for message in sent]
        connection.close()


def test_what_was_not_acknowledged_comes_again_in_order_and_what_was_does_not(probe: Probe) -> None:
    sent = conversation(10)
    probe.send(*sent)
    connection, channel = consumer(probe.amqp_url, "probe")
    for _ in range(2):
        assert ids(connection, 10) == [message.id for message in sent]
        broker.look_after(connection, channel, ["probe"])
    while len(connection.delivered) < 10:
        connection.drain_events(timeout=5)
    channel.basic_ack(connection.delivered[-1].tag, multiple=True)
    connection.delivered.clear()
    broker.look_after(connection, channel, ["probe"])
    assert channel.queue_declare("probe", passive=True).message_count == 0
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.5)
    connection.close()


@pytest.mark.parametrize("missed_before", [0, 2])
def test_a_delivery_that_is_swallowed_after_a_look_is_missed_when_the_next_comes(
    probe: Probe, missed_before: int
) -> None:
    """Else whoever acknowledges the next, and all up to it, would acknowledge it as well."""
    swallowed: list[bytes] = []
    first, *missed = conversation(1 + missed_before)
    with before(probe.amqp_url, by_frame=True) as proxy:
        connection, channel = consumer(proxy.url, "probe")
        probe.send(first)
        assert ids(connection, 1) == [first.id]
        channel.basic_ack(1)
        proxy.swallows = all_deliveries(swallowed)
        probe.send(*missed)
        wait_until(lambda: len(swallowed) == missed_before)
        broker.look_after(connection, channel, ["probe"])
        probe.send(service_published())
        wait_until(lambda: len(swallowed) == 2 * missed_before + 1)
        proxy.swallows = nothing
        probe.send(service_published())
        with pytest.raises(UnexpectedFrame):
            connection.drain_events(timeout=5)
        broker.drop(connection)


def test_who_looks_after_an_idle_queue_still_reads_it_and_who_stands_by_does_not(probe: Probe) -> None:
    """Of a queue that one consumer reads at a time: what is looked for changes nobody's place."""
    active, of_active = consumer(probe.amqp_url, "referrals")
    standby, of_standby = consumer(probe.amqp_url, "referrals")
    for message in conversation(5):
        broker.look_after(standby, of_standby, ["referrals"])
        broker.look_after(active, of_active, ["referrals"])
        probe.send_to("referrals", message)
        active.drain_events(timeout=5)
        (one,) = active.delivered
        of_active.basic_ack(one.tag)
        active.delivered.clear()
    with pytest.raises(TimeoutError):
        standby.drain_events(timeout=0.5)
    active.close()
    standby.close()


def test_a_consumer_that_the_broker_has_ended_without_being_heard_is_missed(probe: Probe) -> None:
    with before(probe.amqp_url, by_frame=True) as proxy:
        connection = broker.connect(proxy.url)
        channel = connection.channel()
        channel.basic_consume("probe", consumer_tag="mine")
        broker.look_after(connection, channel, ["probe"])
        channel.basic_cancel("mine")
        with pytest.raises(BrokerLost):
            broker.look_after(connection, channel, ["probe"])
        broker.drop(connection)


def test_a_publisher_says_that_the_broker_is_silent_until_its_beat_finds_it_again(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(broker, "ANSWER_WITHIN", DEADLINE)
    monkeypatch.setattr(broker, "CONNECT_WITHIN", DEADLINE)
    caplog.set_level(logging.WARNING)
    with before(probe.amqp_url) as proxy:
        publisher = Publisher(proxy.url, server="broker of a test", part="publishing of a test")
        publisher.publish([Publication("", "probe", b"{}", str(contracts.uuid7()))])
        proxy.listening.clear()
        with pytest.raises(BrokerLost):
            publisher.publish([Publication("", "probe", b"{}", str(contracts.uuid7()))])
        with pytest.raises(BrokerLost):
            publisher.beat()
        assert [one.message for one in caplog.records] == ["problem"]

        proxy.listening.set()
        publisher.beat()
        assert [one.message for one in caplog.records] == ["problem", "problem is over"]
        publisher.drop()
    health.ends("publishing of a test")


def test_a_relay_that_lost_its_turn_says_when_the_broker_is_back(
    probe: Probe, runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The other that took it has nothing of it to say, and this one publishes nothing by which it would notice."""
    monkeypatch.setattr(broker, "ANSWER_WITHIN", DEADLINE)
    monkeypatch.setattr(relay, "PATIENCE", "0 seconds")
    caplog.set_level(logging.WARNING)

    def leave_behind() -> None:
        runtime.apply(ProbeService(), [Delivery(1, service_published().to_json(), redelivered=False)])

    with before(probe.amqp_url) as proxy, database.connect(probe.database_url) as other:
        waiting = relay.Relay("probe", probe.database_url, proxy.url, Identity())
        leave_behind()
        assert waiting.publish_backlog(other) == 1
        leave_behind()
        proxy.listening.clear()
        with pytest.raises(BrokerLost):
            waiting.publish_backlog(other)
        assert relay._take_lock(other)

        proxy.listening.set()
        thread = threading.Thread(target=waiting.run)
        thread.start()
        try:
            wait_until(lambda: "problem is over" in [one.message for one in caplog.records], within=10)
        finally:
            waiting.stop()
            thread.join()


def silent_after(proxy: Proxy, said: bytes) -> None:
    """Have the server fall silent when a client has said this."""
    silent = threading.Event()

    def swallows(_: int, from_server: bool, piece: bytes) -> bool:
        if not from_server and said in piece:
            silent.set()
        return from_server and silent.is_set()

    proxy.swallows = swallows


ADMINISTERING: dict[str, tuple[bytes, Callable[[Stack], Any]]] = {
    "whether there is one": (b"pg_database", lambda stack: stack.has_database("silent")),
    "making one": (b"create role", lambda stack: stack.create_database("silent")),
    "removing one": (b"drop database", lambda stack: stack.drop_database("silent")),
}


@pytest.mark.parametrize(("said", "ask"), ADMINISTERING.values(), ids=ADMINISTERING.keys())
def test_who_looks_after_databases_is_told_that_the_server_does_not_answer(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes, ask: Callable[[Stack], Any]
) -> None:
    monkeypatch.setattr("deploy.local.stack.ADMINISTERED_WITHIN", DEADLINE)
    with before(stack.postgres_admin_url) as proxy:
        silent_after(proxy, said)
        elsewhere = Stack(tmp_path, environment={"RUTA_DATABASE_URL": proxy.url})
        elsewhere.state.make()
        began = time.monotonic()
        with pytest.raises(OperatorError, match="did not answer within 1 s"):
            ask(elsewhere)
        assert DEADLINE <= time.monotonic() - began < ONCE
    stack.drop_database("silent")


@pytest.mark.parametrize("said", [b"pg_advisory_lock", b"create table if not exists migration", b"select 1 from migra"])
def test_who_migrates_a_database_that_falls_silent_is_told_so(
    probe: Probe, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(migrate, "ANSWER_WITHIN", DEADLINE)
    with before(probe.database_url) as proxy:
        silent_after(proxy, said)
        began = time.monotonic()
        with pytest.raises(NoAnswerError, match="did not answer within 1 s"):
            migrate.migrate(proxy.url, PROBE)
        assert DEADLINE <= time.monotonic() - began < ONCE


def test_who_waits_for_another_that_migrates_is_told_who_that_is(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "LOCK_WITHIN", "200ms")
    with database.connect(f"{probe.database_url}?application_name=another") as other:
        other.execute("select pg_advisory_lock(%s)", (migrate.MIGRATING,))
        with pytest.raises(LockNotAvailable, match=rf"session {other.info.backend_pid} \(another\)"):
            migrate.migrate(probe.database_url, PROBE)


def test_a_directory_that_the_broker_does_not_confirm_is_not_waited_for(
    probed: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "ANSWER_WITHIN", DEADLINE)
    services = [service_published().data for _ in range(3)]
    credentials = tmp_path / "credentials.json"

    def say(url: str) -> None:
        handed = {"organisation": "redcross", "amqp_urls": [url], "exchange": topology.submit_exchange("redcross")}
        credentials.write_text(json.dumps(handed))
        sending.publish(services, "redcross", credentials)

    url = probed.amqp_url("redcross", topology.NETWORK)
    say(url)
    with before(url, by_frame=True) as proxy:
        proxy.swallows = lambda _, from_server, frame: from_server and method(frame) == spec.Basic.Ack
        began = time.monotonic()
        with pytest.raises(BrokerLost):
            say(proxy.url)
        assert DEADLINE <= time.monotonic() - began < ONCE + 1


# -- processes -----------------------------------------------------------------------------------------------------


def tampered(constants: dict[str, Any]) -> dict[str, str]:
    return {"CONSTANTS": json.dumps(constants)}


def stands_nowhere(process: Process) -> bool:
    """Whether its supervisor would have let it live."""
    return process.process.poll() is None and not process.said("parts of the process have stalled")


@in_every_silence
@pytest.mark.parametrize("server", ["database", "broker"])
def test_a_service_heals(probe: Probe, tmp_path: Path, server: str, seconds: float, constants: dict[str, Any]) -> None:
    sent = conversation(300)
    with before(probe.database_url) as database_proxy, before(probe.amqp_url) as broker_proxy:
        probe.relay(tampered=tampered(IN_A_HURRY)).launch()
        service = probe.service(
            tampered={**tampered({**constants, **IN_SMALL_BATCHES}), "SLOW_PUBLISHING": "0.02"},
            SERVICE_DATABASE_URL=database_proxy.url,
            SERVICE_AMQP_URL=broker_proxy.url,
            SERVICE_PARALLEL="false",  # so that what nobody tells the database holds the turn, too
            RUTA_HEALTH_FILE=str(tmp_path / "health.json"),
        ).start()
        probe.send(*sent[:100])
        wait_until(lambda: len(probe.notes()) > 20)

        proxy = {"database": database_proxy, "broker": broker_proxy}[server]
        back = be_silent(proxy, seconds, lambda: probe.send(*sent[100:200]))
        probe.send(*sent[200:])
        answers = probe.answers_to(*sent)
        took = time.monotonic() - back

        print(f"healed within {took:.1f} s, redelivered {probe.counted('redelivered')}")
        assert took < HEALS_WITHIN
        assert check(sent, probe.notes(), answers).faultless
        wait_until(lambda: said_problem(service, server))
        assert stands_nowhere(service)


@in_every_silence
def test_the_notes_of_a_service_heal(probe: Probe, seconds: float, constants: dict[str, Any]) -> None:
    """Their connection alone is not answered: what is applied meanwhile can be published by nobody else, in order."""
    sent = conversation(200)
    of_notes: set[int] = set()
    silent = False

    def swallows(connection: int, from_server: bool, piece: bytes) -> bool:
        if b"synchronous_commit" in piece:
            of_notes.add(connection)
        return silent and from_server and connection in of_notes

    with before(probe.database_url) as proxy:
        proxy.swallows = swallows
        probe.relay(tampered=tampered(IN_A_HURRY)).launch()
        service = probe.service(tampered=tampered(constants), SERVICE_DATABASE_URL=proxy.url).start()
        probe.send(*sent[:100])
        probe.answers_to(*sent[:100])
        assert of_notes

        silent = True
        until = time.monotonic() + seconds
        probe.send(*sent[100:])
        wait_until(lambda: proxy.swallowed and time.monotonic() > until, within=seconds + 5)
        silent = False
        back = time.monotonic()
        probe.answers_to(*sent[100:])
        took = time.monotonic() - back

        print(f"healed within {took:.1f} s")
        assert took < HEALS_WITHIN
        assert sorted(probe.notes()) == sorted(message.id for message in sent)
        wait_until(lambda: said_problem(service, "database"))


@in_every_silence
@pytest.mark.parametrize("server", ["database", "broker"])
def test_a_relay_heals(probe: Probe, runtime: Runtime, server: str, seconds: float, constants: dict[str, Any]) -> None:
    """What a writer has abandoned is published by it alone; and the lock of the one that works is given up."""
    sent = conversation(30)

    def leave_behind(*messages: contracts.Message) -> None:
        for message in messages:
            runtime.apply(ProbeService(), [Delivery(1, message.to_json(), redelivered=False)])

    with before(probe.database_url) as database_proxy, before(probe.amqp_url) as broker_proxy:
        relay = probe.process(
            ["messaging.relay"],
            tampered({"messaging.relay.PATIENCE": "1 second", **constants}),
            {"SERVICE_DATABASE_URL": database_proxy.url, "SERVICE_AMQP_URL": broker_proxy.url},
        ).start()
        leave_behind(*sent[:10])
        answers = probe.answers_to(*sent[:10])

        proxy = {"database": database_proxy, "broker": broker_proxy}[server]
        back = be_silent(proxy, seconds, lambda: leave_behind(*sent[10:20]))
        leave_behind(*sent[20:])
        answers += probe.answers_to(*sent[10:])
        took = time.monotonic() - back

        print(f"healed within {took:.1f} s")
        assert took < HEALS_WITHIN
        assert check(sent, probe.notes(), answers).faultless
        wait_until(lambda: said_problem(relay, f"{server} of probe"))
        assert stands_nowhere(relay)


@in_every_silence
@pytest.mark.parametrize("side", ["network", "hub"])
def test_the_gateway_heals(probe: Probe, side: str, seconds: float, constants: dict[str, Any]) -> None:
    """Both bridges, each of which reads on one side and publishes on the other."""
    gateway = Gateway(probe)
    partner = Partner(probe.stack, "redcross")
    sent = conversation(60)
    answers = [service_published() for _ in range(60)]
    variable = f"GATEWAY_{side.upper()}_AMQP_URL"
    with before(gateway.environment[variable]) as proxy:
        process = gateway.process(tampered=tampered(constants), **{variable: proxy.url}).start()

        def send(part: slice) -> None:
            partner.submit(*sent[part])
            probe.send_to("deliver.redcross", *answers[part])

        send(slice(0, 20))
        came, went = gateway.passed(20), partner.read(20)
        back = be_silent(proxy, seconds, partial(send, slice(20, 40)))
        send(slice(40, 60))
        while {one.id for one in came} < {one.id for one in sent}:
            came += gateway.passed(1)
        while {one.id for one in went} < {one.id for one in answers}:
            went += partner.read(1)
        took = time.monotonic() - back

        print(f"healed within {took:.1f} s; {len(came) + len(went) - 120} came twice")
        assert took < HEALS_WITHIN
        wait_until(lambda: said_problem(process, f"broker {side}"))
        assert stands_nowhere(process)
    partner.close()


@pytest.mark.parametrize("constants", [IN_A_HURRY, pytest.param({}, marks=pytest.mark.long)], ids=["hurried", "real"])
@pytest.mark.parametrize("swallowed", ["deliveries", "acknowledgements"])
def test_what_a_service_missed_while_idle_comes_again(probe: Probe, swallowed: str, constants: dict[str, Any]) -> None:
    """Whole frames are swallowed, so that nothing looks broken, and nothing comes behind them."""
    sent = conversation(10)
    silent = False

    def swallows(connection: int, from_server: bool, frame: bytes) -> bool:
        if not silent or is_heartbeat(frame):
            return False
        return from_server if swallowed == "deliveries" else method(frame) == spec.Basic.Ack and not from_server

    with before(probe.amqp_url, by_frame=True) as proxy:
        proxy.swallows = swallows
        probe.service(tampered=tampered(constants), SERVICE_AMQP_URL=proxy.url).start()
        silent = True
        probe.send(*sent)
        wait_until(lambda: proxy.swallowed)
        if swallowed == "acknowledgements":
            wait_until(lambda: len(probe.notes()) == len(sent))
        silent = False
        back = time.monotonic()

        wait_until(lambda: len(probe.notes()) == len(sent))
        wait_until(lambda: probe.counted("redelivered") == len(sent))
        took = time.monotonic() - back

        print(f"came again within {took:.1f} s")
        assert took < HEALS_WITHIN
        assert probe.counted("repeated") == (0 if swallowed == "deliveries" else len(sent))
        assert probe.notes() == [message.id for message in sent]


@pytest.mark.parametrize("constants", [IN_A_HURRY, pytest.param({}, marks=pytest.mark.long)], ids=["hurried", "real"])
def test_what_the_gateway_missed_while_idle_comes_again(probe: Probe, constants: dict[str, Any]) -> None:
    gateway = Gateway(probe)
    partner = Partner(probe.stack, "redcross")
    sent = conversation(10)
    silent = False

    def swallows(connection: int, from_server: bool, frame: bytes) -> bool:
        return silent and from_server and not is_heartbeat(frame)

    with before(gateway.environment["GATEWAY_NETWORK_AMQP_URL"], by_frame=True) as proxy:
        proxy.swallows = swallows
        process = gateway.process(tampered=tampered(constants), GATEWAY_NETWORK_AMQP_URL=proxy.url).start()
        silent = True
        partner.submit(*sent)
        wait_until(lambda: proxy.swallowed)
        silent = False
        back = time.monotonic()

        passed = gateway.passed(len(sent))
        took = time.monotonic() - back

        print(f"came again within {took:.1f} s")
        assert took < HEALS_WITHIN
        assert [one.id for one in passed] == [one.id for one in sent]
        assert process.said("UnexpectedFrame")  # a delivery is missing, so that the connection begins anew
        assert stands_nowhere(process)
    partner.close()


@contextmanager
def full(stack: Stack, inbox: str) -> Iterator[None]:
    """Have an inbox take nothing: its organisation does not read."""
    limit = {"pattern": f"^{inbox}$", "definition": {"max-length": 5, "overflow": "reject-publish"}, "priority": 10}
    stack.management.put("policies/network/full", limit | {"apply-to": "queues"})
    try:
        yield
    finally:
        stack.management.delete("policies/network/full")


@pytest.mark.parametrize("constants", [IN_A_HURRY, pytest.param({}, marks=pytest.mark.long)], ids=["hurried", "real"])
def test_what_the_gateway_missed_while_an_inbox_is_full_comes_again(probe: Probe, constants: dict[str, Any]) -> None:
    """What is held for one organisation, for as long as it does not read, keeps nothing back of what is another's."""
    gateway = Gateway(probe)
    partner, not_reading = Partner(probe.stack, "redcross"), Partner(probe.stack, "iom")
    held, sent = conversation(300), conversation(10)  # of the first, some pass before the queue refuses
    silent, swallowed = False, list[bytes]()
    swallows_deliveries = all_deliveries(swallowed)

    with before(gateway.environment["GATEWAY_HUB_AMQP_URL"], by_frame=True) as proxy:
        proxy.swallows = lambda *piece: silent and swallows_deliveries(*piece)
        with full(probe.stack, "inbox.iom"):
            process = gateway.process(tampered=tampered(constants), GATEWAY_HUB_AMQP_URL=proxy.url).start()
            probe.send_to("deliver.iom", *held)
            wait_until(lambda: process.said("not taken, and offered again"))
            silent = True
            probe.send_to("deliver.redcross", *sent)
            wait_until(lambda: len(swallowed) >= len(sent))
            silent = False
            back = time.monotonic()

            came = partner.read(len(sent))
            took = time.monotonic() - back

            print(f"came again within {took:.1f} s")
            assert took < HEALS_WITHIN
            assert [one.id for one in came] == [one.id for one in sent]
        read: set[UUID] = set()
        while not read >= {one.id for one in held}:
            read |= {one.id for one in not_reading.read(1)}
        assert read == {one.id for one in held}
        assert stands_nowhere(process)
    partner.close()
    not_reading.close()
