"""What a process says of itself while it runs: that it goes on, and what keeps it from its work.

It stands in a file of its own, whose path RUTA_HEALTH_FILE names, and is written anew every second: the heartbeat. One
that froze, or of which a part has stood for long, writes nothing more, and its supervisor ends it and starts it again
(deploy/local/supervisor.py). Without the variable nothing is written.

A problem is said from when it began until it is over; each beginning and end is a line in the log, too.
"""

import contextlib
import json
import logging
import os
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from messaging import clock
from messaging.log import fields

BEAT_EVERY = 1.0  # seconds
STALLED_AFTER = 90.0  # seconds in which a part of the process did not come round: longer than any of its deadlines

log = logging.getLogger("ruta.health")


@dataclass(frozen=True, slots=True)
class Problem:
    """What keeps a process from its work: a server that is `away`, a queue that is `missing`, and the like."""

    what: str  # such as `database`, `broker`, `queue referrals`
    code: str  # such as `away`, `no_answer`, `missing`, `disk_full`
    since: str  # by the machine's clock, ISO 8601
    error: str | None = None  # what was seen last, as `log.describe` says it


@dataclass(slots=True)
class Health:
    """Of one process. Its methods may be called from any thread."""

    process: str = ""
    file: Path | None = None
    clocks: dict[str, float | None] = field(default_factory=dict)
    """How many seconds this process's clock is ahead of others, by whose they are (messaging/clocks.py)."""
    counts: dict[str, int] = field(default_factory=dict)
    """What the process has done since it began, by what it is: names for metrics (hub/monitor/exposing.py)."""
    read_to: datetime | None = None
    """Until when it has applied what it is sent; None: that is not known. It goes on where nothing is sent, too."""
    _started: int | None = None
    _beats: int = 0
    _problems: dict[str, Problem] = field(default_factory=dict)
    _came_round: dict[str, float] = field(default_factory=dict)

    def begin(self, process: str) -> None:
        """Begin to speak for this process, where RUTA_HEALTH_FILE says."""
        self.process = process
        named = os.environ.get("RUTA_HEALTH_FILE")
        self.file = Path(named) if named else None
        self._started = started(os.getpid())
        if self.file is not None:
            with contextlib.suppress(OSError):
                self.file.write_text("")  # what it says is another's, and a file that is there can be touched
        self.beat()

    def end(self) -> None:
        """Say no more, at an orderly end: what is gone on purpose is nobody's problem."""
        if self.file is not None:
            with contextlib.suppress(OSError):
                self.file.unlink()
            self.file = None

    def say(self, what: str, code: str, error: str | None = None) -> None:
        """Say that something keeps the process from its work; said again, it is the same problem still."""
        known = self._problems.get(what)
        if known is None or known.code != code:
            log.warning("problem", extra=fields(what=what, code=code, error=error or ""))
        since = known.since if known is not None else _machine_now()
        self._problems[what] = Problem(what, code, since, error)

    def over(self, what: str) -> None:
        """Say that it does no longer; nothing where it did not."""
        if (known := self._problems.pop(what, None)) is not None:
            log.warning("problem is over", extra=fields(what=what, code=known.code))

    def count(self, what: str, many: int = 1) -> None:
        """Count what the process has done; `what` as `submissions admitted`: a thing, and which kind, of few."""
        self.counts[what] = self.counts.get(what, 0) + many

    def comes_round(self, part: str) -> None:
        """Say that a part of the process (a loop) goes on; from then on it has to."""
        self._came_round[part] = time.monotonic()

    def ends(self, part: str) -> None:
        """Say that a part has come to its end, and need not come round any more."""
        self._came_round.pop(part, None)

    def stalled(self) -> list[str]:
        """Return the parts that have not come round for STALLED_AFTER."""
        now = time.monotonic()
        return [part for part, at in list(self._came_round.items()) if now - at > STALLED_AFTER]

    def beat(self) -> None:
        """Write the heartbeat, unless a part has stalled: then the process is no better than frozen."""
        if self.file is None:
            return
        if stalled := self.stalled():
            log.error("parts of the process have stalled", extra=fields(what=", ".join(stalled)))
            return
        self._beats += 1
        said: dict[str, Any] = {
            "process": self.process,
            "pid": os.getpid(),
            "started": self._started,
            "beats": self._beats,
            "clock": _machine_now(),
            "clocks": self.clocks,
            "problems": [asdict(one) for one in list(self._problems.values())],
            "counts": dict(self.counts),
        }
        try:
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps(said))
            new.replace(self.file)
        except OSError as error:  # a full disk: it is alive all the same, and whoever reads the time of the file knows
            with contextlib.suppress(OSError):
                self.file.touch()
            log.error("the heartbeat could not be written", extra=fields(error=type(error).__name__))


def read(file: Path) -> dict[str, Any] | None:
    """Read what a process has said last; None where it has said nothing."""
    try:
        said: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return said


def started(pid: int | None) -> int | None:
    """When a process began, in ticks since the machine's start: it tells it from another that has got the same id.

    None where there is none, or it has ended and nobody has taken note of that.
    """
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if words[0] in "ZX" else int(words[19])


def say_ready(process: str) -> None:
    """Print the line by which whoever started this process knows that it works; a full disk behind it ends nobody."""
    with contextlib.suppress(OSError):
        print(f"ready {process}", flush=True)


def _machine_now() -> str:
    return clock.machine_now().isoformat(timespec="milliseconds")


health = Health()
"""This process's own."""
