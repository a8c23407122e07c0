"""What of a chain somebody asks for, page after page, the newest first; whether it is as it was written verify says.

    find(connection, Asked(actor="staff:s-7kd2"), before=None)      -> Found

A look takes no longer the longer a chain is: what no index finds is looked for in so many entries at a time, and the
answer says how far that was.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from hub.gateway.audit.store import PLAIN
from messaging.database import Connection

PAGE: Final = 50
LOOKED_THROUGH: Final = 20_000  # entries, of what is asked for by no index

CHAIN: Final = "audit_entry"
SHOWN_TO_OPERATORS: Final = "operators.audit_entry"  # the gateway's, as the login of operators has it
COLUMNS: Final = "number, to_char(at at time zone 'utc', 'YYYY-MM-DD HH24:MI:SS') as at, actor, act, subject, details"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for; None: any."""

    actor: str | None = None
    act: str | None = None
    acts: Collection[str] | None = None
    """No others than these may be shown."""
    subject: str | None = None
    """Whom it concerns, an organisation as a rule."""
    named: str | None = None
    """An id or a code that stands in the details as it is."""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_looked_through(self) -> bool:
        """Whether no index finds it."""
        return self.named is not None or (self.acts is not None and self.act is None)


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as a page shows it."""

    number: int
    at: str
    actor: str
    act: str
    subject: str
    details: str


@dataclass(frozen=True, slots=True)
class Found:
    """A page of entries."""

    entries: tuple[Shown, ...]
    next: int | None
    """Before which number it goes on; None: this is the end."""
    is_cut: bool
    """Whether it ends because so much was looked through, and not because the page is full."""


def find(
    connection: Connection, asked: Asked, *, before: int | None = None, table: LiteralString = CHAIN, limit: int = PAGE
) -> Found:
    """Return what is asked for of what stands before a number, the newest first. Raises psycopg.Error."""
    connection.execute(PLAIN)
    last = _number(connection, f"select max(number) + 1 as number from {table}")
    ends = min(last, before if before is not None else last)
    begins = 1
    if asked.until is not None:
        ends = min(ends, _number(connection, FIRST.format(table=table), asked.until, otherwise=ends))
    if asked.since is not None:
        begins = _number(connection, FIRST.format(table=table), asked.since, otherwise=ends)
    from_ = max(begins, ends - LOOKED_THROUGH) if asked.is_looked_through else begins
    conditions: dict[LiteralString, Any] = {
        "number < %s": ends,
        "number >= %s": from_,
        "actor = %s": asked.actor,
        "act = %s": asked.act,
        "act = any(%s)": sorted(asked.acts) if asked.acts is not None else None,
        "subject = %s": asked.subject,
        "position(%s in details) > 0": f'"{asked.named}"' if asked.named is not None else None,
    }
    known = {condition: value for condition, value in conditions.items() if value is not None}
    sql = f"select {COLUMNS} from {table} where {' and '.join(known)} order by number desc limit {limit + 1}"
    rows = [Shown(**row) for row in connection.execute(sql.encode(), list(known.values())).fetchall()]
    if len(rows) > limit:
        return Found(tuple(rows[:limit]), rows[limit - 1].number, False)
    return Found(tuple(rows), from_ if from_ > begins else None, from_ > begins)


FIRST: Final = "select number from {table} where at >= %s order by at, number limit 1"


def _number(connection: Connection, sql: str, *params: object, otherwise: int = 1) -> int:
    row = connection.execute(sql.encode(), params).fetchone()
    number: int | None = row["number"] if row is not None else None
    return otherwise if number is None else number
