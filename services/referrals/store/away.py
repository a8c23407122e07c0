"""When the hub's console was away from whom, and what waited for them meanwhile."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from messaging.transaction import Transaction
from services.referrals.rules import Referral, awaited
from services.referrals.rules.away import Absence
from services.referrals.store.referrals import find_referral

NOTE_AWAY: Final = """
    insert into away (organisation, began_at, ended_at)
    select organisation, began_at, ended_at from jsonb_populate_recordset(null::away, %s::jsonb)
    on conflict do nothing
"""

ABSENCES: Final = "select organisation, began_at, ended_at from away where organisation = any(%s)"

# Whatever it does to them, and how the others that are known do, the rules decide.
WAITED: Final = """
    select referral_id from referral
    where due_at is not null and unpurged = '{}'
        and case when state in ('info_requested', 'completed') then sender else recipient end = any(%(organisations)s)
        and %(until)s > least(deadline_at, answer_by) and %(began_at)s <= greatest(deadline_at, answer_by)
    order by referral_id
"""


def note_away(tx: Transaction, organisations: Collection[str], absence: Absence) -> Mapping[str, Sequence[Absence]]:
    """Keep that the console was away from these organisations; return all that is known of each."""
    began_at, ended_at = absence
    for one in organisations:
        tx.write(NOTE_AWAY, {"organisation": one, "began_at": began_at, "ended_at": ended_at})
    known: dict[str, list[Absence]] = {}
    for row in tx.fetch(ABSENCES, (list(organisations),)):
        known.setdefault(row["organisation"], []).append((row["began_at"], row["ended_at"]))
    return known


def lock_waited(tx: Transaction, organisations: Collection[str], absence: Absence) -> list[tuple[Referral, str]]:
    """Lock and return what has waited for these organisations for a time that may end later, each with for which."""
    began_at, ended_at = absence
    values = {"organisations": list(organisations), "began_at": began_at, "until": ended_at + (ended_at - began_at)}
    ids: list[UUID] = [row["referral_id"] for row in tx.fetch(WAITED, values)]
    tx.mention(ids)
    found = (find_referral(tx, one) for one in ids)
    return [(one, party) for one in found if one is not None for party in awaited(one)]
