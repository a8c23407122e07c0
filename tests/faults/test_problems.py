"""Whatever keeps the network from its work, an operator is told: what it is, and what to do first."""

import contextlib
import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import amqp
import psycopg
import pytest

from deploy.local import Network, OperatorError, Stack, problems, status
from deploy.local.postgres import PostgresProcess
from deploy.local.problems import Found, Watch
from deploy.local.rabbitmq import ADMINISTRATOR, NODE, BrokerProcess, scripts
from deploy.local.state import ROOT, State, free_ports
from messaging import addresses, broker
from messaging.topology import GATEWAY, HUB, NETWORK
from tests.commands import ruta
from tests.directories import directory
from tests.faults.down import ended
from tests.waiting import eventually

ENDS_WITHIN = 15.0  # seconds, of which the reading of servers takes seven


def found(stack: Stack, code: str, *, what: str = "") -> Found | None:
    """The problem of this code, if `status` finds it."""
    now = status.read(stack.state, environment={})
    return next((one for one in problems.find(now) if one.code == code and one.what.startswith(what)), None)


def rabbitmqctl(stack: Stack, *arguments: str) -> None:
    assert stack.broker is not None
    command = [str(scripts() / "rabbitmqctl"), "-n", NODE, *arguments]
    subprocess.run(command, env=stack.broker.program.environment, check=True, capture_output=True, timeout=90)


@pytest.fixture
def hub(network: Network) -> Iterator[Network]:
    """The running network in which nothing is wrong, and again after the test."""
    _make_whole(network)
    yield network
    _make_whole(network)


def _make_whole(network: Network) -> None:
    for process in network.processes.values():
        process.resume()
    network.wait_ready()
    stack = network.stack
    stack.provision_broker(network.declared)
    for vhost, queue in ((NETWORK, "unrouted"), (HUB, "unrouted"), (HUB, "dead")):
        stack.management.delete(f"queues/{vhost}/{queue}/contents")
    for name in network.declared.services:  # what other tests have left there waits still
        with psycopg.connect(stack.service_database_url(name)) as connection:
            connection.execute("delete from parked")
    lasting: list[Found] = []

    def is_whole() -> bool:
        lasting[:] = _lasting(stack)
        for one in lasting:
            if one.code == "given_up":  # what other tests have left in a queue, and its reader could not read
                with psycopg.connect(stack.service_database_url(one.what)) as connection:
                    connection.execute("delete from parked")
        return not lasting

    try:
        eventually(is_whole)
    except AssertionError:
        raise AssertionError(f"this is wrong to begin with: {lasting}") from None


def _lasting(stack: Stack) -> list[Found]:
    """What is wrong, but for a restart a moment ago."""
    return [one for one in problems.find(status.read(stack.state, environment={})) if one.code != "restarted"]


def without_sizes(text: str) -> str:
    """A text on one line, without the MB of this moment."""
    return re.sub(r"[\d,]+ (of [\d,]+ )?MB", "… MB", " ".join(text.split()))


def test_where_nothing_is_wrong_it_says_so_and_ends_well(hub: Network) -> None:
    eventually(lambda: not problems.find(status.read(hub.stack.state, environment={})))

    told, doctor = ruta(hub.stack.state, "status"), ruta(hub.stack.state, "doctor")

    assert told.stdout.startswith("Nothing is wrong.\n"), told.stdout
    assert told.returncode == 0
    assert "the network: nothing is wrong" in doctor.stdout
    assert doctor.returncode == 0


@pytest.mark.parametrize(
    ("limit", "end", "code"),
    [
        (["set_vm_memory_high_watermark", "0.0000001"], ["set_vm_memory_high_watermark", "0.4"], "memory_alarm"),
        (["set_disk_free_limit", "900000GB"], ["set_disk_free_limit", "50MB"], "disk_alarm"),
    ],
)
def test_an_alarm_of_the_broker_is_told(hub: Network, limit: list[str], end: list[str], code: str) -> None:
    rabbitmqctl(hub.stack, *limit)
    try:
        alarm = eventually(lambda: found(hub.stack, code))
        told = ruta(hub.stack.state, "status")
    finally:
        rabbitmqctl(hub.stack, *end)

    assert alarm is not None
    assert "all senders wait" in alarm.text
    assert told.returncode == 1
    assert without_sizes(alarm.text) in without_sizes(told.stdout)
    eventually(lambda: found(hub.stack, code) is None)


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ("queues/hub/events", "queue events (hub) is missing"),
        (
            "bindings/hub/e/routes/q/intake/person.registered.*",
            "binding of queue intake to exchange routes with key person",
        ),
        ("exchanges/network/inbox", "exchange inbox (network) is missing"),
        ("users/reports", "user reports is missing"),
        ("permissions/network/iom", "permission of user iom (network) is missing"),
    ],
)
def test_what_the_broker_lacks_is_told_with_the_command_that_makes_it(hub: Network, gone: str, told: str) -> None:
    hub.stack.management.delete(gone)

    lacking = found(hub.stack, "missing", what=told)
    doctor = ruta(hub.stack.state, "doctor")

    assert lacking is not None
    assert lacking.first == "./ruta repair"
    assert doctor.returncode == 1
    assert f"PROBLEM  {lacking.text} -> ./ruta repair" in doctor.stdout


@pytest.mark.parametrize(("queue", "vhost", "reader"), [("events", HUB, "events"), ("submit.iom", NETWORK, "gateway")])
def test_who_misses_its_queue_says_so_and_that_it_is_back(hub: Network, queue: str, vhost: str, reader: str) -> None:
    hub.stack.management.delete(f"queues/{vhost}/{queue}")

    said = eventually(lambda: found(hub.stack, "missing", what=f"queue {queue}, by processes"))
    hub.stack.provision_broker(hub.declared)

    assert said is not None
    assert said.text.startswith(reader)
    assert said.first == "./ruta repair"
    eventually(lambda: found(hub.stack, "missing", what=f"queue {queue}, by processes") is None)


def dead_letter(hub: Network, many: int) -> None:
    """Publish messages that no queue takes."""
    connection = broker.connect(hub.stack.amqp_url(GATEWAY, HUB))
    for _ in range(many):
        connection.channel().basic_publish(amqp.Message(b"{}", user_id=GATEWAY), "hub", "never.declared.v1")
    connection.close()


def test_a_broker_that_has_just_started_calls_no_queue_empty_that_is_not(hub: Network) -> None:
    def unrouted() -> int | None:
        """How many messages lie there, as far as anybody knows."""
        queues = status.read(hub.stack.state, environment={})["queues"] or ()
        known = [one["messages"] for one in queues if (one["vhost"], one["name"]) == (HUB, "unrouted")]
        told.extend(known)
        return known[0] if known else None

    told: list[int | None] = []
    dead_letter(hub, 3)
    eventually(lambda: unrouted() == 3)
    told.clear()
    with ended(hub, "rabbitmq"):
        pass
    eventually(lambda: unrouted() == 3)
    assert set(told) <= {None, 3}, told


def test_what_was_dead_lettered_is_told(hub: Network) -> None:
    dead_letter(hub, 3)

    aside = eventually(lambda: found(hub.stack, "dead_lettered"))

    assert aside is not None
    assert aside.text == "3 messages wait in unrouted (hub): no queue took them."
    assert aside.first == "./ruta repair"


def test_a_broker_that_stands_is_told_in_time(hub: Network) -> None:
    hub["rabbitmq"].pause()
    began = time.monotonic()

    told = ruta(hub.stack.state, "status")

    assert time.monotonic() - began < ENDS_WITHIN
    assert told.returncode == 1
    assert "Process rabbitmq has stood still" in told.stdout
    assert "The broker's management interface takes connections and does not answer." in told.stdout
    assert "The broker (virtual host network and hub) takes connections and does not answer." in told.stdout


def test_a_database_that_stands_is_told_in_time(hub: Network) -> None:
    hub["postgres"].pause()
    began = time.monotonic()

    told = ruta(hub.stack.state, "status")

    assert time.monotonic() - began < ENDS_WITHIN
    assert told.returncode == 1
    assert "Process postgres has stood still" in told.stdout
    assert (
        "The database of intake, referrals, events, employment, reports, console and gateway takes connections and "
        "does not" in told.stdout
    )


def test_a_database_that_takes_no_more_clients_is_told(hub: Network) -> None:
    with contextlib.ExitStack() as held:
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                held.enter_context(psycopg.connect(hub.stack.service_database_url("intake")))

        crowded = eventually(lambda: found(hub.stack, "too_many_clients"))

    assert crowded is not None
    assert "all its connections are in use" in crowded.text


def test_a_process_that_stands_is_told(hub: Network) -> None:
    hub["referrals"].pause()

    frozen = found(hub.stack, "frozen", what="referrals")

    assert frozen is not None
    assert frozen.first == f"kill -CONT {hub['referrals'].pid}"


def test_a_supervisor_that_stands_is_told(hub: Network) -> None:
    state = hub.stack.state
    running = state.read_running()
    assert running is not None
    with subprocess.Popen(["sleep", "600"]) as supervisor:
        supervisor.send_signal(signal.SIGSTOP)
        state.write_running({**running, "pid": supervisor.pid})
        try:
            frozen = eventually(lambda: found(hub.stack, "frozen", what="supervisor"))
        finally:
            state.write_running(running)
            supervisor.kill()

    assert frozen is not None
    assert frozen.first == f"kill -CONT {supervisor.pid}"
    assert found(hub.stack, "frozen", what="supervisor") is None


def test_a_server_that_cannot_start_again_is_told_with_its_own_reason(
    hub: Network, caplog: pytest.LogCaptureFixture
) -> None:
    settings = hub.stack.state.directory / "postgres" / "data" / "postgresql.conf"
    before = settings.read_text()
    settings.write_text("nobody understands this\n")
    try:
        hub["postgres"].kill()
        dead = eventually(lambda: _said(found(hub.stack, "dead", what="postgres"), "syntax error in file"))
        told = ruta(hub.stack.state, "status")
        eventually(lambda: "postgres ended with 1 (syntax error in file" in caplog.text)
    finally:
        settings.write_text(before)

    assert dead is not None
    assert "is dead and is being started again" in dead.text
    assert told.returncode == 1
    assert "The database of intake, referrals, events, employment, reports, console and gateway is away" in told.stdout


def _said(one: Found | None, words: str) -> Found | None:
    return one if one is not None and words in one.text else None


def test_up_says_when_a_problem_begins_and_when_it_is_over(
    hub: Network, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING, "ruta.watch")
    monkeypatch.setattr(Watch, "LOOK_EVERY", 0.5)
    with Watch(hub.stack.state):
        hub.stack.management.delete("exchanges/network/submit.iom")
        eventually(lambda: "problem: Exchange submit.iom (network) is missing. -> ./ruta repair" in caplog.text)
        hub.stack.provision_broker(hub.declared)
        eventually(lambda: "over: Exchange submit.iom (network) is missing." in caplog.text)

    assert caplog.text.count("problem: Exchange submit.iom") == 1


def test_what_cannot_be_looked_at_is_not_over(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    watch = Watch(State(tmp_path))
    alarm = Found("memory_alarm", "a node", "The broker has its memory alarm on.", "look", seen_in="management")
    watch.tell([alarm])
    watch.tell([alarm])

    watch.tell([], unread={"management"})
    assert "over" not in caplog.text

    watch.tell([])
    assert "over: The broker has its memory alarm on." in caplog.text


# -- processes that say something of themselves, beside servers that are somebody else's -------------------------------

SPEAKER = """
import sys, time
from messaging.health import health
health.begin("speaker")
health.say("database", "no_room", "DiskFull[53100] at somewhere.py:1 something")
health.say("queue events", "missing")
health.clocks.update({"database": 3.0, "broker": -7200.0})
health.beat()
print("ready", flush=True)
time.sleep(600)  # and beats no more
"""


@pytest.fixture
def elsewhere(provisioned: Stack, tmp_path: Path) -> tuple[State, dict[str, str]]:
    """The suite's servers as RUTA_* names them, and a state directory with the passwords, as `provision` leaves it."""
    state = State(tmp_path)
    state.make()
    shutil.copy2(provisioned.state.directory / "secrets.json", tmp_path)
    return state, {
        "RUTA_DATABASE_URL": provisioned.postgres_admin_url,
        "RUTA_AMQP_URL": provisioned.amqp_url(ADMINISTRATOR, "/"),
        "RUTA_MANAGEMENT_URL": provisioned.management_url,
    }


@pytest.fixture
def speaker(elsewhere: tuple[State, dict[str, str]]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that says of itself what keeps it from its work, once."""
    file = elsewhere[0].directory / "health" / "speaker.json"
    file.parent.mkdir(exist_ok=True)
    environment = os.environ | {"RUTA_HEALTH_FILE": str(file), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", SPEAKER], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_what_processes_say_of_themselves_is_told(
    elsewhere: tuple[State, dict[str, str]], speaker: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problems, "SILENT_AFTER", 0.5)
    state, environment = elsewhere

    def look() -> dict[str, Found]:
        return {one.code: one for one in problems.find(status.read(state, environment=environment))}

    eventually(lambda: "frozen" in look())
    said = look()

    assert set(said) - {"dead_lettered"} == {"disk_full", "missing", "clocks_apart", "frozen"}
    assert "speaker says since" in said["disk_full"].text
    assert "database has no space left on its disk (DiskFull[53100])." in said["disk_full"].text
    assert "queue events is missing" in said["missing"].text
    assert "The clock of broker is 2.0 hours ahead of that of speaker" in said["clocks_apart"].text
    assert said["frozen"].first.startswith(f"kill -9 {speaker.pid}")


def test_who_ended_beside_real_servers_is_not_told_to_come_back_by_itself(
    elsewhere: tuple[State, dict[str, str]], speaker: "subprocess.Popen[bytes]"
) -> None:
    state, environment = elsewhere
    speaker.kill()
    speaker.wait()

    [dead] = [one for one in problems.find(status.read(state, environment=environment)) if one.what == "speaker"]

    assert dead.text == "Process speaker has ended without being told to."
    assert dead.first == f"start it again; where it is not wanted any more: rm {state.health / 'speaker.json'}"


def test_a_stranger_that_has_got_the_id_of_a_process_is_not_taken_for_it(
    elsewhere: tuple[State, dict[str, str]], speaker: "subprocess.Popen[bytes]"
) -> None:
    state, environment = elsewhere
    file = state.health / "speaker.json"
    said = json.loads(file.read_text())
    file.write_text(json.dumps(said | {"started": said["started"] - 1}))  # as if it had been another
    os.utime(file, (0, 0))

    [told] = [one for one in problems.find(status.read(state, environment=environment)) if one.what == "speaker"]

    assert told.code == "dead"
    assert str(speaker.pid) not in told.first


def test_a_host_that_says_nothing_hides_none_of_the_others(
    elsewhere: tuple[State, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "_begin_with", {})
    state, environment = elsewhere
    kinds = {
        "RUTA_DATABASE_URL": addresses.DATABASE,
        "RUTA_AMQP_URL": addresses.BROKER,
        "RUTA_MANAGEMENT_URL": addresses.MANAGEMENT,
    }
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:  # takes connections, and says nothing
        host = addresses.Host("127.0.0.1", silent.getsockname()[1])
        both = {}
        for variable, ports in kinds.items():
            address = addresses.read(environment[variable], ports)
            both[variable] = replace(address, hosts=(host, *address.hosts)).url
        began = time.monotonic()
        now = status.read(state, environment=both)

    assert now["unread"] == {}
    assert all(now["services"].values())
    assert time.monotonic() - began < ENDS_WITHIN


def test_a_refused_login_to_real_servers_is_told(elsewhere: tuple[State, dict[str, str]]) -> None:
    state, environment = elsewhere
    (state.directory / "secrets.json").write_text("")  # as of another network

    refused = ruta(state, "doctor", **environment)

    assert refused.returncode == 1
    assert (
        "The database of intake, referrals, events, employment, reports, console and gateway refuses our user"
        in refused.stdout
    )
    assert "The broker (virtual host network and hub) refuses our user or its password." in refused.stdout


def test_servers_that_are_away_are_told(elsewhere: tuple[State, dict[str, str]]) -> None:
    state, _ = elsewhere
    [port] = free_ports(1)
    nowhere = {
        "RUTA_DATABASE_URL": f"postgresql://a:b@127.0.0.1:{port}/postgres",
        "RUTA_AMQP_URL": f"amqp://a:b@127.0.0.1:{port}",
        "RUTA_MANAGEMENT_URL": f"http://a:b@127.0.0.1:{port}",
    }

    away = ruta(state, "status", **nowhere)

    assert away.returncode == 1
    for name in ("The database of intake", "The broker's management interface", "The broker (virtual host network"):
        assert any(name in line for line in away.stdout.splitlines())
    assert away.stdout.count("is away") == 3


# -- servers that cannot start -----------------------------------------------------------------------------------------


@pytest.fixture
def alone() -> Iterator[State]:
    """A state directory of its own."""
    with directory("alone") as home:
        state = State(home)
        state.make()
        yield state


def test_postgresql_says_why_it_did_not_start(alone: State) -> None:
    server = PostgresProcess(alone, free_ports(1)[0])
    server.start()
    server.wait_ready()
    server.stop()
    (alone.directory / "postgres" / "data" / "postgresql.conf").write_text("nobody understands this\n")

    server.start()
    with pytest.raises(
        OperatorError, match=r"postgres ended before it was ready: syntax error in file .*contains errors"
    ):
        server.wait_ready()


@pytest.mark.parametrize("fault", ["settings", "cookie", "port"])
def test_rabbitmq_says_why_it_did_not_start(alone: State, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(alone.directory)  # where Erlang leaves its crash dump
    ports = free_ports(5)
    home = alone.directory / "rabbitmq"
    home.mkdir()
    said = ""
    with contextlib.ExitStack() as held:
        if fault == "settings":
            (home / "advanced.config").write_text("[{rabbit, nobody understands this")
            said = 'Failed to load advanced configuration file ".*advanced.config"'
        elif fault == "cookie":
            (home / ".erlang.cookie").write_text("open")
            (home / ".erlang.cookie").chmod(0o644)
            said = "Cookie file .* must be accessible by owner only"
        else:
            held.enter_context(socket.create_server(("127.0.0.1", ports[0])))
            said = f"{ports[0]}}}: eaddrinuse"
        server = BrokerProcess(alone, (ports[0], ports[1], ports[2], ports[3], ports[4]))
        try:
            server.start()
            with pytest.raises(OperatorError, match=said):
                server.wait_ready()
        finally:
            server.stop()


@pytest.mark.long
def test_a_full_disk_is_told_and_over_when_there_is_room(alone: State) -> None:
    home = alone.directory / "postgres"
    home.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700m", "tmpfs", str(home)], check=False)
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with Stack(alone.directory, environment={}) as stack, Network(stack):
            assert found(stack, "disk_full") is None
            filler = home / "filler"
            with contextlib.suppress(OSError), filler.open("wb") as out:
                while True:
                    out.write(b"x" * 1_000_000)

            full = found(stack, "disk_full", what="postgres")
            told = ruta(stack.state, "status")

            assert full is not None
            assert "0 of 734 MB are free" in full.text
            assert told.returncode == 1
            filler.unlink()
            eventually(lambda: found(stack, "disk_full") is None)
    finally:
        subprocess.run(["umount", "-l", str(home)], check=False)


def test_a_network_that_was_killed_is_told_from_one_that_was_stopped(tmp_path: Path) -> None:
    state = State(tmp_path)
    state.make()
    stopped = ruta(state, "status")
    state.write_running({"pid": 1})  # and nobody holds the directory

    killed, doctor = ruta(state, "status"), ruta(state, "doctor")

    assert (stopped.returncode, killed.returncode, doctor.returncode) == (0, 1, 1)
    assert "ended without being told to" in killed.stdout
    assert "./ruta up" in killed.stdout
    with state.held():
        assert state.read_running() is None  # what the killed one has left is nobody's


@pytest.mark.parametrize("command", ["status", "doctor", "repair"])
@pytest.mark.parametrize("alone", [{"RUTA_AMQP_URL": "amqp://a:b@c"}, {"RUTA_DATABASE_URL": "postgresql://a:b@c/d"}])
def test_servers_that_are_named_by_half_are_not_passed_over(
    tmp_path: Path, command: str, alone: dict[str, str]
) -> None:
    told = ruta(State(tmp_path), command, **alone)

    assert told.returncode == 1
    assert f"{next(iter(alone))} alone is set" in told.stdout + told.stderr
