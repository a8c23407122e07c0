"""Who hires, who looks for work and who builds a business: pure decisions, one file for each subject."""

from messaging.answers import MissingPrerequisite, Refused
from services.employment.rules import candidacies, days, employers, entrepreneurs, participations, referrals

__all__ = [
    "MissingPrerequisite",
    "Refused",
    "candidacies",
    "days",
    "employers",
    "entrepreneurs",
    "participations",
    "referrals",
]
