"""Who the network knows, what they allow and what they need: pure decisions, one file for each subject."""

from messaging.answers import MissingPrerequisite, Refused
from services.intake.rules import (
    consents,
    days,
    erasure,
    etpv,
    households,
    links,
    match_keys,
    matching,
    names,
    naming,
    needs,
    people,
    referring,
    rights,
    route,
)

__all__ = [
    "MissingPrerequisite",
    "Refused",
    "consents",
    "days",
    "erasure",
    "etpv",
    "households",
    "links",
    "match_keys",
    "matching",
    "names",
    "naming",
    "needs",
    "people",
    "referring",
    "rights",
    "route",
]
