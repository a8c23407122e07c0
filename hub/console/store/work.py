"""What needs somebody: the rows of `Hoy` and of the agenda. One condition makes the count, the list and the export.

Every function takes a connection to the console's database and a `Viewer`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, LiteralString
from uuid import UUID

from contracts.codes import ReferralState
from contracts.transitions import ENDED, NOTED_IN
from hub.console.store.absences import DUE_LATER, IS_LATE
from hub.console.store.cases import COUNTED_TO, SHOWN, Viewer, rows
from hub.console.store.holding import HELD_SHOWN
from messaging.database import Connection, Row


class Bucket(StrEnum):
    """Why a referral needs somebody, the most pressing reason first; a referral may stand in several."""

    OVERDUE = "overdue"
    DUE_TODAY = "due_today"
    ASKED = "asked"
    TO_CANCEL = "to_cancel"
    UNDECIDED = "undecided"
    VISITS_TODAY = "visits_today"
    CALL_BACK = "call_back"
    TO_PURGE = "to_purge"
    TO_CONFIRM = "to_confirm"
    NOT_PURGED = "not_purged"
    ESCALATED = "escalated"
    OVERDUE_ELSEWHERE = "overdue_elsewhere"


OF_COORDINATORS: Final = frozenset({Bucket.NOT_PURGED, Bucket.ESCALATED, Bucket.OVERDUE_ELSEWHERE})


@dataclass(frozen=True)
class Day:
    """The moment at which somebody looks, and the ends of the day that it is in where they are."""

    now: datetime
    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class AfterWork:
    """The last row of the page before."""

    at: datetime | None
    """By what the rows of its bucket are ordered; None where it has none: those come last."""
    referral_id: UUID


FIRST: Final = AfterWork(None, UUID(int=0))


@dataclass(frozen=True)
class _Condition:
    where: LiteralString
    by: LiteralString
    """The column that the rows are ordered by."""
    source: LiteralString = "referral"
    more: LiteralString = ""
    """Columns that its rows have besides."""
    is_ordered: bool = True
    """Whether an index has the rows in that order: then they are counted by it, too."""
    of_held: LiteralString = ""
    """What is looked for among what somebody has taken, where that is not the same."""
    may_lack: bool = False
    """Whether there are rows without what they are ordered by."""
    id: LiteralString = "referral_id"
    """The referral's id as an index has it beside that column."""

    def behind(self, held_by: "AmongHeld") -> LiteralString:
        """That a row stands behind `after`, where there is one."""
        return _behind_by(self.by, self.id if held_by is None else "referral_id")


def _behind_by(column: LiteralString, id: LiteralString = "referral_id") -> LiteralString:
    return f"(%(after)s::timestamptz is null or ({column}, {id}) > (%(after)s, %(after_id)s))"


def _elsewhere(more: LiteralString = "") -> LiteralString:
    # With each organisation that has to answer, and not among all that is due: of that, most may be the viewer's own.
    return f"""
    (
        with recursive waiting (organisation) as (
            (select waits_on from referral where due_at is not null order by waits_on limit 1)
            union all
            select (
                select waits_on from referral where due_at is not null and waits_on > waiting.organisation
                order by waits_on limit 1
            )
            from waiting where waiting.organisation is not null
        )
        select organisation from waiting where organisation <> %(organisation)s
    ) as elsewhere
    cross join lateral (
        select * from referral where waits_on = elsewhere.organisation and due_at is not null and {IS_LATE} {more}
        order by due_at, referral_id limit %(limit)s
    ) as referral
"""


ELSEWHERE: Final[LiteralString] = _elsewhere()
# Of each the referral is looked for by its id, never all referrals beside all escalations.
ESCALATED: Final[LiteralString] = """
    (select referral_id as escalated_id, escalated_at from escalation) as escalated
    cross join lateral (select * from referral where referral_id = escalated_id limit 1) as referral
"""
# Nobody telephones about a referral on which nothing may be written any more: the person has withdrawn their consent.
CALL_BACK: Final[LiteralString] = """
    (
        select referral_id as called_id, call_back_at, noted_at as called_at from call_back
        where organisation = %(organisation)s and call_back_at is not null
    ) as called
    cross join lateral (
        select * from referral
        where referral_id = called_id and (%(coordinates)s or %(organisation)s in (sender, recipient))
            and state = any(%(noted_in)s) limit 1
    ) as referral
"""
# Who was asked to delete what they hold, and has not said that they have.
OWED: Final[LiteralString] = "asked_at > coalesce(purged_at, '-infinity')"
TO_PURGE: Final[LiteralString] = f"""
    (
        select referral_id as owed_id, purge_by, asked_at from purge_asked
        where organisation = %(organisation)s and {OWED}
    ) as owed
    cross join lateral (
        select * from referral
        where referral_id = owed_id and (%(coordinates)s or %(organisation)s in (sender, recipient)) limit 1
    ) as referral
"""
# All who owe one were asked at once, and it is one case to whoever coordinates.
NOT_PURGED: Final[LiteralString] = f"""
    (
        select distinct purge_by, referral_id as owed_id, asked_at from purge_asked
        where {OWED} and purge_by < %(now)s
    ) as owed
    cross join lateral (select * from referral where referral_id = owed_id limit 1) as referral
"""
OWED_BY: Final[LiteralString] = f"""
    , (select array_agg(organisation order by organisation) from purge_asked
       where purge_asked.referral_id = referral.referral_id and {OWED}) as owed_by
"""
# What somebody has taken is looked for by its ids, in place of all that waits.
HELD: Final[LiteralString] = f"""
    (select referral_id as held_id from assignment
     where staff = any(%(held_by)s) and organisation = %(organisation)s
     order by since desc, referral_id limit %(held_at_most)s) as held
    cross join lateral (
        select referral.*, escalated_at, call_back_at, called_at, purge_by, asked_at, is_owed_here from referral
        left join escalation using (referral_id)
        left join (
            select referral_id, call_back_at, noted_at as called_at from call_back where organisation = %(organisation)s
        ) as called using (referral_id)
        cross join lateral (
            select min(purge_by) as purge_by, min(asked_at) as asked_at,
                bool_or(organisation = %(organisation)s) as is_owed_here
            from purge_asked where purge_asked.referral_id = held_id and {OWED}
        ) as owed
        where referral_id = held_id limit 1
    ) as referral
"""
MINE: Final[LiteralString] = "waits_on = %(organisation)s and due_at is not null"
CONDITIONS: Final[Mapping[Bucket, _Condition]] = {
    Bucket.OVERDUE: _Condition(f"{MINE} and {IS_LATE}", "due_at"),
    Bucket.ASKED: _Condition(f"{MINE} and waits_for = 'answer'", "due_at"),
    Bucket.TO_CANCEL: _Condition(
        "recipient = %(organisation)s and state = 'cancel_requested'", "due_at", may_lack=True
    ),
    Bucket.UNDECIDED: _Condition(
        "recipient = %(organisation)s and state in ('sent', 'received')", "due_at", may_lack=True
    ),
    Bucket.DUE_TODAY: _Condition(f"{MINE} and {DUE_LATER}", "due_at"),
    Bucket.VISITS_TODAY: _Condition(
        "recipient = %(organisation)s and state = 'scheduled' and visit_at >= %(begins)s and visit_at < %(ends)s",
        "visit_at",
    ),
    Bucket.CALL_BACK: _Condition(
        "call_back_at < %(ends)s",
        "call_back_at",
        CALL_BACK,
        ", call_back_at, called_at",
        of_held="call_back_at < %(ends)s and state = any(%(noted_in)s)"
        " and (%(coordinates)s or %(organisation)s in (sender, recipient))",
        id="called_id",
    ),
    Bucket.TO_PURGE: _Condition(
        "true",
        "purge_by",
        TO_PURGE,
        ", purge_by, asked_at",
        of_held="is_owed_here and (%(coordinates)s or %(organisation)s in (sender, recipient))",
        id="owed_id",
    ),
    Bucket.TO_CONFIRM: _Condition("sender = %(organisation)s and state = 'completed'", "changed_at"),
    Bucket.NOT_PURGED: _Condition(
        "purge_by < %(now)s", "purge_by", NOT_PURGED, f", purge_by, asked_at {OWED_BY}", id="owed_id"
    ),
    Bucket.ESCALATED: _Condition(
        "escalated_at >= changed_at", "escalated_at", ESCALATED, ", escalated_at", id="escalated_id"
    ),
    Bucket.OVERDUE_ELSEWHERE: _Condition(
        "due_at < %(now)s",
        "due_at",
        _elsewhere(f"and {_behind_by('due_at')}"),
        is_ordered=False,
        of_held=f"waits_on <> %(organisation)s and due_at is not null and {IS_LATE}",
    ),
}
AmongHeld = Sequence[str] | None
"""By their codes, the staff whose cases alone are looked for; None: everybody's."""


def buckets(viewer: Viewer) -> list[Bucket]:
    """The reasons that a viewer is shown."""
    return [one for one in Bucket if viewer.coordinates or one not in OF_COORDINATORS]


def work(
    connection: Connection,
    viewer: Viewer,
    day: Day,
    bucket: Bucket,
    *,
    after: AfterWork | None = None,
    limit: int = 50,
    held_by: AmongHeld = None,
) -> list[Row]:
    """The referrals of a bucket, the most pressing first: `limit` of them behind `after`.

    None of a bucket that the viewer is not shown.
    """
    if bucket not in buckets(viewer):
        return []
    condition = CONDITIONS[bucket]
    select: LiteralString = f"select {SHOWN}{condition.more} from {_found(condition, held_by)}"
    values = _values(viewer, day, held_by)
    found = []
    if after is None or after.at is not None:
        found = rows(
            connection,
            f"{select} and {condition.behind(held_by)} order by {condition.by}, referral_id limit %(limit)s",
            values | _behind(after),
            limit,
        )
    if condition.may_lack and after is not None and len(found) < limit:
        last = after if after.at is None else FIRST
        found += rows(
            connection,
            f"{select} and {condition.by} is null and referral_id > %(after_id)s order by referral_id limit %(limit)s",
            values | _behind(last),
            limit - len(found),
        )
    return found


def counts(connection: Connection, viewer: Viewer, day: Day, *, held_by: AmongHeld = None) -> dict[Bucket, int]:
    """How many referrals each bucket has; COUNTED_TO + 1 where there are more than COUNTED_TO."""
    each = [
        f"select '{one}' as bucket, count(*) as many from ("
        f"select from {_found(condition, held_by)} "
        f"{f'order by {condition.by}, referral_id' if condition.is_ordered else ''} limit %(limit)s) as counted"
        for one, condition in ((one, CONDITIONS[one]) for one in buckets(viewer))
    ]
    values = _values(viewer, day, held_by) | _behind(None)
    found = rows(connection, " union all ".join(each), values, COUNTED_TO + 1)
    return {Bucket(row["bucket"]): row["many"] for row in found}


# Who sees to it that a referral goes on, since it was last opened, and when its parties were last asked for what it
# waits for now.
SEEN_TO: Final[LiteralString] = """
    select referral_id, in_charge, chased_at, chased_by from referral
    left join lateral (
        select noted_by as in_charge from event
        where event.referral_id = referral.referral_id and what = 'taken_on' and not exists (
            select from step
            where step.referral_id = event.referral_id and state = any(%(ended)s) and step.changed_at >= noted_at
        )
        order by noted_at desc, noted_by desc limit 1
    ) as charge on true
    left join lateral (
        select (details ->> 'chased_at')::timestamptz as chased_at, noted_by as chased_by from event
        where event.referral_id = referral.referral_id and what = 'chased' and noted_at >= changed_at
        order by noted_at desc, noted_by desc limit 1
    ) as chase on true
    where referral_id = any(%(referral_ids)s)
"""


def seen_to(connection: Connection, viewer: Viewer, referral_ids: Collection[UUID]) -> Mapping[UUID, Row]:
    """Who has taken each referral on, and who has asked for its answer when, as far as anybody has.

    Only who coordinates is told.
    """
    if not viewer.coordinates or not referral_ids:
        return {}
    values = {"referral_ids": [*referral_ids], "ended": [state.value for state in ENDED]}
    return {row.pop("referral_id"): row for row in rows(connection, SEEN_TO, values)}


def last_of(bucket: Bucket, row: Mapping[str, Any]) -> AfterWork:
    """Where the page behind a row of a bucket begins."""
    return AfterWork(row[CONDITIONS[bucket].by], row["referral_id"])


def _behind(after: AfterWork | None) -> dict[str, object]:
    return {"after": after and after.at, "after_id": after and after.referral_id}


def _found(condition: _Condition, held_by: AmongHeld) -> LiteralString:
    if held_by is None:
        return f"{condition.source} where {condition.where}"
    return f"{HELD} where {condition.of_held or condition.where}"


OVERDUE_OF: Final[LiteralString] = f"""
    select {SHOWN} from referral
    where waits_on = %(whose)s and waits_on <> %(organisation)s and due_at is not null and {IS_LATE}
    order by due_at, referral_id limit %(limit)s
"""
OVERDUE_BY: Final[LiteralString] = f"""
    select waits_on, count(*) as many from {ELSEWHERE} group by waits_on order by many desc, waits_on
"""


EMERGENCIES: Final[LiteralString] = f"""
    select referral_id from referral
    where {CONDITIONS[Bucket.UNDECIDED].where} and urgency = 'emergency' order by referral_id limit %(limit)s
"""


def emergencies(connection: Connection, organisation: str) -> list[UUID]:
    """The emergencies that an organisation has not decided; COUNTED_TO + 1 where there are more than COUNTED_TO."""
    found = rows(connection, EMERGENCIES, {"organisation": organisation}, COUNTED_TO + 1)
    return [row["referral_id"] for row in found]


def overdue_of(connection: Connection, viewer: Viewer, now: datetime, whose: str, *, limit: int) -> list[Row]:
    """What another organisation has not answered in time, the longest first; only who coordinates is shown any."""
    if not viewer.coordinates:
        return []
    values = {"organisation": viewer.organisation, "now": now, "whose": whose}
    return rows(connection, OVERDUE_OF, values, limit)


def overdue_by(connection: Connection, viewer: Viewer, now: datetime, *, limit: int) -> list[Row]:
    """How many each other organisation has not answered in time, each counted to `limit`: there may be hundreds."""
    if not viewer.coordinates:
        return []
    return rows(connection, OVERDUE_BY, {"organisation": viewer.organisation, "now": now}, limit)


VISITED: Final = (
    ReferralState.SCHEDULED,
    ReferralState.IN_SERVICE,
    ReferralState.NO_SHOW,
    ReferralState.COMPLETED,
    ReferralState.CLOSED,
)
"""Where a visit is still to come, or what came of it can be told."""


@dataclass(frozen=True)
class AfterVisit:
    """The last visit of the page before."""

    visit_at: datetime
    referral_id: UUID


def visits(
    connection: Connection,
    viewer: Viewer,
    begins: datetime,
    ends: datetime,
    *,
    after: AfterVisit | None = None,
    limit: int,
) -> list[Row]:
    """The visits that a viewer's organisation has within some days, the first of them first: `limit` behind `after`."""
    behind: LiteralString = "" if after is None else "and (visit_at, referral_id) > (%(visit_at)s, %(referral_id)s)"
    return rows(
        connection,
        f"select {SHOWN} from referral where recipient = %(organisation)s and state = any(%(states)s) "
        f"and visit_at >= %(begins)s and visit_at < %(ends)s {behind} "
        "order by visit_at, referral_id limit %(limit)s",
        {
            "organisation": viewer.organisation,
            "begins": begins,
            "ends": ends,
            "states": [state.value for state in VISITED],
            **({} if after is None else asdict(after)),
        },
        limit,
    )


def unsaid_visits(
    connection: Connection, viewer: Viewer, before: datetime, *, after: AfterVisit | None = None, limit: int
) -> list[Row]:
    """The visits before a moment of which nobody has said whether somebody came, the last of them first.

    `limit` of them behind `after`.
    """
    behind: LiteralString = "" if after is None else "and (visit_at, referral_id) < (%(visit_at)s, %(referral_id)s)"
    return rows(
        connection,
        f"select {SHOWN} from referral where recipient = %(organisation)s and state = 'scheduled' "
        f"and visit_at < %(before)s {behind} order by visit_at desc, referral_id desc limit %(limit)s",
        {"organisation": viewer.organisation, "before": before, **({} if after is None else asdict(after))},
        limit,
    )


def _values(viewer: Viewer, day: Day, held_by: AmongHeld) -> dict[str, object]:
    held = {"held_by": None if held_by is None else [*held_by], "held_at_most": HELD_SHOWN}
    noted_in = [state.value for state in NOTED_IN]
    of_viewer = {"organisation": viewer.organisation, "coordinates": viewer.coordinates, "noted_in": noted_in}
    return {**of_viewer, **held, **asdict(day)}
