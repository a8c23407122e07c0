"""Messages as the bench sends them, and the count of those that nobody answered or somebody answered twice."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import contracts


class Sent(NamedTuple):
    """A message for the hub's services: its contract, which is its routing key there, its id, and its JSON."""

    contract: str
    message_id: str
    body: bytes


def say(draft: contracts.Draft, source: str) -> Sent:
    """Write what an organisation, or the hub, says now."""
    message = contracts.stamp(draft, source=source, time=datetime.now(UTC))
    return Sent(message.type, str(message.id), message.to_json())


@dataclass(frozen=True)
class Answered:
    """What came back, compared with what was asked."""

    lost: int
    """Messages that nobody answered."""
    repeated: int
    """Answers beyond the first to the same message."""


def compare(asked: Iterable[Sent], answers: Iterable[bytes], others: Collection[str] = ()) -> Answered:
    """Read every answer as the contract says and count those that are missing or too many.

    `others` are ids of messages whose answers are not counted. Raises contracts.Invalid for an answer that breaks the
    contract, ValueError for one to a question nobody asked.
    """
    ids = {one.message_id for one in asked}
    given = Counter(str(contracts.parse(answer).causationid) for answer in answers)
    for other in others:
        given.pop(other, None)
    if strangers := given.keys() - ids:
        raise ValueError(f"{len(strangers)} answers to requests that nobody made")
    return Answered(lost=len(ids - given.keys()), repeated=given.total() - len(given))
