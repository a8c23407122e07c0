"""Consents in PostgreSQL, as functions that take the transaction."""

from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import Transaction, row_as_json
from services.intake.rules.answers import Refused, TooEarly
from services.intake.rules.consents import Consent, Withdrawal
from services.intake.store.cause import Cause

_CONSENT: Final = """
    consent_id, person_id, case_code, granted_to, purposes, recipients, field_groups, valid_from, valid_until,
    given_by, manner, language, evidence_sha256, message_id, recorded_at
"""

INSERT_CONSENT: Final = f"""
    insert into consent ({_CONSENT})
    select {_CONSENT} from jsonb_populate_record(null::consent, %s::jsonb)
    on conflict (consent_id) do nothing
    returning consent_id
"""

END_OF_CONSENT: Final = "select ended_at from consent where consent_id = %s for update"

END_CONSENT: Final = """
    update consent
    set ended_at = new.ended_at, withdrawn_at = new.withdrawn_at, withdrawn_by = new.withdrawn_by,
        withdrawn_manner = new.withdrawn_manner, ended_through = new.ended_through,
        ending_message = new.ending_message
    from jsonb_populate_recordset(null::consent, %s::jsonb) as new
    where consent.consent_id = new.consent_id
"""


def insert_consent(tx: Transaction, consent: Consent, cause: Cause, *, at: datetime) -> None:
    """Keep a consent; refuse an id that is taken."""
    row = {name: getattr(consent, name) for name in consent.__slots__}
    row |= {name: sorted(row[name]) for name in ("purposes", "recipients", "field_groups")}
    row |= {"message_id": cause.id, "recorded_at": at}
    if not tx.fetch(INSERT_CONSENT, (row_as_json(row),)):
        raise Refused("already_granted")


def lock_end_of_consent(tx: Transaction, consent_id: UUID) -> datetime | None:
    """Return when a consent ended, None while it holds; raise TooEarly while nobody has granted it."""
    rows = tx.fetch(END_OF_CONSENT, (consent_id,))
    if not rows:
        raise TooEarly("consent", str(consent_id))
    ended_at: datetime | None = rows[0]["ended_at"]
    return ended_at


def end_consent(tx: Transaction, withdrawal: Withdrawal, cause: Cause, *, at: datetime) -> None:
    """Write down that a consent is withdrawn, how, and through whom."""
    row = {name: getattr(withdrawal, name) for name in withdrawal.__slots__}
    row |= {"ended_at": at, "ended_through": cause.source, "ending_message": cause.id}
    tx.write(END_CONSENT, row)
