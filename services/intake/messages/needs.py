"""Needs."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import contracts
from contracts import Message
from services.intake.rules.needs import Need


def need(message: Message[contracts.NeedIdentified]) -> Need:
    """Read a need."""
    said = message.data
    return Need(
        need_id=said.need_id,
        person_id=said.person_id,
        case_code=said.case_code,
        need_code=said.need_code,
        urgency=said.urgency,
        identified_by=message.source,
        identified_at=said.identified_at,
        zone=said.zone,
    )
