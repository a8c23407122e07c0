"""The organisation's side of the door: sends attendance, and reads what became of each."""

import json
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import contracts
from contracts import Draft, Message
from messaging import broker
from messaging.broker import BrokerLost, Publication, Publisher, backoff

PREFETCH: Final = 1000
OTHERS_AT_MOST: Final = PREFETCH // 2  # messages in the queue that are no answers to attendance
LOST_AT_MOST: Final = 60.0  # seconds for which the broker may be away
HOLD: Final = 0.5  # seconds before what the broker had no room for is offered again


class DeskError(Exception):
    """The door cannot be used; the text says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one message: an outcome of `attendance.settled`, or the code of a refusal."""

    message_id: UUID
    outcome: str | None
    code: str | None
    late: bool = False


class Desk:
    """Sends as one organisation and reads one of its queues. Other messages in that queue are left in it.

    Both ways survive a broker that goes away for a while: what was not confirmed is sent again, what was not
    acknowledged comes again. Raises DeskError when it stays away, or when the queue is full of other messages.
    """

    def __init__(self, credentials: Path, queue: str | None = None) -> None:
        try:
            handed = json.loads(credentials.read_text())
            self.organisation: str = handed["organisation"]
            self._url, self._exchange = handed["amqp_url"], handed["exchange"]
            self._queue = queue or handed["queue"]
        except (OSError, ValueError, KeyError, TypeError):
            raise DeskError(f"{credentials} is not a file of credentials that can be read.") from None
        self._publisher = Publisher(self._url)
        self._connection: Any = None
        self._channel: Any = None
        self._others = 0
        self._answers: deque[Answer] = deque()

    def __enter__(self) -> "Desk":
        self._persist(self._connect)
        return self

    def __exit__(self, *_: object) -> None:
        broker.drop(self._connection)  # what is left unacknowledged goes back into the queue
        self._publisher.drop()

    def stamp(self, said: contracts.AttendanceRecorded | contracts.AttendanceCorrected) -> Message[Any]:
        """Make a message, with an id that no other has: each sending is answered for itself."""
        draft = Draft(said, subject=str(said.attendance_id))
        return contracts.stamp(draft, source=self.organisation, time=datetime.now(UTC))

    def send(self, batch: Sequence[Message[Any]]) -> None:
        """Publish; returns when the broker has confirmed every one of them."""
        left = [Publication(self._exchange, f"{self.organisation}.{one.type}", one.to_json(), one.id) for one in batch]
        while left:
            # Sent again after a lost connection under the same ids, which is harmless.
            refused = self._persist(lambda left=left: self._publisher.publish(left))
            left = [left[place] for place in sorted(refused)]
            if left:
                time.sleep(HOLD)

    def answers(self, *, within: float) -> list[Answer]:
        """Return the answers that have come; wait for the first of them at most `within` seconds."""
        self._persist(lambda: self._drain(within))
        found = [*self._answers]
        self._answers.clear()
        return found

    def _drain(self, within: float) -> None:
        if self._connection is None:
            self._connect()
        wait = within
        try:
            while True:
                self._connection.drain_events(timeout=max(wait, 0.001))
                self._take()
                wait = 0.0
        except TimeoutError:
            pass
        self._connection.heartbeat_tick()
        self._publisher.beat()

    def _take(self) -> None:
        for one in self._connection.delivered:
            answer = _answer(one.body)
            if answer is None:
                self._others += 1
                if self._others > OTHERS_AT_MOST:
                    raise DeskError(
                        f"The queue {self._queue} is full of other messages: name one for attendance alone."
                    )
            else:
                self._answers.append(answer)
                self._channel.basic_ack(one.tag)
        self._connection.delivered.clear()

    def _connect(self) -> None:
        self._connection = broker.connect(self._url)
        self._channel = self._connection.channel()
        self._channel.basic_qos(0, PREFETCH, False)
        self._channel.basic_consume(self._queue, consumer_tag="attendance")
        self._others = 0

    def _persist(self, do: Any) -> Any:
        """Do something with the broker, and again after it was away."""
        since, attempt = time.monotonic(), 0
        while True:
            try:
                return do()
            except BrokerLost as error:
                broker.drop(self._connection)
                self._connection = None
                self._publisher.drop()
                if time.monotonic() - since > LOST_AT_MOST or _is_final(error):
                    raise DeskError(f"The broker cannot be used ({type(error).__name__}).") from None
                time.sleep(backoff(attempt))
                attempt += 1


def _is_final(error: BaseException) -> bool:
    """Whether trying again is of no use: a wrong password, a queue that is not there or not ours."""
    return getattr(error, "reply_code", None) in (403, 404, 530)


def _answer(body: bytes) -> Answer | None:
    """Read an answer to attendance; None for every other message."""
    try:
        message = contracts.parse(body)
    except contracts.Invalid:
        return None
    match message.data:
        case contracts.AttendanceSettled(outcome=outcome, late=late) if message.causationid is not None:
            return Answer(message.causationid, outcome, None, late)
        case contracts.MessageRefused(code=code, refused_id=refused_id, refused_type=refused_type) if (
            refused_id is not None and (refused_type or "").startswith("attendance.")
        ):
            return Answer(refused_id, None, code)
    return None
