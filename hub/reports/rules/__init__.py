"""What reports count and how they show it: pure decisions, one file for each report and each subject."""

from hub.reports.rules import accountability, activities, asked, partners, sheets, small_counts, unmet_needs
from hub.reports.rules.answers import Refused, TooEarly, check_delivery, check_speaks_for, check_takes_part

__all__ = [
    "Refused",
    "TooEarly",
    "accountability",
    "activities",
    "asked",
    "check_delivery",
    "check_speaks_for",
    "check_takes_part",
    "partners",
    "sheets",
    "small_counts",
    "unmet_needs",
]
