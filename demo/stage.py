"""A running network, its clock, and a day's organisations on it: what the demo and the journeys of the tests share."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo import keys
from demo.checker import Evidence
from demo.day import Day
from demo.evidence import OwnLog, gather, read_own_log
from demo.mistakes import PARKED
from demo.organisations import Organisation
from demo.quiet import STUCK_AFTER, Look, Watch
from demo.stories import TERMINAL
from deploy.local import Network, OperatorError, Stack, running
from messaging.topology import GATEWAY

READY_WITHIN = 90  # seconds


@dataclass
class Ground:
    """A network of real processes whose time can be moved."""

    stack: Stack
    network: Network
    clock_file: Path
    offset: timedelta = field(default=timedelta())

    @property
    def homes(self) -> Path:
        """Where the organisations have their folders."""
        return keys.homes(self.stack.state)

    def home(self, organisation: str) -> Path:
        """The folder of an organisation: its key, and what it was handed."""
        return self.homes / organisation

    def move_time_to(self, offset: timedelta) -> None:
        """Let the network's clock stand this far ahead of the machine's."""
        self.offset = offset
        written = self.clock_file.with_suffix(".new")
        written.write_text(str(offset.total_seconds()))
        written.replace(self.clock_file)  # whoever read an emptied file would be years away for a moment


@contextmanager
def network_on(directory: Path) -> Iterator[Ground]:
    """Start a network whose state is `directory`, to which every organisation brings its own key; stop it again."""
    directory.mkdir(parents=True, exist_ok=True)
    clock_file = directory / "clock"
    clock_file.write_text("0")
    with _environment("RUTA_CLOCK_FILE", str(clock_file)), running(directory, keys.bring) as network:
        ground = Ground(network.stack, network, clock_file)
        for organisation in network.declared.organisations:
            handed_out = network.stack.state.organisations / organisation / "credentials.json"
            shutil.copy2(handed_out, ground.home(organisation))
        yield ground


@dataclass(frozen=True)
class Stage:
    """A day's organisations at work on a network."""

    ground: Ground
    day: Day
    organisations: dict[str, Organisation]
    waiting_before: int  # messages that wait for what never comes, from before this day

    @property
    def sent(self) -> int:
        """Messages that the organisations know to be with the broker, repeats included."""
        return sum(organisation.progress["confirmed"] for organisation in self.organisations.values())

    @property
    def received(self) -> int:
        """Deliveries that the organisations have taken in, repeats included."""
        return sum(organisation.progress["received"] for organisation in self.organisations.values())

    def turn_to(self, day: int, offset: timedelta) -> None:
        """Move the network's time, and tell the organisations which day it is."""
        self.ground.move_time_to(offset)
        for organisation in self.organisations.values():
            organisation.turn_to(day, offset.total_seconds())

    def rest(self, looking: Callable[[Look], None] = lambda look: None, stuck_after: float = STUCK_AFTER) -> Look:
        """Return when all that can happen by now has happened; raises StuckError, and what `looking` raises."""
        stack, network = self.ground.stack, self.ground.network
        watch = Watch(
            stack, network.declared, lambda: [one.progress for one in self.organisations.values()], self.organisations
        )
        with closing(watch):
            return watch.wait(self.ground.offset, self._waiting_allowed, looking, stuck_after)

    @property
    def _waiting_allowed(self) -> int:
        return self.waiting_before + sum(mistake.outcome == PARKED for mistake in self.day.mistakes)

    def logs(self) -> list[OwnLog]:
        """What each organisation logged."""
        return [read_own_log(name, organisation.home) for name, organisation in self.organisations.items()]

    def gather(self, logs: Sequence[OwnLog], waiting_allowed: Iterable[str] | None = None) -> Evidence:
        """These logs, and what is in the databases.

        `waiting_allowed` are the referrals that need not come to an end, where not this day's alone are looked at.
        """
        stack, network = self.ground.stack, self.ground.network
        databases = {name: stack.service_database_url(name) for name in network.declared.services}
        gateway = stack.service_database_url(GATEWAY)
        if waiting_allowed is None:
            waiting_allowed = [told.referral_id for told in self.day.told if told.story.ends not in TERMINAL]
        return gather(logs, databases, gateway, waiting_allowed)


@contextmanager
def organisations_on(ground: Ground, day: Day, homes: Path) -> Iterator[Stage]:
    """Start the day's organisations, each in its home under `homes`, wait until they are ready, and stop them again."""
    state = ground.stack.state
    with closing(Watch(ground.stack, ground.network.declared, list, ())) as watch:
        waiting_before = watch.look(datetime.now(UTC) + ground.offset).waiting
    organisations = {
        name: Organisation(name, homes / name, state.directory_file, state.logs / f"{name}.log", steps)
        for name, steps in day.steps.items()
    }
    try:
        for organisation in organisations.values():
            organisation.start()
        for organisation in organisations.values():
            if not organisation.ready.wait(READY_WITHIN):
                raise OperatorError(f"The system of {organisation.name} did not start; see {state.logs}.")
        yield Stage(ground, day, organisations, waiting_before)
    finally:
        for organisation in organisations.values():
            organisation.stop()


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """This environment variable meanwhile, for the processes that are started."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before
