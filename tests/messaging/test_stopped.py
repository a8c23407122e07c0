"""SIGTERM in the middle of the work: what has arrived is finished and acknowledged, and nothing is delivered again."""

import json

from tests.messaging.checker import check
from tests.messaging.harness import WITHIN, Probe, conversation, wait_until

MESSAGES = 5000

# Small batches, published slowly, so that nobody comes too late to stop it; and the patience that a slow machine needs.
UNDER_LOAD = json.dumps({
    "messaging.on.BATCH": 50, "messaging.broker.QUIET": 1.0,
    "messaging.on.DRAIN_WITHIN": WITHIN, "messaging.run.STOP_WITHIN": WITHIN,
})  # fmt: skip


def test_a_service_stopped_under_load_has_nothing_delivered_again(probe: Probe) -> None:
    """Trap 6."""
    sent = conversation(MESSAGES, subjects=50)
    probe.send(*sent)
    service = probe.service(tampered={"CONSTANTS": UNDER_LOAD, "SLOW_PUBLISHING": "0.05"}).start()
    wait_until(probe.notes)

    assert service.stop() == 0
    assert 0 < len(probe.notes()) < MESSAGES
    assert probe.query("select 1 from outbox_writer where published < committed") == []

    probe.service().start()
    answers = probe.answers_to(*sent)
    verdict = check(sent, probe.notes(), answers)
    assert verdict.faultless
    assert verdict.repeated == 0
    assert probe.counted("redelivered") == 0


def test_a_service_that_cannot_start_yet_can_be_stopped(probe: Probe) -> None:
    service = probe.service(SERVICE_AMQP_URL="amqp://nobody:x@127.0.0.1:1/hub").launch()
    wait_until(lambda: service.said("the broker is away"))

    assert service.stop() == 0


def test_a_relay_that_cannot_reach_its_database_can_be_stopped(probe: Probe) -> None:
    relay = probe.process(["messaging.relay"], None, {"SERVICE_DATABASE_URL": "postgresql://127.0.0.1:1/x"}).launch()
    wait_until(lambda: relay.said("a server is away"))

    assert relay.stop() == 0


def test_a_service_stopped_while_its_database_is_away_ends_and_loses_nothing(probe: Probe) -> None:
    service = probe.service(tampered={"CONSTANTS": '{"messaging.run.STOP_WITHIN": 2}'}).start()
    shut = "alter role probe nologin; select pg_terminate_backend(pid) from pg_stat_activity where usename = 'probe'"
    with probe.stack.connect_as_administrator() as administrator:
        administrator.execute(shut)
    sent = conversation(10)
    probe.send(*sent)
    wait_until(lambda: service.said("the database is away"))

    assert service.stop() == 1
    with probe.stack.connect_as_administrator() as administrator:
        administrator.execute("alter role probe login")

    probe.service().start()
    assert check(sent, probe.notes(), probe.answers_to(*sent)).unanswered == set()
