"""Entrepreneurs and what is done for them, as functions that take the transaction."""

from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.answers import MissingPrerequisite, Refused
from messaging.database import Row
from messaging.transaction import Transaction
from services.employment.rules.entrepreneurs import Entrepreneur, State
from services.employment.rules.referrals import Referral
from services.employment.store.known import is_known
from services.employment.store.people import add_entrepreneur, open_of
from services.employment.store.referrals import Brought, add_brought, brought_by

_COLUMNS: Final = """
    entrepreneur_id, organisation, person_id, enrolled_at, business, zone, referral_id, referred, mentor, assigned_at,
    sessions, plan_approved_at, grants, formalised_on, state, left_at, leave_reason, sequence
"""

INSERT: Final = f"""
    insert into entrepreneur ({_COLUMNS})
    select {_COLUMNS} from jsonb_populate_recordset(null::entrepreneur, %s::jsonb)
    on conflict do nothing
    returning entrepreneur_id
"""

LOCK: Final = f"""
    select entrepreneur_id as key, {_COLUMNS}
    from entrepreneur where entrepreneur_id = any(%b::uuid[]) order by entrepreneur_id for no key update
"""

LOCK_OF_PERSON: Final = f"""
    select {_COLUMNS} from entrepreneur where person_id = %s order by entrepreneur_id for no key update
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

SESSIONS: Final = "select session_id as key from mentoring_session where session_id = any(%b::uuid[])"

INSERT_SESSION: Final = """
    insert into mentoring_session (session_id, entrepreneur_id, held_at, minutes)
    select session_id, entrepreneur_id, held_at, minutes
    from jsonb_populate_recordset(null::mentoring_session, %s::jsonb)
"""

GRANTS: Final = "select grant_id as key from seed_grant where grant_id = any(%b::uuid[])"

INSERT_GRANT: Final = """
    insert into seed_grant (grant_id, entrepreneur_id, granted_at, pesos)
    select grant_id, entrepreneur_id, granted_at, pesos from jsonb_populate_recordset(null::seed_grant, %s::jsonb)
"""

INSERT_FOLLOW_UP: Final = """
    insert into business_follow_up (entrepreneur_id, followed_up_at, trading, jobs)
    select entrepreneur_id, followed_up_at, trading, jobs
    from jsonb_populate_recordset(null::business_follow_up, %s::jsonb)
    on conflict do nothing
    returning entrepreneur_id, followed_up_at
"""

ERASE_SESSIONS: Final = """
    update mentoring_session set held_at = null, minutes = null
    from jsonb_populate_recordset(null::mentoring_session, %s::jsonb) as erased
    where mentoring_session.entrepreneur_id = erased.entrepreneur_id
"""

ERASE_GRANTS: Final = """
    update seed_grant set granted_at = null, pesos = null
    from jsonb_populate_recordset(null::seed_grant, %s::jsonb) as erased
    where seed_grant.entrepreneur_id = erased.entrepreneur_id
"""

ERASE_FOLLOW_UPS: Final = """
    delete from business_follow_up
    using jsonb_populate_recordset(null::business_follow_up, %s::jsonb) as erased
    where business_follow_up.entrepreneur_id = erased.entrepreneur_id
"""


def keep(tx: Transaction, entrepreneur: Entrepreneur, *, is_new: bool) -> None:
    """Keep an entrepreneur, or what has become of one.

    Refuses a second time of the same person while the organisation accompanies them.
    """
    if not is_new:
        save(tx, entrepreneur)
    elif not _insert(tx, entrepreneur):
        raise Refused("already_accompanied")


def insert_or_find_accompanied(tx: Transaction, entrepreneur: Entrepreneur) -> tuple[Entrepreneur, bool] | None:
    """Keep an entrepreneur, or find the person among those accompanied; tell which, and whether they are new.

    None where the id has been used for something else.
    """
    known = _find_accompanied(tx, entrepreneur)
    if known is not None:
        return known, False
    return (entrepreneur, True) if _insert(tx, entrepreneur) else None


def find(tx: Transaction, entrepreneur_id: UUID) -> Entrepreneur | None:
    """Lock and return an entrepreneur, whoever enrolled them; None when nobody has."""
    return tx.load(LOCK, entrepreneur_id, _from_row)


def lock(tx: Transaction, entrepreneur_id: UUID, *, of: str) -> Entrepreneur:
    """Return an entrepreneur of this organisation's that nobody else can change before the transaction ends.

    Raises MissingPrerequisite when there is none, and just the same when they are another's.
    """
    entrepreneur = find(tx, entrepreneur_id)
    if entrepreneur is None or entrepreneur.organisation != of:
        raise MissingPrerequisite("entrepreneur", str(entrepreneur_id))
    return entrepreneur


def lock_of_person(tx: Transaction, person_id: UUID) -> list[Entrepreneur]:
    """Lock and return every time that somebody has accompanied a person."""
    return [_from_row(row) for row in tx.fetch(LOCK_OF_PERSON, (person_id,))]


def lock_brought_by(tx: Transaction, referral: Referral) -> list[Entrepreneur]:
    """Lock and return the entrepreneurs that a referral brought."""
    found = (find(tx, one) for one in sorted(brought_by(tx, referral).entrepreneurs))
    return [one for one in found if one is not None and one.organisation == referral.organisation]


def save(tx: Transaction, entrepreneur: Entrepreneur) -> None:
    """Write what has become of an entrepreneur since they were locked."""
    tx.write(SAVE, _to_row(entrepreneur))
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
    if not tx.insert(INSERT_FOLLOW_UP, row):
        raise Refused("already_followed_up")


def erase_details(tx: Transaction, entrepreneur: Entrepreneur) -> None:
    """Forget when an entrepreneur met their mentor, what they were given and how they fared; not that they did."""
    for sql in (ERASE_SESSIONS, ERASE_GRANTS, ERASE_FOLLOW_UPS):
        tx.write(sql, {"entrepreneur_id": entrepreneur.entrepreneur_id})


def _insert(tx: Transaction, entrepreneur: Entrepreneur) -> bool:
    if not tx.insert(INSERT, _to_row(entrepreneur)):
        return False
    tx.put(LOCK, entrepreneur.entrepreneur_id, entrepreneur)
    add_entrepreneur(tx, entrepreneur.person_id, entrepreneur.organisation, entrepreneur.entrepreneur_id)
    add_brought(tx, entrepreneur.referral_id, Brought(entrepreneurs={entrepreneur.entrepreneur_id}))
    return True


def _find_accompanied(tx: Transaction, wanted: Entrepreneur) -> Entrepreneur | None:
    """Lock and return the same person where the organisation accompanies them already."""
    entrepreneur_id = open_of(tx, wanted.person_id).entrepreneurs.get(wanted.organisation)
    known = None if entrepreneur_id is None else find(tx, entrepreneur_id)
    return known if known is not None and known.state == State.ACCOMPANIED else None


def _to_row(entrepreneur: Entrepreneur) -> Row:
    return {name: getattr(entrepreneur, name) for name in entrepreneur.__slots__}


def _from_row(row: Row) -> Entrepreneur:
    return Entrepreneur(**{**row, "state": State(row["state"])})
