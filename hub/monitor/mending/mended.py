"""What operators have done with one message: looked up by its id in every service, for as long as that is kept.

found = look_up(databases, message_id)
found.rows, found.unseen
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from hub.monitor.mending.databases import Answers, Databases, ask_all
from messaging.database import Connection

MOST: Final = 20  # operations of each service, the newest
ANSWER_WITHIN: Final = 2.5  # seconds: both sides are found by an index

# What is still to be tried has no outcome yet, and stands under its operation as long.
DONE: Final = f"""
    select operation_id, act, started_at, started_by, why, result, code, error, at, confidential
    from (
        select operation_id, result, code, error, at, confidential from operators.outcome
        where message_id = %(message)s and operation_id is not null and result <> 'failed'
        union all
        select operation_id, null, null, null, null, confidential from operators.parked
        where message_id = %(message)s and operation_id is not null
    ) as said join operators.operation using (operation_id)
    order by started_at desc limit {MOST}
"""


@dataclass(frozen=True, slots=True)
class Mended:
    """That somebody has had a message tried again or given back in a service, and what came of it."""

    service: str
    operation_id: UUID
    act: str  # `retry` or `give_back`
    started_at: datetime
    started_by: str
    why: str
    result: str | None  # None: it is still to be tried, or waits
    code: str | None
    error: str | None  # class and place; of a confidential case the class alone
    at: datetime | None
    confidential: bool  # as of a group of failures


@dataclass(frozen=True, slots=True)
class Found:
    """The newest first, of the services that answer; and those that do not, with the code of why."""

    rows: tuple[Mended, ...]
    unseen: dict[str, str]


def look_up(databases: Databases, message_id: UUID) -> Found:
    """Find what was done with a message of this id; of two senders that have used the same one, with both."""

    def read(connection: Connection) -> Sequence[dict[str, Any]]:
        return connection.execute(DONE, {"message": message_id}).fetchall()

    answers: Answers[Sequence[dict[str, Any]]] = ask_all(databases, read, answer_within=ANSWER_WITHIN)
    rows = [Mended(service, **row) for service, found in answers.found.items() for row in found]
    return Found(tuple(sorted(rows, key=lambda one: (one.started_at, one.service), reverse=True)), dict(answers.unseen))
