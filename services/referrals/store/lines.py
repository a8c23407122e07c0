"""The places on the waiting lists of services."""

from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import Row
from messaging.transaction import Transaction
from services.referrals.rules import Place, Referral
from services.referrals.rules.lines import TOLD_AGAIN_AFTER
from services.referrals.store.directory import SERVICES, PlaceInLine
from services.referrals.store.referrals import KNOWN, from_row

SERVICES_AT_ONCE: Final = 20
TOLD_AT_ONCE: Final = 300

JOIN_LINE: Final = """
    insert into place_in_line (referral_id, service_id, place, notified, notified_at, joined_at, estimate_days)
    select referral_id, service_id, place, notified, notified_at, joined_at, estimate_days
    from jsonb_populate_recordset(null::place_in_line, %s::jsonb)
"""

# One process at a time closes the ranks of a service; nobody else is kept waiting.
LOCK_LINES_LEFT: Final = f"""
    select service_id from service
    where service_id in (
        select distinct service_id from place_in_line where left_at is not null limit {SERVICES_AT_ONCE}
    )
    for no key update skip locked
"""

LINES: Final = """
    select service_id, referral_id, place, joined_at, left_at
    from place_in_line where service_id = any(%s::uuid[])
    order by referral_id for update
"""

MOVE_PLACES: Final = """
    update place_in_line set place = new.place
    from jsonb_populate_recordset(null::place_in_line, %s::jsonb) as new
    where place_in_line.referral_id = new.referral_id
"""

FORGET_LEFT: Final = "delete from place_in_line where referral_id = any(%s::uuid[]) returning referral_id"

LOCK_MOVED: Final = f"""
    select {KNOWN}, place
    from place_in_line join referral using (referral_id, service_id)
    where place <> notified and left_at is null and notified_at <= %s and state = 'waitlisted'
    order by notified_at
    limit {TOLD_AT_ONCE}
    for update of referral, place_in_line skip locked
"""

NOTE_NOTIFIED: Final = """
    update place_in_line set notified = new.notified, notified_at = new.notified_at
    from jsonb_populate_recordset(null::place_in_line, %s::jsonb) as new
    where place_in_line.referral_id = new.referral_id
"""


def join_line(tx: Transaction, referral: Referral, *, place: int, estimate_days: int | None, at: datetime) -> None:
    """Keep the place that a recipient has just given a referral."""
    tx.write(
        JOIN_LINE,
        {
            "referral_id": referral.referral_id,
            "service_id": referral.service_id,
            "place": place,
            "notified": place,
            "notified_at": at,
            "joined_at": at,
            "estimate_days": estimate_days,
        },
    )
    place_in_line = PlaceInLine(referral.referral_id, place, at, estimate_days)
    tx.amend(SERVICES, referral.service_id, lambda known: known and known.with_place(place_in_line))


def lines_left(tx: Transaction) -> list[list[Place]]:
    """Return the waiting lists that somebody has left since their ranks were closed, and keep them from others."""
    services = [row["service_id"] for row in tx.fetch(LOCK_LINES_LEFT)]
    lines: dict[UUID, list[Place]] = {service_id: [] for service_id in services}
    for row in tx.fetch(LINES, (services,)) if services else ():
        lines[row.pop("service_id")].append(Place(**row))
    return list(lines.values())


def save_line(tx: Transaction, before: list[Place], after: list[Place]) -> None:
    """Write where everybody stands now; who left is on no list any more."""
    known = {one.referral_id: one.place for one in before}
    for one in after:
        if one.place != known[one.referral_id]:
            tx.write(MOVE_PLACES, {"referral_id": one.referral_id, "place": one.place})
    tx.fetch(FORGET_LEFT, (sorted(known.keys() - {one.referral_id for one in after}),))


def lock_moved(tx: Transaction, now: datetime) -> list[tuple[Referral, int]]:
    """Lock and return referrals whose parties have not heard of their new place, with that place.

    Whoever was notified less than a minute ago is left for later, and so is what others are changing.
    """
    rows: list[Row] = tx.fetch(LOCK_MOVED, (now - TOLD_AGAIN_AFTER,))
    places = [row.pop("place") for row in rows]
    return [(from_row(row), place) for row, place in zip(rows, places, strict=True)]


def note_notified(tx: Transaction, referral_id: UUID, *, place: int, at: datetime) -> None:
    """Note that the parties are notified of a place."""
    tx.write(NOTE_NOTIFIED, {"referral_id": referral_id, "notified": place, "notified_at": at})
