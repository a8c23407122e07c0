"""What the log does not show of confidential cases: opened one by one, with a reason, after the audit has it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from hub.gateway.audit import store
from hub.gateway.audit.store import Act
from messaging.database import Connection

ACT: Final = "confidential_opened"
MOST: Final = 50  # messages at a time
SHORTEST, LONGEST = 10, 500  # letters of a reason

MESSAGES: Final = """
    select arrived_at, id, source, organisation, recipient, type, subject, system, recipientsystem, routing_key
    from confidential_message where id = any(%s::uuid[]) order by arrived_at
"""
OUTCOMES: Final = """
    select logged_at, message_id, service, organisation, type, state, code, waiting_for
    from confidential_outcome where message_id = any(%s::uuid[]) order by logged_at
"""


class NotOpened(Exception):
    """It is not opened; `code` says why: `reason_missing`, `too_many`."""

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


def open_up(
    connection: Connection, ids: Collection[UUID], *, actor: str, reason: str, sign: Callable[[bytes], bytes]
) -> tuple[list[Hidden], list[HiddenOutcome]]:
    """Return what the log does not show of these messages, once the audit row is committed.

    `sign` signs the monitor's audit (hub/gateway/audit/keys.py). Raises NotOpened, and psycopg.Error where the audit
    cannot be written: then nothing was read.
    """
    if not SHORTEST <= len(reason.strip()) <= LONGEST:
        raise NotOpened("reason_missing")
    if not 0 < len(ids) <= MOST:
        raise NotOpened("too_many")
    asked = sorted(ids)
    details = {"messages": [str(one) for one in asked], "reason": reason.strip()}
    store.append(connection, [Act(actor, ACT, "network", details)], sign)
    connection.commit()
    messages = [Hidden(**row) for row in connection.execute(MESSAGES, (asked,)).fetchall()]
    outcomes = [HiddenOutcome(**row) for row in connection.execute(OUTCOMES, (asked,)).fetchall()]
    connection.commit()
    return messages, outcomes
