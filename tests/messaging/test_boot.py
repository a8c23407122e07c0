"""What must be so before a service process takes its first message is checked when it starts."""

import subprocess
import sys

import pytest

from deploy.local import Stack
from messaging.topology import read
from tests.messaging.harness import ROOT, Probe, service_published, wait_until


def said(code: str) -> str:
    """What a Python process that runs this says when it ends badly."""
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    return ended.stderr.strip()


def test_psycopg_imported_before_the_patching_is_refused() -> None:
    """Trap 14."""
    assert said("import psycopg, messaging.run") == "messaging.run must be imported before psycopg and amqp"


def test_a_psycopg_that_would_block_the_process_is_refused() -> None:
    """Trap 13."""
    code = """
import messaging.run, psycopg.waiting
psycopg.waiting.wait = psycopg.waiting.wait_selector
messaging.run.main("tests.messaging.probe.service")
"""
    assert said(code) == "psycopg would block every greenlet of this process while it waits"


def test_while_a_process_waits_for_its_database_its_other_greenlets_run(probe: Probe) -> None:
    """Trap 13: what is waited for here comes from another greenlet of the same process."""
    code = f"""
import messaging.run, eventlet
from messaging import database
lock = "select 1 from pg_advisory_lock(1)"
with database.connect({probe.database_url!r}) as one, database.connect({probe.database_url!r}) as other:
    other.execute(lock)
    eventlet.spawn(other.execute, "select pg_advisory_unlock(1)")
    with one.pipeline():
        one.execute("set local lock_timeout = '18s'")
        one.execute(lock)
raise SystemExit("locked")
"""
    assert said(code) == "locked"


@pytest.mark.parametrize("scheme", ["postgresql", "amqp"])
def test_while_names_are_looked_up_in_vain_the_other_greenlets_run(scheme: str) -> None:
    """psycopg and py-amqp look them up by way of Python, not in C: nobody's heart stands still meanwhile."""
    code = f"""
import messaging.run, eventlet, socket, time
from eventlet.support import greendns
from messaging import broker, database
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", 0))
silent.settimeout(5)
names = greendns.dns.resolver.Resolver(configure=False)
names.port = silent.getsockname()[1]
names.nameservers = ["127.0.0.1"]
greendns.resolver._resolver = names
gaps = []
def beat():
    last = time.monotonic()
    while True:
        eventlet.sleep(0.05)
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
eventlet.spawn(beat)
began = time.monotonic()
try:
    {{"postgresql": database.connect, "amqp": broker.connect}}["{scheme}"]("{scheme}://a:b@server.example/c")
except (*broker.BrokerLost, *database.DatabaseLost):
    raise SystemExit(f"looked up: {{silent.recv(512) != b''}}, within a minute: {{time.monotonic() - began < 60}}, "
                     f"stood: {{max(gaps) > 1}}, beats: {{len(gaps) > 20}}")
"""
    assert said(code) == "looked up: True, within a minute: True, stood: False, beats: True"


def test_a_module_without_a_service_is_refused() -> None:
    said_so = said("import messaging.run; messaging.run.main('tests.messaging.probe')")
    assert said_so == "tests.messaging.probe should define one service class"


def test_a_service_that_comes_before_its_queue_waits_for_it(probe: Probe, probed: Stack) -> None:
    """Trap 17: nothing declares a queue but the one command, so none can miss what was sent before."""
    probed.management.delete("queues/hub/probe")
    service = probe.service().launch()
    wait_until(lambda: service.said("NotFound"))
    assert not service.is_ready()

    Probe.provision(probed)
    message = service_published()
    probe.send(message)

    service.wait_ready()
    assert [answer.causationid for answer in probe.answers_to(message)] == [message.id]


def test_services_may_declare_nothing(probed: Stack) -> None:
    """Trap 12."""
    permissions = probed.management.get("permissions")
    services = read().services
    assert {one["configure"] for one in permissions if one["user"] in services} == {"^$"}


def test_a_service_whose_thread_dies_ends_and_says_nothing_of_what_it_heard(probe: Probe) -> None:
    """Trap 7: whoever supervises it starts it again."""
    probe.query("alter table outbox_writer rename column committed to gone")
    service = probe.service().launch()

    probe.send(service_published("fail María"))

    assert service.exit_code() == 1
    assert service.said("the service ended by itself")
    for written in ("María", "Mar\\u00eda"):  # the second in a line of the log, which is JSON
        assert written not in service.log()
    assert "Traceback" not in service.log()
