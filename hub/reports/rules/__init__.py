"""What reports count and how they show it: pure decisions, one file for each report and each subject."""

from hub.reports.rules import accountability, activities, asked, partners, sheets, small_counts, unmet_needs
from hub.reports.rules.belief import (
    check_delivery,
    check_happened,
    check_publication,
    check_speaks_for,
    check_takes_part,
    zone_if_known,
)
from messaging.answers import MissingPrerequisite, Refused
from messaging.plausible import check_absence, check_planned

__all__ = [
    "MissingPrerequisite",
    "Refused",
    "accountability",
    "activities",
    "asked",
    "check_absence",
    "check_delivery",
    "check_happened",
    "check_planned",
    "check_publication",
    "check_speaks_for",
    "check_takes_part",
    "partners",
    "sheets",
    "small_counts",
    "unmet_needs",
    "zone_if_known",
]
