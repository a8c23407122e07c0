"""What people have asked of those who hold their data, in PostgreSQL, as functions that take the transaction."""

from collections.abc import Iterable, Mapping, Set
from datetime import date, datetime
from functools import partial
from typing import Final
from uuid import UUID

from messaging.database import Row
from messaging.transaction import Transaction
from services.intake.rules.rights import Request, Stage
from services.intake.store.cause import Cause

DUE_AT_ONCE: Final = 200
TOLD_AT_MOST: Final = 200  # open referrals, in one notice
_BY: Final = ("granted_by", "kept_by")

_REQUEST: Final = """
    request_id, person_id, kind, organisation, received_at, answer_by, extended_at, answer, answered_at, stage, due_on,
    granted_by, kept_by
"""

LOCK: Final = f"""
    select request_id as key, {_REQUEST} from rights_request where request_id = any(%b::uuid[])
    order by request_id for update
"""

LOCK_DUE: Final = f"""
    select {_REQUEST} from rights_request where due_on <= %s
    order by due_on, request_id limit {DUE_AT_ONCE} for update skip locked
"""

INSERT: Final = f"""
    insert into rights_request ({_REQUEST}, message_id, staff, recorded_at)
    select {_REQUEST}, message_id, staff, recorded_at from jsonb_populate_recordset(null::rights_request, %s::jsonb)
"""

SAVE: Final = """
    update rights_request
    set answer_by = new.answer_by, extended_at = new.extended_at, answer = new.answer, answered_at = new.answered_at,
        stage = new.stage, due_on = new.due_on, granted_by = new.granted_by, kept_by = new.kept_by
    from jsonb_populate_recordset(null::rights_request, %s::jsonb) as new
    where rights_request.request_id = new.request_id
"""


NOTE_REFERRAL: Final = """
    insert into referral (referral_id, person_id, sender, recipient, sequence, is_open)
    select referral_id, person_id, sender, recipient, sequence, is_open
    from jsonb_populate_recordset(null::referral, %s::jsonb)
    on conflict (referral_id) do update set sequence = excluded.sequence, is_open = excluded.is_open
    where referral.sequence < excluded.sequence
"""

OPEN_REFERRALS: Final = f"""
    select referral_id, sender, recipient from referral where is_open and person_id = any(%b::uuid[])
    order by referral_id limit {TOLD_AT_MOST}
"""


def note_referral(tx: Transaction, row: Row) -> None:
    """Keep whether a referral of a person is under way, by the newest word on it."""
    tx.write(NOTE_REFERRAL, row)


def find_open_referrals(tx: Transaction, people: Iterable[UUID]) -> Mapping[UUID, Set[str]]:
    """Return the open referrals of a person under these ids, each with its two parties."""
    return {row["referral_id"]: {row["sender"], row["recipient"]} for row in tx.fetch(OPEN_REFERRALS, (list(people),))}


def lock_request(tx: Transaction, request_id: UUID) -> Request | None:
    """Return a request that nobody else can change before the transaction ends; None while nobody has told of it."""
    return tx.load(LOCK, request_id, partial(_request, tx))


def lock_due(tx: Transaction, today: date) -> list[Request]:
    """Lock and return requests whose deadline has a stage due, longest due first."""
    return [_request(tx, row) for row in tx.fetch(LOCK_DUE, (today,))]


def insert_request(tx: Transaction, request: Request, cause: Cause, *, at: datetime) -> None:
    """Keep what a person has asked for."""
    tx.write(INSERT, _to_row(request) | {"message_id": cause.id, "staff": cause.staff, "recorded_at": at})
    tx.put(LOCK, request.request_id, request)


def save_request(tx: Transaction, request: Request) -> None:
    """Keep what has become of a request since it was locked."""
    tx.write(SAVE, _to_row(request))
    tx.put(LOCK, request.request_id, request)


def _request(tx: Transaction, row: Row) -> Request:
    tx.mention([row["person_id"]])
    stage = None if row["stage"] is None else Stage(row["stage"])
    return Request(**{**row, "stage": stage, **{name: frozenset(row[name]) for name in _BY}})


def _to_row(request: Request) -> Row:
    row = {name: getattr(request, name) for name in request.__slots__}
    return row | {name: sorted(row[name]) for name in _BY}
