"""Who hires, who looks for work and who builds a business: pure decisions, one file for each subject."""

from services.employment.rules import candidacies, days, employers, entrepreneurs, participations, referrals
from services.employment.rules.answers import Refused, TooEarly

__all__ = ["Refused", "TooEarly", "candidacies", "days", "employers", "entrepreneurs", "participations", "referrals"]
