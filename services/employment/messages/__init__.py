"""Between employment's own records and the contracts, one file for each subject."""

from services.employment.messages import candidacies, employers, entrepreneurs, participations, referrals

__all__ = ["candidacies", "employers", "entrepreneurs", "participations", "referrals"]
