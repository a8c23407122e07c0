"""A publisher knows of each message what became of it, or says within its deadline that it does not know."""

import time
from collections.abc import Iterator

import pytest

import contracts
from chaos.proxy import Proxy
from messaging import broker
from messaging.broker import BrokerLost, Publication, Publisher
from tests.messaging.harness import Probe, wait_until

DEADLINE = 0.5  # seconds for the broker's answer
AT_ONCE = 9.0  # seconds: less than the deadline that is not set for a test, so nothing waited for that


@pytest.fixture
def publisher(probe: Probe) -> Iterator[Publisher]:
    publisher = Publisher(probe.amqp_url)
    yield publisher
    publisher.drop()


@pytest.fixture
def proxy(probe: Probe) -> Iterator[Proxy]:
    proxy = Proxy(probe.amqp_url)
    yield proxy
    proxy.close()


def to(queue: str, body: bytes = b"{}", *, exchange: str = "") -> Publication:
    return Publication(exchange, queue, body, str(contracts.uuid7()))


def seconds_until_lost(publisher: Publisher, batch: list[Publication], monkeypatch: pytest.MonkeyPatch) -> float:
    """How long a publisher in a hurry, whose connection stands already, waits for a broker that does not answer."""
    with monkeypatch.context() as hurried:
        hurried.setattr(broker, "ANSWER_WITHIN", DEADLINE)
        assert publisher._connection is not None
        publisher._connection.sock.settimeout(DEADLINE)
        asked = time.monotonic()
        with pytest.raises(BrokerLost):
            publisher.publish(batch)
        return time.monotonic() - asked


def test_what_no_queue_takes_is_told_by_its_place(publisher: Publisher) -> None:
    """Traps 8 and 11: a return comes before its confirm, and belongs to one message of the batch."""
    batch = [to("probe"), to("nowhere"), to("probe"), to("nowhere either")]
    assert publisher.publish(batch) == {1, 3}


def test_confirms_stay_matched_after_a_return(publisher: Publisher) -> None:
    """Trap 11."""
    for _ in range(3):
        assert publisher.publish([to("nowhere"), to("probe")]) == {0}
        assert publisher.publish([to("probe"), to("probe")]) == set()


def test_what_the_hub_exchange_cannot_route_waits_in_unrouted(probe: Probe, publisher: Publisher) -> None:
    """Trap 8: an alternate exchange takes it, so it is confirmed, and not lost."""
    assert publisher.publish([to("of.no.interest", b"here", exchange="hub")]) == set()
    assert probe.bodies("unrouted", 1) == [b"here"]


def test_what_a_full_queue_refuses_is_told_by_its_place(probe: Probe, publisher: Publisher) -> None:
    management = probe.stack.management
    policy = {"pattern": "^dead$", "definition": {"max-length": 1, "overflow": "reject-publish"}, "priority": 9}
    management.put("policies/hub/full", policy | {"apply-to": "queues"})
    try:
        refused = wait_until(lambda: publisher.publish([to("dead"), to("probe")]))  # when the policy has arrived there
    finally:
        management.delete("policies/hub/full")
    assert refused == {0}


def test_large_and_empty_bodies_arrive_in_order(probe: Probe, publisher: Publisher) -> None:
    bodies = [b"", b"x" * 900_000, b"y", b"z" * 300_000]
    assert publisher.publish([to("probe", body) for body in bodies]) == set()
    assert probe.bodies("probe", 4) == bodies


def test_lost_confirms_end_in_an_error_and_the_next_attempt_works(
    probe: Probe, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 9."""
    publisher = Publisher(proxy.url)
    message = to("probe", b"once or twice")
    publisher.publish([to("probe", b"before")])

    proxy.listening.clear()
    assert DEADLINE <= seconds_until_lost(publisher, [message], monkeypatch) < AT_ONCE
    wait_until(lambda: proxy.swallowed)  # a slow broker may confirm after that

    proxy.listening.set()
    assert publisher.publish([message]) == set()
    assert probe.bodies("probe", 3) == [b"before", b"once or twice", b"once or twice"]
    publisher.drop()


def test_a_stopped_broker_does_not_hang_a_publisher(
    probe: Probe, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traps 9 and 10: neither publishing nor giving up waits for an answer that does not come."""
    publisher.publish([to("probe")])
    server = probe.stack.broker
    assert server is not None
    server.pause()
    try:
        more_than_the_buffers_take = [to("probe", b"x" * 250_000) for _ in range(100)]
        assert seconds_until_lost(publisher, more_than_the_buffers_take, monkeypatch) < AT_ONCE
    finally:
        server.resume()
    assert publisher.publish([to("probe")]) == set()


def test_a_memory_alarm_does_not_hang_a_publisher(
    probe: Probe, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trap 10."""
    publisher.publish([to("probe")])
    with probe.memory_alarm():
        assert seconds_until_lost(publisher, [to("probe")], monkeypatch) < AT_ONCE
    assert publisher.publish([to("probe")]) == set()


def test_an_idle_publisher_notices_that_its_connection_is_gone(probe: Probe, publisher: Publisher) -> None:
    publisher.publish([to("probe")])
    probe.close_all_connections()

    assert wait_until(lambda: notices(publisher))

    assert publisher.publish([to("probe")]) == set()


def notices(publisher: Publisher) -> bool:
    try:
        publisher.beat()
    except BrokerLost:
        return True
    return False
