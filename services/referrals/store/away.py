"""When the hub's console was away from whom, and what waited for them meanwhile."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from messaging.transaction import Transaction
from services.referrals.rules import Referral, awaited
from services.referrals.rules.away import Absence
from services.referrals.store.referrals import find_referral

AT_ONCE: Final = 500  # referrals of one transaction
NOBODY_YET: Final = UUID(int=0)  # before every referral

NOTE_AWAY: Final = """
    insert into away (organisation, began_at, ended_at)
    select organisation, began_at, ended_at from jsonb_populate_recordset(null::away, %s::jsonb)
    on conflict do nothing
"""

ABSENCES: Final = "select organisation, began_at, ended_at from away where organisation = any(%s)"

NOTE_LEFT: Final = """
    update away set moved_to = %(moved_to)s
    where organisation = any(%(organisations)s) and began_at = %(began_at)s and ended_at = %(ended_at)s
    returning moved_to
"""
LEFT: Final = """
    select began_at, ended_at, moved_to, array_agg(organisation) as organisations from away
    where moved_to is not null group by began_at, ended_at, moved_to order by ended_at, began_at, moved_to limit 1
"""

# Whatever it does to them, and how the others that are known do, the rules decide.
WAITED: Final = """
    select referral_id from referral
    where due_at is not null and unpurged = '{}' and referral_id > %(after)s
        and case when state in ('info_requested', 'completed') then sender else recipient end = any(%(organisations)s)
        and %(until)s > least(deadline_at, answer_by) and %(began_at)s <= greatest(deadline_at, answer_by)
    order by referral_id limit %(at_once)s
"""


def note_away(tx: Transaction, organisations: Collection[str], absence: Absence) -> None:
    """Keep that the console was away from these organisations."""
    began_at, ended_at = absence
    for one in organisations:
        tx.write(NOTE_AWAY, {"organisation": one, "began_at": began_at, "ended_at": ended_at})


def absences_of(tx: Transaction, organisations: Collection[str]) -> Mapping[str, Sequence[Absence]]:
    """All absences that are known, of each of these organisations."""
    known: dict[str, list[Absence]] = {}
    for row in tx.fetch(ABSENCES, (list(organisations),)):
        known.setdefault(row["organisation"], []).append((row["began_at"], row["ended_at"]))
    return known


def lock_waited(
    tx: Transaction, organisations: Collection[str], absence: Absence, *, after: UUID = NOBODY_YET
) -> list[tuple[Referral, str]]:
    """Lock and return what has waited for these organisations for a time that may end later, each with for which.

    No more than AT_ONCE, from behind one on: whatever else there is, `absence_left` says next.
    """
    began_at, ended_at = absence
    values = {"organisations": list(organisations), "began_at": began_at, "ended_at": ended_at}
    asked = {**values, "until": ended_at + (ended_at - began_at), "after": after, "at_once": AT_ONCE}
    ids: list[UUID] = [row["referral_id"] for row in tx.fetch(WAITED, asked)]
    tx.fetch(NOTE_LEFT, {**values, "moved_to": ids[-1] if len(ids) == AT_ONCE else None})
    tx.mention(ids)
    found = (find_referral(tx, one) for one in ids)
    return [(one, party) for one in found if one is not None for party in awaited(one)]


def absence_left(tx: Transaction) -> tuple[Sequence[str], Absence, UUID] | None:
    """The absence that ended first of those behind which more has waited: from whom, and behind which referral."""
    for row in tx.fetch(LEFT):
        return row["organisations"], (row["began_at"], row["ended_at"]), row["moved_to"]
    return None
