"""From when an answer is late, where the console was away from who owes it (contracts/deadlines.py `counts_from`).

Whose staff have the console alone cannot answer while it is away (hub/console/presence.py), and what it delayed is the
hub's. The service referrals moves such a deadline as soon as it is told (`console.was_away`). Until then, and where it
had ended before, the console's pages say so by themselves. Lists have the rule in SQL, each absence by itself: what
ends in another one that followed has been moved by then.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final, LiteralString, NamedTuple

from contracts.deadlines import Absence, counts_from
from messaging.database import Connection

_BACK_FOR_AS_LONG: Final[LiteralString] = "ended_at + (ended_at - began_at)"

# Of the columns `waits_on`, `due_at` and `sent_at` of whatever is called `referral`.
LATE_FROM: Final[LiteralString] = f"""
    greatest(referral.due_at, (
        select max({_BACK_FOR_AS_LONG}) from away
        where away.organisation = referral.waits_on and began_at <= referral.due_at
            and {_BACK_FOR_AS_LONG} > referral.due_at and ended_at > referral.sent_at
    ))
"""
IS_LATE: Final[LiteralString] = f"due_at < %(now)s and {LATE_FROM} < %(now)s"
# An index finds what is due from the first that may still count.
DUE_LATER: Final[LiteralString] = f"""
    due_at < %(ends)s and {LATE_FROM} >= %(now)s and {LATE_FROM} < %(ends)s
    and due_at >= least(%(now)s, (
        select min(began_at) from away
        where away.organisation = %(organisation)s and {_BACK_FOR_AS_LONG} >= %(now)s
    ))
"""

AWAY: Final[LiteralString] = "select organisation, began_at, ended_at from away where organisation = any(%s)"


class Deadline(NamedTuple):
    """Who owes an answer, until when, and since when at the earliest."""

    waits_on: str
    due_at: datetime
    since: datetime


def excused(connection: Connection, deadlines: Collection[Deadline]) -> Mapping[Deadline, datetime]:
    """Of those of these deadlines that ended while the console was away, from when on they count."""
    if not deadlines:
        return {}
    absences: dict[str, list[Absence]] = {}
    for row in connection.execute(AWAY, (sorted({one.waits_on for one in deadlines}),)).fetchall():
        absences.setdefault(row["organisation"], []).append((row["began_at"], row["ended_at"]))
    counting = {one: counts_from(one.due_at, absences.get(one.waits_on, ()), since=one.since) for one in deadlines}
    return {one: late_from for one, late_from in counting.items() if late_from > one.due_at}
