"""When the console was away from those who have nothing else to work with, as its processes find out themselves; and as
of when its pages are.

Each says every few seconds that it is there. One that has not said so for longer than `AWAY_AFTER`, because it did not
run, stood still or could not reach its database, says when it comes back from when to when that was. What follows from
it for deadlines stands in store/absences.py.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

from hub.console.hosting import Organisations, decides_here
from messaging import clock, database
from messaging.log import describe, fields

log = logging.getLogger("ruta.presence")

EVERY: Final = 15.0  # seconds
AWAY_AFTER: Final = timedelta(minutes=1)
"""What is shorter nobody notices: a process that is started again."""
READER: Final = "console"
"""The part that fills the tables which pages show."""
STALE_AFTER: Final = timedelta(seconds=40)
"""A page says so where it is older: the read service says how far it is every `EVERY`, and may miss once."""

# Where another process does the same, its word counts; where this one goes on, its own count of time does: a clock that
# was set is nobody's absence.
SAY: Final[LiteralString] = """
    with before as (
        select greatest(seen_at, %(alive_at)s) as began_at from presence where part = %(part)s for update
    ), here as (
        insert into presence (part, seen_at, serves, read_to)
        values (%(part)s, %(now)s, %(serves)s, %(read_to)s)
        on conflict (part) do update set seen_at = excluded.seen_at, serves = excluded.serves,
            read_to = coalesce(excluded.read_to, presence.read_to)
    )
    insert into away (organisation, began_at, ended_at, part)
    select distinct organisation, began_at, %(now)s::timestamptz, %(part)s
    from before, unnest(
        coalesce(%(serves)s::text[], (select array_agg(one) from presence, unnest(serves) as one))
    ) as organisation
    where %(now)s - began_at > %(away_after)s
    on conflict do nothing
"""


# What nobody was told yet, whichever process has noted it.
TELL: Final[LiteralString] = """
    with told as (
        update away set told_at = %(now)s where told_at is null returning organisation, began_at, ended_at
    )
    select began_at, ended_at, array_agg(distinct organisation order by organisation) as organisations
    from told where ended_at - began_at <= %(at_most)s
    group by began_at, ended_at order by ended_at, began_at
"""


# Nothing where the read service has never said it: a page does not know then.
AS_OF: Final[LiteralString] = "select read_to from presence where part = %(part)s and read_to < %(before)s"


def stale_since(connection: database.Connection) -> datetime | None:
    """As of when pages are, where that is longer ago than `STALE_AFTER`; None: they are as of now."""
    values = {"part": READER, "before": clock.now() - STALE_AFTER}
    row = connection.execute(AS_OF, values).fetchone()
    return None if row is None else row["read_to"]


class Presence:
    """That one process is there."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._said_at: float | None = None  # by time.monotonic()

    def values(self, now: datetime, serves: Collection[str] | None, read_to: datetime | None = None) -> dict[str, Any]:
        """What `SAY` is to be told; `said` has to follow. Of whom None is: of those that the other processes serve."""
        ago = None if self._said_at is None else timedelta(seconds=time.monotonic() - self._said_at)
        return {
            "part": self._part,
            "now": now,
            "alive_at": None if ago is None else now - ago,
            "serves": None if serves is None else sorted(serves),
            "away_after": AWAY_AFTER,
            "read_to": read_to,
        }

    def said(self) -> None:
        """It has been said."""
        self._said_at = time.monotonic()

    def say(self, connection: database.Connection, organisations: Organisations) -> None:
        """Say it, and commit. Raises psycopg.Error."""
        serves = [id for id, one in organisations().items() if decides_here(one)]
        connection.execute(SAY, self.values(clock.now(), serves))
        connection.commit()
        self.said()

    def go_on(self, database_url: str, organisations: Organisations, stopping: threading.Event) -> None:
        """Say it again and again, until stopped; while the database is away it is not said."""
        while True:
            self.try_to_say(lambda: database.connect(database_url), organisations)
            if stopping.wait(EVERY):
                return

    def try_to_say(self, connect: Callable[[], Any], organisations: Organisations) -> None:
        """Say it by a connection of one's own, if that can be."""
        try:
            with connect() as connection:
                self.say(connection, organisations)
        except Exception as error:  # it is said the next time
            log.warning("nobody can be told that this process is there", extra=fields(error=describe(error)))
