"""Who did what when, in PostgreSQL: every change of a jornada and of an attendance."""

from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from messaging.database import Row
from messaging.transaction import Transaction


class Cause(Protocol):
    """What is kept of the message that brought something about."""

    @property
    def id(self) -> UUID: ...

    @property
    def source(self) -> str: ...

    @property
    def staff(self) -> str | None: ...

    @property
    def time(self) -> datetime: ...


ADD_HISTORY: Final = """
    insert into history (subject_id, sequence, what, organisation, staff, reason, details, message_id, claimed_at,
                         recorded_at)
    select subject_id, sequence, what, organisation, staff, reason, details, message_id, claimed_at, recorded_at
    from jsonb_populate_recordset(null::history, %s::jsonb)
"""


def add(
    tx: Transaction,
    subject_id: UUID,
    sequence: int,
    what: str,
    cause: Cause,
    *,
    at: datetime,
    reason: str | None = None,
    details: Row | None = None,
) -> None:
    """Keep that somebody brought a change about; `details` are codes, times and ids that stand nowhere else."""
    tx.write(
        ADD_HISTORY,
        {
            "subject_id": subject_id,
            "sequence": sequence,
            "what": what,
            "organisation": cause.source,
            "staff": cause.staff,
            "reason": reason,
            "details": details,
            "message_id": cause.id,
            "claimed_at": cause.time,
            "recorded_at": at,
        },
    )
