"""Needs in PostgreSQL, as functions that take the transaction."""

from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from messaging.database import Row
from messaging.transaction import Transaction
from services.intake.rules.needs import Need
from services.intake.store.cause import Cause

COLUMNS: Final = """
    need_id, person_id, case_code, need_code, urgency, identified_by, identified_at, zone, vulnerabilities,
    triaged_by, triaged_at
"""

KNOWN: Final = f"""
    select need_id as key, {COLUMNS} from need where need_id = any(%b::uuid[])
    order by need_id for no key update
"""

INSERT: Final = f"""
    insert into need ({COLUMNS}, message_id, staff, recorded_at)
    select {COLUMNS}, message_id, staff, recorded_at from jsonb_populate_recordset(null::need, %s::jsonb)
"""

TRIAGE: Final = """
    update need
    set urgency = new.urgency, vulnerabilities = new.vulnerabilities, triaged_by = new.triaged_by,
        triaged_at = new.triaged_at, triage_staff = new.triage_staff
    from jsonb_populate_recordset(null::need, %s::jsonb) as new
    where need.need_id = new.need_id
"""


def find_need(tx: Transaction, need_id: UUID) -> Need | None:
    """Return a need; None while nobody has identified it."""
    return tx.load(KNOWN, need_id, partial(_need, tx))


def insert_need(tx: Transaction, need: Need, cause: Cause, *, at: datetime) -> None:
    """Keep a need that has been identified."""
    tx.write(INSERT, _row(need) | {"message_id": cause.id, "staff": cause.staff, "recorded_at": at})
    tx.put(KNOWN, need.need_id, need)


def save_triage(tx: Transaction, need: Need, cause: Cause) -> None:
    """Keep how soon a need has to be met."""
    tx.write(TRIAGE, _row(need) | {"triage_staff": cause.staff})
    tx.put(KNOWN, need.need_id, need)


def _row(need: Need) -> Row:
    return {name: getattr(need, name) for name in need.__slots__}


def _need(tx: Transaction, row: Row) -> Need:
    tx.mention([row["person_id"]])
    return need_of(row)


def need_of(row: Row) -> Need:
    """Read the columns of a need."""
    return Need(**row | {"vulnerabilities": tuple(row["vulnerabilities"])})
