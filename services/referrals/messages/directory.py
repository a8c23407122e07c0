"""Between the directory of services and the contracts."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import contracts
from contracts import Message
from services.referrals.rules import Service


def service(message: Message[contracts.ServicePublished]) -> Service:
    """Read what an organisation says of a service of its own."""
    said = message.data
    return Service(said.service_id, message.source, frozenset(said.need_codes), said.active, message.time)
