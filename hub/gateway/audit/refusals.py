"""Appends what was refused, a minute at a time: the counts of `refusal_count`, each once.

In a thread of the courier's process, on a connection of its own that lasts as long as one look: no message waits for
it, and while the database, the key or the disk is not there, counts wait in their table. A count and that it was
appended are one transaction, and who appends has the chain's lock, so nothing is there twice however many couriers
stand by, and whenever one is killed.
"""

import logging
import threading
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Final

from hub.gateway.audit import keys, store
from hub.gateway.audit.store import Act
from messaging import database
from messaging.database import Connection
from messaging.health import health
from messaging.log import describe, fields

log = logging.getLogger("ruta.audit")

PART: Final = "audit"
ACTOR: Final = "gateway"
LOOK_EVERY: Final = 60.0  # seconds
STANDS_AFTER: Final = 120.0  # seconds until it is reported that a look does not come to its end
ROWS: Final = 500  # of one transaction

# A minute is closed when it is over by the database's clock, and what was counted in it has been written. One that lies
# far ahead is of a clock that stands wrong, or of a demo: it is taken as it is. What comes late is appended by itself.
CLOSED: Final = f"""
    select organisation, code, entrance, minute, count - audited as count, first_message
    from refusal_count
    where count > audited
      and minute not between clock_timestamp() - interval '2 minutes' and clock_timestamp() + interval '5 minutes'
    order by minute, organisation, code, entrance
    limit {ROWS} for update skip locked
"""
TAKEN: Final = """
    update refusal_count set audited = audited + taken.count
    from unnest(%b::text[], %b::text[], %b::text[], %b::timestamptz[], %b::bigint[])
         as taken(organisation, code, entrance, minute, count)
    where (refusal_count.organisation, refusal_count.code, refusal_count.entrance, refusal_count.minute)
        = (taken.organisation, taken.code, taken.entrance, taken.minute)
"""
MINE: Final = "select pg_try_advisory_xact_lock(%s) as mine"


def step(connection: Connection, sign: Callable[[bytes], bytes]) -> int:
    """Append some of what is closed, and commit; return how many entries that were. 0 too where another appends."""
    mine = connection.execute(MINE, (store.THE_CHAIN,)).fetchone()
    rows = connection.execute(CLOSED).fetchall() if mine is not None and mine["mine"] else []
    if rows:
        acts = [
            Act(
                ACTOR,
                "refused",
                row["organisation"],
                {
                    "code": row["code"],
                    "entrance": row["entrance"],
                    "minute": row["minute"].astimezone(UTC).isoformat(timespec="minutes"),
                    "count": row["count"],
                    "first_message": str(row["first_message"]) if row["first_message"] else None,
                },
            )
            for row in rows
        ]
        store.append(connection, acts, sign)
        columns = ("organisation", "code", "entrance", "minute", "count")
        connection.execute(TAKEN, [[row[column] for row in rows] for column in columns])
    commit(connection)
    return len(rows)


def commit(connection: Connection) -> None:
    """Commit. A function of its own, so that the tests can stop a process here."""
    connection.commit()


class Appending:
    """The thread's loop."""

    def __init__(self, database_url: str, directory: Path) -> None:
        """`directory` has the key, and the copy of the checkpoints."""
        self._database_url = database_url
        self._directory = directory
        self._stop = threading.Event()

    def stop(self) -> None:
        """Let `run` return."""
        self._stop.set()

    def run(self) -> None:
        """Append once a minute until stopped, whatever is away meanwhile.

        This is no part that the process's heartbeat waits for: where a disk hangs, the courier goes on, and says so.
        """
        wait = 0.0
        while not self._stop.wait(wait):
            wait = LOOK_EVERY
            stands = threading.Timer(STANDS_AFTER, health.say, (PART, "no_answer"))
            stands.daemon = True
            stands.start()
            self.look()
            stands.cancel()
            stands.join()

    def look(self) -> None:
        """Append all that is closed, and copy the checkpoints; what keeps it from that is said, and nothing is lost."""
        try:
            sign = keys.signer(self._directory)
            with database.connect(self._database_url) as connection:
                while step(connection, sign) and not self._stop.is_set():
                    pass
                store.copy(connection, self._directory)
        except database.DatabaseLost as error:  # the courier itself says that it is away
            log.warning("the database is away", extra=fields(process=PART, error=describe(error)))
        except Exception as error:  # the key, the disk, or a mistake of ours: it keeps nobody's messages
            log.warning("this failed, and is tried again", extra=fields(process=PART, error=describe(error)))
            health.say(PART, "unwritten", describe(error))
        else:
            health.over(PART)
