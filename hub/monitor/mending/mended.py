"""What operators have done with one message, and what they may do: looked up by its id in every service.

    found = look_up(databases, message_id)
    found.rows, found.stuck, found.unseen

What was done is known for as long as that is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from hub.monitor.mending.databases import Answers, Databases, ask_all
from hub.monitor.mending.failures import ACTS
from messaging.database import Connection

Rows = Sequence[dict[str, Any]]

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

STUCK: Final = f"""
    select parked_id, error, {ACTS} and operators.may_be('retry', state, reason, source) as may_be_retried,
           {ACTS} and operators.may_be('give_back', state, reason, source) as may_be_given_back
    from operators.parked where message_id = %(message)s and state = 'quarantined' and reason <> 'erased'
    order by parked_id
"""


@dataclass(frozen=True, slots=True)
class Stuck:
    """That a service has given a message up, and what may be done about it."""

    service: str
    parked_id: int
    error: str | None  # class and place; of a confidential case the class alone
    may_be_retried: bool
    may_be_given_back: bool


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
    """Of the services that answer, the newest first; and those that do not, with the code of why."""

    rows: tuple[Mended, ...]
    stuck: tuple[Stuck, ...]
    unseen: dict[str, str]


def look_up(databases: Databases, message_id: UUID) -> Found:
    """Find what was done with a message of this id, and may be; where two senders have used it, with both."""

    def read(connection: Connection) -> tuple[Rows, Rows]:
        asked = {"message": message_id}
        return connection.execute(DONE, asked).fetchall(), connection.execute(STUCK, asked).fetchall()

    answers: Answers[tuple[Rows, Rows]] = ask_all(databases, read, answer_within=ANSWER_WITHIN)
    rows, stuck = list[Mended](), list[Stuck]()
    for service, (done, given_up) in sorted(answers.found.items()):
        rows += (Mended(service, **row) for row in done)
        stuck += (Stuck(service, **row) for row in given_up)
    newest = sorted(rows, key=lambda one: (one.started_at, one.service), reverse=True)
    return Found(tuple(newest), tuple(stuck), dict(answers.unseen))
