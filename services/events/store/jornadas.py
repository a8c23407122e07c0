"""Jornadas in PostgreSQL, as functions that take the transaction."""

from typing import Final
from uuid import UUID

from messaging.answers import MissingPrerequisite
from messaging.database import Row
from messaging.transaction import Transaction
from services.events.rules.jornadas import Jornada, Plan, State
from services.events.store import history
from services.events.store.history import Cause

_COLUMNS: Final = """
    jornada_id, organiser, state, sequence, changed_at, planned_at, kind, name, zone, place, starts_at, ends_at,
    capacity, contributions, confirmed_by, held_at, cancel_reason
"""

LOCK_JORNADAS: Final = f"""
    select jornada_id as key, {_COLUMNS}
    from jornada where jornada_id = any(%b::uuid[]) order by jornada_id for no key update
"""

SAVE_JORNADA: Final = f"""
    insert into jornada ({_COLUMNS})
    select {_COLUMNS} from jsonb_populate_recordset(null::jornada, %s::jsonb)
    on conflict (jornada_id) do update
        set state = excluded.state, sequence = excluded.sequence, changed_at = excluded.changed_at,
            planned_at = excluded.planned_at, kind = excluded.kind, name = excluded.name, zone = excluded.zone,
            place = excluded.place, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
            capacity = excluded.capacity, contributions = excluded.contributions,
            confirmed_by = excluded.confirmed_by, held_at = excluded.held_at, cancel_reason = excluded.cancel_reason
"""

# Asked for once the jornadas are locked: then nobody else records who was there.
PRESENT: Final = """
    select jornada_id as key, count(*) as number
    from attendance where jornada_id = any(%b::uuid[]) and present group by jornada_id
"""


def find_jornada(tx: Transaction, jornada_id: UUID) -> Jornada | None:
    """Return a jornada that nobody else can change before the transaction ends; None when nobody has planned it."""
    return tx.load(LOCK_JORNADAS, jornada_id, _from_row)


def lock_jornada(tx: Transaction, jornada_id: UUID) -> Jornada:
    """Return the same; raise MissingPrerequisite while nobody has planned it."""
    jornada = find_jornada(tx, jornada_id)
    if jornada is None:
        raise MissingPrerequisite("jornada", str(jornada_id))
    return jornada


def save_jornada(tx: Transaction, jornada: Jornada, what: str, cause: Cause) -> None:
    """Write a jornada as it stands after `what` has happened to it."""
    tx.write(SAVE_JORNADA, _to_row(jornada))
    tx.put(LOCK_JORNADAS, jornada.jornada_id, jornada)
    history.add(
        tx,
        jornada.jornada_id,
        jornada.sequence,
        what,
        cause,
        at=jornada.changed_at,
        reason=jornada.cancel_reason,
    )


def has_attendance(tx: Transaction, jornada_id: UUID) -> bool:
    """Tell whether anybody counts as present at a jornada."""
    return bool(tx.load(PRESENT, jornada_id, _to_number))


def count_present(tx: Transaction, jornada_id: UUID, more: int) -> None:
    """Say that so many more count as present at a jornada, or fewer."""
    tx.amend(PRESENT, jornada_id, lambda number: (number or 0) + more)


def _to_row(jornada: Jornada) -> Row:
    plan = {name: getattr(jornada.plan, name) for name in Plan.__slots__}
    own = {name: getattr(jornada, name) for name in Jornada.__slots__ if name != "plan"}
    return {**plan, **own, "confirmed_by": sorted(jornada.confirmed_by)}


def _from_row(row: Row) -> Jornada:
    plan = {name: row.pop(name) for name in Plan.__slots__}
    plan["contributions"] = {organisation: tuple(brings) for organisation, brings in plan["contributions"].items()}
    row |= {"state": State(row["state"]), "confirmed_by": frozenset(row["confirmed_by"])}
    return Jornada(plan=Plan(**plan), **row)


def _to_number(row: Row) -> int:
    return int(row["number"])
