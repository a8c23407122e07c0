"""Needs and their triage, and what the hub's other services are told of them."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import contracts
from contracts import Draft, Message, codes
from services.intake.rules.needs import Need, Triage


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


def triage(message: Message[contracts.NeedTriaged]) -> Triage:
    """Read what somebody trained for it says of a need."""
    said = message.data
    return Triage(said.need_id, said.urgency, said.vulnerabilities, message.source, said.triaged_at)


def need_recorded(need: Need) -> Draft:
    """Tell the hub's services of a need, which they count until it is met."""
    recorded = contracts.NeedRecorded(
        need_id=need.need_id,
        person_id=need.person_id,
        organisation=need.identified_by,
        need_code=need.need_code,
        urgency=codes.Urgency(need.urgency),
        identified_at=need.identified_at,
        zone=need.zone,
        triaged_by=None if need.person_id is None else need.triaged_by,
        triaged_at=None if need.person_id is None else need.triaged_at,
    )
    return Draft(recorded, subject=str(need.need_id))
