"""Attendance in PostgreSQL, as functions that take the transaction; a batch of thousands costs a few statements."""

from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import Row, Transaction
from services.events.rules.answers import TooEarly
from services.events.rules.attendance import Attendance, Delivery, Person, erase, meet
from services.events.store import history
from services.events.store.history import Cause

_COLUMNS: Final = """
    attendance_id, jornada_id, person_id, recorded_by, present, present_at, sequence, late, deliveries, consent_id,
    need_ids, steps, corrected_at, registered_at, strike_reason, erased
"""

LOCK_ATTENDANCES: Final = f"""
    select attendance_id as key, {_COLUMNS} from attendance
    where attendance_id = any(%b::uuid[]) order by attendance_id for update
"""

# One process reads the queue, so nobody else records somebody meanwhile; the index one_presence holds it in any case.
PEOPLE: Final = """
    select person_id as key, coalesce(array_agg(jornada_id) filter (where present), '{}') as jornadas,
           max(registered_at) as registered_at, bool_or(erased) as erased
    from attendance where person_id = any(%b::uuid[]) group by person_id
"""

OF_PERSON: Final = f"select {_COLUMNS} from attendance where person_id = %s order by attendance_id for update"

# Inserts and updates are one statement, so that they come in the order in which they were said.
SAVE_ATTENDANCES: Final = f"""
    insert into attendance ({_COLUMNS})
    select {_COLUMNS}
    from jsonb_populate_recordset(null::attendance, %s::jsonb)
    on conflict (attendance_id) do update
        set present = excluded.present, present_at = excluded.present_at, sequence = excluded.sequence,
            late = excluded.late, deliveries = excluded.deliveries, consent_id = excluded.consent_id,
            need_ids = excluded.need_ids, steps = excluded.steps, corrected_at = excluded.corrected_at,
            registered_at = excluded.registered_at, strike_reason = excluded.strike_reason, erased = excluded.erased
"""

FORGET_DETAILS: Final = "update history set details = null where subject_id = %s"


def find_attendance(tx: Transaction, attendance_id: UUID) -> Attendance | None:
    """Return an attendance that nobody else can change before the transaction ends; None when there is none."""
    return tx.load(LOCK_ATTENDANCES, attendance_id, _from_row)


def lock_attendance(tx: Transaction, attendance_id: UUID) -> Attendance:
    """Return the same; raise TooEarly while nobody has recorded it."""
    attendance = find_attendance(tx, attendance_id)
    if attendance is None:
        raise TooEarly("attendance", str(attendance_id))
    return attendance


def find_person(tx: Transaction, person_id: UUID) -> Person:
    """Return what is known of somebody."""
    return tx.load(PEOPLE, person_id, _to_person) or Person()


def save_attendance(
    tx: Transaction, attendance: Attendance, what: str, cause: Cause, *, at: datetime, details: Row | None = None
) -> None:
    """Write an attendance as it stands after `what` has happened to it."""
    _write(tx, attendance)
    person = meet(find_person(tx, attendance.person_id), attendance)
    tx.put(PEOPLE, attendance.person_id, person)
    history.add(
        tx,
        attendance.attendance_id,
        attendance.sequence,
        what,
        cause,
        at=at,
        reason=attendance.strike_reason,
        details=details,
    )


def erase_person(tx: Transaction, person_id: UUID) -> None:
    """Keep of an erased person that they were present, and nothing else."""
    for row in tx.fetch(OF_PERSON, (person_id,)):
        attendance = erase(_from_row(row))
        _write(tx, attendance)
        tx.put(PEOPLE, person_id, meet(find_person(tx, person_id), attendance))
        tx.fetch(FORGET_DETAILS, (attendance.attendance_id,))


def as_details(attendance: Attendance) -> Row:
    """Write down what a correction is about to replace."""
    return {name: value for name, value in _to_row(attendance).items() if name in _REPLACED}


_REPLACED: Final = {"present_at", "deliveries", "consent_id", "need_ids", "steps", "corrected_at"}


def _write(tx: Transaction, attendance: Attendance) -> None:
    tx.write(SAVE_ATTENDANCES, _to_row(attendance), key=attendance.attendance_id)
    tx.put(LOCK_ATTENDANCES, attendance.attendance_id, attendance)


def _to_row(attendance: Attendance) -> Row:
    row = {name: getattr(attendance, name) for name in Attendance.__slots__}
    deliveries = [{name: getattr(one, name) for name in Delivery.__slots__} for one in attendance.deliveries]
    return {
        **row,
        "deliveries": deliveries,
        "need_ids": sorted(attendance.need_ids),
        "steps": sorted(attendance.steps),
    }


def _from_row(row: Row) -> Attendance:
    deliveries = tuple(
        Delivery(UUID(one["delivery_id"]), one["need_code"], one["delivered_by"]) for one in row["deliveries"]
    )
    return Attendance(
        **{
            **row,
            "deliveries": deliveries,
            "need_ids": frozenset(row["need_ids"]),
            "steps": frozenset(row["steps"]),
        }
    )


def _to_person(row: Row) -> Person:
    return Person(frozenset(row["jornadas"]), known=True, registered_at=row["registered_at"], erased=row["erased"])
