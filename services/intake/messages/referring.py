"""Needs that an organisation refers, as the requests that intake writes for it; the only place that seals."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import contracts
from contracts import Draft, Message, codes, sealing
from services.intake.rules.referring import Asked, Referral


def asked(message: Message[contracts.NeedsReferred]) -> list[Asked]:
    """Read which needs are to be referred."""
    return [
        Asked(one.referral_id, one.need_id, one.recipient, one.service_id, one.consent_id, one.reason_code)
        for one in message.data.referrals
    ]


def referral_requested(referral: Referral, *, by: str, keys: Mapping[str, sealing.Key]) -> Draft:
    """Ask the recipient as `by` would, with what goes of the person sealed to it."""
    asked, need = referral.asked, referral.need
    requested = contracts.ReferralRequestedV2(
        referral_id=asked.referral_id,
        recipient=asked.recipient,
        service_id=asked.service_id,
        urgency=codes.Urgency(need.urgency),
        person_id=need.person_id,
        need_id=need.need_id,
        need_code=need.need_code,
        reason_code=codes.ReferralReason(asked.reason_code),
        minor=_minor() if referral.minor else None,
        shares=tuple(codes.FieldGroup(one) for one in sorted(referral.groups)),
        consent_id=asked.consent_id,
        contact=contracts.Contact(channel=codes.ContactChannel(referral.channel), language=referral.language),
        sealed=sealing.seal(_block(referral), keys[asked.recipient]),
    )
    return Draft(requested, subject=str(asked.referral_id), source=by)


def need_not_referred(batch_id: UUID, asked: Asked, *, code: str, to: str) -> Draft:
    """Tell who asked why one of its needs does not go."""
    told = contracts.NeedNotReferred(batch_id=batch_id, referral_id=asked.referral_id, need_id=asked.need_id, code=code)
    return Draft(told, subject=str(asked.referral_id), recipient=to)


def _minor() -> contracts.Minor:
    return contracts.Minor(caregiver_is_sealed=True, unaccompanied=False, best_interest_assessed=False)


def _block(referral: Referral) -> dict[str, Any]:
    """The person block with the fields that go, and no others."""
    block = {name: getattr(referral.person, name) for name in sorted(referral.fields)}
    if "documents" in block:
        block["documents"] = [{"type": kind, "number": number} for kind, number in referral.person.documents]
    if referral.person.birth_date is not None and "birth_date" in block:
        block["birth_date"] = referral.person.birth_date.isoformat()
    return block
