"""What counts in the ranking of services, and how much: data, for those who run the network to change."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

WEIGHTS: Final[Mapping[str, float]] = {
    # Whom it is for. A service that the person is not eligible for stands last, whatever else speaks for it.
    "eligible": 40,
    "eligibility_unknown": 20,
    "not_eligible": 0,
    # Whether it can take people on: more than all that follows, so that an open service stands before a full one.
    "capacity_open": 30,
    "capacity_assess_first": 22,
    "capacity_waiting_list": 14,  # less LONG_LIST_LOSES, the longer it is
    "capacity_unknown": 12,
    "capacity_full": 0,
    # Where it serves.
    "in_zone": 14,
    "zone_unknown": 7,
    "outside_zone": 0,
    # How soon it decides.
    "answers_fast": 9,
    "answers_in_days": 6,
    "answers_unknown": 4,
    "answers_slow": 0,
    # Whether it speaks the person's language.
    "speaks_language": 5,
    "language_unknown": 2,
    "another_language": 0,
}
"""The points that each reason counts; the reasons of one kind exclude one another, and stand in order of weight."""

STALE_COUNTS: Final = 0.5  # of how far what was stated lies from not knowing
LONG_LIST_LOSES: Final = 4.0  # points, of a list that takes LONG_LIST or longer
LONG_LIST: Final = timedelta(days=180)
FAST: Final = timedelta(hours=24)
SLOW: Final = timedelta(days=7)
DECISIONS_THAT_TELL: Final = 3  # of fewer the median says nothing
DECISION_COUNTS: Final[Mapping[str, float]] = {"emergency": 2.0, "urgent": 1.5, "normal": 1.0}  # by urgency
