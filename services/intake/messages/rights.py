"""What people ask of those who hold their data, and what organisations are told of it."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

import contracts
from contracts import Draft, codes
from services.intake.rules.rights import Request


def due(request: Request, *, today: date, to: Mapping[str, UUID]) -> list[Draft]:
    """Tell organisations, each under the id that it knows the person by, when a request has to be answered."""
    return [
        Draft(_due(request, person_id, today=today), subject=str(request.request_id), recipient=organisation)
        for organisation, person_id in to.items()
    ]


def _due(request: Request, person_id: UUID, *, today: date) -> contracts.RightsDue:
    return contracts.RightsDue(
        request_id=request.request_id,
        person_id=person_id,
        kind=codes.RightsKind(request.kind),
        organisation=request.organisation,
        answer_by=request.answer_by,
        overdue=request.is_overdue(today),
        granted_by=tuple(sorted(request.granted_by)),
    )
