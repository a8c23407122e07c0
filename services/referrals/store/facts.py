"""What the hub's other services were told of referrals, kept so that it can be said again."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from messaging.database import Row
from messaging.transaction import Transaction
from services.referrals.rules import Referral
from services.referrals.store.referrals import KNOWN, from_row

KEEP_FACT: Final = """
    insert into fact (referral_id, number, what, told_at, told_by, details)
    select referral_id, number, what, told_at, told_by, details from jsonb_populate_recordset(null::fact, %s::jsonb)
"""

# The codes that tell of a person; that something was told, when and by whom, is counted and stays.
FORGET_FACTS: Final = """
    update fact
    set details = fact.details - array['criterion', 'missing_documents', 'topic', 'visit_at', 'mode', 'call_back_at']
    from jsonb_populate_recordset(null::fact, %s::jsonb) as new
    where fact.referral_id = new.referral_id
"""

FACTS: Final = f"""
    select fact_id, number, what, told_at, told_by, details, is_whole, {KNOWN}
    from fact join referral using (referral_id)
    where fact_id > %(after)s and told_at <= %(until)s
    order by fact_id limit %(limit)s
"""

COUNT_FACTS: Final = "select count(*) as total from fact where told_at <= %(until)s"

SERVICES_AFTER: Final = """
    select service_id from service where service_id > %(after)s order by service_id limit %(limit)s
"""

COUNT_SERVICES: Final = "select count(*) as total from service"


class Fact(NamedTuple):
    """What was told of a referral once."""

    fact_id: int
    number: int | None
    """Of a state that it reached; None of what moved it nowhere."""
    what: str
    told_at: datetime
    told_by: str
    details: Row
    is_whole: bool
    """Not of what was told before it was kept: of that, history has a part."""
    referral: Referral
    """As it stands now."""


def keep_fact(tx: Transaction, fact: Row) -> None:
    """Keep what is told of a referral."""
    tx.write(KEEP_FACT, fact)


def forget_facts(tx: Transaction, referral_id: UUID) -> None:
    """Delete the codes that tell of a referral's person from what was told of it."""
    tx.write(FORGET_FACTS, {"referral_id": referral_id})


def facts_after(tx: Transaction, fact_id: int, *, until: datetime, limit: int) -> list[Fact]:
    """Return what was told behind this fact and until then, in order."""
    rows = tx.fetch(FACTS, {"after": fact_id, "until": until, "limit": limit})
    own = Fact._fields[:-1]
    return [Fact(**{name: row.pop(name) for name in own}, referral=from_row(row)) for row in rows]


def services_after(tx: Transaction, service_id: str, *, limit: int) -> list[Row]:
    """Return the ids of the services behind this one, in order."""
    return tx.fetch(SERVICES_AFTER, {"after": service_id, "limit": limit})


def count_facts(tx: Transaction, *, until: datetime) -> int:
    """Return of how many facts and services can be told."""
    counts = (tx.fetch(sql, {"until": until}) for sql in (COUNT_FACTS, COUNT_SERVICES))
    return sum(int(rows[0]["total"]) for rows in counts)
