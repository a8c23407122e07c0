"""A service's real process, on eventlet's sockets, finds the host of the broker that works."""

import json
import socket

from messaging import addresses
from tests.messaging.harness import Probe, service_published


def test_a_service_and_its_relay_work_past_a_host_that_is_dead_and_one_that_says_nothing(probe: Probe) -> None:
    own = addresses.read(probe.amqp_url, addresses.BROKER)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes connections, and nobody speaks
        others = f"127.0.0.1:1,127.0.0.1:{silent.getsockname()[1]}"
        several = own.url.replace("@", f"@{others},")
        hurried = {"CONSTANTS": json.dumps({"messaging.broker.CONNECT_WITHIN": 1.0})}
        service = probe.service(tampered=hurried, SERVICE_AMQP_URL=several).launch()
        message = service_published()
        probe.send(message)
        service.wait_ready()

        answers = probe.answers_to(message)
        assert service.stop() == 0

    assert [answer.causationid for answer in answers] == [message.id]
    assert probe.notes() == [message.id]
    assert service.said("a host of the broker is away; the next is tried")
