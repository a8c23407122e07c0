"""What every contender does with a message; only the way there differs from one to the next.

Read `referral.requested`, record its id once, write the referral, answer its sender with `referral.status`.
"""

from datetime import datetime
from typing import Any

import contracts
from contracts.codes import ReferralState

VHOST = "bench"
QUEUE = "referrals"  # where the requests wait
EXCHANGE = "hub"  # where the answers go, with the routing key `to.<sender>`
SENDER = "redcross"
RECIPIENT = "iom"
ANSWERS = f"deliver.{SENDER}"  # where the answers arrive


def referral_row(message: contracts.Message[contracts.ReferralRequested]) -> dict[str, Any]:
    """The row of the table `referral` that a request becomes."""
    request = message.data
    return {
        "referral_id": request.referral_id,
        "sender": message.source,
        "recipient": request.recipient,
        "service_id": request.service_id,
        "person_id": request.person_id,
        "urgency": request.urgency,
        "need_code": request.need_code,
        "consent_id": request.consent_id,
        "state": "sent",
        "sequence": 1,
        "sealed": request.sealed,
        "requested_at": message.time,
    }


def answer(message: contracts.Message[contracts.ReferralRequested], now: datetime) -> contracts.Draft:
    """What the sender is told."""
    request = message.data
    status = contracts.ReferralStatus(
        referral_id=request.referral_id,
        state=ReferralState.SENT,
        changed_at=now,
        changed_by=message.source,
        sender=message.source,
        recipient=request.recipient,
        service_id=request.service_id,
    )
    return contracts.Draft(status, subject=message.subject, recipient=message.source, sequence=1)
