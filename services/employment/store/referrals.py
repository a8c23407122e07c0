"""The referrals that are answered here, and what needs lead to, as functions that take the transaction."""

from collections.abc import Mapping, Set
from functools import partial
from typing import Final, LiteralString, NamedTuple
from uuid import UUID

from messaging.database import Row
from messaging.transaction import Transaction
from services.employment.rules.entrepreneurs import Entrepreneur
from services.employment.rules.participations import Participation
from services.employment.rules.referrals import Answer, Lead, Referral

# All of them, which are few, under one key: a batch asks once, whatever its needs are.
LEADS: Final = """
    select 'lead' as key, jsonb_agg(to_jsonb(lead)) as leads from lead where 'lead' = any(%b::text[])
"""

_COLUMNS: Final = "referral_id, organisation, met_by, participation_id, entrepreneur_id, answer, sequence"

LOCK: Final = f"""
    select referral_id as key, {_COLUMNS}
    from referral where referral_id = any(%b::uuid[]) order by referral_id for update
"""

# Asked for once the participations, or the entrepreneurs, are locked: then nobody links others with them.
LOCK_OF_PARTICIPATIONS: Final = f"""
    with linked as (
        select {_COLUMNS} from referral where participation_id = any(%b::uuid[]) order by referral_id for update
    )
    select participation_id as key, jsonb_agg(to_jsonb(linked)) as referrals from linked group by participation_id
"""

LOCK_OF_ENTREPRENEURS: Final = f"""
    with linked as (
        select {_COLUMNS} from referral where entrepreneur_id = any(%b::uuid[]) order by referral_id for update
    )
    select entrepreneur_id as key, jsonb_agg(to_jsonb(linked)) as referrals from linked group by entrepreneur_id
"""

# Those who had come by a referral before it was heard of count as well.
BROUGHT_BY: Final = """
    select key,
           array(select participation_id from participation where referral_id = key) as participations,
           array(select entrepreneur_id from entrepreneur where referral_id = key) as entrepreneurs
    from unnest(%b::uuid[]) as key
"""

INSERT: Final = f"""
    insert into referral ({_COLUMNS})
    select {_COLUMNS} from jsonb_populate_recordset(null::referral, %s::jsonb)
"""

SAVE: Final = """
    update referral set answer = new.answer, sequence = new.sequence
    from jsonb_populate_recordset(null::referral, %s::jsonb) as new
    where referral.referral_id = new.referral_id
"""


class Brought(NamedTuple):
    """Who came by a referral, as ids, whichever organisation says so."""

    participations: Set[UUID] = frozenset()
    entrepreneurs: Set[UUID] = frozenset()


def find_lead(tx: Transaction, need_code: str) -> Lead | None:
    """Return what a need leads to; None when it is for the organisation's own staff."""
    return (tx.load(LEADS, "lead", _to_leads) or {}).get(need_code)


def find(tx: Transaction, referral_id: UUID) -> Referral | None:
    """Lock and return a referral that is answered here; None for any other."""
    return tx.load(LOCK, referral_id, _from_row)


def lock_of(tx: Transaction, one: Participation | Entrepreneur) -> list[Referral]:
    """Lock and return the referrals that what is done in a participation, or for an entrepreneur, answers.

    They are those that were linked with it, and the one that it says itself that it came by.
    """
    if not one.referred:
        return []
    if isinstance(one, Participation):
        linked = tx.load(LOCK_OF_PARTICIPATIONS, one.participation_id, partial(_read_linked, tx))
    else:
        linked = tx.load(LOCK_OF_ENTREPRENEURS, one.entrepreneur_id, partial(_read_linked, tx))
    ids = {*(linked or ()), *([] if one.referral_id is None else [one.referral_id])}
    found = (find(tx, referral_id) for referral_id in sorted(ids))
    return [referral for referral in found if referral is not None and referral.organisation == one.organisation]


def brought_by(tx: Transaction, referral: Referral) -> Brought:
    """Return who came by a referral."""
    return tx.load(BROUGHT_BY, referral.referral_id, partial(_read_brought, tx)) or Brought()


def add_brought(tx: Transaction, referral_id: UUID | None, more: Brought) -> None:
    """Say who has come by a referral, besides."""

    def change(known: Brought | None) -> Brought:
        participations, entrepreneurs = known or Brought()
        return Brought(participations | more.participations, entrepreneurs | more.entrepreneurs)

    tx.amend(BROUGHT_BY, referral_id, change)


def insert(tx: Transaction, referral: Referral) -> None:
    """Keep a referral that is answered here from now on."""
    _write(tx, INSERT, referral)
    for sql, key in (
        (LOCK_OF_PARTICIPATIONS, referral.participation_id),
        (LOCK_OF_ENTREPRENEURS, referral.entrepreneur_id),
    ):
        tx.amend(sql, key, lambda linked: [*(linked or ()), referral.referral_id])


def save(tx: Transaction, referral: Referral) -> None:
    """Write what has become of a referral since it was locked."""
    _write(tx, SAVE, referral)


def _write(tx: Transaction, sql: LiteralString, referral: Referral) -> None:
    tx.write(sql, {name: getattr(referral, name) for name in referral.__slots__})
    tx.put(LOCK, referral.referral_id, referral)


def _read_linked(tx: Transaction, row: Row) -> list[UUID]:
    """Read which referrals are linked with something; what they are needs not be asked for another time."""
    for one in row["referrals"]:
        ids = {name: UUID(value) for name, value in one.items() if name.endswith("_id") and value is not None}
        tx.put(LOCK, ids["referral_id"], _from_row({**one, **ids}))
    found = [UUID(one["referral_id"]) for one in row["referrals"]]
    tx.mention(found)
    return found


def _read_brought(tx: Transaction, row: Row) -> Brought:
    """Read who came by a referral, and mention them: they are asked for together with those of the others."""
    tx.mention((*row["participations"], *row["entrepreneurs"]))
    return Brought(frozenset(row["participations"]), frozenset(row["entrepreneurs"]))


def _from_row(row: Row) -> Referral:
    return Referral(**{**row, "answer": Answer(row["answer"])})


def _to_leads(row: Row) -> Mapping[str, Lead]:
    return {one["need_code"]: Lead(**one) for one in row["leads"] or ()}
