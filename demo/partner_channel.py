"""A channel on which an organisation publishes many messages and then waits once for all of their confirms."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import amqp
from kombu.messaging import Producer

ANSWER_WITHIN = 10.0  # seconds for the broker to confirm


@dataclass(frozen=True)
class Parcel:
    """Bytes, and how they are addressed."""

    body: bytes
    routing_key: str
    content_type: str
    user_id: str


class NotOursToSendError(Exception):
    """The broker does not take this from this organisation, and has closed the channel."""


class Outgoing:
    """Publishes to one exchange. After any other error than its own the connection is of no more use."""

    def __init__(self, connection: Any, exchange: str) -> None:
        self._connection = connection
        self._exchange = exchange
        self._open()

    def publish(self, parcels: Sequence[Parcel]) -> list[float | None]:
        """Publish all of them; return when each was published, None for those the broker has no room or place for.

        Raises NotOursToSendError for all of them together, and TimeoutError when the broker does not answer.
        """
        published = {}
        if self._refused:  # a channel may refuse for good what a new one does not (docs/partners.md)
            self._channel.close()
            self._open()
        try:
            for parcel in parcels:
                self._last_tag += 1
                self._awaited.add(self._last_tag)
                published[self._last_tag] = time.time()
                self._producer.publish(
                    parcel.body,
                    exchange=self._exchange,
                    routing_key=parcel.routing_key,
                    content_type=parcel.content_type,
                    content_encoding="utf-8",
                    user_id=parcel.user_id,
                    delivery_mode=2,
                    mandatory=True,
                    timeout=ANSWER_WITHIN,
                )
            self._await_confirms()
        except amqp.exceptions.NotFound:  # what was there is gone, and somebody will make it again
            self._open()
            return [None] * len(parcels)
        except amqp.exceptions.ChannelError:
            self._open()
            raise NotOursToSendError from None
        return [None if tag in self._refused else at for tag, at in published.items()]

    def _open(self) -> None:
        self._channel = self._connection.channel()
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._confirm)
        self._channel.events["basic_nack"].add(self._refuse)
        self._producer = Producer(self._channel, auto_declare=False)
        self._last_tag = 0
        self._awaited: set[int] = set()
        self._refused: set[int] = set()

    def _await_confirms(self) -> None:
        deadline = time.monotonic() + ANSWER_WITHIN
        while self._awaited:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the broker did not confirm in time")
            self._connection.drain_events(timeout=left)

    def _confirm(self, tag: int, multiple: bool) -> None:
        self._awaited -= {one for one in self._awaited if one <= tag} if multiple else {tag}

    def _refuse(self, tag: int, multiple: bool) -> None:
        refused = {one for one in self._awaited if one <= tag} if multiple else {tag}
        self._awaited -= refused
        self._refused |= refused
