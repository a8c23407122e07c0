"""The consents that intake has recorded."""

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import Row
from messaging.transaction import Transaction
from services.referrals import rules
from services.referrals.rules import Consent

RECORD_CONSENT: Final = """
    insert into consent (consent_id, person_id, case_code, granted_to, purposes, recipients, field_groups, valid_from,
                         valid_until)
    select consent_id, person_id, case_code, granted_to, purposes, recipients, field_groups, valid_from, valid_until
    from jsonb_populate_recordset(null::consent, %s::jsonb)
    on conflict (consent_id) do nothing
"""

# Whoever sends under a consent and whoever ends it take turns: no referral slips out under a consent that is ending.
CONSENTS_FOR_USE: Final = """
    select consent_id as key, consent_id, person_id, case_code, granted_to, purposes, recipients, field_groups,
           valid_from, valid_until, ended_at, suspended_at
    from consent where consent_id = any(%b::uuid[]) order by consent_id for update
"""

END_CONSENT: Final = """
    update consent set ended_at = new.ended_at
    from jsonb_populate_recordset(null::consent, %s::jsonb) as new
    where consent.consent_id = new.consent_id
"""

SUSPEND_CONSENT: Final = """
    update consent set suspended_at = new.suspended_at
    from jsonb_populate_recordset(null::consent, %s::jsonb) as new
    where consent.consent_id = new.consent_id
"""

# Erasing is rare: no index is kept for it. In the order in which others lock consents: else one of both is given up.
END_CONSENTS_OF: Final = """
    update consent set ended_at = %(ended_at)s
    where consent_id in (
        select consent_id from consent where person_id = %(person_id)s and ended_at is null
        order by consent_id for update
    )
    returning consent_id, person_id, case_code, granted_to, purposes, recipients, field_groups, valid_from,
              valid_until, ended_at, suspended_at
"""


def record_consent(tx: Transaction, consent: Consent) -> None:
    """Keep a consent that intake has recorded; one already known stays as it is."""
    if tx.load(CONSENTS_FOR_USE, consent.consent_id, _to_consent) is not None:
        return
    tx.put(CONSENTS_FOR_USE, consent.consent_id, consent)
    tx.write(
        RECORD_CONSENT,
        {
            "consent_id": consent.consent_id,
            "person_id": consent.person_id,
            "case_code": consent.case_code,
            "granted_to": consent.granted_to,
            "purposes": sorted(consent.purposes),
            "recipients": sorted(consent.recipients),
            "field_groups": sorted(consent.field_groups),
            "valid_from": consent.valid_from,
            "valid_until": consent.valid_until,
        },
    )


def lock_consent(tx: Transaction, consent_id: UUID | None) -> Consent | None:
    """Return a consent that cannot end before the transaction does; MissingPrerequisite while it is not recorded."""
    if consent_id is None:
        return None
    consent = tx.load(CONSENTS_FOR_USE, consent_id, _to_consent)
    if consent is None:
        raise rules.MissingPrerequisite("consent", str(consent_id))
    return consent


def end_consent(tx: Transaction, consent: Consent, *, ended_at: datetime) -> None:
    """Let nothing more be sent under a consent that has been locked."""
    tx.write(END_CONSENT, {"consent_id": consent.consent_id, "ended_at": ended_at})
    tx.put(CONSENTS_FOR_USE, consent.consent_id, replace(consent, ended_at=ended_at))


def suspend_consent(tx: Transaction, consent: Consent, *, suspended_at: datetime | None) -> None:
    """Let nothing new be sent under a consent that has been locked, until it is resumed: None."""
    tx.write(SUSPEND_CONSENT, {"consent_id": consent.consent_id, "suspended_at": suspended_at})
    tx.put(CONSENTS_FOR_USE, consent.consent_id, replace(consent, suspended_at=suspended_at))


def end_consents_of(tx: Transaction, person_id: UUID, *, ended_at: datetime) -> None:
    """Let nothing more be sent about a person, whatever they had consented to."""
    for row in tx.fetch(END_CONSENTS_OF, {"person_id": person_id, "ended_at": ended_at}):
        tx.put(CONSENTS_FOR_USE, row["consent_id"], _to_consent(row))


def _to_consent(row: Row) -> Consent:
    return Consent(**{**row, **{name: frozenset(row[name]) for name in ("purposes", "recipients", "field_groups")}})
