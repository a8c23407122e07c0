"""Days, hours and moments, as Colombia writes them: the day before the month, and its own zone all year round."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Final

from tools.values import UnreadableValue

HERE: Final = timezone(timedelta(hours=-5))  # Colombia
NOON: Final = 12  # hours

_YEAR_FIRST: Final = r"(?P<year>[0-9]{4})(?P<mark>[-/.])(?P<month>[0-9]{1,2})(?P=mark)(?P<day>[0-9]{1,2})"
_DAY_FIRST: Final = r"(?P<day>[0-9]{1,2})(?P<mark>[-/.])(?P<month>[0-9]{1,2})(?P=mark)(?P<year>[0-9]{4})"
_DAYS: Final = (re.compile(_YEAR_FIRST), re.compile(_DAY_FIRST))
_HOUR: Final = re.compile(
    r"(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?)?"
    r"(?: ?(?P<half>[ap]) ?[.]? ?m[.]?| ?(?P<noon>m)[.]?)?"
    r"(?: ?(?P<zone>Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?))?",
    re.IGNORECASE,
)
# Between a day and its hour stands a T, a blank or a comma; and `a las`, as people say it.
_MOMENT: Final = re.compile(
    r"(?P<day>[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4})(?:(?P<iso>T)|,? (?:a las? )?)(?P<hour>[0-9].*)", re.I
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A day in Colombia, and the hour there where the text says one."""

    day: date
    hour: time | None


def day(text: str) -> date:
    """Read 2026-03-07 or 7/3/2026, and nothing besides; raise UnreadableValue("bad_date")."""
    found = next(filter(None, (pattern.fullmatch(_tidy(text)) for pattern in _DAYS)), None)
    try:
        if found is not None:
            return date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        pass
    raise UnreadableValue("bad_date")


def month_first(text: str) -> bool | None:
    """Whether a day can only have its month first (True), or only its day (False); None: either, or neither."""
    found = _DAYS[1].match(_tidy(text))
    if found is None:
        return None
    one, other = int(found["day"]), int(found["month"])
    return None if (one > NOON) == (other > NOON) else other > NOON


def is_ambiguous(text: str) -> bool:
    """Whether a day is another one when its month is taken to come first."""
    found = _DAYS[1].match(_tidy(text))
    return found is not None and found["day"].lstrip("0") != found["month"].lstrip("0") and month_first(text) is None


def hour(text: str) -> time:
    """Read 14:30 or 2:30 p. m. on Colombia's clock; raise UnreadableValue("bad_hour").

    Seconds are dropped. One of another zone is turned, unless that would make it another day's.
    """
    said, zone = _hour(_tidy(text))
    if zone is None or zone == HERE.utcoffset(None):
        return said
    here = datetime.combine(date(2000, 1, 2), said, timezone(zone)).astimezone(HERE)
    if here.date() != date(2000, 1, 2):
        raise UnreadableValue("bad_hour")
    return here.time()


def moment(text: str) -> Moment:
    """Read a day, or a day and an hour; raise UnreadableValue("bad_date").

    With a zone it is turned into Colombia's time. Midnight without a zone is a day's own, as tools write it;
    midnight of UTC may be a day or the evening before it, and is refused.
    """
    found = _MOMENT.fullmatch(_tidy(text))
    if found is None:
        return Moment(day(text), None)
    on = day(found["day"])
    try:
        said, zone = _hour(found["hour"], exact=found["iso"] is not None)
        if zone is None:
            return Moment(on, None if said == time() else said)
        if zone != HERE.utcoffset(None) and said == time():
            raise UnreadableValue("bad_date")
        here = datetime.combine(on, said, timezone(zone)).astimezone(HERE)
    except (UnreadableValue, OverflowError):
        raise UnreadableValue("bad_date") from None
    return Moment(here.date(), here.time())


def birth_date(text: str) -> date:
    """Read the day of a birth; raise UnreadableValue("bad_date").

    Tools write it with midnight, here or of UTC. Any other hour is a moment that was turned, and the day may be the one
    before.
    """
    found = _MOMENT.fullmatch(_tidy(text))
    if found is None:
        return day(text)
    try:
        said, zone = _hour(found["hour"], exact=found["iso"] is not None)
    except UnreadableValue:
        raise UnreadableValue("bad_date") from None
    if said != time() or zone not in (None, timedelta(), HERE.utcoffset(None)):
        raise UnreadableValue("bad_date")
    return day(found["day"])


def _hour(text: str, *, exact: bool = False) -> tuple[time, timedelta | None]:
    """Return an hour as it is written, to the minute, and its zone's distance from UTC.

    `exact`: a machine wrote it. Otherwise `9:00-11:00` is from nine to eleven, unless seconds show that no person did.
    """
    found = _HOUR.fullmatch(text)
    if found is None or (found["minute"] is None and found["half"] is None and found["noon"] is None):
        raise UnreadableValue("bad_hour")
    hours, minutes, seconds = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    if (found["zone"] or "").startswith(("+", "-")) and not (exact or found["second"]):
        raise UnreadableValue("bad_hour")
    if found["noon"] and (hours, minutes, seconds) != (NOON, 0, 0):  # `12 m.` is noon, and there is no other
        raise UnreadableValue("bad_hour")
    if found["half"]:
        if not 1 <= hours <= NOON:
            raise UnreadableValue("bad_hour")
        hours = hours % NOON + (NOON if found["half"] in "pP" else 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise UnreadableValue("bad_hour")
    return time(hours, minutes), _zone(found["zone"])


def _zone(text: str | None) -> timedelta | None:
    if text is None:
        return None
    if text.upper() in ("Z", "UTC", "GMT"):
        return timedelta()
    digits = text[1:].replace(":", "")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    if ahead > timedelta(hours=14):
        raise UnreadableValue("bad_hour")
    return -ahead if text[0] == "-" else ahead


def _tidy(text: str) -> str:
    return " ".join(text.split())
