"""What events keeps in PostgreSQL, one file for each subject."""

from services.events.store import attendance, jornadas

__all__ = ["attendance", "jornadas"]
