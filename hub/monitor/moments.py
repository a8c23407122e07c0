"""Moments as they are typed in a terminal: `90m`, `8h`, `2d` ago, or from now on; or `2026-11-28T07:00` in Colombia."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from hub.monitor.alerts.telling import COLOMBIA

SPAN: Final = re.compile(r"(\d{1,4})([mhd])")
UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
FORMS: Final = "A time is one, as 2026-11-28T07:00 in Colombia, or so long ago, as 90m, 8h or 2d."


def read(said: str, now: datetime, *, ahead: bool = False) -> datetime:
    """Return the moment in UTC; one with a zone of its own keeps to that. Raises ValueError.

    A span is one that has been, or with `ahead` one that begins now.
    """
    if (span := SPAN.fullmatch(said)) is not None:
        lasts = timedelta(**{UNITS[span[2]]: int(span[1])})
        return now + lasts if ahead else now - lasts
    moment = datetime.fromisoformat(said)
    return (moment if moment.tzinfo else moment.replace(tzinfo=COLOMBIA)).astimezone(UTC)
