"""Messages are looked up in the log: by what is known of them, or as they come; for commands and pages.

    find(connection, Search(organisation="redcross", type="referral.requested.v2"))   -> Page
    tail(connection, after)                                                            -> what came behind that

Stories are in stories.py, what is told of each organisation in organisations.py, who talks to whom in talking.py. Every
function runs in whatever transaction is open, writes nothing, and commits nothing. Confidential cases are shown as they
stand here; what stands behind them, confidential.py opens.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import contracts
from contracts.short_codes import LETTERS
from hub.gateway import outcomes
from hub.gateway.outcomes import Said
from messaging.database import Connection, Row

PAGE: Final = 50
READINGS: Final = 8  # times that outcomes are read for a page of a code, each time twice as many
NEARLY: Final = timedelta(days=1)  # within which most is said of a message
FAILED: Final = ("refused", "quarantined")
COLUMNS: Final = (
    "arrived_at, id, kind, source, organisation, recipient, type, subject, short, correlation, causation, system, "
    "recipientsystem, trace, sent_at, digest, size, routing_key, confidential, erased"
)


@dataclass(frozen=True, slots=True)
class Became:
    """What one service, or admission (`gateway`), has said of a message; in the order in which it was said."""

    service: str
    state: str
    code: str | None
    waiting_for: UUID | None
    until: datetime | None
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the log."""

    arrived_at: datetime
    id: UUID
    kind: str
    """`passed`, or `refused` by admission."""
    source: str
    """Who says it; `-` where the case is confidential."""
    organisation: str
    recipient: str | None
    type: str | None
    """Contract and version; of a confidential case the first word alone; None of what could not be read."""
    subject: UUID | None
    short_code: str | None
    correlation: UUID
    causation: UUID | None
    system: str | None
    recipientsystem: str | None
    trace: str | None
    sent_at: datetime | None
    digest: str
    size: int | None
    routing_key: str | None
    confidential: bool
    erased: bool
    became: tuple[Became, ...]

    @property
    def failed(self) -> bool:
        """Whether any service, or admission, has refused it or put it aside, and that still holds."""
        return any(one.state in FAILED for one in self.now)

    @property
    def now(self) -> tuple[Became, ...]:
        """What each service has said last, as far as that holds (outcomes.supersedes)."""
        last: dict[str, Became] = {}
        for one in self.became:
            known = last.get(one.service)
            if known is None or outcomes.supersedes(_said(one), _said(known)):
                last[one.service] = one
        return tuple(last.values())


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: all that is named has to be so."""

    id: UUID | None = None
    short_code: str | None = None
    """As somebody types it."""
    subject: UUID | None = None
    correlation: UUID | None = None
    organisation: str | None = None
    """Who says it, or whom it is for."""
    type: str | None = None
    """A contract and its version, or its name (`referral.requested`): every version of it."""
    code: str | None = None
    """Why a service or admission has refused it, put it aside, or has it wait."""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ends: the next begins behind it."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages, the newest first."""

    entries: tuple[Entry, ...]
    next: Cursor | None
    """None: there are no more."""


OF_ORGANISATION: Final = ("organisation = %s", "recipient = %s and recipient <> organisation")
OUTCOMES: Final = """
    select message_id, service, state, code, waiting_for, until, said_at
    from outcome where message_id = any(%s::uuid[]) order by logged_at, said_at
"""


def find(connection: Connection, search: Search, *, after: Cursor | None = None, limit: int = PAGE) -> Page:
    """Return a page of what is looked for, the newest first; by keys, so that the last page takes as long as the first.

    What names an id, a subject, a correlation or a short code is found by that; else a code, and what was refused or
    put aside last comes first; else by organisation and type.
    """
    short = _short(search.short_code)
    if search.short_code is not None and short is None:
        return Page((), None)
    if search.id or search.subject or search.correlation or short is not None:
        rows = select(connection, _exactly(search, short), after, limit)
    elif search.code is not None:
        return _by_code(connection, search, after, limit)
    elif search.organisation is None and search.type is None:
        rows = select(connection, _within(search), after, limit)
    else:
        rows = _by_organisation_or_type(connection, search, after, limit)
    more = len(rows) > limit
    shown = entries(connection, rows[:limit])
    last = shown[-1] if more else None
    return Page(tuple(shown), Cursor(last.arrived_at, last.id) if last else None)


Condition = tuple[str, Any]


def _within(search: Search) -> list[Condition]:
    found: list[Condition] = []
    if search.since is not None:
        found.append(("arrived_at >= %s", search.since))
    if search.until is not None:
        found.append(("arrived_at < %s", search.until))
    return found


def _exactly(search: Search, short: int | None) -> list[Condition]:
    found = _within(search)
    for condition, value in (
        ("id = %s", search.id),
        ("subject = %s", search.subject),
        ("correlation = %s", search.correlation),
        ("short = %s", short),
    ):
        if value is not None:
            found.append((condition, value))
    if search.organisation is not None:
        found.append(("%s in (organisation, recipient)", search.organisation))
    if search.type is not None:
        found.append(("type = any(%s::text[])", versions(search.type)))
    if search.code is not None:
        found.append(("exists (select from outcome where message_id = message.id and code = %s)", search.code))
    return found


def select(connection: Connection, conditions: Sequence[Condition], after: Cursor | None, limit: int) -> list[Row]:
    """The newest messages of which all this is so, and one more than so many, which says that there are more."""
    sql, values = _statement(conditions, after, limit)
    return connection.execute(sql.encode(), values).fetchall()


def _statement(conditions: Sequence[Condition], after: Cursor | None, limit: int) -> tuple[str, list[Any]]:
    """The newest messages of which all of this is so, and what stands in place of each `%s`."""
    conditions = list(conditions)
    if after is not None:
        conditions += [("arrived_at <= %s", after.at), ("(arrived_at, id) < %s", (after.at, after.id))]
    where = " and ".join(_placed(condition) for condition, _ in conditions) or "true"
    values: list[Any] = []
    for condition, value in conditions:
        values += value if condition.startswith("(arrived_at, id)") else [value]
    sql = f"select {COLUMNS} from message where {where} order by arrived_at desc, id desc limit %s"
    return sql, [*values, limit + 1]


def _placed(condition: str) -> str:
    return condition.replace("< %s", "< (%s, %s)") if condition.startswith("(arrived_at, id)") else condition


def _by_organisation_or_type(connection: Connection, search: Search, after: Cursor | None, limit: int) -> list[Row]:
    """Look through what an organisation says, what is for it, and each version of a contract, each by its index."""
    which: list[list[Condition]] = [[]]
    if search.type is not None:
        which = [[("type = %s", one)] for one in versions(search.type)]
    if search.organisation is not None:
        which = [[(whose, search.organisation), *one] for whose in OF_ORGANISATION for one in which]
    branches, params = [], list[Any]()
    for conditions in which:
        branch, values = _statement([*conditions, *_within(search)], after, limit)
        branches.append(f"({branch})")
        params += values
    if not branches:
        return []
    sql = f"select * from ({' union all '.join(branches)}) as found order by arrived_at desc, id desc limit %s"
    return connection.execute(sql.encode(), (*params, limit + 1)).fetchall()


# Of messages that outcomes are of, those that came near the time of their outcome: in each day alone that it may be.
NEAR: Final = f"""
    select place, {COLUMNS} from unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[])
        with ordinality as said (message_id, since, until, place)
    join message on id = message_id and arrived_at >= since and arrived_at < until
    order by place, arrived_at desc
"""
NEWER: Final = """
    select message_id, max(logged_at) as logged_at from outcome
    where message_id = any(%(ids)s::uuid[]) and code = %(code)s and logged_at > %(since)s
        and (%(until)s::timestamptz is null or logged_at < %(until)s)
    group by message_id
"""


def _by_code(connection: Connection, search: Search, after: Cursor | None, limit: int) -> Page:
    """What has such an outcome, the newest outcome first. With `until`, of what was said within a day behind it."""
    found: list[Row] = []
    read, many = after, limit + 1
    for _ in range(READINGS):
        said = connection.execute(*_of_code(search, read, many)).fetchall()
        rows = _of_outcomes(connection, said, search)
        for place, one in enumerate(said):
            if read is not None and read.id == one["message_id"]:
                continue  # two services have said it in one batch
            if place in rows and len(found) >= limit:
                return Page(tuple(entries(connection, found)), read)
            found += rows.get(place, ())
            read = Cursor(one["logged_at"], one["message_id"])
        if len(said) < many:
            return Page(tuple(entries(connection, found)), None)
        many *= 2
    return Page(tuple(entries(connection, found)), read)


def _of_code(search: Search, after: Cursor | None, many: int) -> tuple[bytes, Sequence[Any]]:
    conditions: list[Condition] = [("code = %s", search.code)]
    if search.organisation is not None:
        conditions.append(("organisation = %s", search.organisation))
    if search.type is not None:
        conditions.append(("type = any(%s::text[])", versions(search.type)))
    if search.since is not None:
        conditions.append(("logged_at >= %s", search.since))
    if search.until is not None:
        conditions.append(("logged_at < %s", search.until + NEARLY))
    values = [value for _, value in conditions]
    where = " and ".join(condition for condition, _ in conditions)
    if after is not None:
        where += " and logged_at <= %s and (logged_at, message_id) < (%s, %s)"
        values += [after.at, after.at, after.id]
    sql = f"""
        select logged_at, message_id from outcome where {where} order by logged_at desc, message_id desc limit %s
    """
    return sql.encode(), (*values, many)


def _of_outcomes(connection: Connection, said: Sequence[Row], search: Search) -> dict[int, list[Row]]:
    """The messages that outcomes are of, by the outcome's place, where none with that code is newer.

    What waited for long is looked for in all days that are searched.
    """
    ids = [one["message_id"] for one in said]
    since = [max(one["logged_at"] - NEARLY, search.since or one["logged_at"] - NEARLY) for one in said]
    until = [min(one["logged_at"] + NEARLY, search.until or one["logged_at"] + NEARLY) for one in said]
    found: dict[int, list[Row]] = {}
    for row in connection.execute(NEAR.encode(), (ids, since, until)).fetchall():
        found.setdefault(row["place"] - 1, []).append(row)
    if far := {ids[place]: place for place in reversed(range(len(ids))) if place not in found}:
        conditions = [("id = any(%s::uuid[])", [*far]), *_within(search)]
        for row in select(connection, conditions, None, 2 * len(far)):
            found.setdefault(far[row["id"]], []).append(row)
    if not found:
        return {}
    looked = {
        "ids": [ids[place] for place in found],
        "code": search.code,
        "since": min(said[place]["logged_at"] for place in found),
        "until": search.until + NEARLY if search.until is not None else None,
    }
    newer = {row["message_id"]: row["logged_at"] for row in connection.execute(NEWER.encode(), looked).fetchall()}
    return {
        place: rows
        for place, rows in found.items()
        if newer.get(ids[place], said[place]["logged_at"]) <= said[place]["logged_at"]
    }


def tail(connection: Connection, after: Cursor | None, *, limit: int = 200) -> list[Entry]:
    """Return what came behind a place, in its order; without one, the last that came."""
    if after is None:
        rows = select(connection, [], None, limit - 1)[::-1]
    else:
        sql = f"""
            select {COLUMNS} from message where arrived_at >= %s and (arrived_at, id) > (%s, %s)
            order by arrived_at, id limit %s
        """
        rows = connection.execute(sql.encode(), (after.at, after.at, after.id, limit)).fetchall()
    return entries(connection, rows)


def versions(type: str) -> list[str]:
    """A contract's type, or of a name all its versions."""
    if type in contracts.CONTRACTS:
        return [type]
    return sorted(one.type for one in contracts.CONTRACTS.values() if one.name == type)


def _short(typed: str | None) -> int | None:
    code = contracts.read_short_code(typed) if typed is not None else None
    if code is None:
        return None
    value = 0
    for letter in code.replace("-", "")[:-1]:
        value = value << 5 | LETTERS.index(letter)
    return value


def entries(connection: Connection, rows: Sequence[Row]) -> list[Entry]:
    """Rows of COLUMNS as messages, each with what became of it."""
    said = became(connection, [row["id"] for row in rows])
    return [_entry(row, said.get(row["id"], ())) for row in rows]


def became(connection: Connection, ids: Collection[UUID]) -> dict[UUID, tuple[Became, ...]]:
    """What services have said of messages, by their ids, in the order in which it was said."""
    if not ids:
        return {}
    found: dict[UUID, list[Became]] = {}
    for row in connection.execute(OUTCOMES, (list(ids),)).fetchall():
        one = Became(row["service"], row["state"], row["code"], row["waiting_for"], row["until"], row["said_at"])
        found.setdefault(row["message_id"], []).append(one)
    return {id: tuple(ones) for id, ones in found.items()}


def _entry(row: Row, said: Iterable[Became]) -> Entry:
    of_referral = row["short"] is not None and row["subject"] is not None
    # Of a message refused by admission the outcome is admission's; of one that passed under the same id, the others'.
    mine = tuple(one for one in said if (one.service == outcomes.GATEWAY) == (row["kind"] == "refused"))
    return Entry(
        **{name: row[name] for name in _SAME},
        short_code=contracts.short_code(row["subject"]) if of_referral else None,
        trace=row["trace"].hex if row["trace"] is not None else None,
        digest=bytes(row["digest"]).hex(),
        became=mine,
    )


_SAME: Final = (
    "arrived_at", "id", "kind", "source", "organisation", "recipient", "type", "subject", "correlation", "causation",
    "system", "recipientsystem", "sent_at", "size", "routing_key", "confidential", "erased",
)  # fmt: skip


def _said(one: Became) -> Said:
    waiting_for = str(one.waiting_for) if one.waiting_for is not None else None
    return Said(one.service, one.state, one.code, waiting_for, one.until, one.said_at)
