"""Whether the clocks agree by which the network decides: this machine's, PostgreSQL's, the broker's and the senders'.

A hub whose clock is a day slow refuses what is right, for good; one a day fast escalates what is not due yet.
No clock knows that it is wrong. So they are compared, and while two of them are further apart than APART no timed step
is taken, and what one of them would let pass and another would not waits (messaging/runtime.py).

What is compared is the machines' clocks, without the offset by which tests and the demo move the network's time
(messaging/clock.py). Where that is in use senders are not compared: they say what time it is in the days that are
played, months from each other, and not all of them read the offset.

Each clock is kept as its distance from this machine's steady clock, which counts seconds and is never set. So when this
process's clock is set, or leaps, it is known at once and without asking anybody.
"""

import http.client
import os
import ssl
import time
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from statistics import median
from urllib.parse import urlsplit

from messaging import clock
from messaging.database import Connection
from messaging.health import health

APART = 300.0  # seconds; less than that is nobody's mistake, and no deadline of the network is as short
COMPARE_EVERY = 20.0  # seconds
COMPARE_AGAIN = 2.0  # seconds while they are apart
BROKER_WITHIN = 3.0  # seconds for the broker to say what time it is
SENDERS_AT_LEAST = 3  # of fewer, one that is wrong would be half of them
HEARD_WITHIN = 900.0  # seconds; what a sender's clock said before that is forgotten


class Clocks:
    """What a process knows of other clocks. Its methods may be called from any thread."""

    def __init__(self, broker_urls: str = "") -> None:
        """`broker_urls`: the management addresses of the broker, without a user, by commas; any of them will do."""
        first, *others = [url.strip() for url in broker_urls.split(",")]
        self._broker_urls = [first, *(url if "://" in url else f"{urlsplit(first).scheme}://{url}" for url in others)]
        self._database: float | None = None
        self._broker: float | None = None
        self._senders: dict[str, tuple[float, float]] = {}  # by source: when its last message came, and its clock
        self._compared_at: float | None = None
        self._were_apart = False

    @classmethod
    def from_environment(cls) -> "Clocks":
        """Compare with the broker where RUTA_BROKER_CLOCK_URL says."""
        return cls(os.environ.get("RUTA_BROKER_CLOCK_URL", ""))

    def heard(self, source: str, said_at: datetime) -> None:
        """Note the time that stands in a message which has just come, for the first time, from an organisation.

        The last one of each counts: of what has stood in a queue for long the end is as new as any.
        """
        if not clock.is_moved():
            now = _steady()
            self._senders[source] = now, said_at.timestamp() - now

    @property
    def compared(self) -> bool:
        """Whether they have been compared yet."""
        return self._compared_at is not None

    def is_due(self) -> bool:
        """Tell whether it is time to compare: at first, now and then, and often while they are apart."""
        if self._compared_at is None:
            return True
        wait = COMPARE_AGAIN if self._were_apart or self.others() else COMPARE_EVERY
        return _steady() - self._compared_at > wait

    def compare(self, connection: Connection | None) -> None:
        """Ask PostgreSQL, by a connection in autocommit, and the broker what time it is; say how far all are apart.

        Raises DatabaseLost errors. A broker that does not tell is not compared: that is no reason to stand still.
        """
        if connection is not None:
            self._database = _ask_database(connection)
        self._compared_at = _steady()
        self._broker = next(filter(None, map(_ask_broker, filter(None, self._broker_urls))), None)
        health.clocks = {name: None if by is None else round(by, 1) for name, by in self._ahead().items()}
        self._were_apart = bool(self.others())
        if self._were_apart:
            far = ", ".join(f"{name} {by:+.0f} s" for name, by in health.clocks.items() if by is not None)
            health.say("clocks", "clocks_apart", f"this process's clock is ahead of: {far}")
        else:
            health.over("clocks")

    def agree(self) -> bool:
        """Tell whether they have been compared and are not apart."""
        return self.compared and not self.others()

    def others(self) -> list[timedelta]:
        """Return how far ahead of this process's clock the slowest and the fastest are; empty where all agree."""
        ahead = [0.0, *(-by for by in self._ahead().values() if by is not None)]
        if max(ahead) - min(ahead) <= APART:
            return []
        return [timedelta(seconds=by) for by in (min(ahead), max(ahead)) if by]

    def _ahead(self) -> dict[str, float | None]:
        """How many seconds this process's clock is ahead of each of the others."""
        ours = clock.machine_now().timestamp() - _steady()
        theirs = {"database": self._database, "broker": self._broker, "senders": self._middle_sender()}
        return {name: None if one is None else ours - one for name, one in theirs.items()}

    def _middle_sender(self) -> float | None:
        """The clock in the middle of those heard lately: few that are wrong, or lie, are never it."""
        since = _steady() - HEARD_WITHIN
        lately = [said for heard_at, said in list(self._senders.values()) if heard_at >= since]
        return median(lately) if len(lately) >= SENDERS_AT_LEAST else None


def _steady() -> float:
    """Seconds by the clock that is never set, and goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _ask_database(connection: Connection) -> float:
    began = _steady()
    row = connection.execute("select extract(epoch from clock_timestamp())::float8 as now").fetchone()
    assert row is not None
    return float(row["now"]) - (began + _steady()) / 2  # it looked at its clock half-way


def _ask_broker(url: str) -> float | None:
    """Read the time in the head of any answer of the broker's management, in whole seconds; None where it has none."""
    try:
        server = urlsplit(url)
        if server.scheme == "https":
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                server.hostname or "", server.port, timeout=BROKER_WITHIN, context=ssl.create_default_context()
            )
        else:
            connection = http.client.HTTPConnection(server.hostname or "", server.port, timeout=BROKER_WITHIN)
        try:
            connection.request("HEAD", "/")
            said = connection.getresponse().getheader("Date")
        finally:
            connection.close()
        return None if said is None else parsedate_to_datetime(said).timestamp() - _steady()
    except (OSError, http.client.HTTPException, ValueError):
        return None
