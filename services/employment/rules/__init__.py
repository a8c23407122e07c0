"""Who hires, who looks for work and who builds a business: pure decisions, one file for each subject."""

from services.employment.rules import candidacies, employers, entrepreneurs, participations, referrals
from services.employment.rules.answers import Refused, TooEarly

__all__ = ["Refused", "TooEarly", "candidacies", "employers", "entrepreneurs", "participations", "referrals"]
