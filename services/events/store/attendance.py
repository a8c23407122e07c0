"""Attendance in PostgreSQL, as functions that take the transaction; a batch of thousands costs a few statements."""

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.answers import MissingPrerequisite
from messaging.database import Row
from messaging.transaction import Transaction
from services.events.rules.attendance import Attendance, Delivery, Person, erase, meet
from services.events.store import history
from services.events.store.history import Cause
from services.events.store.jornadas import count_present

_COLUMNS: Final = """
    attendance_id, jornada_id, person_id, recorded_by, present, present_at, sequence, late, deliveries, consent_id,
    need_ids, steps, referral_ids, corrected_at, registered_at, strike_reason, erased, details_digest
"""

LOCK_ATTENDANCES: Final = f"""
    select attendance_id as key, {_COLUMNS}
    from attendance where attendance_id = any(%b::uuid[]) order by attendance_id for update
"""

# A person has no row to lock: what is gathered of them holds because one process has its transaction at a time
# (messaging/transaction.py).
PEOPLE: Final = """
    select key, count(attendance_id) > 0 as known,
           coalesce(array_agg(jornada_id) filter (where present), '{}') as jornadas,
           max(registered_at) as registered_at,
           (array_agg(recorded_by order by registered_at desc) filter (where registered_at is not null))[1]
               as registered_by,
           (array_agg(details_digest order by registered_at desc) filter (where registered_at is not null))[1]
               as details_digest,
           bool_or(erased_person.person_id is not null) as erased
    from unnest(%b::uuid[]) as key
    left join attendance on attendance.person_id = key
    left join erased_person on erased_person.person_id = key
    where attendance_id is not null or erased_person.person_id is not null
    group by key
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
            need_ids = excluded.need_ids, steps = excluded.steps, referral_ids = excluded.referral_ids,
            corrected_at = excluded.corrected_at, registered_at = excluded.registered_at,
            strike_reason = excluded.strike_reason, erased = excluded.erased,
            details_digest = excluded.details_digest
"""

ERASE_PERSON: Final = "insert into erased_person (person_id) values (%s) on conflict do nothing"

FORGET_DETAILS: Final = "update history set details = null where subject_id = %s"


def find_attendance(tx: Transaction, attendance_id: UUID) -> Attendance | None:
    """Return an attendance that nobody else can change before the transaction ends; None when there is none."""
    return tx.load(LOCK_ATTENDANCES, attendance_id, _from_row)


def lock_attendance(tx: Transaction, attendance_id: UUID) -> Attendance:
    """Return the same; raise MissingPrerequisite while nobody has recorded it."""
    attendance = find_attendance(tx, attendance_id)
    if attendance is None:
        raise MissingPrerequisite("attendance", str(attendance_id))
    return attendance


def find_person(tx: Transaction, person_id: UUID) -> Person:
    """Return what is known of somebody."""
    return tx.load(PEOPLE, person_id, _to_person) or Person()


def save_attendance(
    tx: Transaction, attendance: Attendance, what: str, cause: Cause, *, at: datetime, details: Row | None = None
) -> None:
    """Write an attendance as it stands after `what` has happened to it."""
    before = find_attendance(tx, attendance.attendance_id)
    count_present(tx, attendance.jornada_id, attendance.present - (before is not None and before.present))
    _write(tx, attendance)
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
    """Keep of an erased person that they were present, and nothing else; nothing more is taken down of them."""
    tx.fetch(ERASE_PERSON, (person_id,))
    tx.amend(PEOPLE, person_id, lambda person: replace(person or Person(), erased=True))
    for row in tx.fetch(OF_PERSON, (person_id,)):
        attendance = erase(_from_row(row))
        _write(tx, attendance)
        tx.fetch(FORGET_DETAILS, (attendance.attendance_id,))


def as_details(attendance: Attendance) -> Row:
    """Write down what a correction is about to replace."""
    return {name: value for name, value in _to_row(attendance).items() if name in _REPLACED}


_REPLACED: Final = {"present_at", "deliveries", "consent_id", "need_ids", "steps", "referral_ids", "corrected_at"}


def _write(tx: Transaction, attendance: Attendance) -> None:
    tx.write(SAVE_ATTENDANCES, _to_row(attendance))
    tx.put(LOCK_ATTENDANCES, attendance.attendance_id, attendance)
    tx.amend(PEOPLE, attendance.person_id, lambda person: meet(person or Person(), attendance))


def _to_row(attendance: Attendance) -> Row:
    row = {name: getattr(attendance, name) for name in Attendance.__slots__}
    deliveries = [{name: getattr(one, name) for name in Delivery.__slots__} for one in attendance.deliveries]
    return {
        **row,
        "deliveries": deliveries,
        "need_ids": sorted(attendance.need_ids),
        "referral_ids": sorted(attendance.referral_ids),
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
            "referral_ids": frozenset(row["referral_ids"]),
        }
    )


def _to_person(row: Row) -> Person:
    return Person(**{**row, "jornadas": frozenset(row["jornadas"])})
