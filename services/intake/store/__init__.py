"""What intake keeps in PostgreSQL, one file for each subject."""

from services.intake.store import consents, etpv, households, links, matching, needs, people, referring, rights, route

__all__ = ["consents", "etpv", "households", "links", "matching", "needs", "people", "referring", "rights", "route"]
