"""What pages show of referrals. Who asks is part of every statement: nobody is shown what is not theirs, or counted it.

Every function takes a connection to the console's database and a `Viewer`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, LiteralString
from uuid import UUID

from contracts.transitions import ENDED
from hub.console.store.absences import LATE_FROM
from messaging.database import Connection, Row

COUNTED_TO: Final = 1_000
"""Beyond this many, a list says `1.000+`: to count them all takes longer than anybody waits."""
COUNTED_WITHIN: Final = 300
"""Milliseconds that a statement of a list that is counted may take: one that grows with the tables is to be noticed."""
IN_A_CHAIN: Final = 50  # referrals for one need, at most, that a page shows


@dataclass(frozen=True)
class Viewer:
    """For whom a page is made."""

    organisation: str
    coordinates: bool
    """Sees the codes, states, times and parties of every case that is not confidential."""
    names: bool = False
    """Sees the names that the organisation was told to coordinate."""


class Part(StrEnum):
    """In which part the viewer's organisation is in a referral."""

    ALL = "all"
    SENT = "sent"
    RECEIVED = "received"


@dataclass(frozen=True)
class Asked:
    """What a list is asked for; all of it stands in the page's address."""

    part: Part = Part.ALL
    state: str | None = None
    need_code: str | None = None


@dataclass(frozen=True)
class After:
    """The last row of the page before."""

    changed_at: datetime
    referral_id: UUID


@contextmanager
def promptly(connection: Connection) -> Iterator[None]:
    """Give each statement of the block COUNTED_WITHIN. Raises psycopg.errors.QueryCanceled."""
    connection.execute("select set_config('statement_timeout', %s, true)", (str(COUNTED_WITHIN),))
    yield
    connection.execute("set local statement_timeout to default")  # to record it may take longer


SHOWN: Final[LiteralString] = f"""
    referral_id, short_code, state, changed_at, sender, recipient, service_id, need_code, urgency, sent_at, due_at,
    waits_for, waits_on, visit_at, {LATE_FROM} as late_from,
    (select name from service where service.service_id = referral.service_id) as service_name,
    recipient = %(organisation)s and state in ('sent', 'received') and not exists (
        select from opened where opened.organisation = %(organisation)s and opened.referral_id = referral.referral_id
    ) as is_new
"""
WHOSE: Final[Mapping[Part, LiteralString]] = {
    Part.SENT: "sender = %(organisation)s",
    Part.RECEIVED: "recipient = %(organisation)s and sender <> %(organisation)s",
}


def referrals(
    connection: Connection, viewer: Viewer, asked: Asked, *, after: After | None = None, limit: int = 50
) -> list[Row]:
    """The referrals that a viewer may see, the last changed first: `limit` of them behind `after`."""
    sql, values = _asked(viewer, asked, after)
    return rows(connection, f"{sql} order by changed_at desc, referral_id desc limit %(limit)s", values, limit)


def count(connection: Connection, viewer: Viewer, asked: Asked) -> int:
    """How many there are; COUNTED_TO + 1 where there are more than COUNTED_TO."""
    sql, values = _asked(viewer, asked, None)
    found = rows(
        connection, f"select count(*) as many from (select from ({sql}) as asked limit %(limit)s) as counted",
        values, COUNTED_TO + 1,
    )  # fmt: skip
    return int(found[0]["many"])


def states(connection: Connection, viewer: Viewer) -> set[str]:
    """The states in which a viewer's referrals are: a list can be asked for no other."""
    return _values(connection, viewer, "state")


def need_codes(connection: Connection, viewer: Viewer) -> set[str]:
    """The needs that a viewer's referrals are for."""
    return _values(connection, viewer, "need_code")


def _values(connection: Connection, viewer: Viewer, column: LiteralString) -> set[str]:
    """Each value of a column: from one to the next by an index, past all the referrals that have the same."""
    parties: list[LiteralString] = ["true"]
    if not viewer.coordinates:
        parties = ["sender = %(organisation)s", "recipient = %(organisation)s"]
    found = set()
    for party in parties:
        each = f"""
            with recursive value (said) as (
                (select {column} from referral where {party} order by {column} limit 1)
                union all
                select (
                    select {column} from referral where {party} and {column} > value.said order by {column} limit 1
                )
                from value where value.said is not null
            )
            select said from value where said is not null
        """
        found |= {row["said"] for row in rows(connection, each, {"organisation": viewer.organisation})}
    return found


def _asked(viewer: Viewer, asked: Asked, after: After | None) -> tuple[LiteralString, dict[str, Any]]:
    conditions: list[LiteralString] = []
    if asked.state is not None:
        conditions.append("state = %(state)s")
    if asked.need_code is not None:
        conditions.append("need_code = %(need_code)s")
    if after is not None:
        conditions.append("(changed_at, referral_id) < (%(changed_at)s, %(referral_id)s)")
    values = {
        "organisation": viewer.organisation,
        "state": asked.state,
        "need_code": asked.need_code,
        "changed_at": after and after.changed_at,
        "referral_id": after and after.referral_id,
    }
    parts = [asked.part] if asked.part is not Part.ALL else [Part.SENT, Part.RECEIVED]
    if viewer.coordinates and asked.part is Part.ALL:
        return _select(conditions), values
    # Each branch by an index of its own.
    branches = [
        f"({_select([WHOSE[part], *conditions])} order by changed_at desc, referral_id desc limit %(limit)s)"
        for part in parts
    ]
    return f"select * from ({' union all '.join(branches)}) as either", values


def _select(conditions: Sequence[LiteralString]) -> LiteralString:
    return f"select {SHOWN} from referral where {' and '.join(conditions) or 'true'}"


MAY_SEE: Final[LiteralString] = "(%(coordinates)s or %(organisation)s in (sender, recipient))"

BY_CODE: Final[LiteralString] = (
    f"select {SHOWN} from referral where short_code = %(code)s and {MAY_SEE} limit %(limit)s"
)

# The referrals that went before and go on from one, the first of all of them first: of a chain with a branch, all.
CHAIN: Final[LiteralString] = f"""
    with recursive before (referral_id, depth) as (
        select %(referral_id)s::uuid, 0
        union all
        select link.earlier, before.depth + 1 from before join link on link.later = before.referral_id
        where before.depth < %(limit)s
    ), chain (referral_id, depth) as (
        (select referral_id, 0 from before order by depth desc limit 1)
        union all
        select link.later, chain.depth + 1 from chain join link on link.earlier = chain.referral_id
        where chain.depth < %(limit)s
    )
    select place, {SHOWN}, person_id, need_id
    from (select referral_id, min(depth) as place from chain group by referral_id) as placed
    join referral using (referral_id)
    where {MAY_SEE}
    order by place, sent_at, referral_id limit %(limit)s
"""

STEPS: Final[LiteralString] = """
    select referral_id, sequence, state, changed_at, changed_by, details from step
    where referral_id = any(%(referral_ids)s) order by changed_at, referral_id, sequence
"""

EVENTS: Final[LiteralString] = """
    select referral_id, what, noted_at, noted_by, details from event
    where referral_id = any(%(referral_ids)s) order by noted_at, what, noted_by limit %(limit)s
"""
EVENTS_SHOWN: Final = 500


def by_code(connection: Connection, viewer: Viewer, code: str) -> list[Row]:
    """The referrals that a viewer may see and that are called so: one, or seldom several."""
    return rows(connection, BY_CODE, _viewing(viewer) | {"code": code}, 10)


SERVICE: Final[LiteralString] = """
    select name, active, capacity, waiting, estimate_days, stated_at, valid_until from service
    where service_id = %(service_id)s
"""


TRIAGE: Final[LiteralString] = """
    select urgency, triaged_by, triaged_at from triage where need_id = %(need_id)s
"""


CONSENT: Final[LiteralString] = """
    select granted_to, valid_from, valid_until, given_by, manner, language,
           suspended_at > coalesce(resumed_at, '-infinity') as suspended, ended_at, end_reason, withdrawn_by,
           withdrawn_manner, withdrawn_at, withdrawn_through
    from consent where consent_id = %(consent_id)s
"""


@dataclass(frozen=True)
class Case:
    """One need of one person, through all the referrals that were made for it, as far as a viewer may see them."""

    referrals: Sequence[Row]
    """The first of the chain first."""
    steps: Sequence[Row]
    events: Sequence[Row]


def case(connection: Connection, viewer: Viewer, referral_id: UUID) -> Case | None:
    """The case to which a referral belongs; None where there is none, or it is not for this viewer."""
    chain = rows(connection, CHAIN, _viewing(viewer) | {"referral_id": referral_id}, IN_A_CHAIN)
    ids = [row["referral_id"] for row in chain]
    if referral_id not in ids:
        return None
    among = {"referral_ids": ids}
    return Case(chain, rows(connection, STEPS, among), rows(connection, EVENTS, among, EVENTS_SHOWN))


# Whether the same sender asks the same of the same recipient in another referral that is open. One that was redirected
# keeps its sender and was passed on by another: the two stand beside each other.
_PASSED_ON_BY: Final[LiteralString] = """
    select before.recipient from link join referral before on before.referral_id = link.earlier
    where before.sender = one.sender and link.later =
"""
OPEN_BESIDE: Final[LiteralString] = f"""
    select from referral one join referral other using (person_id, sender, recipient, service_id)
    where one.referral_id = %(referral_id)s and other.referral_id <> one.referral_id and other.state <> all(%(ended)s)
    and coalesce(({_PASSED_ON_BY} one.referral_id), one.sender)
        = coalesce(({_PASSED_ON_BY} other.referral_id), one.sender)
    limit %(limit)s
"""
# What an organisation has sent for the same person since: one of them may be what a referral goes on as.
GOES_ON_AS: Final[LiteralString] = """
    select other.referral_id, other.short_code from referral one join referral other using (person_id)
    where one.referral_id = %(referral_id)s and other.sender = %(organisation)s and other.sent_at >= one.sent_at
    and other.referral_id <> one.referral_id and not exists (select from link where later = other.referral_id)
    order by other.sent_at desc, other.referral_id limit %(limit)s
"""
PURGE: Final[LiteralString] = "insert into purged (organisation, referral_id) values (%s, %s) on conflict do nothing"
GOES_ON_SHOWN: Final = 20


def is_open_beside(connection: Connection, referral_id: UUID) -> bool:
    """Whether the same sender has another open referral for the same person, to the same service."""
    values = {"referral_id": referral_id, "ended": [state.value for state in ENDED]}
    return bool(rows(connection, OPEN_BESIDE, values, 1))


def may_go_on_as(connection: Connection, organisation: str, referral_id: UUID) -> list[Row]:
    """The referrals of an organisation's own in which a referral may go on, the last one first."""
    values = {"referral_id": referral_id, "organisation": organisation}
    return rows(connection, GOES_ON_AS, values, GOES_ON_SHOWN)


def purge(connection: Connection, organisation: str, referral_id: UUID) -> None:
    """Delete what an organisation holds of the person of a referral, and keep nothing more: a trigger of the table."""
    connection.execute(PURGE, (organisation, referral_id))


def service(connection: Connection, service_id: UUID) -> Row | None:
    """What is known of a service: for anybody to read."""
    return next(iter(rows(connection, SERVICE, {"service_id": service_id})), None)


def triage(connection: Connection, need_id: UUID | None) -> Row | None:
    """Who has looked last at the need of a referral that the viewer may see, and how urgent they found it."""
    return next(iter(rows(connection, TRIAGE, {"need_id": need_id})), None)


def consent(connection: Connection, consent_id: UUID) -> Row | None:
    """What is known of a consent under which a referral was sent that the viewer may see."""
    return next(iter(rows(connection, CONSENT, {"consent_id": consent_id})), None)


def _viewing(viewer: Viewer) -> dict[str, Any]:
    return {"organisation": viewer.organisation, "coordinates": viewer.coordinates}


def rows(connection: Connection, sql: LiteralString, values: Mapping[str, Any], limit: int | None = None) -> list[Row]:
    return connection.execute(sql, {**values, "limit": limit}).fetchall()
