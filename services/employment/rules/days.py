"""Which day it is where the network works."""

from datetime import date, datetime, timedelta, timezone
from typing import Final

COLOMBIA: Final = timezone(timedelta(hours=-5))  # all of the country, all year round


def day_in_colombia(at: datetime) -> date:
    """Return the day of a moment, by the calendar on the wall there."""
    return at.astimezone(COLOMBIA).date()
