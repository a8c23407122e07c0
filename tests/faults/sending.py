"""Messages that one service of the running hub reads, who sends them, and whether they were taken in."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import amqp
import psycopg

import contracts
from deploy.local import Stack
from messaging import broker
from messaging.broker import CONTENT_TYPE, BrokerLost
from messaging.topology import NETWORK, submit_exchange
from tests.examples_employment import employer_registered
from tests.examples_events import jornada_planned


class Sender:
    """An organisation's or the gateway's publisher that has each message confirmed, over again where it has to."""

    def __init__(self, stack: Stack, user: str, vhost: str = NETWORK) -> None:
        self.user = user
        self._url = stack.amqp_url(user, vhost)
        self._channel: Any = None
        self._connection: Any = None

    def _connect(self) -> None:
        self._confirmed, self._sent = 0, 0
        self._connection = broker.connect(self._url)
        self._channel = self._connection.channel()
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._note)

    def _note(self, tag: int, multiple: bool) -> None:
        self._confirmed = max(self._confirmed, tag)

    def submit(self, message: contracts.Message, **properties: Any) -> None:
        """Submit a message until the broker has it."""
        self.publish(submit_exchange(self.user), f"{self.user}.{message.type}", message, **properties)

    def publish(self, exchange: str, key: str, message: contracts.Message, **properties: Any) -> None:
        """Publish a message until the broker has it; no return is looked for."""
        usual = {"content_type": CONTENT_TYPE, "delivery_mode": 2, "message_id": str(message.id), "user_id": self.user}
        deadline = time.monotonic() + 90
        while True:
            try:
                if self._channel is None:
                    self._connect()
                self._channel.basic_publish(amqp.Message(message.to_json(), **{**usual, **properties}), exchange, key)
                self._sent += 1
                while self._confirmed < self._sent:
                    self._connection.drain_events(timeout=10)
                return
            except BrokerLost:
                self.close()
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def close(self) -> None:
        broker.drop(self._connection)
        self._channel = None


def employers(how_many: int) -> list[contracts.Message]:
    """Messages of the Alcaldía that only the hub's employment service reads."""
    return [
        stamped(employer_registered(employer_id=(id := contracts.uuid7())), id, "barranquilla") for _ in range(how_many)
    ]


def jornadas(how_many: int) -> list[contracts.Message]:
    """Messages of the Red Cross that only the hub's events service reads."""
    return [
        stamped(jornada_planned(jornada_id=(id := contracts.uuid7()), organiser="redcross"), id, "redcross")
        for _ in range(how_many)
    ]


def stamped(data: Any, subject: UUID, source: str) -> contracts.Message:
    return contracts.stamp(contracts.Draft(data, subject=str(subject)), source=source, time=datetime.now(UTC))


def taken_in(stack: Stack, service: str, messages: Iterable[contracts.Message]) -> int:
    """How many of these messages a service has taken in."""
    with psycopg.connect(stack.service_database_url(service)) as connection:
        ids = [message.id for message in messages]
        [(count,)] = connection.execute("select count(*) from inbox where message_id = any(%s)", [ids])
    return int(count)


def all_taken_in(stack: Stack, service: str, messages: Sequence[contracts.Message]) -> bool:
    """Whether a service has taken in all of these messages."""
    return taken_in(stack, service, messages) == len(messages)
