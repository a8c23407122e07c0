"""Entrepreneurs and what is done for them, as functions that take the transaction."""

from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import Row, Transaction, row_as_json
from services.employment.rules.answers import Refused, TooEarly
from services.employment.rules.entrepreneurs import Entrepreneur, State
from services.employment.rules.referrals import Referral
from services.employment.store.known import is_known

_COLUMNS: Final = """
    entrepreneur_id, organisation, person_id, enrolled_at, business, zone, referral_id, referred, mentor, assigned_at,
    sessions, plan_approved_at, grants, formalised_on, state, left_at, leave_reason, sequence
"""

INSERT: Final = f"""
    insert into entrepreneur ({_COLUMNS})
    select {_COLUMNS} from jsonb_populate_record(null::entrepreneur, %s::jsonb)
    on conflict do nothing
    returning entrepreneur_id
"""

LOCK: Final = f"""
    select entrepreneur_id as key, {_COLUMNS}
    from entrepreneur where entrepreneur_id = any(%b::uuid[]) order by entrepreneur_id for update
"""

LOCK_ACCOMPANIED: Final = f"""
    select {_COLUMNS} from entrepreneur
    where person_id = %(person_id)s and organisation = %(organisation)s and state = 'accompanied'
    for update
"""

LOCK_OF_PERSON: Final = f"""
    select {_COLUMNS} from entrepreneur where person_id = %s order by entrepreneur_id for update
"""

# Those that no other referral keeps going.
LOCK_BROUGHT_BY: Final = f"""
    select {_COLUMNS} from entrepreneur
    where referral_id = %(referral_id)s and organisation = %(organisation)s
      and not exists (
          select 1 from referral as other
          where other.entrepreneur_id = entrepreneur.entrepreneur_id and other.referral_id <> %(referral_id)s
            and other.answer in ('accepted', 'in_service'))
    order by entrepreneur_id for update
"""

SAVE: Final = """
    update entrepreneur
    set business = new.business, zone = new.zone, referred = new.referred, mentor = new.mentor,
        assigned_at = new.assigned_at, sessions = new.sessions, plan_approved_at = new.plan_approved_at,
        grants = new.grants, formalised_on = new.formalised_on, state = new.state, left_at = new.left_at,
        leave_reason = new.leave_reason, sequence = new.sequence
    from jsonb_populate_recordset(null::entrepreneur, %s::jsonb) as new
    where entrepreneur.entrepreneur_id = new.entrepreneur_id
"""

SESSIONS: Final = """
    select asked.id as key, exists(select 1 from mentoring_session as held where held.session_id = asked.id) as known
    from unnest(%b::uuid[]) as asked(id)
"""

INSERT_SESSION: Final = """
    insert into mentoring_session (session_id, entrepreneur_id, held_at, minutes)
    select session_id, entrepreneur_id, held_at, minutes
    from jsonb_populate_recordset(null::mentoring_session, %s::jsonb)
"""

GRANTS: Final = """
    select asked.id as key, exists(select 1 from seed_grant where seed_grant.grant_id = asked.id) as known
    from unnest(%b::uuid[]) as asked(id)
"""

INSERT_GRANT: Final = """
    insert into seed_grant (grant_id, entrepreneur_id, granted_at, pesos)
    select grant_id, entrepreneur_id, granted_at, pesos from jsonb_populate_recordset(null::seed_grant, %s::jsonb)
"""

INSERT_FOLLOW_UP: Final = """
    insert into business_follow_up (entrepreneur_id, followed_up_at, trading, jobs)
    select entrepreneur_id, followed_up_at, trading, jobs
    from jsonb_populate_record(null::business_follow_up, %s::jsonb)
    on conflict do nothing
    returning entrepreneur_id
"""

ERASE_SESSIONS: Final = "update mentoring_session set held_at = null, minutes = null where entrepreneur_id = %s"
ERASE_GRANTS: Final = "update seed_grant set granted_at = null, pesos = null where entrepreneur_id = %s"
ERASE_FOLLOW_UPS: Final = "delete from business_follow_up where entrepreneur_id = %s"


def insert(tx: Transaction, entrepreneur: Entrepreneur) -> None:
    """Keep an entrepreneur; refuse a second time of the same person while the organisation accompanies them."""
    if not tx.fetch(INSERT, (row_as_json(_to_row(entrepreneur)),)):
        raise Refused("already_accompanied")


def insert_or_find_accompanied(tx: Transaction, entrepreneur: Entrepreneur) -> tuple[Entrepreneur, bool] | None:
    """Keep an entrepreneur, or find the person among those accompanied; tell which, and whether they are new.

    None where the id has been used for something else.
    """
    if tx.fetch(INSERT, (row_as_json(_to_row(entrepreneur)),)):
        return entrepreneur, True
    rows = tx.fetch(LOCK_ACCOMPANIED, {name: getattr(entrepreneur, name) for name in ("person_id", "organisation")})
    return (_from_row(rows[0]), False) if rows else None


def find(tx: Transaction, entrepreneur_id: UUID) -> Entrepreneur | None:
    """Lock and return an entrepreneur, whoever enrolled them; None when nobody has."""
    return tx.load(LOCK, entrepreneur_id, _from_row)


def lock(tx: Transaction, entrepreneur_id: UUID, *, of: str) -> Entrepreneur:
    """Return an entrepreneur of this organisation's that nobody else can change before the transaction ends.

    Raises TooEarly when there is none, and just the same when they are another's.
    """
    entrepreneur = find(tx, entrepreneur_id)
    if entrepreneur is None or entrepreneur.organisation != of:
        raise TooEarly("entrepreneur", str(entrepreneur_id))
    return entrepreneur


def lock_of_person(tx: Transaction, person_id: UUID) -> list[Entrepreneur]:
    """Lock and return every time that somebody has accompanied a person."""
    return [_from_row(row) for row in tx.fetch(LOCK_OF_PERSON, (person_id,))]


def lock_brought_by(tx: Transaction, referral: Referral) -> list[Entrepreneur]:
    """Lock and return the entrepreneurs that a referral brought and that no other referral keeps going."""
    ids = {"referral_id": referral.referral_id, "organisation": referral.organisation}
    return [_from_row(row) for row in tx.fetch(LOCK_BROUGHT_BY, ids)]


def save(tx: Transaction, entrepreneur: Entrepreneur) -> None:
    """Write what has become of an entrepreneur since they were locked."""
    tx.write(SAVE, _to_row(entrepreneur), key=entrepreneur.entrepreneur_id)
    tx.put(LOCK, entrepreneur.entrepreneur_id, entrepreneur)


def insert_session(
    tx: Transaction, session_id: UUID, entrepreneur: Entrepreneur, *, held_at: datetime, minutes: int
) -> None:
    """Keep a session; refuse it the second time."""
    if tx.load(SESSIONS, session_id, is_known):
        raise Refused("already_held")
    row = {"session_id": session_id, "entrepreneur_id": entrepreneur.entrepreneur_id}
    tx.write(INSERT_SESSION, {**row, "held_at": held_at, "minutes": minutes})
    tx.put(SESSIONS, session_id, True)


def insert_grant(
    tx: Transaction, grant_id: UUID, entrepreneur: Entrepreneur, *, granted_at: datetime, pesos: int
) -> None:
    """Keep a sum of seed capital; refuse it the second time."""
    if tx.load(GRANTS, grant_id, is_known):
        raise Refused("already_granted")
    row = {"grant_id": grant_id, "entrepreneur_id": entrepreneur.entrepreneur_id}
    tx.write(INSERT_GRANT, {**row, "granted_at": granted_at, "pesos": pesos})
    tx.put(GRANTS, grant_id, True)


def insert_follow_up(tx: Transaction, entrepreneur: Entrepreneur, *, at: datetime, trading: bool, jobs: int) -> None:
    """Keep how a business is doing; refuse a second word of the same moment."""
    row = {"entrepreneur_id": entrepreneur.entrepreneur_id, "followed_up_at": at, "trading": trading, "jobs": jobs}
    if not tx.fetch(INSERT_FOLLOW_UP, (row_as_json(row),)):
        raise Refused("already_followed_up")


def erase_details(tx: Transaction, entrepreneur: Entrepreneur) -> None:
    """Forget when an entrepreneur met their mentor, what they were given and how they fared; not that they did."""
    for sql in (ERASE_SESSIONS, ERASE_GRANTS, ERASE_FOLLOW_UPS):
        tx.fetch(sql, (entrepreneur.entrepreneur_id,))


def _to_row(entrepreneur: Entrepreneur) -> Row:
    return {name: getattr(entrepreneur, name) for name in entrepreneur.__slots__}


def _from_row(row: Row) -> Entrepreneur:
    return Entrepreneur(**{**row, "state": State(row["state"])})
