"""What no clock, no plan, no day and no place can be, the same for every service. Services' rules call these.

Whoever mistypes a year or a municipality hears of it at once: what is counted or waited for by it is wrong for years.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from contracts.deadlines import AWAY_AT_MOST, Absence
from contracts.places import places
from messaging.answers import Refused

CLOCKS_DIFFER: Final = timedelta(hours=1)
"""A sender's clock may be that far ahead of this machine's."""
AHEAD_AT_MOST: Final = timedelta(days=730)
"""What is planned lies no further ahead; the longest estimate that a waiting list may have is as long."""
BACK_AT_MOST: Final = timedelta(days=10 * 365)
"""What happened, and is told now, lies no further back."""

_A_DAY: Final = timedelta(hours=36)  # how far from its midnight in Greenwich a day is still under way somewhere


def check_planned(when: datetime | date | None, *, now: datetime) -> None:
    """Refuse a plan of more than two years ahead (`too_far_ahead`), or of ten years ago (`too_long_ago`)."""
    if when is None:
        return
    if _moment(when) > now + AHEAD_AT_MOST + _leeway(when):
        raise Refused("too_far_ahead")
    check_not_long_ago(when, now=now)


def check_not_long_ago(when: datetime | date, *, now: datetime) -> None:
    """Refuse what is said to have happened more than ten years ago (`too_long_ago`)."""
    if _moment(when) < now - BACK_AT_MOST - _leeway(when):
        raise Refused("too_long_ago")


def check_not_before(when: datetime | date | None, earliest: datetime, *, code: str) -> None:
    """Refuse what is planned for before what it builds on; a day may be the day of `earliest` anywhere."""
    if when is not None and _moment(when) < earliest - _leeway(when):
        raise Refused(code)


def check_absence(began_at: datetime, ended_at: datetime, *, now: datetime) -> Absence:
    """Refuse an absence that no process could have had (`absence_impossible`), or of ten years ago; else return it."""
    lasted = ended_at - began_at
    if not timedelta() < lasted <= AWAY_AT_MOST or ended_at > now + CLOCKS_DIFFER:
        raise Refused("absence_impossible", "data.ended_at")
    check_not_long_ago(began_at, now=now)
    return began_at, ended_at


def check_zones(zones: Iterable[str | None]) -> None:
    """Refuse a municipality that DIVIPOLA does not have (`zone_unknown`); None is no municipality."""
    if not all(zone is None or zone in places() for zone in zones):
        raise Refused("zone_unknown")


def _moment(when: datetime | date) -> datetime:
    return when if isinstance(when, datetime) else datetime(when.year, when.month, when.day, tzinfo=UTC)


def _leeway(when: datetime | date) -> timedelta:
    return timedelta() if isinstance(when, datetime) else _A_DAY
