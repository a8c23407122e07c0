"""Between intake's own records and the contracts, one file for each subject."""

from services.intake.messages import consents, etpv, households, matching, needs, people, referring, rights, route

__all__ = ["consents", "etpv", "households", "matching", "needs", "people", "referring", "rights", "route"]
