"""The floor of the time to an answer: what a referral message needs of the servers, done by hand in one process.

A message from an organisation to the sender's status is published four times, to a quorum queue each, and confirmed
(submitted; admitted to the hub; addressed to the organisation; put into its inbox), and is committed once. Here one
loop does that for one message after the other, without a service, a model or another process in between.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

import psycopg

from bench import task, wire
from bench.ground import Ground
from deploy.local import Stack

LEGS: Final = ("submitted", "admitted", "addressed", "delivered")
COMMITTED_AFTER: Final = "admitted"
BODY: Final = b"{" + b'"bytes":"' + b"x" * 880 + b'"}'


class Floor:
    """Four queues on a virtual host of their own, and a table with one column."""

    def __init__(self, stack: Stack) -> None:
        self._ground = Ground(stack)
        self._held = self._made()
        self._held.__enter__()
        self._number = 0

    def close(self) -> None:
        """Leave nothing behind."""
        self._held.__exit__(None, None, None)

    @contextmanager
    def _made(self) -> Iterator[None]:
        management = self._ground.stack.management
        with self._ground.fresh(None):
            for leg in LEGS:
                management.put(f"queues/{task.VHOST}/{leg}", {"durable": True, "arguments": {"x-queue-type": "quorum"}})
            with psycopg.connect(self._ground.database_url, autocommit=True) as database:
                database.execute("create table floor (body text not null)")
                with closing(wire.Publisher(self._ground.amqp_url, "")) as publisher:
                    self._publisher, self._database = publisher, database
                    self._consumers = {leg: wire.Consumer(self._ground.amqp_url, leg, prefetch=100) for leg in LEGS}
                    yield
                    for consumer in self._consumers.values():
                        consumer.close()

    def run(self, rate: float, seconds: float) -> list[float]:
        """Let messages through at a steady rate; seconds that each took."""
        took, began = [], time.monotonic()
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            started = time.monotonic()
            for leg in LEGS:
                self._pass(leg)
                if leg == COMMITTED_AFTER:
                    self._database.execute("insert into floor values (%s)", (BODY.decode(),))
            took.append(time.monotonic() - started)
        return took

    def _pass(self, leg: str) -> None:
        """Publish to a queue, and have it confirmed, delivered and acknowledged."""
        self._number += 1
        message_id = f"{self._number:036d}"
        self._publisher.send([(leg, message_id, BODY)])
        self._publisher.wait_for_confirms(self._publisher.sent)
        consumer = self._consumers[leg]
        while not (deliveries := consumer.receive()):
            pass
        consumer.acknowledge(deliveries[-1].tag)
