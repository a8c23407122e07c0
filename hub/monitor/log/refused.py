"""What the entrance by HTTP has refused: read where the gateway keeps it (`operators.refused`), written into the log.

By AMQP a refusal is a message to its sender, and passes the log's queue. By HTTP it is the answer to a request: the
entrance publishes nothing of it, and waits for nobody. A thread reads what is new in the gateway's database, by a login
that sees that view alone; whoever writes the log takes it from there, and writes it in one transaction with how far was
read. So each is there once, whatever is killed; and while the log is away, or that database, refusals wait in a table.
"""

import logging
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import psycopg

from hub.monitor.log import entries, writing
from hub.monitor.log.entries import Beyond, Logged
from messaging import database
from messaging.broker import backoff
from messaging.database import Connection, Row
from messaging.log import describe, fields

log = logging.getLogger("ruta.monitor")

SOURCE: Final = "gateway"
LOOK_EVERY: Final = 1.0  # seconds
ROWS: Final = 500  # of one look, and of one transaction of the log

# Where the gateway's database was restored from a copy it has fewer for a while; what comes then has numbers by the
# clock, behind all that was read (hub/gateway/http/refusals.py).
LAST: Final = "select coalesce(max(number), 0) as last from operators.refused"
NEXT: Final = f"select * from operators.refused where number > %s order by number limit {ROWS}"
READ_UP_TO: Final = "select number from read_up_to where source = %s"
NOTE: Final = """
    insert into read_up_to (source, number) values (%s, %s)
    on conflict (source) do update set number = excluded.number
"""


class Reading:
    """One thread that reads; whoever writes the log says where it begins, and takes what there is."""

    def __init__(self, gateway_database_url: str) -> None:
        self._database_url = gateway_database_url
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._up_to: int | None = None  # None: nobody here writes the log
        self._rows: list[Row] = []

    def stop(self) -> None:
        """Let `run` return."""
        self._stop.set()

    def begin(self, up_to: int) -> None:
        """Read what stands behind a number; what was read and not written is read again."""
        with self._lock:
            self._up_to, self._rows = up_to, []

    def there(self) -> Sequence[Row]:
        """What was read and is to be written."""
        return self._rows

    def written(self, rows: Sequence[Row]) -> None:
        """Go on behind what was there, for it is written."""
        self.begin(rows[-1]["number"])

    def run(self) -> None:
        """Read until stopped, through every absence of the gateway's database."""
        attempt = 0
        while not self._stop.is_set():
            try:
                with database.connect(self._database_url) as connection:
                    while not self._stop.wait(LOOK_EVERY):
                        self.look(connection)
                        attempt = 0
            except psycopg.Error as error:
                log.warning("what was refused by HTTP is not known", extra=fields(error=describe(error)))
            if self._stop.wait(backoff(attempt)):
                return
            attempt += 1

    def look(self, connection: Connection) -> None:
        """Read what is new, unless what was read before still waits."""
        up_to = self._up_to
        if up_to is None or self._rows:
            return
        row = connection.execute(LAST).fetchone()
        assert row is not None
        rows = connection.execute(NEXT, (min(up_to, row["last"]),)).fetchall() if row["last"] > up_to else []
        connection.commit()
        with self._lock:
            if self._up_to == up_to:
                self._up_to, self._rows = min(up_to, row["last"]), rows


def up_to(connection: Connection) -> int:
    """How far was read and written, and commit."""
    row = connection.execute(READ_UP_TO, (SOURCE,)).fetchone()
    connection.commit()
    return int(row["number"]) if row is not None else 0


def write(connection: Connection, rows: Sequence[Row], now: datetime) -> None:
    """Write what was read into the log, in the open transaction."""
    read = [entries.refused_by_http(row) for row in rows]
    singly = [one for one in read if isinstance(one, Logged)]
    writing.write(connection, singly, now, [one for one in read if isinstance(one, Beyond)])
    connection.execute(NOTE, (SOURCE, rows[-1]["number"]))
