"""Consents in PostgreSQL, as functions that take the transaction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Final
from uuid import UUID

from messaging.database import Row
from messaging.transaction import Transaction
from services.intake.rules.consents import LAPSED, WITHDRAWN, Consent, Withdrawal
from services.intake.store.cause import Cause

LAPSE_AT_ONCE: Final = 500

TERMS: Final = """
    person_id, case_code, granted_to, purposes, recipients, field_groups, valid_from, valid_until, given_by, manner,
    language, evidence_sha256
"""

STANDING: Final = "end_reason, claimed_through, contested"

KNOWN: Final = f"""
    select consent_id as key, consent_id, {TERMS}, {STANDING} from consent where consent_id = any(%b::uuid[])
    order by consent_id for no key update
"""

# Those that a person has given to who registered them: how many others say they have does not count.
SHARING: Final = """
    select person_id as key, array_agg(consent_id) as consents
    from consent join person using (person_id)
    where person_id = any(%b::uuid[]) and ended_at is null and granted_to = registered_by
    group by person_id
"""

OF_RECEIPT: Final = "select receipt_code as key, consent_id from consent where receipt_code = any(%b::text[])"

RECORDED_AT: Final = "select consent_id as key, recorded_at from consent where consent_id = any(%b::uuid[])"

INSERT: Final = f"""
    insert into consent (consent_id, {TERMS}, receipt_code, message_id, staff, recorded_at)
    select consent_id, {TERMS}, receipt_code, message_id, staff, recorded_at
    from jsonb_populate_recordset(null::consent, %s::jsonb)
"""

WITHDRAW: Final = f"""
    update consent
    set ended_at = new.ended_at, end_reason = '{WITHDRAWN}', withdrawn_at = new.withdrawn_at,
        withdrawn_by = new.withdrawn_by, withdrawn_manner = new.withdrawn_manner,
        ended_through = new.ended_through, ending_message = new.ending_message, ending_staff = new.ending_staff
    from jsonb_populate_recordset(null::consent, %s::jsonb) as new
    where consent.consent_id = new.consent_id and consent.ended_at is null
"""

# Materialised: a subselect may be run once for each row, and then takes others than those that it has taken before.
LAPSE: Final = f"""
    with due as materialized (
        select consent_id from consent where ended_at is null and valid_until <= %(now)s
        order by valid_until limit {LAPSE_AT_ONCE} for update skip locked
    )
    update consent set ended_at = %(now)s, end_reason = '{LAPSED}'
    from due where consent.consent_id = due.consent_id
    returning consent.consent_id, {TERMS}, {STANDING}
"""

CLAIM: Final = """
    update consent
    set claimed_through = new.claimed_through, claim_message = new.claim_message, claim_staff = new.claim_staff,
        claimed_at = new.claimed_at, claimed_by = new.claimed_by, claimed_manner = new.claimed_manner,
        claim_ends_on = new.claim_ends_on, suspended_at = new.suspended_at
    from jsonb_populate_recordset(null::consent, %s::jsonb) as new
    where consent.consent_id = new.consent_id
"""

CONTEST: Final = """
    update consent
    set contested = new.contested, resumed_at = new.resumed_at, claimed_through = null, claim_message = null,
        claim_staff = null, claimed_at = null, claimed_by = null, claimed_manner = null, claim_ends_on = null
    from jsonb_populate_recordset(null::consent, %s::jsonb) as new
    where consent.consent_id = new.consent_id
"""

END_CLAIMED: Final = f"""
    with due as materialized (
        select consent_id from consent where ended_at is null and claim_ends_on <= %(today)s
        order by claim_ends_on limit {LAPSE_AT_ONCE} for update skip locked
    )
    update consent
    set ended_at = %(now)s, end_reason = '{WITHDRAWN}', withdrawn_at = claimed_at, withdrawn_by = claimed_by,
        withdrawn_manner = claimed_manner, ended_through = claimed_through, ending_message = claim_message
    from due where consent.consent_id = due.consent_id
    returning consent.consent_id, {TERMS}, {STANDING}, withdrawn_by, withdrawn_manner, withdrawn_at, ended_through
"""


def find_consent(tx: Transaction, consent_id: UUID) -> Consent | None:
    """Return a consent; None while nobody has granted it."""
    return tx.load(KNOWN, consent_id, consent_of)


def find_by_receipt(tx: Transaction, receipt_code: str) -> Consent | None:
    """Return the consent whose receipt has this code; None when there is none."""
    consent_id = tx.load(OF_RECEIPT, receipt_code, _consent_id)
    return None if consent_id is None else find_consent(tx, consent_id)


def recorded_at(tx: Transaction, consent: Consent) -> datetime:
    """Return when a consent that is kept was recorded."""
    at = tx.load(RECORDED_AT, consent.consent_id, _recorded_at)
    assert at is not None
    return at


def find_sharing(tx: Transaction, person_id: UUID) -> list[Consent]:
    """Return the consents that a person gave to who registered them; the person is locked."""
    known = (find_consent(tx, one) for one in tx.load(SHARING, person_id, partial(_consent_ids, tx)) or ())
    return [one for one in known if one is not None]


def insert_consent(tx: Transaction, consent: Consent, cause: Cause, *, receipt_code: str, at: datetime) -> None:
    """Keep a consent that has been granted."""
    standing = ("end_reason", "claimed_through", "contested")
    row = {name: getattr(consent, name) for name in consent.__slots__ if name not in standing}
    row |= {name: sorted(row[name]) for name in ("purposes", "recipients", "field_groups")}
    tx.write(
        INSERT, row | {"receipt_code": receipt_code, "message_id": cause.id, "staff": cause.staff, "recorded_at": at}
    )
    tx.put(KNOWN, consent.consent_id, consent)
    tx.put(OF_RECEIPT, receipt_code, consent.consent_id)
    tx.put(RECORDED_AT, consent.consent_id, at)
    tx.amend(SHARING, consent.person_id, lambda known: [*(known or ()), consent.consent_id])


def withdraw_consent(tx: Transaction, consent: Consent, withdrawal: Withdrawal, cause: Cause, *, at: datetime) -> None:
    """Write down that a consent is withdrawn, how, and through whom."""
    row = {name: getattr(withdrawal, name) for name in withdrawal.__slots__}
    row |= {"ended_at": at, "ended_through": cause.source, "ending_message": cause.id, "ending_staff": cause.staff}
    tx.write(WITHDRAW, row)
    tx.put(KNOWN, consent.consent_id, replace(consent, end_reason=WITHDRAWN))


def claim_withdrawal(
    tx: Transaction, consent: Consent, withdrawal: Withdrawal, cause: Cause, *, ends_on: date, at: datetime
) -> None:
    """Write down that somebody says a consent was taken back, which it comes to on a day unless that is contested."""
    claimed = {
        "claimed_through": cause.source,
        "claim_message": cause.id,
        "claim_staff": cause.staff,
        "claimed_at": withdrawal.withdrawn_at,
        "claimed_by": withdrawal.withdrawn_by,
        "claimed_manner": withdrawal.withdrawn_manner,
        "claim_ends_on": ends_on,
        "suspended_at": at,
    }
    tx.write(CLAIM, {"consent_id": consent.consent_id} | claimed)
    tx.put(KNOWN, consent.consent_id, consent)


def contest_withdrawal(tx: Transaction, consent: Consent, *, at: datetime) -> None:
    """Write down that a claim was contested: the consent holds."""
    tx.write(CONTEST, {"consent_id": consent.consent_id, "contested": sorted(consent.contested), "resumed_at": at})
    tx.put(KNOWN, consent.consent_id, consent)


def end_claimed(tx: Transaction, *, now: datetime, today: date) -> list[tuple[Consent, Withdrawal, str]]:
    """End some of the consents whose withdrawal was claimed and not contested in time; return which, how, and through
    whom."""
    rows = tx.fetch(END_CLAIMED, {"now": now, "today": today})
    how = [{name: row.pop(name) for name in ("withdrawn_by", "withdrawn_manner", "withdrawn_at")} for row in rows]
    through = [row.pop("ended_through") for row in rows]
    ended = _ended(tx, rows)
    withdrawals = [Withdrawal(consent.consent_id, **one) for consent, one in zip(ended, how, strict=True)]
    return list(zip(ended, withdrawals, through, strict=True))


def lapse_consents(tx: Transaction, *, now: datetime) -> list[Consent]:
    """End some of the consents that were given until a time that has passed; return which."""
    return _ended(tx, tx.fetch(LAPSE, {"now": now}))


def _ended(tx: Transaction, rows: Sequence[Row]) -> list[Consent]:
    ended = [consent_of(row) for row in rows]
    for consent in ended:
        tx.put(KNOWN, consent.consent_id, consent)
    return ended


def consent_of(row: Row) -> Consent:
    """Make a consent of a row with its terms and its standing."""
    return Consent(**_with_sets(row))


def _consent_id(row: Row) -> UUID:
    consent_id: UUID = row["consent_id"]
    return consent_id


def _recorded_at(row: Row) -> datetime:
    recorded_at: datetime = row["recorded_at"]
    return recorded_at


def _consent_ids(tx: Transaction, row: Row) -> list[UUID]:
    consents: list[UUID] = row["consents"]
    tx.mention(consents)
    return consents


def _with_sets(row: Row) -> Row:
    return row | {name: frozenset(row[name]) for name in ("purposes", "recipients", "field_groups", "contested")}
