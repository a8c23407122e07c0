"""The services that organisations offer."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from .fields import Model, Need, PublicText, Several, Zone
from .registry import contract


@contract("service.published.v1", sent_by="partner", received_by="hub", personal_data=False, about="service_id")
class ServicePublished(Model):
    """An organisation offers a service, changes what it says of it, or no longer offers it."""

    service_id: UUID
    name: PublicText
    need_codes: Annotated[Several[Need], Field(min_length=1, max_length=40)]
    active: bool
    """False: it takes no referrals."""
    zone: Zone
    """The municipality it serves."""
