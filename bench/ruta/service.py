"""The task as a service on Ruta's runtime."""

from collections.abc import Sequence

import contracts
from bench import task
from messaging import clock
from messaging.on import batches, on
from messaging.transaction import Transaction

SAVE_REFERRAL = """
    insert into referral (referral_id, sender, recipient, service_id, person_id, urgency, need_code, consent_id, state,
                          sequence, sealed, requested_at)
    select new.* from jsonb_to_recordset(%s::jsonb) as new(
        referral_id uuid, sender text, recipient text, service_id uuid, person_id uuid, urgency text, need_code text,
        consent_id uuid, state text, sequence integer, sealed text, requested_at timestamptz)
"""


class ReferralsService:
    """Writes each referral down and answers its sender."""

    name = "referrals"
    receive = batches(task.QUEUE)

    @on(contracts.ReferralRequested)
    def record_referral(
        self, tx: Transaction, message: contracts.Message[contracts.ReferralRequested]
    ) -> Sequence[contracts.Draft]:
        """Take a referral in."""
        tx.write(SAVE_REFERRAL, task.referral_row(message))
        return [task.answer(message, clock.now())]
