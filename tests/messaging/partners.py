"""Organisations as the broker knows them: what each submits and finds in its inbox; and the gateway's process."""

import time
from collections.abc import Mapping
from typing import Any

import amqp

import contracts
from deploy.local import Stack
from deploy.local.organisations import network_of
from messaging import broker, frames, topology
from messaging.broker import CONTENT_TYPE
from messaging.topology import submit_exchange
from tests.messaging.harness import WITHIN, Probe, Process, take_all, wait_until


class Partner:
    """One organisation's connection."""

    def __init__(self, stack: Stack, organisation: str) -> None:
        self.organisation = organisation
        self._state = stack.state
        self.url = stack.amqp_url(organisation, topology.NETWORK)
        self._connection = broker.connect(self.url)
        self._channel = self._connection.channel()
        self._channel.confirm_select()
        self._confirmed = 0
        self._channel.events["basic_ack"].add(self._note)
        self._sent = 0

    def _note(self, tag: int, multiple: bool) -> None:
        self._confirmed = max(self._confirmed, tag)

    def submit(self, *messages: contracts.Message) -> None:
        """Send messages as a partner should, and wait until the broker has them."""
        for message in messages:
            self._publish(message.to_json(), message.type, message_id=str(message.id))
        self._await_confirms()

    def submit_raw(self, body: bytes, kind: str = "service.published.v2", **properties: Any) -> None:
        """Send anything at all; a property that is None is left out."""
        self._publish(body, kind, **properties)
        self._await_confirms()

    def submit_frames(self, kind: str, properties: bytes, body: bytes) -> None:
        """Send a message whose properties are written by hand, flags first."""
        key = f"{self.organisation}.{kind}"
        channel = self._channel.channel_id
        exchange, most = submit_exchange(self.organisation), self._connection.frame_max
        ours = list(frames.publication_frames(channel, most, exchange, key, "", "", "", body))
        header = frames.CONTENT_HEADER.pack(60, 0, len(body)) + properties
        self._connection.send_all([ours[0], frames._frame(frames.HEADER, channel, header), *ours[2:]])
        self._sent += 1
        self._await_confirms()

    def _publish(self, body: bytes, kind: str, **properties: Any) -> None:
        usual: Mapping[str, Any] = {"content_type": CONTENT_TYPE, "delivery_mode": 2, "user_id": self.organisation}
        given = {name: value for name, value in {**usual, **properties}.items() if value is not None}
        exchange, key = submit_exchange(self.organisation), f"{self.organisation}.{kind}"
        self._channel.basic_publish(amqp.Message(body, **given), exchange, key, mandatory=True)
        self._sent += 1

    def _await_confirms(self) -> None:
        while self._confirmed < self._sent:
            self._connection.drain_events(timeout=WITHIN)

    def read(self, atleast: int = 1) -> list[contracts.Message]:
        """Take everything out of its inbox, waiting until so much has come; what comes while it leaves stays there."""
        return [contracts.parse(body) for body in self.bodies(self.inbox, atleast)]

    @property
    def inbox(self) -> str:
        """The queue of what is for it and for none of its systems."""
        return network_of(self._state).organisations[self.organisation].inbox()

    def bodies(self, inbox: str, atleast: int = 1) -> list[bytes]:
        """Take everything out of one of its inboxes, as it came."""
        taken: list[bytes] = []
        connection = broker.connect(self.url)
        channel = connection.channel()
        channel.basic_consume(inbox)
        deadline = time.monotonic() + WITHIN
        try:
            while True:
                taken += take_all(connection, channel, inbox)
                if len(taken) >= atleast:
                    return taken
                assert time.monotonic() < deadline, f"{len(taken)} of {atleast} came"
        finally:
            connection.close()

    def close(self) -> None:
        self._connection.collect()


class Gateway:
    """The gateway as a real process, and the queues on both sides of it."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        stack = probe.stack
        self.environment = {
            "GATEWAY_NETWORK_AMQP_URL": stack.amqp_url(topology.GATEWAY, topology.NETWORK),
            "GATEWAY_HUB_AMQP_URL": stack.amqp_url(topology.GATEWAY, topology.HUB),
        }
        for organisation, declared in topology.read().organisations.items():
            inboxes = (declared.inbox(), *(declared.inbox(system.name) for system in declared.systems))
            for queue in (f"submit.{organisation}", *inboxes):
                stack.management.delete(f"queues/network/{queue}/contents")
            by_http = [topology.submitted_queue(organisation, one) for one in topology.submitting_systems(declared)]
            probe.empty(f"deliver.{organisation}", *by_http)

    def process(self, *, tampered: Mapping[str, str] | None = None, **environment: str) -> Process:
        """A process of the gateway, not started yet."""
        return self.probe.process(["hub.gateway"], tampered, self.environment | environment)

    def passed(self, atleast: int = 0) -> list[contracts.Message]:
        """Take what has come through to the hub."""
        return [contracts.parse(body) for body in self.probe.bodies("probe", atleast)]

    def submitted(self, organisation: str) -> int:
        """How many messages wait before the gateway."""
        connection = broker.connect(self.environment["GATEWAY_NETWORK_AMQP_URL"])
        try:
            declared = connection.channel().queue_declare(f"submit.{organisation}", passive=True)
            return int(declared.message_count)
        finally:
            connection.close()

    def wait_empty(self, organisation: str) -> None:
        wait_until(lambda: self.submitted(organisation) == 0)
