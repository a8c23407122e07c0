"""What people lack."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Need:
    """What a person lacks."""

    need_id: UUID
    person_id: UUID | None
    case_code: str | None
    need_code: str
    urgency: str
    identified_by: str
    identified_at: datetime
    zone: str | None
