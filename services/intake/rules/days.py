"""Which day it is where the network works."""

from datetime import date, datetime, timedelta, timezone
from typing import Final

COLOMBIA: Final = timezone(timedelta(hours=-5))  # all of the country, all year round


def day_of(moment: datetime) -> date:
    """Return the day that it is in Colombia."""
    return moment.astimezone(COLOMBIA).date()
