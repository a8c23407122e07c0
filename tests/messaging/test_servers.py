"""PostgreSQL and RabbitMQ go away and come back, each in its own way, in the middle of the work; nobody helps."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import Stack
from deploy.local.process import Process
from deploy.local.supervisor import Supervisor
from tests.directories import servers
from tests.messaging.checker import check
from tests.messaging.harness import HURRIED, Probe, conversation, wait_until

MESSAGES = 1500


@pytest.fixture(scope="module")
def fragile() -> Iterator[Stack]:
    """Servers of its own, for they are killed."""
    with servers("fragile") as stack:
        Probe.provision(stack, parallel=False)
        yield stack


@pytest.fixture
def probe(fragile: Stack, tmp_path: Path) -> Iterator[Probe]:
    probe = Probe(fragile, tmp_path)
    yield probe
    probe.close()


def postgres(probe: Probe) -> Process:
    assert probe.stack.postgres is not None
    return probe.stack.postgres


def rabbitmq(probe: Probe) -> Process:
    assert probe.stack.broker is not None
    return probe.stack.broker


def restart(server: Process) -> None:
    server.stop()
    server.start()
    server.wait_ready()


def kill(server: Process) -> None:
    """Killed, and brought back as in a running network: PostgreSQL refuses to start while an orphan of it lives."""
    supervisor = Supervisor([server])
    supervisor.start()
    try:
        server.kill()
        wait_until(lambda: server.pid is not None and server.is_ready())
    finally:
        supervisor.stop()


DATABASE_AWAY, BROKER_AWAY = "the database is away", "the broker is away"

FAULTS: dict[str, tuple[Callable[[Probe], None], str]] = {
    "every database session ended": (lambda probe: probe.end_sessions(), DATABASE_AWAY),
    "PostgreSQL restarted": (lambda probe: restart(postgres(probe)), DATABASE_AWAY),
    "PostgreSQL killed": (lambda probe: kill(postgres(probe)), DATABASE_AWAY),
    "every broker connection closed": (lambda probe: probe.close_all_connections(), BROKER_AWAY),
    "RabbitMQ restarted": (lambda probe: restart(rabbitmq(probe)), BROKER_AWAY),
    "RabbitMQ killed": (lambda probe: kill(rabbitmq(probe)), BROKER_AWAY),
}


@pytest.mark.parametrize(("fault", "noticed"), FAULTS.values(), ids=FAULTS.keys())
def test_nothing_is_lost_or_done_twice_when(probe: Probe, fault: Callable[[Probe], None], noticed: str) -> None:
    sent = conversation(MESSAGES)
    probe.send(*sent)
    probe.relay().launch()
    # in small batches, so that it is in the middle of them
    constants = json.dumps({"messaging.on.BATCH": 20, **HURRIED})
    service = probe.service(tampered={"CONSTANTS": constants, "SLOW_PUBLISHING": "0.02"}).start()
    wait_until(lambda: len(probe.notes()) > 100)

    fault(probe)
    answers = probe.answers_to(*sent)
    wait_until(lambda: service.said(noticed))

    verdict = check(sent, probe.notes(), answers)
    print(f"redelivered {probe.counted('redelivered')}, known {probe.counted('repeated')}, again {verdict.repeated}")
    assert verdict.faultless
    assert service.stop() == 0
