"""What people ask of those who hold their data, as organisations tell intake of it."""

from typing import Any
from uuid import UUID

import contracts
from contracts import codes
from tests.examples import NOW, PERSON_ID

REQUEST_ID = UUID("01950000-0000-7000-8000-000000000031")


def rights_requested(**overrides: Any) -> contracts.RightsRequested:
    return contracts.RightsRequested(
        **{
            "request_id": REQUEST_ID,
            "person_id": PERSON_ID,
            "kind": codes.RightsKind.ENQUIRY,
            "received_at": NOW,
            **overrides,
        }
    )


def rights_extended(**overrides: Any) -> contracts.RightsExtended:
    return contracts.RightsExtended(**{"request_id": REQUEST_ID, "told_at": NOW, **overrides})


def rights_answered(**overrides: Any) -> contracts.RightsAnswered:
    return contracts.RightsAnswered(
        **{"request_id": REQUEST_ID, "answer": codes.RightsAnswer.GRANTED, "answered_at": NOW, **overrides}
    )
