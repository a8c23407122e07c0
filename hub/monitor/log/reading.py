"""What the log answers: look-ups, stories, rates; for commands and pages. Nothing here writes.

    find(connection, Search(organisation="redcross", type="referral.requested.v2"))   -> Page
    story(connection, id)                                                              -> Story, or None

Every function runs in whatever transaction is open, and commits nothing. Confidential cases are shown as they stand
here; what stands behind them, hub/monitor/log/confidential.py opens.
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
DRAWN: Final = 100  # messages of a story that are drawn
MOST: Final = 20_000  # messages of a story that are read
LONG: Final = 500  # messages from which on a story is a long one
READINGS: Final = 8  # times that outcomes are read for a page of a code, each time twice as many
NEARLY: Final = timedelta(days=1)  # within which most is said of a message
KNOWN_FOR: Final = timedelta(seconds=10)  # how old a look at a queue's age may be
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


@dataclass(frozen=True, slots=True)
class Story:
    """All that belongs together: what began it, what it has caused, and what is about the same subject."""

    entries: tuple[Entry, ...]
    """Those that are drawn: failures first of all, then the first ones; in the order in which they came."""
    count: int
    failed: int
    is_whole: bool
    """False where there are more than MOST, of which the first are read."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How much came in a minute, by whom and for whom: `-` for the hub's services."""

    minute: datetime
    source: str
    recipient: str
    type: str
    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class RefusedByCode:
    """How often admission has refused something to an organisation."""

    organisation: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Older:
    """That an organisation says something in another version of a contract than the newest."""

    organisation: str
    type: str
    newest: str
    count: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """The oldest message of a service's queue that the service has said nothing of."""

    arrived_at: datetime
    id: UUID
    age: timedelta


# -- look-ups ----------------------------------------------------------------------------------------------------------

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
        rows = _select(connection, _exactly(search, short), after, limit)
    elif search.code is not None:
        return _by_code(connection, search, after, limit)
    elif search.organisation is None and search.type is None:
        rows = _select(connection, _within(search), after, limit)
    else:
        rows = _by_organisation_or_type(connection, search, after, limit)
    more = len(rows) > limit
    entries = _entries(connection, rows[:limit])
    last = entries[-1] if more else None
    return Page(tuple(entries), Cursor(last.arrived_at, last.id) if last else None)


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


def _select(
    connection: Connection, conditions: Sequence[Condition], after: Cursor | None, limit: int, *, columns: str = COLUMNS
) -> list[Row]:
    sql, values = _statement(conditions, after, limit, columns=columns)
    return connection.execute(sql.encode(), values).fetchall()


def _statement(
    conditions: Sequence[Condition], after: Cursor | None, limit: int, *, columns: str = COLUMNS
) -> tuple[str, list[Any]]:
    """The newest messages of which all of this is so, and what stands in place of each `%s`."""
    conditions = list(conditions)
    if after is not None:
        conditions += [("arrived_at <= %s", after.at), ("(arrived_at, id) < %s", (after.at, after.id))]
    where = " and ".join(_placed(condition) for condition, _ in conditions) or "true"
    values: list[Any] = []
    for condition, value in conditions:
        values += value if condition.startswith("(arrived_at, id)") else [value]
    sql = f"select {columns} from message where {where} order by arrived_at desc, id desc limit %s"
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
                return Page(tuple(_entries(connection, found)), read)
            found += rows.get(place, ())
            read = Cursor(one["logged_at"], one["message_id"])
        if len(said) < many:
            return Page(tuple(_entries(connection, found)), None)
        many *= 2
    return Page(tuple(_entries(connection, found)), read)


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
        for row in _select(connection, conditions, None, 2 * len(far)):
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


def _entries(connection: Connection, rows: Sequence[Row]) -> list[Entry]:
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


# -- stories -----------------------------------------------------------------------------------------------------------

BEGIN: Final = "select correlation, subject from message where id = %(id)s or subject = %(id)s or correlation = %(id)s"
# What belongs together, and of that what is drawn: failures first. Of no story more than MOST are read by each key.
# Of outcomes first an index of the failures alone is read (`outcome_failed`), then of those few messages all: as an
# array, so that they are found by their ids, and not among everything that went well.
CHOSEN: Final = f"""
    with belongs as materialized (
        (select arrived_at, id, kind from message where correlation = any(%(correlations)s::uuid[]) limit {MOST + 1})
        union (select arrived_at, id, kind from message where subject = any(%(subjects)s::uuid[]) limit {MOST + 1})
    ), suspected as materialized (
        select distinct message_id from outcome
        where message_id in (select id from belongs) and state in ('refused', 'quarantined')
    ), failed as materialized (
        select distinct message_id from (
            select message_id from outcome where message_id = any(array(select message_id from suspected))
            group by message_id, service
            having bool_or(state in ('refused', 'quarantined')) and not bool_or(state = 'applied')
        ) as said
    )
    select arrived_at, id, kind, count(*) over () as count, count(message_id) over () as failed
    from belongs left join failed on message_id = id
    order by message_id is null, arrived_at, id limit %(drawn)s
"""
# PostgreSQL cannot know how long a story is, and of a long one looks for the failures of each message in each day: two
# million look-ups for 20,000 messages in three months. All failures that there are, are read sooner.
IS_LONG: Final = f"""
    select count(*) > {LONG} as long from (
        (select from message where correlation = any(%(correlations)s::uuid[]) limit {LONG + 1})
        union all (select from message where subject = any(%(subjects)s::uuid[]) limit {LONG + 1})
    ) as found
"""
NOT_ONE_BY_ONE: Final = "set local enable_nestloop = off"
ONE_BY_ONE: Final = "set local enable_nestloop = on"
ROWS: Final = f"""
    select {COLUMNS} from message where id = any(%s::uuid[]) and arrived_at between %s and %s order by arrived_at, id
"""


def story(connection: Connection, id: UUID, *, drawn: int = DRAWN) -> Story | None:
    """Return what belongs together with a message, a subject or a correlation; None where nothing is known of it."""
    begin = connection.execute(f"{BEGIN} limit 1000".encode(), {"id": id}).fetchall()
    if not begin:
        return None
    correlations = list({row["correlation"] for row in begin})
    subjects = list({row["subject"] for row in begin} - {None})
    params = {"correlations": correlations, "subjects": subjects, "drawn": drawn}
    chosen = _chosen(connection, params)
    at = [row["arrived_at"] for row in chosen]
    rows = connection.execute(ROWS.encode(), ([row["id"] for row in chosen], min(at), max(at))).fetchall()
    names = {(row["arrived_at"], row["id"], row["kind"]) for row in chosen}
    entries = _entries(connection, [row for row in rows if (row["arrived_at"], row["id"], row["kind"]) in names])
    count = chosen[0]["count"]
    return Story(tuple(entries), min(count, MOST), chosen[0]["failed"], count <= MOST)


def _chosen(connection: Connection, params: dict[str, Any]) -> list[Row]:
    """What is drawn of a story, each with how many there are, and how many of them failed."""
    found = connection.execute(IS_LONG.encode(), params).fetchone()
    assert found is not None
    if not found["long"]:
        return connection.execute(CHOSEN.encode(), params).fetchall()
    connection.execute(NOT_ONE_BY_ONE)  # where it is given up, that ends with the transaction
    chosen = connection.execute(CHOSEN.encode(), params).fetchall()
    connection.execute(ONE_BY_ONE)
    return chosen


def tail(connection: Connection, after: Cursor | None, *, limit: int = 200) -> list[Entry]:
    """Return what came behind a place, in its order; without one, the last that came."""
    if after is None:
        rows = _select(connection, [], None, limit - 1)[::-1]
    else:
        sql = f"""
            select {COLUMNS} from message where arrived_at >= %s and (arrived_at, id) > (%s, %s)
            order by arrived_at, id limit %s
        """
        rows = connection.execute(sql.encode(), (after.at, after.at, after.id, limit)).fetchall()
    return _entries(connection, rows)


# -- how much, how old, who --------------------------------------------------------------------------------------------

RATES: Final = """
    select minute, source, recipient, type, count, bytes from flow
    where minute >= %s and minute < %s order by minute, source, recipient, type
"""
REFUSED: Final = """
    select organisation, code, sum(count)::bigint as count from (
        select organisation, code, count(*) as count from outcome
        where code = any(%(codes)s::text[]) and logged_at >= %(since)s and service = 'gateway' and state = 'refused'
          and not confidential
        group by organisation, code
        union all
        select organisation, code, sum(count) from refused_beyond
        where minute >= %(since)s and organisation <> '-' group by organisation, code
    ) as refused
    group by organisation, code order by count desc, organisation, code
"""
SAID: Final = """
    select source as organisation, type, sum(count)::bigint as count from flow
    where minute >= %s and type = any(%s::text[]) and source <> all(%s::text[])
    group by source, type order by source, type
"""
AGES: Final = "select service, oldest_at, oldest_id, looked_at, clock_timestamp() as now from queue_age"


def rates(connection: Connection, since: datetime, until: datetime) -> list[Rate]:
    """How much came in each minute from `since` until before `until`, by who says it, for whom, and of which type."""
    return [Rate(**row) for row in connection.execute(RATES, (since, until)).fetchall()]


def refused_by_code(connection: Connection, since: datetime, codes: Collection[str]) -> list[RefusedByCode]:
    """How often admission has refused which organisation what since then, by code; the most often first.

    Of what is logged one by one and of what is only counted, by each entrance; of confidential cases nothing.
    """
    rows = connection.execute(REFUSED, {"since": since, "codes": list(codes)}).fetchall()
    return [RefusedByCode(**row) for row in rows]


def older_versions(connection: Connection, since: datetime) -> list[Older]:
    """Who has said what since then in a version that is not its contract's newest; of confidential cases nothing."""
    newest = {one.name: one.type for one in sorted(contracts.CONTRACTS.values(), key=lambda one: one.version)}
    older = {one.type: newest[one.name] for one in contracts.CONTRACTS.values() if newest[one.name] != one.type}
    rows = connection.execute(SAID, (since, list(older), ["hub", "-"])).fetchall()
    return [Older(newest=older[row["type"]], **row) for row in rows]


def last_seen(connection: Connection) -> dict[str, datetime]:
    """When each organisation has said something last; of confidential cases nothing counts."""
    return {row["organisation"]: row["at"] for row in connection.execute("select * from last_seen").fetchall()}


def oldest(connection: Connection) -> dict[str, Waiting | None]:
    """By service, the oldest message of its queue that it has said nothing of; None where there is no such.

    A service that is not named here has not been looked at for ten seconds: nobody knows how old its queue is.
    """
    found: dict[str, Waiting | None] = {}
    for row in connection.execute(AGES).fetchall():
        if row["now"] - row["looked_at"] > KNOWN_FOR:
            continue
        waits = row["oldest_at"] is not None
        age = row["now"] - row["oldest_at"] if waits else None
        found[row["service"]] = Waiting(row["oldest_at"], row["oldest_id"], age) if age is not None else None
    return found
