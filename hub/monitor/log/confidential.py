"""What the log does not show of confidential cases: opened message by message, for a reason, after the audit has it.

The database shows it to nobody for whom it has not written that down before, and once (migrations/0006).
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from hub.gateway.audit.store import Act
from messaging.database import Connection

ACT: Final = "confidential_opened"
MOST: Final = 50  # messages at a time
REASONS: Final = ("organisation_asks", "fault_to_mend", "review")
"""Nothing else is written down, but for a number of a case, so nobody can be named in it."""
REFERENCE: Final = re.compile(r"(?=.*\d)(?!.*\d{6})[A-Za-z0-9.#-]{1,20}")  # nobody's document or telephone has room

ASK: Final = "select ask_to_open(%s, %s::uuid[], %s, %s)"
OPEN: Final = "select open_once(%s) as opened"


class NotOpened(Exception):
    """It is not opened; `code` says why: `reason_missing`, `too_many`, `not_shown`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Hidden:
    """What stands behind a message of a confidential case."""

    arrived_at: datetime
    id: UUID
    source: str
    organisation: str
    recipient: str | None
    type: str | None
    subject: UUID | None
    system: str | None
    recipientsystem: str | None
    routing_key: str | None


@dataclass(frozen=True, slots=True)
class HiddenOutcome:
    """What stands behind what a service has said of such a message."""

    logged_at: datetime
    message_id: UUID
    service: str
    organisation: str | None
    type: str | None
    state: str
    code: str | None
    waiting_for: UUID | None


@dataclass(frozen=True, slots=True)
class Opened:
    """Both, in the order in which they came; empty of messages that are of no confidential case."""

    messages: tuple[Hidden, ...]
    outcomes: tuple[HiddenOutcome, ...]


def is_reason(said: str) -> bool:
    """Whether it is one of REASONS, and with it no more than a number: `organisation_asks 88`."""
    reason, _, reference = said.partition(" ")
    return reason in REASONS and (not reference or REFERENCE.fullmatch(reference) is not None)


def open_up(
    connection: Connection,
    ids: Collection[UUID],
    *,
    actor: str,
    subject: str,
    reason: str,
    record: Callable[[Act], None],
) -> Opened:
    """Return what the log does not show of these messages, once it is written down who asks for it, and why.

    `record` commits an act to the audit of whoever asks; `subject` is whom that act concerns there. Whatever it raises,
    and psycopg.Error, leaves everything closed. Raises NotOpened.
    """
    if not is_reason(reason):
        raise NotOpened("reason_missing")
    if not 0 < len(ids) <= MOST:
        raise NotOpened("too_many")
    asked, opening = sorted(ids), uuid4()
    details = {"messages": [str(one) for one in asked], "reason": reason, "opening": str(opening)}
    record(Act(actor, ACT, subject, details))
    connection.execute(ASK, (opening, asked, actor, reason))
    connection.commit()
    row = connection.execute(OPEN, (opening,)).fetchone()
    connection.commit()
    if row is None or row["opened"] is None:
        raise NotOpened("not_shown")
    said: dict[str, list[dict[str, Any]]] = row["opened"]
    return Opened(tuple(map(_hidden, said["messages"])), tuple(map(_hidden_outcome, said["outcomes"])))


def _hidden(row: dict[str, Any]) -> Hidden:
    read = {"arrived_at": _time(row["arrived_at"]), "id": UUID(row["id"]), "subject": _id(row["subject"])}
    return Hidden(**row | read)


def _hidden_outcome(row: dict[str, Any]) -> HiddenOutcome:
    read = {"logged_at": _time(row["logged_at"]), "message_id": UUID(row["message_id"])}
    return HiddenOutcome(**row | read | {"waiting_for": _id(row["waiting_for"])})


def _time(said: str) -> datetime:
    return datetime.fromisoformat(said)


def _id(said: str | None) -> UUID | None:
    return UUID(said) if said is not None else None
