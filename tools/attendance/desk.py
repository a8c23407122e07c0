"""The organisation's side of the gateway: sends attendance, and reads what became of each."""

import fnmatch
import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import contracts
from contracts import Draft, Message
from messaging import addresses, broker
from messaging.broker import BrokerLost, Publication, Publisher, backoff

PREFETCH: Final = 1000
SENT: Final = ("attendance.recorded", "attendance.corrected")
SETTLED: Final = "attendance.settled"
REFUSED: Final = "message.refused"
LOST_AT_MOST: Final = 60.0  # seconds for which the broker may be away
HOLD: Final = 0.5  # seconds before what the broker had no room for is offered again


class DeskError(Exception):
    """The gateway cannot be used; the text says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one message: an outcome of `attendance.settled`, or the code of a refusal; and who says so."""

    source: str
    message_id: UUID | None
    outcome: str | None
    code: str | None
    late: bool = False
    refused_type: str | None = None


class Desk:
    """Sends as one organisation, and reads the queues that answers come to.

    Which those are stands in the credentials: the inbox of the system that reads them. Without such a system nothing is
    sent, for in the common inbox the organisation's main system would take the answers away; only who names that queue
    reads it: what is no answer to attendance goes back into it at the end, and waits until then. From any other queue
    the desk takes everything.

    Both ways survive a broker that goes away for a while: what was not confirmed is sent again, what was not
    acknowledged comes again. Raises DeskError when it stays away.
    """

    def __init__(self, credentials: Path, queues: Sequence[str] = ()) -> None:
        try:
            handed = json.loads(credentials.read_text())
            self.organisation: str = handed["organisation"]
            self._url, self._exchange = addresses.handed_out(handed), handed["exchange"]
            self._inbox: str = handed["queue"]
            self.queues = [*queues] or _queues(handed.get("systems", {}))
            self._publisher = Publisher(self._url)
        except (OSError, ValueError, KeyError, TypeError, addresses.AddressError):
            raise DeskError(f"{credentials} is not a file of credentials that can be read.") from None
        if not self.queues:
            raise DeskError(
                f"{credentials} names no system that reads attendance.settled and sends attendance.*, so that the "
                "answers would come to what else reads the common inbox: have one declared, or name a --queue."
            )
        self._connection: Any = None
        self._channel: Any = None
        self._answers: deque[Answer] = deque()

    def __enter__(self) -> "Desk":
        self._persist(self._connect)
        return self

    def __exit__(self, *_: object) -> None:
        broker.drop(self._connection)  # what is left unacknowledged goes back into the queue
        self._publisher.drop()

    def stamp(self, said: Any) -> Message[Any]:
        """Make a message, with an id that no other has: each sending is answered for itself."""
        draft = Draft(said, subject=str(getattr(said, contracts.contract_of(said).about or "")))
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
            if one.consumer_tag == self._inbox and (answer is None or not _is_of_attendance(answer)):
                continue  # unacknowledged, it goes back when we leave
            if answer is not None:
                self._answers.append(answer)
            self._channel.basic_ack(one.tag)
        self._connection.delivered.clear()

    def _connect(self) -> None:
        self._connection = broker.connect(self._url)
        self._channel = self._connection.channel()
        for queue in self.queues:
            # The common inbox without a limit: what is left unacknowledged in it must not keep our answers behind it.
            self._channel.basic_qos(0, 0 if queue == self._inbox else PREFETCH, False)
            self._channel.basic_consume(queue, consumer_tag=queue)

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


def _queues(systems: Mapping[str, Any]) -> list[str]:
    """Find the queues that answers come to; empty where some would come to the common inbox.

    The gateway takes each kind to the first system that reads it, and a refusal also to the first that sends what is
    refused.
    """
    settled = [one["queue"] for one in systems.values() if _names(one["reads"], SETTLED)]
    refused = [
        one["queue"]
        for one in systems.values()
        if _names(one["reads"], REFUSED) or all(_names(one["sends"], name) for name in SENT)
    ]
    return list(dict.fromkeys((settled[0], refused[0]))) if settled and refused else []


def _names(patterns: Sequence[str], name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _is_of_attendance(answer: Answer) -> bool:
    return answer.refused_type is None or answer.refused_type.startswith("attendance.")


def _answer(body: bytes) -> Answer | None:
    """Read an outcome or a refusal; None for every other message."""
    try:
        message = contracts.parse(body)
    except contracts.Invalid:
        return None
    match message.data:
        case contracts.AttendanceSettled(outcome=outcome, late=late) if message.causationid is not None:
            return Answer(message.source, message.causationid, outcome, None, late)
        case contracts.MessageRefused(code=code, refused_id=refused_id, refused_type=refused_type):
            return Answer(message.source, refused_id, None, code, refused_type=refused_type or "unreadable")
    return None
