"""Needs in PostgreSQL, as functions that take the transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import Row, Transaction
from services.intake.rules.needs import Need
from services.intake.store.cause import Cause

_NEED: Final = """
    need_id, person_id, case_code, need_code, urgency, identified_by, identified_at, zone, vulnerabilities,
    triaged_by, triaged_at
"""

# One row for each id that is asked for, so that `load` asks once about those that nobody has identified, too.
KNOWN: Final = f"""
    select asked.need_id as key, {_NEED.replace("need_id", "need.need_id")}
    from unnest(%b::uuid[]) as asked(need_id) left join need on need.need_id = asked.need_id
"""

FIND: Final = f"select {_NEED} from need where need_id = any(%b::uuid[])"

INSERT: Final = f"""
    insert into need ({_NEED}, message_id, recorded_at)
    select {_NEED}, message_id, recorded_at from jsonb_populate_recordset(null::need, %s::jsonb)
"""

TRIAGE: Final = """
    update need
    set urgency = new.urgency, vulnerabilities = new.vulnerabilities, triaged_by = new.triaged_by,
        triaged_at = new.triaged_at
    from jsonb_populate_recordset(null::need, %s::jsonb) as new
    where need.need_id = new.need_id
"""


def find_need(tx: Transaction, need_id: UUID) -> Need | None:
    """Return a need; None while nobody has identified it."""
    return tx.load(KNOWN, need_id, _need)


def find_needs(tx: Transaction, needs: Iterable[UUID]) -> Mapping[UUID, Need]:
    """Return these needs by their ids, without those that nobody has identified."""
    return {row["need_id"]: Need(**_with_tuples(row)) for row in tx.fetch(FIND, (list(needs),))}


def insert_need(tx: Transaction, need: Need, cause: Cause, *, at: datetime) -> None:
    """Keep a need that has been identified."""
    tx.write(INSERT, _row(need) | {"message_id": cause.id, "recorded_at": at})
    tx.put(KNOWN, need.need_id, need)


def save_triage(tx: Transaction, need: Need) -> None:
    """Keep how soon a need has to be met."""
    tx.write(TRIAGE, _row(need), need.need_id)
    tx.put(KNOWN, need.need_id, need)


def _row(need: Need) -> Row:
    return {name: getattr(need, name) for name in need.__slots__}


def _need(row: Row) -> Need | None:
    return None if row["need_id"] is None else Need(**_with_tuples(row))


def _with_tuples(row: Row) -> Row:
    return row | {"vulnerabilities": tuple(row["vulnerabilities"])}
