"""How long the log keeps what: partitions of a day, made ahead, and given up when they are too old, or too much.

The log may fill no disk that the flow needs: beyond so many bytes, or with so little left of the disk where the
database lies, it gives up its oldest day, and the next, but never today's.
"""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from psycopg import sql

from messaging.database import Connection
from messaging.log import fields

log = logging.getLogger("ruta.monitor")

TABLES: Final = ("message", "outcome", "mention")
AHEAD: Final = 3  # days
FLOW_FOR: Final = timedelta(days=15)
ROWS: Final = 2_000  # of one step
DAYS: Final = """
    select child.relname as name, to_date(right(child.relname, 8), 'YYYYMMDD') as day
    from pg_inherits join pg_class as child on child.oid = inhrelid
    where inhparent = %b::regclass order by day
"""
# What has no partitions and is of a day all the same: an erasure finds it only by what goes with the day.
OF_DAYS: Final = (
    "delete from confidential_message where arrived_at < %b",
    "delete from confidential_outcome where logged_at < %b",
    "delete from failure where logged_at < %b",
)
THERE: Final = "select bool_and(to_regclass(name) is not null) as there from unnest(%b::text[]) as name"
# What has no partitions: a step each, a transaction of its own.
STEPS: Final[Mapping[str, str]] = {
    "flow": f"""
        delete from flow where (minute, source, recipient, type) in (
            select minute, source, recipient, type from flow where minute < %b order by minute limit {ROWS})
    """,
    "flow_hour": f"""
        delete from flow_hour where (hour, source, recipient, type) in (
            select hour, source, recipient, type from flow_hour where hour < %b order by hour limit {ROWS})
    """,
    "flow_failed": f"""
        delete from flow_failed where (minute, source, service, type) in (
            select minute, source, service, type from flow_failed where minute < %b order by minute limit {ROWS})
    """,
    "refused_beyond": f"""
        delete from refused_beyond where (minute, entrance, organisation, code) in (
            select minute, entrance, organisation, code from refused_beyond where minute < %b
            order by minute limit {ROWS})
    """,
    "failure": f"""
        delete from failure where ctid in (select ctid from failure where logged_at < %b limit {ROWS})
    """,
    "confidential_message": f"""
        delete from confidential_message where ctid in (
            select ctid from confidential_message where arrived_at < %b limit {ROWS})
    """,
    "confidential_outcome": f"""
        delete from confidential_outcome where ctid in (
            select ctid from confidential_outcome where logged_at < %b limit {ROWS})
    """,
}


class SettingsError(Exception):
    """A setting of the log that cannot be read; says which."""


@dataclass(frozen=True)
class Settings:
    """How much the log keeps."""

    days: int = 90
    most_bytes: int = 40 * 1024**3
    free_percent: float = 10.0
    """Of the disk where the database lies, where that can be seen from here."""
    directory: Path | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Read RUTA_MONITOR_KEEP_DAYS, _KEEP_BYTES, _FREE_PERCENT and MONITOR_DATA_DIRECTORY. Raises SettingsError."""
        directory = environment.get("MONITOR_DATA_DIRECTORY")
        return cls(
            int(_number(environment, "RUTA_MONITOR_KEEP_DAYS", cls.days, 1, 3_650)),
            int(_number(environment, "RUTA_MONITOR_KEEP_BYTES", cls.most_bytes, 1, 2**60)),
            _number(environment, "RUTA_MONITOR_FREE_PERCENT", cls.free_percent, 0, 90),
            Path(directory) if directory else None,
        )


def _number(environment: Mapping[str, str], name: str, otherwise: float, least: float, most: float) -> float:
    try:
        read = float(environment.get(name) or otherwise)
    except ValueError:
        read = float("nan")
    if not least <= read <= most:
        raise SettingsError(f"{name} is no number from {least} to {most}")
    return read


def make_partitions(connection: Connection, now: datetime, days: int = AHEAD) -> None:
    """Make today's partitions and those of the days after it, where they are not there yet, and commit."""
    today = now.astimezone(UTC).date()
    for table in TABLES:
        there = {row["day"] for row in connection.execute(DAYS, (table,)).fetchall()}
        for day in (today + timedelta(days=ahead) for ahead in range(days + 1)):
            if day not in there:
                make_partition(connection, table, day)
    connection.commit()


def see_to(connection: Connection, now: datetime) -> None:
    """Have a day to write to at this time, and the next one, for a batch may end behind midnight.

    A clock that leaps ahead gives days up that are written to again when it is set back. Commits where one was missing.
    """
    today = now.astimezone(UTC).date()
    names = [f"{table}_{day:%Y%m%d}" for table in TABLES for day in (today, today + timedelta(days=1))]
    row = connection.execute(THERE, (names,)).fetchone()
    if row is None or not row["there"]:
        make_partitions(connection, now)


def make_partition(connection: Connection, table: str, day: date) -> None:
    """Make the partition of one day, in the open transaction."""
    connection.execute(
        sql.SQL("create table {} partition of {} for values from ({}) to ({})").format(
            sql.Identifier(f"{table}_{day:%Y%m%d}"),
            sql.Identifier(table),
            sql.Literal(f"{day} 00:00:00+00"),
            sql.Literal(f"{day + timedelta(days=1)} 00:00:00+00"),
        )
    )


def give_up(connection: Connection, now: datetime, settings: Settings) -> list[date]:
    """Give up the days that are too old, and one more where there is too little room; return which, and commit."""
    today = now.astimezone(UTC).date()
    gone = [day for day in days(connection) if day <= today - timedelta(days=settings.days)]
    if not gone and is_short_of_room(connection, settings):
        gone = [day for day in days(connection) if day < today][:1]
        if gone:
            log.warning("there is too little room: the oldest day is given up", extra=fields(what=str(gone[0])))
    for day in gone:
        for table in TABLES:
            connection.execute(sql.SQL("drop table if exists {}").format(sql.Identifier(f"{table}_{day:%Y%m%d}")))
        for statement in OF_DAYS:
            connection.execute(statement, (datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1),))
        connection.commit()
    return gone


def days(connection: Connection) -> list[date]:
    """The days that the log has, the oldest first."""
    found = [row["day"] for row in connection.execute(DAYS, ("message",)).fetchall()]
    connection.commit()
    return found


def is_short_of_room(connection: Connection, settings: Settings) -> bool:
    """Whether the log takes more room than it may, or too little is left of its disk."""
    row = connection.execute("select pg_database_size(current_database()) as bytes").fetchone()
    connection.commit()
    assert row is not None
    if row["bytes"] > settings.most_bytes:
        return True
    if settings.directory is None or not settings.directory.exists():
        return False
    disk = shutil.disk_usage(settings.directory)
    return disk.free < disk.total * settings.free_percent / 100


def tidy(connection: Connection, now: datetime, settings: Settings) -> None:
    """Delete what is too old of the tables that have no partitions, a step each, and commit."""
    oldest = now - timedelta(days=settings.days)
    for step, statement in STEPS.items():
        before = max(oldest, now - FLOW_FOR) if step.startswith("flow") else oldest
        connection.execute(statement, (before,))
        connection.commit()
