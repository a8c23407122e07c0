"""Erasing people in PostgreSQL: what describes them goes, what is counted stays under ids that lead nowhere."""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from messaging.transaction import Transaction
from services.intake.rules.people import Registration
from services.intake.store import consents, households, matching, needs, people
from services.intake.store.links import LINKED

# A person who asks to be erased means themselves, under however many ids the organisations have registered them.
LOCK: Final = f"""
    select person_id, registered_by, registered_at from person
    where erased_at is null and (person_id = %(person_id)s or person_id in ({LINKED}))
    order by person_id
    for update
"""

HOLDERS: Final = """
    select person_id, array_agg(organisation) as organisations
    from (
        select person_id, registered_by as organisation from person
        union select person_id, granted_to from consent
        union select person_id, unnest(recipients) from consent
        union select person_id, identified_by from need
        union select need.person_id, recipient from need_referral join need using (need_id)
        union select person_id, organisation from etpv_step
        union select person_id, organisation from rights_request
        union select person_id, recorded_by from household_member join household using (household_id)
    ) as holder
    where person_id = any(%b::uuid[])
    group by person_id
"""

# What messages about somebody may be about, besides the person.
THEIRS: Final = """
    select person_id as id from person where person_id = any(%(people)s)
    union select need_id from need where person_id = any(%(people)s)
    union select consent_id from consent where person_id = any(%(people)s)
    union select referral_id from need_referral join need using (need_id) where person_id = any(%(people)s)
"""

ERASE: Final[Sequence[LiteralString]] = (
    # Who registered them and when stays: that somebody was registered is counted.
    """
    update person
    set erased_at = %(at)s, given_names = null, family_names = null, birth_date = null, age = null, sex = null,
        gender = null, nationality = null, profile = null, phone = null, email = null, language = null,
        contact_channel = null, address = null, place = null, caregiver = null, notes = null
    where person_id = any(%(people)s)
    """,
    "delete from document where person_id = any(%(people)s)",
    "delete from household_member where person_id = any(%(people)s)",
    # That somebody consented, to whom and for what, is the organisation's proof: it stays. It holds no longer.
    """
    update consent
    set receipt_code = null, evidence_sha256 = null, language = 'und',
        ended_at = coalesce(ended_at, %(at)s), end_reason = coalesce(end_reason, 'erased')
    where person_id = any(%(people)s)
    """,
    "update need set vulnerabilities = '{}', zone = null where person_id = any(%(people)s)",
    # Whoever was asked about together with them, and waits to be asked about others, may be now.
    """
    insert into match_waiting (person_id, since)
    select distinct held.person_id, %(at)s::timestamptz
    from match_held_back as held
    join match on held.person_id in (match.person_id, match.other_id) and decision is null
    where match.person_id = any(%(people)s) or match.other_id = any(%(people)s)
    on conflict (person_id) do update set since = excluded.since
    """,
    # What was never decided; a decision stays, in ids, so that the person goes on counting once.
    """
    delete from match
    where (person_id = any(%(people)s) or other_id = any(%(people)s)) and decision is null
      and not exists (select from match_decision where match_decision.match_id = match.match_id)
    """,
    """
    update match set score = null, reasons = null, proposed_at = null
    where (person_id = any(%(people)s) or other_id = any(%(people)s))
    """,
)


def lock_registrations(tx: Transaction, person_id: UUID) -> Mapping[UUID, Registration]:
    """Lock all registrations of the person of whom this is one, without those that have been erased."""
    rows = tx.fetch(LOCK, {"person_id": person_id})
    return {
        row["person_id"]: Registration(row["registered_by"], row["registered_at"], birth_date=None, age=None)
        for row in rows
    }


def find_holders(tx: Transaction, ids: Iterable[UUID]) -> Mapping[UUID, Set[str]]:
    """Return, for each of these people, which organisations registered them or were sent something about them."""
    return {row["person_id"]: set(row["organisations"]) for row in tx.fetch(HOLDERS, (list(ids),))}


def find_theirs(tx: Transaction, ids: Iterable[UUID]) -> list[UUID]:
    """Return the ids that messages about these people may be about: their own, and those of what is theirs."""
    return [row["id"] for row in tx.fetch(THEIRS, {"people": list(ids)})]


def erase(tx: Transaction, registrations: Mapping[UUID, Registration], *, at: datetime) -> None:
    """Erase what is held of people, and let nothing of the batch find it any more."""
    for statement in ERASE:
        tx.fetch(statement, {"people": list(registrations), "at": at})
    for person_id, registration in registrations.items():
        matching.forget_person(tx, person_id)
        erased = Registration(registration.registered_by, registration.registered_at, None, None, erased=True)
        tx.put(people.REGISTRATIONS, person_id, erased)
    for sql in (people.PEOPLE, consents.KNOWN, consents.SHARING, consents.OF_RECEIPT, needs.KNOWN, households.HOMES):
        tx.load_again(sql)
