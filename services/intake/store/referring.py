"""Needs that were referred for their organisations, in PostgreSQL, as functions that take the transaction."""

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Final

from messaging.transaction import Transaction
from services.intake.rules.referring import Asked, Known, Referral
from services.intake.store import consents, needs, people
from services.intake.store.cause import Cause

REFERRED: Final = "select referral_id as key from need_referral where referral_id = any(%b::uuid[])"

INSERT: Final = """
    insert into need_referral (referral_id, need_id, consent_id, recipient, service_id, message_id, staff,
                               referred_by, referred_at)
    select referral_id, need_id, consent_id, recipient, service_id, message_id, staff, referred_by, referred_at
    from jsonb_populate_recordset(null::need_referral, %s::jsonb)
"""


def find_known(tx: Transaction, asked: Sequence[Asked], *, recipients: Set[str]) -> Known:
    """Return what is held of all that several needs are to be referred with."""
    of_need = {one.need_id: need for one in asked if (need := needs.find_need(tx, one.need_id))}
    whose = {need.person_id for need in of_need.values() if need.person_id is not None}
    return Known(
        needs=of_need,
        consents={one.consent_id: known for one in asked if (known := consents.find_consent(tx, one.consent_id))},
        people={one: person for one in whose if (person := people.find_person(tx, one))},
        referred={one.referral_id for one in asked if tx.load(REFERRED, one.referral_id, lambda row: True)},
        recipients=recipients,
    )


def insert_referrals(tx: Transaction, referrals: Sequence[Referral], cause: Cause, *, at: datetime) -> None:
    """Keep that these needs have been referred, to whom and under which consent."""
    for referral in referrals:
        asked = referral.asked
        row = {name: getattr(asked, name) for name in asked.__slots__ if name != "reason_code"}
        tx.write(
            INSERT, row | {"message_id": cause.id, "staff": cause.staff, "referred_by": cause.source, "referred_at": at}
        )
        tx.put(REFERRED, asked.referral_id, True)
