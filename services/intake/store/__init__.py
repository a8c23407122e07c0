"""What intake keeps in PostgreSQL, one file for each subject."""

from services.intake.store import consents, links, matching, needs, people

__all__ = ["consents", "links", "matching", "needs", "people"]
