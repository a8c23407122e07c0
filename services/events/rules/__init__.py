"""What may happen to a jornada and to an attendance, one file for each subject: pure decisions; time is an argument."""

from services.events.rules import attendance, jornadas
from services.events.rules.answers import Refused, TooEarly

__all__ = ["Refused", "TooEarly", "attendance", "jornadas"]
