"""The hours of a schedule that is the same every week, for good, on Colombia's clocks."""

import re
from datetime import date, datetime
from typing import Any, Final

import contracts
from tools.directory.record import Record

UTC_OFFSET: Final = -5  # hours, of Colombia, all year round
DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# What else than byday picks days out of weeks; HSDS lacks the last two, which iCalendar has and exports bring along.
OTHER_DAYS: Final = ("bymonthday", "byweekno", "byyearday", "bymonth", "bysetpos")
MINUTES_A_DAY: Final = 24 * 60
_TIME: Final = re.compile(
    "(?P<hour>[01]?[0-9]|2[0-3]):(?P<minute>[0-5][0-9])(:00([.]0+)?)?"
    "(?P<zone>[Zz]|(?P<sign>[+-])(?P<ahead>0[0-9]|1[0-4])(:?(?P<more>[0-5][0-9]))?)?"
)


class NotEveryWeekError(Exception):
    """A schedule is not so many hours on the same days of every week; the text says why."""


def read_hours(schedule: Record, *, today: date | None) -> contracts.OpeningHours:
    """Read a schedule; raises NotEveryWeekError for one that ends, has not begun by `today`, or is not weekly.

    The contract knows neither a period nor a number of times: what holds for some weeks would be told of all.
    """
    for name in ("valid_to", "until", "count", *OTHER_DAYS):
        if schedule.peek(name) is not None:
            raise NotEveryWeekError(f"{name} says that it is not for every week")
    for name in ("valid_from", "dtstart"):
        if (begins := schedule.take(name)) is not None and not _has_begun(begins, today):
            raise NotEveryWeekError(f"{name} does not say that it has begun")
    freq, interval = schedule.take("freq"), schedule.take("interval")
    if not isinstance(freq, str) or freq.strip().upper() != "WEEKLY":
        raise NotEveryWeekError("freq is not WEEKLY")
    if isinstance(interval, bool) or interval not in (None, 1):
        raise NotEveryWeekError("interval is not 1")
    schedule.plain("wkst")  # says nothing where every week counts
    return _hours(schedule)


def _hours(schedule: Record) -> contracts.OpeningHours:
    days = _days(schedule.take("byday"))
    zone = _zone(schedule.take("timezone"))
    opens, earlier = _at(schedule.take("opens_at"), zone)
    closes, _ = _at(schedule.take("closes_at"), zone)
    shifted = tuple(DAYS[(DAYS.index(day) + earlier) % len(DAYS)] for day in days)
    return contracts.OpeningHours(days=shifted, opens=opens, closes=closes)  # type: ignore[arg-type]


def _days(byday: Any) -> tuple[str, ...]:
    days = [day.strip().upper() for day in byday.split(",")] if isinstance(byday, str) else []
    if not days or not set(days) <= set(DAYS):
        raise NotEveryWeekError("byday names no days of every week")
    return tuple(dict.fromkeys(days))


def _zone(timezone: Any) -> float | None:
    """Return how many minutes a schedule's clock is ahead of UTC's, where it says so."""
    if timezone is None:
        return None
    if isinstance(timezone, bool) or not isinstance(timezone, int | float) or not -12 <= timezone <= 14:
        raise NotEveryWeekError("timezone is no number of hours from UTC")
    return timezone * 60


def _at(said: Any, zone: float | None) -> tuple[str, int]:
    """Return a time on Colombia's clocks, and by how many days its date there differs.

    Without any zone it is meant as it is read on the wall.
    """
    time = _TIME.fullmatch(said.strip()) if isinstance(said, str) else None
    if time is None:
        raise NotEveryWeekError("opens_at or closes_at is no time of day")
    ahead = zone
    if time["zone"]:
        ahead = 0
        if time["sign"]:
            ahead = (int(time["ahead"]) * 60 + int(time["more"] or 0)) * (-1 if time["sign"] == "-" else 1)
        if zone not in (None, ahead):
            raise NotEveryWeekError("timezone and a time's own zone contradict each other")
    minutes = int(time["hour"]) * 60 + int(time["minute"])
    if ahead is not None:
        minutes += UTC_OFFSET * 60 - round(ahead)
    days, minute = divmod(minutes, MINUTES_A_DAY)
    return f"{minute // 60:02}:{minute % 60:02}", days


def _has_begun(said: Any, today: date | None) -> bool:
    try:
        begins = datetime.fromisoformat(said).date()
    except (TypeError, ValueError):
        return False
    return today is not None and begins <= today
