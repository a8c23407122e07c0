"""Lets one fault after the other happen in the middle of a day's load, and says what came of each."""

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from chaos import sequence
from chaos.faults import GAP, Fault
from chaos.place import Place, behind_proxies, on_embedded_servers
from demo.checker import Verdict, check
from demo.day import BY_THE_CLOCK, make_day
from demo.evidence import passages
from demo.quiet import StuckError
from demo.stage import Stage, organisations_on
from demo.stories import STORIES, TERMINAL
from deploy.local import OperatorError, problems, status
from messaging.topology import NETWORK

PEOPLE, REFERRALS = 150, 150  # of one fault's load; some 1,200 messages, and as many to each organisation
STRIKE_AT = 0.25  # of the load's messages
LOOK_EVERY = 0.5  # seconds between two looks of the operator
LATE = 1.0  # seconds: what takes no longer was not held up
STUCK_AFTER = 60.0  # seconds in which nothing at all moves: it does not heal
TELL_WITHIN = 60.0  # seconds for an operator to be told
MOST_TOLD = 5  # lines of a command
FRESH_AFTER = 8  # faults, then a new network: of an old one the outboxes of the beginning are gone

# What ends without waiting for days: time is not moved here.
SOON = tuple(
    story
    for story in STORIES
    if not any(move.late or (move.actor == "hub" and move.verb in BY_THE_CLOCK) for move in story.moves)
)


@dataclass(frozen=True)
class Outcome:
    """What came of one fault; counts are messages."""

    fault: str
    lost: int
    twice: int
    reordered: int
    healed_s: float | None
    """Seconds from the fault until nothing was held up by it any more; None: it did not heal."""
    seen_s: float | None
    """Seconds until an operator was told what it was; None: nobody was."""
    command: str | None = None
    """What healed it; None: it heals by itself."""
    findings: tuple[str, ...] = ()
    """What was lost, done twice or told wrong, in words."""

    def as_json(self) -> dict[str, object]:
        """As `./ruta chaos --json` has it."""
        told = ("fault", "lost", "twice", "reordered", "healed_s", "seen_s", "command")
        return {name: getattr(self, name) for name in told}


def run(faults: Sequence[Fault], directory: Path, say: Callable[[str], None]) -> Iterator[Outcome]:
    """Try each fault, each network's in turn; `directory` is emptied. Raises OperatorError."""
    for is_behind in (False, True):
        of_kind = [fault for fault in faults if fault.proxies == is_behind]
        for first in range(0, len(of_kind), FRESH_AFTER):
            shutil.rmtree(directory, ignore_errors=True)
            say(f"starting a network {'behind proxies' if is_behind else 'on servers of its own'}")
            with (behind_proxies if is_behind else on_embedded_servers)(directory) as place:
                trial = Trial(place)
                for number, fault in enumerate(of_kind[first : first + FRESH_AFTER], first):
                    say(f"{fault.name} …")
                    yield trial.of(fault, seed=number)


@dataclass
class Trial:
    """One network, to which faults happen one after the other."""

    place: Place
    _known: set[str] = field(default_factory=set)  # findings of earlier faults
    _waits: set[str] = field(default_factory=set)  # referrals of earlier days that rightly stay where they are

    def of(self, fault: Fault, *, seed: int) -> Outcome:
        """Have the load run, the fault happen and be ended, and everything come to rest; then look."""
        ground, began = self.place.ground, time.time()
        day = make_day(
            PEOPLE, REFERRALS, seed=seed, starts_at=datetime.now(UTC), stories=SOON, mistakes=False, out_of_order=False
        )
        self._waits |= {told.referral_id for told in day.told if told.story.ends not in TERMINAL}
        handed = json.loads((ground.home(sequence.SPEAKER) / "credentials.json").read_text())
        speaker = sequence.Speaker(ground.stack.amqp_url(sequence.SPEAKER, NETWORK), handed["queue"])
        with organisations_on(ground, day, ground.homes) as stage:
            striking = _Striking(self.place, fault, stage)
            speaker.start()
            striking.start()
            stands = self._rest(stage, striking, speaker)
            logs = stage.logs()
        evidence = stage.gather(logs, waiting_allowed=self._waits)
        # The speaker keeps no log of what it is told: of that is known what it was refused (sequence.refused).
        owed = tuple(one for one in evidence.owed if one[0] != sequence.SPEAKER)
        verdict = check(replace(evidence, owed=owed))
        compared = self._compared(speaker)
        new = self._new(verdict)
        lost, twice = len(new["lost"]) + compared.lost, len(new["applied_twice"]) + compared.twice
        whole = not (stands or lost or new["unfinished"])
        return Outcome(
            fault.name,
            lost,
            twice,
            compared.reordered,
            healed_after(striking.struck_at, [one for one in passages(logs) if one[0] > began]) if whole else None,
            striking.seen_after,
            f"./ruta {' '.join(fault.command)}" if fault.command else None,
            (*striking.left, *stands, *(line for lines in new.values() for line in lines)),
        )

    def _rest(self, stage: Stage, striking: "_Striking", speaker: sequence.Speaker) -> list[str]:
        """Wait until all that can happen has happened; what stands still for good, in a line of words."""
        striking.join()
        try:
            speaker.stop()
            self.place.ground.network.wait_ready()
            stage.rest(stuck_after=STUCK_AFTER)
        except (StuckError, OperatorError) as error:
            return [f"stands still: {error}"]
        except TimeoutError:
            return [f"stands still: the broker confirms nothing to {sequence.SPEAKER}"]
        return []

    def _compared(self, speaker: sequence.Speaker) -> sequence.Compared:
        url = self.place.ground.stack.service_database_url("referrals")
        return sequence.compare(speaker.said, sequence.applied(url, speaker.said), sequence.refused(url))

    def _new(self, verdict: Verdict) -> dict[str, list[str]]:
        """The findings that no earlier fault had, by kind."""
        kinds = ("lost", "applied_twice", "nobody_sent", "unfinished", "untrue")
        new = {kind: [line for line in getattr(verdict, kind) if line not in self._known] for kind in kinds}
        self._known.update(line for lines in new.values() for line in lines)
        return new


def healed_after(struck_at: float, passed: Iterable[tuple[float, float]]) -> float:
    """Seconds from a fault until the last message arrived that took longer than before the fault, and than LATE.

    `passed` is when each message was published, and when what came of it arrived; all in seconds since 1970.
    """
    passed = list(passed)
    before = sorted(arrived - published for published, arrived in passed if arrived < struck_at)
    usual = max(LATE, 2 * before[int(len(before) * 0.99)]) if before else LATE
    late = [arrived for published, arrived in passed if arrived > struck_at and arrived - published > usual]
    return round(max(late) - struck_at, 1) if late else 0.0


class _Striking:
    """Waits for the load, lets the fault happen, looks as an operator does, and ends it; in a thread of its own."""

    def __init__(self, place: Place, fault: Fault, stage: Stage) -> None:
        self._place, self._fault, self._stage = place, fault, stage
        self.struck_at = 0.0
        self.seen_after: float | None = None
        self.left: list[str] = []  # where the command has left something, its last lines
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._do, name="fault", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        """Return when the fault has happened and is over; raises what went wrong with making it happen."""
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _do(self) -> None:
        try:
            self._strike()
        except BaseException as error:
            self._failed = error

    def _strike(self) -> None:
        fault, place = self._fault, self._place
        while self._stage.sent < STRIKE_AT * self._stage.day.messages:
            time.sleep(0.05)
        self.struck_at = time.time()
        fault.strike(place)
        ends_at = self.struck_at + fault.lasts
        looking = threading.Thread(target=self._look, name="operator", daemon=True)
        looking.start()
        if fault.lasts:
            time.sleep(max(ends_at - time.time(), 0))
            fault.over(place)
        looking.join()
        if fault.command and (code := place.ruta(*fault.command)):
            self.left = [f"the command ended with {code}", *place.told[-MOST_TOLD:]]

    def _look(self) -> None:
        """Look again and again until somebody was told, or nobody will be."""
        if not self._fault.told:
            return
        state = self._place.ground.stack.state
        deadline = time.time() + TELL_WITHIN
        while time.time() < deadline and self.seen_after is None:
            with contextlib.suppress(psycopg.Error, OSError):
                if any(self._fault.tells(one) for one in problems.find(status.read(state, brief=True))):
                    self.seen_after = round(time.time() - self.struck_at, 1)
                    return
            if GAP in self._fault.told and self._place.ruta("reconcile"):
                self.seen_after = round(time.time() - self.struck_at, 1)
            time.sleep(LOOK_EVERY)
