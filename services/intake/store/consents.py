"""Consents in PostgreSQL, as functions that take the transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import Row, Transaction
from services.intake.rules.consents import LAPSED, WITHDRAWN, Consent, Withdrawal
from services.intake.store.cause import Cause

LAPSE_AT_ONCE: Final = 500

_TERMS: Final = """
    person_id, case_code, granted_to, purposes, recipients, field_groups, valid_from, valid_until, given_by, manner,
    language, evidence_sha256
"""

# One row for each id that is asked for, so that `load` asks once about those that nobody has granted, too.
KNOWN: Final = f"""
    select asked.consent_id as key, consent.consent_id, {_TERMS}, end_reason
    from unnest(%b::uuid[]) as asked(consent_id) left join consent on consent.consent_id = asked.consent_id
"""

FIND: Final = f"select consent_id, {_TERMS}, end_reason from consent where consent_id = any(%b::uuid[])"

# Those that a person has given to who registered them: how many others say they have does not count.
SHARING: Final = f"""
    select consent_id, {_TERMS}, end_reason from consent
    where person_id = any(%b::uuid[]) and ended_at is null
      and granted_to = (select registered_by from person where person.person_id = consent.person_id)
"""

OF_RECEIPT: Final = "select consent_id from consent where receipt_code = %s"

INSERT: Final = f"""
    insert into consent (consent_id, {_TERMS}, receipt_code, message_id, recorded_at)
    select consent_id, {_TERMS}, receipt_code, message_id, recorded_at
    from jsonb_populate_recordset(null::consent, %s::jsonb)
"""

WITHDRAW: Final = f"""
    update consent
    set ended_at = new.ended_at, end_reason = '{WITHDRAWN}', withdrawn_at = new.withdrawn_at,
        withdrawn_by = new.withdrawn_by, withdrawn_manner = new.withdrawn_manner,
        ended_through = new.ended_through, ending_message = new.ending_message
    from jsonb_populate_recordset(null::consent, %s::jsonb) as new
    where consent.consent_id = new.consent_id and consent.ended_at is null
"""

LAPSE: Final = f"""
    update consent set ended_at = %(now)s, end_reason = '{LAPSED}'
    where consent_id in (
        select consent_id from consent where ended_at is null and valid_until <= %(now)s
        order by valid_until limit {LAPSE_AT_ONCE} for update skip locked
    )
    returning consent_id, {_TERMS}, end_reason
"""


def find_consent(tx: Transaction, consent_id: UUID) -> Consent | None:
    """Return a consent; None while nobody has granted it."""
    return tx.load(KNOWN, consent_id, _consent)


def find_by_receipt(tx: Transaction, receipt_code: str) -> Consent | None:
    """Return the consent whose receipt has this code; None when there is none."""
    return next((find_consent(tx, row["consent_id"]) for row in tx.fetch(OF_RECEIPT, (receipt_code,))), None)


def find_consents(tx: Transaction, consents: Iterable[UUID]) -> Mapping[UUID, Consent]:
    """Return these consents by their ids, without those that nobody has granted."""
    return {row["consent_id"]: Consent(**_with_sets(row)) for row in tx.fetch(FIND, (list(consents),))}


def find_sharing(tx: Transaction, people: Iterable[UUID]) -> Mapping[UUID, list[Consent]]:
    """Return, for each of these people, the consents that they gave to who registered them, and that have not ended."""
    found: dict[UUID, list[Consent]] = {person_id: [] for person_id in people}
    for row in tx.fetch(SHARING, (list(found),)):
        found[row["person_id"]].append(Consent(**_with_sets(row)))
    return found


def insert_consent(tx: Transaction, consent: Consent, cause: Cause, *, receipt_code: str, at: datetime) -> None:
    """Keep a consent that has been granted."""
    row = {name: getattr(consent, name) for name in consent.__slots__ if name != "end_reason"}
    row |= {name: sorted(row[name]) for name in ("purposes", "recipients", "field_groups")}
    tx.write(INSERT, row | {"receipt_code": receipt_code, "message_id": cause.id, "recorded_at": at})
    tx.put(KNOWN, consent.consent_id, consent)


def withdraw_consent(tx: Transaction, consent: Consent, withdrawal: Withdrawal, cause: Cause, *, at: datetime) -> None:
    """Write down that a consent is withdrawn, how, and through whom."""
    row = {name: getattr(withdrawal, name) for name in withdrawal.__slots__}
    row |= {"ended_at": at, "ended_through": cause.source, "ending_message": cause.id}
    tx.write(WITHDRAW, row, consent.consent_id)
    tx.put(KNOWN, consent.consent_id, replace(consent, end_reason=WITHDRAWN))


def lapse_consents(tx: Transaction, *, now: datetime) -> list[UUID]:
    """End some of the consents that were given until a time that has passed; return which."""
    lapsed = [Consent(**_with_sets(row)) for row in tx.fetch(LAPSE, {"now": now})]
    for consent in lapsed:
        tx.put(KNOWN, consent.consent_id, consent)
    return [consent.consent_id for consent in lapsed]


def _consent(row: Row) -> Consent | None:
    return None if row["consent_id"] is None else Consent(**_with_sets(row))


def _with_sets(row: Row) -> Row:
    return row | {name: frozenset(row[name]) for name in ("purposes", "recipients", "field_groups")}
