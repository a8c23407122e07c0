"""Who talks to whom: in the last hour, and in an hour of the week before that on the average; and what of it failed.

    talks(connection, now)      -> Talks

It is read from what is counted while the log is written (counting.py): no message is looked at, however many there are.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from hub.monitor.log.counting import BEHIND, NOBODY
from messaging.database import Connection

HOUR: Final = timedelta(hours=1)
WEEK: Final = 168  # hours

COUNTED: Final = "select since, until, behind_at from counted"
TALKS: Final = """
    with hour as (
        select source, recipient, type, sum(count)::bigint as count from flow
        where minute >= %(hour)s group by source, recipient, type
    ), week as (
        select source, recipient, type, sum(count)::bigint as count from flow_hour
        where hour >= %(week)s and hour < %(before)s group by source, recipient, type
    )
    select source, recipient, type, coalesce(hour.count, 0) as last_hour, coalesce(week.count, 0) as week
    from hour full join week using (source, recipient, type) order by source, recipient, type
"""
FAILED: Final = """
    select source, service, type, sum(count)::bigint as count from flow_failed
    where minute >= %(hour)s group by source, service, type order by source, service, type
"""


@dataclass(frozen=True, slots=True)
class Talk:
    """What somebody says to whom: `-` as the recipient for the hub's services, as the source in confidential cases."""

    source: str
    recipient: str
    type: str
    last_hour: int
    week: int
    """In `Talks.hours`."""


@dataclass(frozen=True, slots=True)
class Failed:
    """What a service, or admission (`gateway`), has refused or put aside in the last hour."""

    source: str
    service: str
    type: str
    count: int


@dataclass(frozen=True, slots=True)
class Talks:
    """All of it, as far as it is counted."""

    talks: tuple[Talk, ...]
    failed: tuple[Failed, ...]
    until: datetime | None
    """When nothing waited to be counted; None where nothing was ever counted."""
    is_now: bool
    """Whether what was said in the last hour is counted; what waits to be may be anything."""
    behind_at: datetime | None
    """Within the last hour, until when the log was behind: what was said before that counts in it, too."""
    hours: int
    """Of the week before, in which it was counted; 0: what was said then nobody knows."""


def talks(connection: Connection, now: datetime) -> Talks:
    """Return who has talked to whom in the sixty minutes until `now`, and in the whole hours of the week before."""
    hour = (now.astimezone(UTC) - HOUR).replace(second=0, microsecond=0) + timedelta(minutes=1)
    before = hour.replace(minute=0)
    week = before - WEEK * HOUR
    params = {"hour": hour, "before": before, "week": week}
    row = connection.execute(COUNTED).fetchone()
    if row is None:
        return Talks((), (), None, False, None, 0)
    behind = row["behind_at"]
    return Talks(
        tuple(Talk(**one) for one in connection.execute(TALKS, params).fetchall()),
        tuple(Failed(**one) for one in connection.execute(FAILED, params).fetchall()),
        row["until"],
        now - row["until"] <= BEHIND,
        behind if behind is not None and behind > hour else None,
        max((before - max(row["since"], week)) // HOUR, 0),
    )


def services_of(talk: Talk, reads: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The services that it comes to, where it goes to no organisation; `reads` says by name what each reads."""
    name = talk.type.rpartition(".v")[0]
    return tuple(sorted(service for service, read in reads.items() if name in read)) if talk.recipient == NOBODY else ()
