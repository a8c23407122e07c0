"""Runs the demo: five organisations, a day at the centre, faults on purpose, and the proof at the end."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from demo import report
from demo.chaos import Chaos
from demo.checker import TERMINAL, check
from demo.day import Day, make_day
from demo.evidence import gather, latencies, read_own_log
from demo.mistakes import PARKED
from demo.organisations import Organisation
from demo.quiet import Look, StuckError, Watch
from deploy.local import Network, Stack, Trouble
from deploy.local.state import State, default_directory

SEED = 2021
WHOLE = (1000, 2000)  # people, referrals
SMALL = (150, 250)

# How far the network's time is moved after the first day, in days: enough for every clock to remind, escalate, suggest
# another provider and end, each of which waits its turn; the second day begins at the first step.
LATER = (1.6, 2.6, 3.6, 7.5, 10.8, 12.7, 14.3)


@dataclass(frozen=True)
class Scene:
    """The running network with everybody in it."""

    stack: Stack
    network: Network
    organisations: dict[str, Organisation]
    day: Day
    clock: Path
    narrator: "Narrator"

    @property
    def sent(self) -> int:
        return sum(organisation.progress["confirmed"] for organisation in self.organisations.values())

    @property
    def received(self) -> int:
        return sum(organisation.progress["received"] for organisation in self.organisations.values())


class Narrator:
    """Says what happens, with the time since the beginning; on a terminal with a bar."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.began = time.monotonic()
        self._bar = Progress(TextColumn("{task.description}"), BarColumn(None), console=console, transient=True)
        self._task = self._bar.add_task("", total=1.0)

    def say(self, what: str) -> None:
        self.console.print(f"[{time.monotonic() - self.began:6.1f} s] {what}", markup=False, highlight=False)

    def progress(self, part: float, what: str) -> None:
        self._bar.update(self._task, completed=part, description=what)

    @contextmanager
    def bar(self) -> Iterator[None]:
        """Show the bar meanwhile, if there is a terminal to show it on."""
        if not self.console.is_terminal:
            yield
            return
        with self._bar:
            yield


def main(*, once: bool = False, json_file: Path | None = None, small: bool = False, seed: int = SEED) -> int:
    """Run the demo; 0 only if nothing was lost, nothing happened twice, and every referral came to where it should.

    `once` stops everything at the end; otherwise the network stays up until Ctrl-C. Raises Trouble.
    """
    narrator = Narrator(Console(soft_wrap=True))
    with ExitStack() as held:
        scene = held.enter_context(_on_stage(narrator, *(SMALL if small else WHOLE), seed))
        result, mistakes = _play(scene)
        report.show(result, mistakes, narrator.console)
        if json_file is not None:
            report.write_json(result, json_file)
        good = result.verdict.good
        narrator.console.print()
        narrator.say("nothing was lost, nothing happened twice" if good else "the proof FAILED: see the findings above")
        if not once:
            _stay(scene)
    return 0 if good else 1


@contextmanager
def _on_stage(narrator: Narrator, people: int, referrals: int, seed: int) -> Iterator[Scene]:
    """A network of the demo's own, made anew, with the organisations' systems connected to it."""
    state = State(default_directory() / "demo")
    if state.running_pid() is not None:
        raise Trouble(f"The demo already runs from {state.directory}.")
    shutil.rmtree(state.directory, ignore_errors=True)
    state.directory.mkdir(parents=True)
    clock = state.directory / "clock"
    clock.write_text("0")
    narrator.say("starting PostgreSQL, RabbitMQ and the hub")
    day = make_day(people, referrals, seed=seed, starts_at=datetime.now(UTC))
    with _environment(RUTA_CLOCK_FILE=str(clock)), Stack(state.directory) as stack, Network(stack) as network:
        organisations = {
            name: Organisation(
                name,
                stack.state.organisations / name,
                stack.state.directory_file,
                stack.state.logs / f"{name}.log",
                steps,
            )
            for name, steps in day.steps.items()
        }
        try:
            for organisation in organisations.values():
                organisation.start()
            yield Scene(stack, network, organisations, day, clock, narrator)
        finally:
            for organisation in organisations.values():
                organisation.stop()


def _play(scene: Scene) -> tuple[report.Result, dict[str, str]]:
    """The day, then the weeks after it, then the reckoning."""
    day, narrator, organisations = scene.day, scene.narrator, scene.organisations
    for organisation in organisations.values():
        if not organisation.ready.wait(30):
            raise Trouble(f"The system of {organisation.name} did not start; see {scene.stack.state.logs}.")
    began = time.monotonic()
    narrator.say(
        f"{len(organisations)} organisations, {len(day.people)} people, {len(day.told)} referrals: "
        f"{day.messages} messages to send"
    )
    chaos = Chaos(scene.network, organisations, narrator.say)
    watch = Watch(scene.stack, scene.network.declared, lambda: [one.progress for one in organisations.values()])
    waiting_allowed = sum(mistake.outcome == PARKED for mistake in day.mistakes)
    offset = timedelta()

    def looking(here: Look) -> None:
        _check_alive(organisations, chaos)
        part = scene.sent / day.messages
        narrator.progress(part, f"{scene.sent} messages sent, {scene.received} received")
        chaos.look(part)

    with narrator.bar():
        try:
            watch.wait(offset, waiting_allowed, looking)
            rush = time.monotonic() - began
            messages_per_s = (scene.sent + scene.received) / rush
            narrator.say(f"the day is over: {scene.sent} messages sent and {scene.received} received in {rush:.1f} s")
            for days in LATER:
                offset = timedelta(days=days)
                scene.clock.write_text(str(offset.total_seconds()))
                narrator.say(f"{days} days later")
                for organisation in organisations.values():
                    organisation.turn_to(2, offset.total_seconds())
                watch.wait(offset, waiting_allowed, looking)
        except StuckError as stuck:
            narrator.say(f"nothing moves any more: {stuck}")
            messages_per_s = (scene.sent + scene.received) / (time.monotonic() - began)
    seconds = time.monotonic() - began
    narrator.say("holding the organisations' own logs against the databases")
    logs = [read_own_log(name, organisation.home) for name, organisation in organisations.items()]
    databases = {name: scene.stack.service_database_url(name) for name in scene.network.declared.services}
    evidence = gather(logs, databases, [told.referral_id for told in day.told if told.story.ends not in TERMINAL])
    result = report.Result(evidence, check(evidence), latencies(logs), messages_per_s, seconds, chaos.faults)
    return result, report.outcomes_of_mistakes(day.mistakes, logs, evidence)


def _check_alive(organisations: dict[str, Organisation], chaos: Chaos) -> None:
    for name, organisation in organisations.items():
        if organisation.exit_code is not None and not chaos.is_away(name):
            raise Trouble(
                f"The system of {name} ended by itself; see its log in {organisation.home.parents[1] / 'logs'}."
            )


def _stay(scene: Scene) -> None:
    """Keep everything up until Ctrl-C, and say where to look."""
    state = scene.stack.state
    say = scene.narrator.console.print
    say(
        f"The network stays up until Ctrl-C. Have a look:\n  RUTA_STATE={state.directory} ./ruta status",
        highlight=False,
    )
    for service in scene.network.declared.services:
        say(f"  psql {scene.stack.service_database_url(service)}", highlight=False)
    say(f"  the organisations' own logs: {state.organisations}", highlight=False)
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        say("Stopping.")


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """These environment variables meanwhile, for the processes that are started."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
