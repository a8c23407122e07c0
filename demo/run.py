"""Runs the demo: five organisations, a day at the centre, faults on purpose, and the proof at the end."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from demo import report
from demo.chaos import Chaos
from demo.checker import check
from demo.day import make_day
from demo.evidence import latencies
from demo.quiet import Look, StuckError
from demo.sample.setting_up import check_place, sample_on
from demo.stage import Ground, Stage, network_on, organisations_on
from deploy.local import OperatorError
from deploy.local.state import State, default_directory

WHOLE = (1000, 2000)  # people, referrals
SMALL = (150, 250)

# How far the network's time is moved after the first day, in days: enough for every clock to remind, escalate, suggest
# another provider and end, each of which waits its turn; the second day begins at the first step.
LATER = (1.6, 2.6, 3.6, 7.5, 10.8, 12.7, 14.3)


LOOK_AGAIN_AFTER = 10.0  # seconds before a fault is believed


class Narrator:
    """Says what happens, with the time since the beginning; on a terminal with a bar."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = time.monotonic()
        self._bar = Progress(TextColumn("{task.description}"), BarColumn(None), console=console, transient=True)
        self._task = self._bar.add_task("", total=1.0)

    def say(self, what: str) -> None:
        """Print a line of the story."""
        self.console.print(f"[{time.monotonic() - self._began:6.1f} s] {what}", markup=False, highlight=False)

    def show_progress(self, part: float, what: str) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=part, description=what)

    @contextmanager
    def bar(self) -> Iterator[None]:
        """Show the bar meanwhile, if there is a terminal to show it on."""
        if not self.console.is_terminal:
            yield
            return
        with self._bar:
            yield


def main(*, once: bool = False, json_file: Path | None = None, small: bool = False, seed: int) -> int:
    """Run the demo; 0 only if nothing was lost, nothing happened twice, and every referral came to where it should.

    `once` stops everything at the end; otherwise the sample is there to look at until Ctrl-C. Raises OperatorError.
    """
    narrator = Narrator(Console(soft_wrap=True))
    directory = fresh_directory()
    people, referrals = SMALL if small else WHOLE
    day = make_day(people, referrals, seed=seed, starts_at=datetime.now(UTC))
    narrator.say("starting PostgreSQL, RabbitMQ, the hub, and the organisations' own systems")
    with network_on(directory) as ground:
        check_nothing_was_there(ground)
        with organisations_on(ground, day, ground.homes) as stage:
            code = _show(stage, narrator, json_file)
    if not once:
        look_at_sample(narrator.console)
    return code


def _show(stage: Stage, narrator: Narrator, json_file: Path | None) -> int:
    """Play it, show what came of it, and return the exit code."""
    result, mistakes = _play(stage, narrator)
    report.show(result, mistakes, narrator.console)
    if json_file is not None:
        report.write_json(result, json_file)
    good = result.verdict.good
    narrator.console.print()
    narrator.say("nothing was lost, nothing happened twice" if good else "the proof FAILED: see the findings above")
    return 0 if good else 1


def fresh_directory() -> Path:
    """The demo's own state directory, emptied: it never touches what `./ruta up` keeps."""
    directory = default_directory() / "demo"
    if State(directory).running_pid() is not None:
        raise OperatorError(f"The demo already runs from {directory}.")
    shutil.rmtree(directory, ignore_errors=True)
    return directory


def check_nothing_was_there(ground: Ground) -> None:
    """On real servers there may be an earlier run's referrals, whose senders' logs are gone: nothing to prove."""
    with psycopg.connect(ground.stack.service_database_url("referrals")) as database:
        if database.execute("select from referral limit 1").fetchone() is not None:
            raise OperatorError("The demo needs databases without referrals; the server of RUTA_DATABASE_URL has some.")


def _play(stage: Stage, narrator: Narrator) -> tuple[report.Result, dict[str, str]]:
    """The day, then the weeks after it, then the reckoning."""
    day, organisations = stage.day, stage.organisations
    began = time.monotonic()
    narrator.say(
        f"{len(organisations)} organisations, {len(day.people)} people, {len(day.told)} referrals: "
        f"{day.messages} messages to send"
    )
    chaos = Chaos(stage.ground.network, organisations, narrator.say)

    def looking(_: Look) -> None:
        for name, organisation in organisations.items():
            if organisation.exit_code is not None and not chaos.is_away(name):
                raise OperatorError(
                    f"The system of {name} ended by itself; see {stage.ground.stack.state.logs / name}.log."
                )
        part = stage.sent / day.messages
        narrator.show_progress(part, f"{stage.sent} messages sent, {stage.received} received")
        chaos.look(part)

    rush = 0.0
    with narrator.bar():
        try:
            stage.rest(looking)
            rush, carried = time.monotonic() - began, stage.sent + stage.received
            narrator.say(f"the day is over: {stage.sent} sent and {stage.received} received in {rush:.1f} s")
            for days in LATER:
                narrator.say(f"{days} days later")
                stage.turn_to(2, timedelta(days=days))
                stage.rest(looking)
        except StuckError as stuck:
            narrator.say(f"nothing moves any more: {stuck}")
    seconds = time.monotonic() - began
    if not rush:
        rush, carried = seconds, stage.sent + stage.received
    narrator.say("holding the organisations' own logs against the databases")
    logs = stage.logs()
    evidence = stage.gather(logs)
    verdict = check(evidence)
    if not verdict.good:  # what somebody held in hand while the disk stood still is not lost, and comes yet
        time.sleep(LOOK_AGAIN_AFTER)
        logs = stage.logs()
        evidence = stage.gather(logs)
        verdict = check(evidence)
    result = report.Result(evidence, verdict, latencies(logs), carried / rush, seconds, chaos.faults)
    return result, report.outcomes_of_mistakes(day.mistakes, logs, evidence)


def look_at_sample(console: Console) -> None:
    """Have the sample running until Ctrl-C, in a place of its own: what was proved stays as it was."""
    directory = default_directory() / "demo-sample"
    console.print()
    try:
        check_place(State(directory), dict(os.environ))
    except OperatorError as error:
        console.print(str(error), markup=False, highlight=False)
        return
    console.print("And now to look at it: a small network, with referrals in every state.")
    with sample_on(directory, dict(os.environ)) as (_, sample):
        console.print(sample.said(), markup=False, highlight=False)
        console.print(f"Ctrl-C stops it; `RUTA_STATE={directory} ./ruta up --sample` goes on with it.", markup=False)
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(1)  # not signal.pause(), which a signal that comes just before it does not end
        console.print("Stopping.")
