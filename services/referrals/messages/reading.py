"""What arrives about referrals becomes records."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import json
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import contracts
from contracts import Message
from contracts.fields import For
from services.referrals import rules
from services.referrals.rules import Actor, Asked, Consent, Note, Override, Referral, Urgency

Request = dict[str, Any]  # `referral.requested` as JSON has it, without its sealed block


def consent(said: contracts.ConsentRecorded) -> Consent:
    """Read a consent as intake recorded it."""
    return Consent(
        consent_id=said.consent_id,
        person_id=said.person_id,
        case_code=said.case_code,
        granted_to=said.granted_to,
        purposes=frozenset(said.purposes),
        recipients=frozenset(said.recipients),
        field_groups=frozenset(said.field_groups),
        valid_from=said.valid_from,
        valid_until=said.valid_until,
    )


def draft_referral(
    asked: contracts.ReferralRequested, *, sender: str, at: datetime, redirected_from: UUID | None = None
) -> Referral:
    """Read a request as a referral that is about to be sent."""
    urgency = Urgency(asked.urgency)
    return Referral(
        referral_id=asked.referral_id,
        sender=sender,
        recipient=asked.recipient,
        service_id=asked.service_id,
        person_id=asked.person_id,
        case_code=asked.case_code,
        need_code=asked.need_code,
        urgency=urgency,
        consent_id=asked.consent_id,
        sent_at=at,
        answer_by=asked.answer_by or rules.latest_answer(urgency, at=at),
        need_id=asked.need_id,
        language=asked.contact.language,
        redirected_from=redirected_from,
        asked=Asked(
            reason_code=asked.reason_code,
            shares=tuple(asked.shares),
            minor=None if asked.minor is None else asked.minor.model_dump(),
            override=None if asked.override is None else asked.override.reason,
        ),
    )


def override(message: Message[contracts.ReferralRequested]) -> Override | None:
    """Read the leave to send without consent, where a request has one."""
    said = message.data.override
    if said is None:
        return None
    return Override(said.authorised_by, said.reason, message.time, timedelta(hours=said.expires_after_hours))


def follow_up_on(asked: contracts.ReferralRequested) -> date | None:
    """Read when the sender wants to hear from the person afterwards, if it does."""
    return None if asked.follow_up is None else asked.follow_up.on


def request(asked: contracts.ReferralRequested) -> Request:
    """Write a request down without its sealed block, which the hub passes on and does not keep."""
    return asked.model_dump(mode="json", exclude_none=True, exclude={"sealed"})


def onward_request(first: Request, said: contracts.ReferralRedirected, *, at: datetime) -> contracts.ReferralRequested:
    """Make of the first request the one that goes to the organisation it is passed on to, under the fresh consent.

    An answer-by time that has passed meanwhile is left out: the urgency decides then. So is a follow-up.
    """
    left_out = ("override", "answer_by", "follow_up")
    onward = {name: value for name, value in first.items() if name not in left_out}
    onward |= {
        "referral_id": str(said.new_referral_id),
        "recipient": said.recipient,
        "service_id": str(said.service_id),
        "consent_id": str(said.consent_id),
        "sealed": said.sealed,
    }
    if "answer_by" in first and datetime.fromisoformat(first["answer_by"]) > at:
        onward["answer_by"] = first["answer_by"]
    if "follow_up" in first and date.fromisoformat(first["follow_up"]["on"]) >= at.date():
        onward["follow_up"] = first["follow_up"]
    return contracts.ReferralRequested.model_validate_json(json.dumps(onward))


def notes(message: Message[Any]) -> list[Note]:
    """Read for which party each sealed note is, and to whose key it says it is sealed."""
    parties = {For.SENDER: Actor.SENDER, For.RECIPIENT: Actor.RECIPIENT}
    return [
        Note(block.where, parties[block.whom], block.key_id)
        for block in contracts.sealed_blocks(message)
        if block.whom in parties
    ]


def estimate(said: contracts.ReferralWaitlisted) -> timedelta | None:
    """Read how long the recipient thinks that the person will wait."""
    return None if said.estimate_days is None else timedelta(days=said.estimate_days)
