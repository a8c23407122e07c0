"""What people ask of those who hold their data, and what organisations are told of it."""

from collections.abc import Iterable
from datetime import date

import contracts
from contracts import Draft, codes
from services.intake.rules.rights import Request


def due(request: Request, *, today: date, to: Iterable[str]) -> list[Draft]:
    """Tell organisations by when a request has to be answered, and whether that day has passed."""
    told = contracts.RightsDue(
        request_id=request.request_id,
        kind=codes.RightsKind(request.kind),
        organisation=request.organisation,
        answer_by=request.answer_by,
        overdue=request.is_overdue(today),
    )
    return [Draft(told, subject=str(request.request_id), recipient=organisation) for organisation in sorted(to)]
