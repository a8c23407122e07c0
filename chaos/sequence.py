"""What has to be applied in the order in which it was said: a service's newest word stands, whatever comes late.

One organisation that has no other part in the load says again and again what its services are called, each message
confirmed before the next. The hub answers each with one `service.recorded`, in the order in which it has applied them,
or refuses it, where something newer stands already. What the hub has lost, it asks for, and is told again.
"""

import contextlib
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, LiteralString

import amqp
import psycopg

import contracts
from contracts import ServicePublishedV1
from messaging import broker
from messaging.broker import CONTENT_TYPE, BrokerLost
from messaging.topology import submit_exchange

SPEAKER = "oportunidades"
SERVICES = 4
EVERY = 0.05  # seconds between two messages
ANSWER_WITHIN = 10.0  # seconds for the broker to confirm, then it is asked anew
AGAIN_AFTER = 0.2  # seconds
READ_AT_ONCE = 200

SAID: LiteralString = "select body from outbox where starts_with(routing_key, 'service.recorded.') order by position"
REFUSED: LiteralString = "select body from outbox where starts_with(routing_key, %s) order by position"


@dataclass
class Order:
    """The ids of the messages of each subject, in an order."""

    of: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, subject: str, message_id: str) -> None:
        self.of[subject].append(message_id)


@dataclass(frozen=True)
class Compared:
    """How many messages were lost, applied twice, and applied after a later one of their subject."""

    lost: int
    twice: int
    reordered: int


def compare(
    said: Mapping[str, Sequence[str]], applied: Mapping[str, Sequence[str]], refused: Collection[str] = ()
) -> Compared:
    """Hold what was confirmed, in the order of saying, against what was applied, in the order of applying.

    What was refused is answered, and is not lost.
    """
    lost = twice = reordered = 0
    for subject, ids in said.items():
        place = {message_id: number for number, message_id in enumerate(ids)}
        counted = Counter(one for one in applied.get(subject, ()) if one in place)
        lost += sum(not counted[one] and one not in refused for one in ids)
        twice += sum(count - 1 for count in counted.values() if count > 1)
        furthest = -1
        for one in dict.fromkeys(applied.get(subject, ())):
            if one in place:
                reordered += place[one] < furthest
                furthest = max(furthest, place[one])
    return Compared(lost, twice, reordered)


def applied(database_url: str, subjects: Iterable[str]) -> dict[str, list[str]]:
    """By subject, the ids of what was applied, in order. Raises psycopg.Error."""
    wanted = set(subjects)
    found = Order()
    with psycopg.connect(database_url) as connection:
        for (body,) in connection.execute(SAID):
            message: dict[str, Any] = json.loads(body)
            if message["subject"] in wanted:
                found.add(message["subject"], message["causationid"])
    return found.of


def refused(database_url: str) -> set[str]:
    """The ids of what the speaker was told is not applied. Raises psycopg.Error."""
    with psycopg.connect(database_url) as connection:
        bodies = connection.execute(REFUSED, (f"to.{SPEAKER}.message.refused.",)).fetchall()
    return {json.loads(body)["data"]["refused_id"] for (body,) in bodies}


class Speaker:
    """Says it, from a thread of its own, through every absence of the broker; and again, where it is asked to."""

    def __init__(self, url: str, inbox: str) -> None:
        """`url` is the broker's, as SPEAKER; `inbox` its queue."""
        self._url = url
        self._inbox = inbox
        self._messages: dict[str, contracts.Message] = {}
        self._subjects = [contracts.uuid7() for _ in range(SERVICES)]
        self._said = Order()
        self._stopping = threading.Event()
        self._connection: Any = None
        self._channel: Any = None
        self._confirmed: bool | None = None  # what the broker has said of the last message
        self._returned = False  # it is confirmed besides
        self._thread = threading.Thread(target=self._speak, name="sequence", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, within: float = 60.0) -> None:
        """Say no more; what is being said is said to its end. Raises TimeoutError where it cannot be."""
        self._stopping.set()
        self._thread.join(within)
        if self._thread.is_alive():
            raise TimeoutError

    @property
    def said(self) -> Mapping[str, Sequence[str]]:
        """By subject, what the broker has confirmed, in the order of saying."""
        return self._said.of

    def _speak(self) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            subject = self._subjects[number % SERVICES]
            service = ServicePublishedV1(
                service_id=subject,
                name=f"Taller {number}",
                need_codes=("integration.employment",),
                active=True,
                zone="08001",
            )
            message = contracts.stamp(
                contracts.Draft(service, subject=str(subject)), source=SPEAKER, time=datetime.now(UTC)
            )
            self._messages[str(message.id)] = message
            self._say(message)
            self._said.add(str(subject), str(message.id))
            self._hear()
            self._stopping.wait(EVERY)
        broker.drop(self._connection)

    def _hear(self) -> None:
        """Say again what is asked for."""
        for one in self._take_in():
            for id in one.ids:
                self._say(self._messages[str(id)])

    def _take_in(self) -> list[contracts.MessagesMissed]:
        """What has come to the inbox, as far as it asks for anything."""
        asked: list[contracts.MessagesMissed] = []
        with contextlib.suppress(*BrokerLost):  # then it comes again
            if self._channel is None or not (came := list(self._connection.delivered)):
                return []
            self._connection.delivered.clear()
            data = [contracts.parse(one.body).data for one in came]
            asked = [one for one in data if isinstance(one, contracts.MessagesMissed)]
            self._channel.basic_ack(came[-1].tag, multiple=True)
        return asked

    def _say(self, message: contracts.Message) -> None:
        """Publish a message, again and again as it is, until the broker has it."""
        frame = {"content_type": CONTENT_TYPE, "delivery_mode": 2, "message_id": str(message.id), "user_id": SPEAKER}
        while True:
            with contextlib.suppress(*BrokerLost):
                if self._channel is None:
                    self._connect()
                self._confirmed, self._returned = None, False
                self._channel.basic_publish(
                    amqp.Message(message.to_json(), **frame), submit_exchange(SPEAKER), f"{SPEAKER}.{message.type}",
                    mandatory=True,
                )  # fmt: skip
                deadline = time.monotonic() + ANSWER_WITHIN
                while self._confirmed is None and time.monotonic() < deadline:
                    self._connection.drain_events(timeout=ANSWER_WITHIN)
                if self._confirmed and not self._returned:
                    return
            broker.drop(self._connection)
            self._channel = None
            time.sleep(AGAIN_AFTER)

    def _connect(self) -> None:
        self._connection = broker.connect(self._url)
        self._channel = self._connection.channel()
        self._channel.confirm_select()
        self._confirmed = None
        self._channel.events["basic_ack"].add(lambda *_: self._note(taken=True))
        self._channel.events["basic_nack"].add(lambda *_: self._note(taken=False))
        self._channel.events["basic_return"].add(lambda *_: self._note_return())
        self._channel.basic_qos(0, READ_AT_ONCE, False)
        self._channel.basic_consume(self._inbox)

    def _note(self, *, taken: bool) -> None:
        self._confirmed = taken

    def _note_return(self) -> None:
        self._returned = True
