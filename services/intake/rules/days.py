"""Which day it is where the network works, and how far clocks may differ."""

from datetime import date, datetime, timedelta, timezone
from typing import Final

COLOMBIA: Final = timezone(timedelta(hours=-5))  # all of the country, all year round
CLOCKS_DIFFER: Final = timedelta(hours=1)  # an organisation's clock may be that far ahead of the hub's


def day_of(moment: datetime) -> date:
    """Return the day that it is in Colombia."""
    return moment.astimezone(COLOMBIA).date()
