"""The services that organisations offer."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Service:
    """What an organisation offers, as it last published it."""

    service_id: UUID
    organisation: str
    need_codes: Set[str]
    active: bool
    published_at: datetime
