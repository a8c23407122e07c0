"""Needs that were referred for their organisations, in PostgreSQL, as functions that take the transaction."""

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Final

from messaging.database import Transaction
from services.intake.rules.referring import Asked, Known, Referral
from services.intake.store import consents, needs, people
from services.intake.store.cause import Cause

REFERRED: Final = "select referral_id from need_referral where referral_id = any(%b::uuid[])"

INSERT: Final = """
    insert into need_referral (referral_id, need_id, consent_id, recipient, service_id, message_id, referred_by,
                               referred_at)
    select referral_id, need_id, consent_id, recipient, service_id, message_id, referred_by, referred_at
    from jsonb_populate_recordset(null::need_referral, %s::jsonb)
"""


def find_known(tx: Transaction, asked: Sequence[Asked], *, recipients: Set[str]) -> Known:
    """Return what is held of all that several needs are to be referred with."""
    of_need = needs.find_needs(tx, [one.need_id for one in asked])
    return Known(
        needs=of_need,
        consents=consents.find_consents(tx, [one.consent_id for one in asked]),
        people=people.find_people(tx, {one.person_id for one in of_need.values() if one.person_id is not None}),
        referred={row["referral_id"] for row in tx.fetch(REFERRED, ([one.referral_id for one in asked],))},
        recipients=recipients,
    )


def insert_referrals(tx: Transaction, referrals: Sequence[Referral], cause: Cause, *, at: datetime) -> None:
    """Keep that these needs have been referred, to whom and under which consent."""
    for referral in referrals:
        asked = referral.asked
        row = {name: getattr(asked, name) for name in asked.__slots__ if name != "reason_code"}
        tx.write(INSERT, row | {"message_id": cause.id, "referred_by": cause.source, "referred_at": at})
