"""What intake keeps in PostgreSQL, one file for each subject."""

from services.intake.store import consents, needs, people

__all__ = ["consents", "needs", "people"]
