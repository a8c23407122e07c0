"""What may happen to a jornada and to an attendance, one file for each subject: pure decisions; time is an argument."""

from messaging.answers import MissingPrerequisite, Refused
from services.events.rules import attendance, jornadas

__all__ = ["MissingPrerequisite", "Refused", "attendance", "jornadas"]
