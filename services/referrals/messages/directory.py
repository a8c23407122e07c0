"""Between the directory of services and the contracts."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

from typing import Any

import contracts
from contracts import Message
from services.referrals.rules import Capacity, CapacityState, Eligibility, Service


def service(message: Message[contracts.ServicePublished]) -> Service:
    """Read what an organisation says of a service of its own."""
    said = message.data
    return Service(
        service_id=said.service_id,
        organisation=message.source,
        need_codes=frozenset(said.need_codes),
        active=said.active,
        published_at=message.time,
        name=said.name,
        zones=frozenset(said.zones),
        languages=frozenset(said.languages),
        eligibility=_eligibility(said.eligibility),
        answered_by_hub=said.answered_by == "hub",
    )


def listing(said: contracts.ServicePublished) -> dict[str, Any]:
    """Write down all that was said of a service, as it travels: what the directory exports."""
    return said.model_dump(mode="json", exclude_none=True)


def capacity(said: contracts.CapacityStated) -> Capacity:
    """Read whether a service can take people on."""
    return Capacity(
        service_id=said.service_id,
        state=CapacityState(said.state),
        waiting=said.waiting,
        estimate_days=said.estimate_days,
        stated_at=said.stated_at,
        valid_until=said.valid_until,
    )


def _eligibility(said: contracts.Eligibility) -> Eligibility:
    return Eligibility(
        minimum_age=said.minimum_age,
        maximum_age=said.maximum_age,
        sexes=frozenset(said.sexes),
        profiles=frozenset(said.profiles),
        nationalities=frozenset(said.nationalities),
        documents=frozenset(said.documents),
        zones=frozenset(said.zones),
    )
