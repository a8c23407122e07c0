"""Hears what services say became of messages, so that there is room for the next ones (messaging/credits.py).

By a queue of its own, which the broker makes for the connection and ends with it: what was said while nobody listened
is of no use any more.
"""

import contextlib
import itertools
import logging
import threading

from pydantic_core import from_json

from messaging import broker, frames
from messaging.broker import BrokerLost, backoff
from messaging.credits import Credits
from messaging.health import health
from messaging.log import describe, fields
from messaging.topology import PROCESSED

log = logging.getLogger("ruta.gateway")

EXCHANGE = "hub"
PART = "listening"
WAIT = 1.0  # seconds for something to be said, before the connection is looked after


class Listening:
    """One connection to the hub's broker, and a new one whenever it is lost."""

    def __init__(self, hub_url: str, credits: Credits) -> None:
        self._url = hub_url
        self._credits = credits
        self._stop = threading.Event()
        self.ready = threading.Event()

    def stop(self) -> None:
        """Let `run` return."""
        self._stop.set()

    def run(self) -> None:
        """Listen until stopped, through every absence of the broker."""
        connection: frames.Connection | None = None
        attempts = itertools.count()
        while not self._stop.is_set():
            try:
                health.comes_round(PART)
                connection = broker.connect(self._url)
                channel = connection.channel()
                queue = channel.queue_declare("", exclusive=True).queue
                channel.queue_bind(queue, EXCHANGE, f"{PROCESSED}.#")
                channel.basic_consume(queue, no_ack=True)
                self.ready.set()
                while not self._stop.is_set():
                    health.comes_round(PART)
                    self._hear(connection)
                    attempts = itertools.count()
            except BrokerLost as error:
                log.warning("a broker is away", extra=fields(process=PART, error=describe(error)))
                self._stop.wait(backoff(next(attempts)))
            broker.drop(connection)
        health.ends(PART)

    def _hear(self, connection: frames.Connection) -> None:
        with contextlib.suppress(TimeoutError):
            connection.drain_events(timeout=WAIT)
        for one in connection.delivered:
            hear(one.body, self._credits)
        connection.delivered.clear()
        connection.heartbeat_tick()


def hear(body: bytes, credits: Credits) -> None:
    """Note what a message `messages.processed` says; one that cannot be read says nothing.

    Not by its contract: only services say it, and here is read what a message of 250 ids costs least.
    """
    try:
        data = from_json(body)["data"]
        ids = [message_id for group in data["groups"] for message_id in group["ids"]]
        credits.processed(data["service"], data["organisation"], ids)
    except (ValueError, KeyError, TypeError) as error:
        log.error("what became of messages could not be read", extra=fields(error=describe(error)))
