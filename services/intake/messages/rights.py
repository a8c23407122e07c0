"""What people ask of those who hold their data, and what organisations are told of it."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import contracts
from contracts import Draft, Message, codes
from services.intake.rules.rights import Request


def due(
    request: Request, *, today: date, to: Mapping[str, UUID], open_referrals: Mapping[str, Sequence[UUID]]
) -> list[Draft]:
    """Tell organisations, each under the id that it knows the person by, when a request has to be answered.

    `open_referrals` has for each that may grant an erasure which referrals of others it would end. Nobody else hears
    of them, nor of who has registered the person: anybody may say that a person has come to it.
    """
    return [
        Draft(
            _due(request, person_id, today=today, open_referrals=open_referrals.get(organisation)),
            subject=str(request.request_id),
            recipient=organisation,
        )
        for organisation, person_id in to.items()
    ]


def referral(message: Message[contracts.ReferralRecorded], *, is_open: bool) -> dict[str, Any]:
    """What is kept of a referral of a person: whose it is, and whether it is under way."""
    said = message.data
    named = {"referral_id": said.referral_id, "person_id": said.person_id}
    parties = {"sender": said.sender, "recipient": said.recipient}
    return {**named, **parties, "sequence": message.sequence, "is_open": is_open}


def _due(
    request: Request, person_id: UUID, *, today: date, open_referrals: Sequence[UUID] | None
) -> contracts.RightsDue:
    return contracts.RightsDue(
        request_id=request.request_id,
        person_id=person_id,
        kind=codes.RightsKind(request.kind),
        organisation=request.organisation,
        answer_by=request.answer_by,
        overdue=request.is_overdue(today),
        granted_by=() if open_referrals is None else tuple(sorted(request.granted_by)),
        open_referrals=tuple(open_referrals or ()),
    )
