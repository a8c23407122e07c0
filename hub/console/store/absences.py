"""From when an answer is late, where the console was away from who owes it: the rule stands here, once.

Whose staff have the console alone cannot answer while it is away (hub/console/presence.py). So a deadline of theirs
that ends meanwhile, or before the console has been there again for as long as it was away, counts from that moment on.
What goes before is the hub's delay, and none of theirs. Whatever else the network does when a deadline ends, it does
all the same: somebody still waits for an answer.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, LiteralString

from messaging.database import Connection

_BACK_FOR_AS_LONG: Final[LiteralString] = "ended_at + (ended_at - began_at)"

# Of the columns `waits_on` and `due_at` of whatever is called `referral`.
LATE_FROM: Final[LiteralString] = f"""
    greatest(referral.due_at, (
        select max({_BACK_FOR_AS_LONG}) from away
        where away.organisation = referral.waits_on and began_at <= referral.due_at
            and {_BACK_FOR_AS_LONG} > referral.due_at
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

EXCUSED: Final[LiteralString] = f"""
    select waits_on, due_at, {LATE_FROM} as late_from
    from unnest(%(waits_on)s::text[], %(due_at)s::timestamptz[]) as referral (waits_on, due_at)
    where {LATE_FROM} > due_at
"""

Deadline = tuple[str, datetime]
"""Who owes an answer, and until when."""


def excused(connection: Connection, deadlines: Sequence[Deadline]) -> Mapping[Deadline, datetime]:
    """Of those of these deadlines that ended while the console was away, from when on they count."""
    if not deadlines:
        return {}
    values = {"waits_on": [who for who, _ in deadlines], "due_at": [due_at for _, due_at in deadlines]}
    rows = connection.execute(EXCUSED, values).fetchall()
    return {(row["waits_on"], row["due_at"]): row["late_from"] for row in rows}
