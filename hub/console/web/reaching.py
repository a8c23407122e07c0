"""When it is safe to reach a person, by what they have said: stretches of weekdays, in the hour of Barranquilla."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final

from contracts.codes import Weekday
from messaging.believing import COLOMBIA

DAYS: Final = [day.value for day in Weekday]


@dataclass(frozen=True)
class Safe:
    """Whether it is safe at a moment; until when it is, or from when on. None: at any time, or never."""

    now: bool
    until: datetime | None = None
    next: datetime | None = None


def safe_at(moment: datetime, times: Sequence[Mapping[str, Any]]) -> Safe:
    """Read safe times, as a referral's contact has them; with none it is safe at any time."""
    if not times:
        return Safe(True)
    here = moment.astimezone(COLOMBIA)
    stretches = sorted(_around(here, times))
    ends = [end for start, end in stretches if start <= here < end]
    if ends:
        return Safe(True, until=max(ends))
    return Safe(False, next=next((start for start, _ in stretches if start > here), None))


def _around(here: datetime, times: Sequence[Mapping[str, Any]]) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of today and of the seven days after it."""
    for ahead in range(8):
        day = here.date() + timedelta(days=ahead)
        for one in times:
            if one["day"] == DAYS[day.weekday()]:
                starts, ends = (
                    datetime.combine(day, time.fromisoformat(one[end]), COLOMBIA) for end in ("starts", "ends")
                )
                yield starts, ends
