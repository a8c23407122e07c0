"""Between the records of events and the contracts, one file for each subject."""

from services.events.messages import attendance, jornadas

__all__ = ["attendance", "jornadas"]
