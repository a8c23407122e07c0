"""Between intake's own records and the contracts, one file for each subject."""

from services.intake.messages import (
    consents,
    erasure,
    etpv,
    facts,
    households,
    matching,
    naming,
    needs,
    people,
    referring,
    rights,
    route,
)

__all__ = [
    "consents",
    "erasure",
    "etpv",
    "facts",
    "households",
    "matching",
    "naming",
    "needs",
    "people",
    "referring",
    "rights",
    "route",
]
