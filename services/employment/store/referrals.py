"""The referrals that are answered here, and what needs lead to, as functions that take the transaction."""

from typing import Final
from uuid import UUID

from messaging.database import Row, Transaction
from services.employment.rules.entrepreneurs import Entrepreneur
from services.employment.rules.participations import Participation
from services.employment.rules.referrals import Answer, Lead, Referral

LEAD: Final = "select need_code, programme, met_by from lead where need_code = %s"

_COLUMNS: Final = "referral_id, organisation, met_by, participation_id, entrepreneur_id, answer, sequence"

LOCK: Final = f"""
    select referral_id as key, {_COLUMNS}
    from referral where referral_id = any(%b::uuid[]) order by referral_id for update
"""

# What was linked to the participation, and what it says itself that it came by.
LOCK_OF_PARTICIPATION: Final = f"""
    select {_COLUMNS} from referral
    where (participation_id = %(participation_id)s or referral_id = %(referral_id)s)
      and organisation = %(organisation)s
    order by referral_id for update
"""

LOCK_OF_ENTREPRENEUR: Final = f"""
    select {_COLUMNS} from referral
    where (entrepreneur_id = %(entrepreneur_id)s or referral_id = %(referral_id)s) and organisation = %(organisation)s
    order by referral_id for update
"""

SAVE: Final = f"""
    insert into referral ({_COLUMNS})
    select {_COLUMNS} from jsonb_populate_recordset(null::referral, %s::jsonb)
    on conflict (referral_id) do update set answer = excluded.answer, sequence = excluded.sequence
"""


def find_lead(tx: Transaction, need_code: str) -> Lead | None:
    """Return what a need leads to; None when it is for the organisation's own staff."""
    rows = tx.fetch(LEAD, (need_code,))
    return Lead(**rows[0]) if rows else None


def find(tx: Transaction, referral_id: UUID) -> Referral | None:
    """Lock and return a referral that is answered here; None for any other."""
    return tx.load(LOCK, referral_id, _from_row)


def lock_of_participation(tx: Transaction, participation: Participation) -> list[Referral]:
    """Lock and return the referrals that what happens in a participation answers."""
    ids = {name: getattr(participation, name) for name in ("participation_id", "referral_id", "organisation")}
    return [_from_row(row) for row in tx.fetch(LOCK_OF_PARTICIPATION, ids)]


def lock_of_entrepreneur(tx: Transaction, entrepreneur: Entrepreneur) -> list[Referral]:
    """Lock and return the referrals that what is done for an entrepreneur answers."""
    ids = {name: getattr(entrepreneur, name) for name in ("entrepreneur_id", "referral_id", "organisation")}
    return [_from_row(row) for row in tx.fetch(LOCK_OF_ENTREPRENEUR, ids)]


def save(tx: Transaction, referral: Referral) -> None:
    """Write a referral, new or changed."""
    tx.write(SAVE, {name: getattr(referral, name) for name in referral.__slots__}, key=referral.referral_id)
    tx.put(LOCK, referral.referral_id, referral)


def _from_row(row: Row) -> Referral:
    return Referral(**{**row, "answer": Answer(row["answer"])})
