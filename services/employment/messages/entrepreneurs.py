"""Entrepreneurs."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import contracts
from contracts import Draft, Message, codes
from services.employment.rules.entrepreneurs import Entrepreneur


def entrepreneur(message: Message[contracts.EntrepreneurEnrolled]) -> Entrepreneur:
    """Read that an organisation accompanies somebody with a business."""
    said = message.data
    return Entrepreneur(
        entrepreneur_id=said.entrepreneur_id,
        organisation=message.source,
        person_id=said.person_id,
        enrolled_at=said.enrolled_at,
        business=said.business,
        zone=said.zone,
        referral_id=said.referral_id,
        referred=said.referral_id is not None,
    )


def recorded(entrepreneur: Entrepreneur) -> Draft:
    """Tell the hub's services how far an entrepreneur is."""
    recorded = contracts.EntrepreneurRecorded(
        entrepreneur_id=entrepreneur.entrepreneur_id,
        person_id=entrepreneur.person_id,
        organisation=entrepreneur.organisation,
        zone=entrepreneur.zone,
        stage=codes.EntrepreneurStage(entrepreneur.stage),
        mentored=entrepreneur.mentored,
        enrolled_at=entrepreneur.enrolled_at,
    )
    return Draft(recorded, subject=str(entrepreneur.entrepreneur_id), sequence=entrepreneur.sequence)
