"""Whether the clocks agree by which the network decides: this machine's, PostgreSQL's, the broker's and the senders'.

A hub whose clock is a day slow refuses what is right, for good; one a day fast escalates what is not due yet.
No clock knows that it is wrong. So they are compared, and while two of them are further apart than APART no timed step
is taken, and what one of them would let pass and another would not waits (messaging/runtime.py).

What is compared is the machines' clocks, without the offset by which tests and the demo move the network's time
(messaging/clock.py). Where that is in use senders are not compared: they say what time it is in the days that are
played, months from each other, and not all of them read the offset.

Each clock is kept as its distance from this machine's steady clock, which counts seconds and is never set. So when this
process's clock is set, or leaps, it is known at once and without asking anybody; and what was learned does not age: a
clock that is wrong is so until it says something else, however long it says nothing.

What senders' clocks say is heard only by the process that reads the queue. It stands in the service's database, too,
for its other processes and for those that come after it.
"""

import http.client
import os
import ssl
import time
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from statistics import median
from typing import NamedTuple
from urllib.parse import urlsplit

from messaging import clock
from messaging.database import Connection
from messaging.health import health

APART = 300.0  # seconds; less than that is nobody's mistake, and no deadline of the network is as short
COMPARE_EVERY = 20.0  # seconds
COMPARE_AGAIN = 2.0  # seconds while they are apart
BROKER_WITHIN = 3.0  # seconds for the broker to say what time it is
SENDERS_AT_LEAST = 3  # of fewer, one that is wrong would be half of them
HEARD_WITHIN = 900.0  # seconds; who speaks for longer is believed anew
NOTED_FROM = 30.0  # seconds by which what senders' clocks say has to change for others to be told

NOTE = """
    insert into senders_clock (ahead) values (%s) on conflict (only_row) do update set ahead = excluded.ahead
"""


class _Sender(NamedTuple):
    """The greatest time that one sender has said, as a distance from the steady clock."""

    heard_at: float  # last
    since: float  # when the stretch of HEARD_WITHIN began in which it speaks
    greatest: float  # in this stretch
    before: float  # in the stretch before this one

    @property
    def clock(self) -> float:
        """What its clock says at least."""
        return max(self.greatest, self.before)


class Clocks:
    """What a process knows of other clocks. Its methods may be called from any thread."""

    def __init__(self, broker_urls: str = "") -> None:
        """`broker_urls`: the management addresses of the broker, without a user, by commas; any of them will do."""
        first, *others = [url.strip() for url in broker_urls.split(",")]
        self._broker_urls = [first, *(url if "://" in url else f"{urlsplit(first).scheme}://{url}" for url in others)]
        self._database: float | None = None
        self._broker: float | None = None
        self._senders: dict[str, _Sender] = {}  # by source
        self._told: float | None = None  # what another process has heard of them
        self._noted: float | None = None  # how far they are ahead of PostgreSQL, as it stands in the database
        self._compared_at: float | None = None
        self._were_apart = False

    @classmethod
    def from_environment(cls) -> "Clocks":
        """Compare with the broker where RUTA_BROKER_CLOCK_URL says."""
        return cls(os.environ.get("RUTA_BROKER_CLOCK_URL", ""))

    def heard(self, source: str, said_at: datetime) -> None:
        """Note the time that stands in a message which has just come, for the first time, from an organisation.

        Its clock says no less than that, and more where the message has lain somewhere: the greatest counts, until the
        sender has spoken for a while (one to two HEARD_WITHIN) and never said as much.
        """
        if clock.is_moved():
            return
        now = _steady()
        said = said_at.timestamp() - now
        known = self._senders.get(source, _Sender(now, now, said, said))
        if now - known.since > HEARD_WITHIN:
            self._senders[source] = _Sender(now, now, said, known.greatest)
        else:
            self._senders[source] = _Sender(now, known.since, max(said, known.greatest), known.before)

    @property
    def is_pressing(self) -> bool:
        """Whether to compare before anything is decided: at first, and when senders' clocks turn out to be apart.

        Then it stands in the database before anything waits for it.
        """
        return self._compared_at is None or (self._news() is not None and bool(self.others()))

    def is_due(self) -> bool:
        """Tell whether it is time to compare: at first, now and then, and often while they are apart."""
        if self._compared_at is None:
            return True
        wait = COMPARE_AGAIN if self._were_apart or self.others() else COMPARE_EVERY
        return _steady() - self._compared_at > wait

    def compare(self, connection: Connection | None) -> None:
        """Ask PostgreSQL, by a connection in autocommit, and the broker what time it is; say how far all are apart.

        Raises DatabaseLost errors. A broker that has never told is not compared: that is no reason to stand still.
        """
        if connection is not None:
            self._database = _ask_database(connection)
            self._share(connection)
        self._compared_at = _steady()
        self._broker = next(filter(None, map(_ask_broker, filter(None, self._broker_urls))), self._broker)
        health.clocks = {name: None if by is None else round(by, 1) for name, by in self._ahead().items()}
        self._were_apart = bool(self.others())
        if self._were_apart:
            far = ", ".join(f"{name} {by:+.0f} s" for name, by in health.clocks.items() if by is not None)
            if self._told is not None and self._heard() is None:
                far += f" (senders as heard before, until {SENDERS_AT_LEAST} of them are heard anew)"
            health.say("clocks", "clocks_apart", f"this process's clock is ahead of: {far}")
        else:
            health.over("clocks")

    def agree(self) -> bool:
        """Tell whether they have been compared and are not apart."""
        return self._compared_at is not None and not self.others()

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
        """The clock in the middle of those heard here, or else in another process."""
        heard = self._heard()
        return self._told if heard is None else heard

    def _heard(self) -> float | None:
        """The clock in the middle of those heard: few that are wrong, or lie, are never it. None where too few were.

        Those count that spoke within HEARD_WITHIN of each other last, and at least so many that the middle means
        something.
        """
        senders = sorted(self._senders.values(), reverse=True)
        if len(senders) < SENDERS_AT_LEAST:
            return None
        since = senders[SENDERS_AT_LEAST - 1].heard_at - HEARD_WITHIN
        return median(sender.clock for sender in senders if sender.heard_at >= since)

    def _news(self) -> float | None:
        """How many seconds senders' clocks are ahead of PostgreSQL's; None where nobody knows, or it is noted."""
        heard = self._heard()
        if heard is None or self._database is None:
            return None
        ahead = heard - self._database
        return ahead if self._noted is None or abs(ahead - self._noted) > NOTED_FROM else None

    def _share(self, connection: Connection) -> None:
        """Learn what another process has heard of senders' clocks since, and note what was heard here."""
        if clock.is_moved():
            return
        assert self._database is not None
        row = connection.execute("select ahead from senders_clock").fetchone()
        noted = None if row is None else float(row["ahead"])
        if noted is not None and noted != self._noted:
            self._told = self._database + noted
            if all(_steady() - sender.heard_at > HEARD_WITHIN for sender in list(self._senders.values())):
                self._senders.clear()  # the other is who hears them now
        self._noted = noted
        if (news := self._news()) is not None:
            connection.execute(NOTE, (news,))
            self._noted = news


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
