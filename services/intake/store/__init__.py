"""What intake keeps in PostgreSQL, one file for each subject."""

from services.intake.store import (
    consents,
    erasure,
    etpv,
    facts,
    households,
    links,
    matching,
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
    "links",
    "matching",
    "needs",
    "people",
    "referring",
    "rights",
    "route",
]
