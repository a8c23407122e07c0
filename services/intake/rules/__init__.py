"""Who the network knows, what they allow and what they need: pure decisions, one file for each subject."""

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
    needs,
    people,
    referring,
    rights,
    route,
)
from services.intake.rules.answers import Refused, TooEarly

__all__ = [
    "Refused",
    "TooEarly",
    "consents",
    "days",
    "erasure",
    "etpv",
    "households",
    "links",
    "match_keys",
    "matching",
    "names",
    "needs",
    "people",
    "referring",
    "rights",
    "route",
]
