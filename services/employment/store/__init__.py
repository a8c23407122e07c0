"""What employment keeps in PostgreSQL, as functions that take the transaction; one file for each subject."""

from services.employment.store import candidacies, employers, entrepreneurs, participations, people, referrals

__all__ = ["candidacies", "employers", "entrepreneurs", "participations", "people", "referrals"]
