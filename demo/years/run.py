"""Runs the published years: six organisations, two of them with services of their own, and a table at the end.

Time goes month by month. A month is over when all that was said in it has been dealt with, so that every deadline runs
as it would have run then.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from demo.organisations import ENTRANCES, Organisation
from demo.quiet import AT_REST_AFTER, DUE, Look, Watch
from demo.stage import READY_WITHIN, Ground
from demo.years.script import (
    AMERICARES,
    CENTRE,
    MONTHS,
    OPPORTUNITIES,
    ORGANISATIONS,
    THE_END,
    Script,
    month_begins,
)
from deploy.local import OperatorError
from deploy.local.own import OwnService

STUCK_AFTER = 90.0  # seconds in which nothing at all has moved
A_MOMENT = 0.3  # seconds
FROZEN = 0.3  # seconds before the service is killed, so that there is something in its hands
OWN_SERVICES = ((AMERICARES, "events"), (OPPORTUNITIES, "employment"))
KILLED = ((0.25, "gateway-http"), (0.3, "courier"), (0.5, "intake"))  # at which part of the messages

Say = Callable[[str], None]


@dataclass(frozen=True)
class Years:
    """The organisations at work on a network."""

    ground: Ground
    script: Script
    organisations: dict[str, Organisation]
    own_services: list[OwnService]
    faults: list[str] = field(default_factory=list)  # the processes that were killed

    @property
    def killed(self) -> bool:
        """Whether everybody that is to be killed has been."""
        return len(self.faults) == len(KILLED)

    @property
    def sent(self) -> int:
        """Messages that the organisations know to be with the broker, repeats included."""
        return sum(one.progress["confirmed"] for one in self.organisations.values())

    @property
    def databases(self) -> dict[str, str]:
        """Every service's database, the hub's and the organisations' own."""
        stack, services = self.ground.stack, self.ground.network.declared.services
        return {name: stack.service_database_url(name) for name in services} | self.own_databases

    @property
    def own_databases(self) -> dict[str, str]:
        return {own.database: own.database_url for own in self.own_services}

    def play(self, say: Say, looking: Callable[[float, str], None]) -> None:
        """Let the months go by, and kill processes of the hub on the way; raises StuckError when nothing moves."""
        for month in range(THE_END + 1):
            self._turn_to(month)
            while self._rest(month, looking, until_part=None if self.killed else KILLED[len(self.faults)][0]):
                self._kill(say)
            if month % 6 == 0 or month == MONTHS:
                say(f"{month_begins(min(month, MONTHS)):%B %Y} is over: {self.sent} messages sent")

    def _turn_to(self, month: int) -> None:
        offset = self._offset(month)
        self.ground.move_time_to(offset)
        for organisation in self.organisations.values():
            organisation.turn_to(month, offset.total_seconds())

    @staticmethod
    def _offset(month: int) -> timedelta:
        """From the machine's time to the last days of a month."""
        return month_begins(min(month, MONTHS) + 1) - timedelta(days=2) - datetime.now(UTC)

    def _rest(self, month: int, looking: Callable[[float, str], None], *, until_part: float | None) -> bool:
        """Wait until all that was said this month has been dealt with; tell whether so much was sent first."""
        stack, network = self.ground.stack, self.ground.network
        watch = Watch(
            stack,
            network.declared,
            lambda: [one.progress for one in self.organisations.values()],
            self.organisations,
            self.own_databases,
            clocks=DUE if month >= MONTHS else ("referrals",),  # follow-ups of another month may come in the next
        )

        def look(_: Look) -> None:
            for organisation in self.organisations.values():
                if organisation.exit_code is not None:
                    raise OperatorError(f"The system of {organisation.name} ended by itself; see {stack.state.logs}.")
            part = self.sent / self.script.messages
            looking(part, f"{month_begins(min(month, MONTHS)):%B %Y}: {self.sent} messages sent")
            if until_part is not None and part >= until_part:
                raise _TimeToKillError

        try:
            with closing(watch):
                # What is left of a month when the next begins is none the worse for it; the end is looked at longer.
                at_rest_after = AT_REST_AFTER if month >= MONTHS else A_MOMENT
                watch.wait(self.ground.offset, 0, look, STUCK_AFTER, at_rest_after)
        except _TimeToKillError:
            return True
        return False

    def _kill(self, say: Say) -> None:
        """Freeze a process while messages are in its hands, then kill it; the supervisor brings it back."""
        part, name = KILLED[len(self.faults)]
        process = self.ground.network[name]
        process.pause()
        time.sleep(FROZEN)
        say(f"kill -9: the hub's {name}, when {part:.0%} was sent")
        process.kill()
        self.faults.append(name)


class _TimeToKillError(Exception):
    """So many of all messages have been sent that somebody is to be killed."""


@contextmanager
def years_on(ground: Ground, script: Script) -> Iterator[Years]:
    """Start the organisations' systems and own services, wait until they are ready, and stop them again."""
    state = ground.stack.state
    with ExitStack() as running:
        own_services = [
            running.enter_context(OwnService(ground.stack, service, ground.home(organisation) / "credentials.json"))
            for organisation, service in OWN_SERVICES
        ]
        organisations = {name: _organisation(name, ground, script) for name in ORGANISATIONS}
        for organisation in organisations.values():
            running.callback(organisation.stop)
            organisation.start()
        for organisation in organisations.values():
            if not organisation.ready.wait(READY_WITHIN):
                raise OperatorError(f"The system of {organisation.name} did not start; see {state.logs}.")
        yield Years(ground, script, organisations, own_services)


def _organisation(name: str, ground: Ground, script: Script) -> Organisation:
    state = ground.stack.state
    coordinates = name == CENTRE
    return Organisation(
        name,
        ground.home(name),
        state.directory_file,
        state.logs / f"{name}.log",
        script.steps[name],
        module="demo.years.coordinator" if coordinates else "demo.partner" if name not in ENTRANCES else None,
        also={"first_day": -1} | ({"same": script.same, "links_by_hand_on": THE_END} if coordinates else {}),
    )
