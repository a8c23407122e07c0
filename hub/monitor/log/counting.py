"""How much came, and how much of it failed, kept in the transaction in which it is written: by minutes and hours.

Of confidential cases their family is counted alone, with the service where something failed. What shows later to be of
one has been counted under its names: `hide` takes it from there.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from hub.monitor.log.entries import Logged, Outcome, family
from hub.monitor.log.reading import FAILED
from messaging.database import Connection

NOBODY: Final = "-"  # in place of an organisation that the log does not show
BEHIND: Final = timedelta(minutes=1)  # for so long what comes may wait for the log, and counts still say what is now

Key = tuple[datetime, str, str, str]
"""A minute; who says it; for whom it is, or which service has failed with it; its type."""

FLOW: Final = """
    insert into flow as known (minute, source, recipient, type, count, bytes)
    select * from unnest(%b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::bigint[], %b::bigint[])
    on conflict (minute, source, recipient, type)
    do update set count = known.count + excluded.count, bytes = known.bytes + excluded.bytes
"""
HOUR: Final = """
    insert into flow_hour as known (hour, source, recipient, type, count)
    select * from unnest(%b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::bigint[])
    on conflict (hour, source, recipient, type) do update set count = known.count + excluded.count
"""
FAILURES: Final = """
    insert into flow_failed as known (minute, source, service, type, count)
    select * from unnest(%b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::bigint[])
    on conflict (minute, source, service, type) do update set count = known.count + excluded.count
"""
# A row of 0 would still say that something was there; one below, that it was too old to be counted any more.
NO_MORE: Final = (
    "delete from flow where count <= 0 and minute = any(%b::timestamptz[])",
    "delete from flow_hour where count <= 0 and hour = any(%b::timestamptz[])",
    "delete from flow_failed where count <= 0 and minute = any(%b::timestamptz[])",
)
COUNTED: Final = """
    insert into counted as known (since, until) values (%(now)s, %(now)s)
    on conflict (id) do update set until = excluded.until,
        behind_at = case when excluded.until - known.until > %(behind)s then excluded.until else known.behind_at end
"""


def key_of(at: datetime, source: str, other: str | None, type: str | None) -> Key:
    """Under what something is counted that came, or failed, then."""
    return _minute(at), source, other or NOBODY, type or NOBODY


def hidden(key: Key, *, service: bool = False) -> Key:
    """Under what the same is counted of a confidential case; of what failed the `service` is still said."""
    minute, _, other, type = key
    return minute, NOBODY, other if service else NOBODY, family(type) or NOBODY


def count(connection: Connection, new: Mapping[datetime, Logged]) -> None:
    """Count what is new, by when it arrived; what admission has refused has not passed."""
    counts, sizes = Counter[Key](), Counter[Key]()
    for at, one in new.items():
        if one.kind == "passed":
            key = key_of(at, one.source, one.recipient, one.type)
            key = hidden(key) if one.confidential else key
            counts[key] += 1
            sizes[key] += one.size or 0
    _add(connection, counts, sizes)


def count_failed(connection: Connection, said: Iterable[Outcome], now: datetime) -> None:
    """Count what services, or admission, have just said that failed."""
    failed = Counter[Key]()
    for one in said:
        if one.state in FAILED:
            key = key_of(now, one.organisation or NOBODY, one.service, one.type)
            failed[hidden(key, service=True) if one.confidential else key] += 1
    _add_failed(connection, failed)


def hide(connection: Connection, came: Iterable[tuple[Key, int]], failed: Iterable[Key]) -> None:
    """Count under a confidential case's name what was counted under others: what came, with its bytes, and failed."""
    counts, sizes = Counter[Key](), Counter[Key]()
    for key, size in came:
        for one, times in ((key, -1), (hidden(key), 1)):
            counts[one] += times
            sizes[one] += times * size
    _add(connection, counts, sizes)
    moved = Counter[Key]()
    for key in failed:
        moved[key] -= 1
        moved[hidden(key, service=True)] += 1
    _add_failed(connection, moved)
    minutes = sorted({key[0] for key in (*counts, *moved)})
    hours = sorted({_hour(one) for one in minutes})
    for statement, moments in zip(NO_MORE, (minutes, hours, minutes), strict=True):
        connection.execute(statement, (moments,))


def say_whole(connection: Connection, now: datetime) -> None:
    """Say that nothing waits to be counted now, and commit."""
    connection.execute(COUNTED, {"now": now, "behind": BEHIND})
    connection.commit()


def _add(connection: Connection, counts: Counter[Key], sizes: Counter[Key]) -> None:
    hours = Counter[Key]()
    for (minute, source, other, type), many in counts.items():
        hours[_hour(minute), source, other, type] += many
    if counts:
        keys = sorted(counts)
        columns = [list(column) for column in zip(*keys, strict=True)]
        connection.execute(FLOW, (*columns, [counts[key] for key in keys], [sizes[key] for key in keys]))
        connection.execute(HOUR, _columns(hours))


def _add_failed(connection: Connection, failed: Counter[Key]) -> None:
    if failed:
        connection.execute(FAILURES, _columns(failed))


def _columns(counts: Counter[Key]) -> list[list[object]]:
    keys = sorted(counts)
    return [*(list(column) for column in zip(*keys, strict=True)), [counts[key] for key in keys]]


def _minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def _hour(minute: datetime) -> datetime:
    return minute.replace(minute=0)
