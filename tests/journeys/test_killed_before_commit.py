"""A service that dies before it commits loses nothing; one that had acknowledged already does, and is found out."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo import day as days
from demo.checker import Verdict, check
from demo.quiet import Look, StuckError
from demo.stage import Stage, network_on, organisations_on
from demo.stories import STORIES
from deploy.local import Stack, network
from deploy.local.process import Program
from deploy.local.processes import hub_programs
from messaging.topology import DeclaredNetwork
from tests.directories import make_directory
from tests.waiting import eventually

RUNNER = "tests.journeys.killed_before_commit"
ENDED_AT_ONCE = [story for story in STORIES if story.name in ("served after a visit", "declined", "given up")]
STUCK_AFTER = 6.0  # seconds


@pytest.fixture
def directory() -> Iterator[Path]:
    directory = make_directory("mutation")
    yield directory
    shutil.rmtree(directory)


@contextmanager
def a_deadly_day(directory: Path, monkeypatch: pytest.MonkeyPatch, *how: str) -> Iterator[Stage]:
    """A day on which the referrals service dies before a commit."""

    def mutated(stack: Stack, declared: DeclaredNetwork) -> Iterator[Program]:
        for program in hub_programs(stack, declared):
            if program.name == "referrals":
                *python, service = program.command
                command = [*python[:-1], RUNNER, service, str(directory / "died"), *how]
                yield replace(program, command=command, module=())
            else:
                yield program

    monkeypatch.setattr(network, "hub_programs", mutated)
    day = days.make_day(80, 150, seed=3, starts_at=datetime.now(UTC), stories=ENDED_AT_ONCE, mistakes=False)
    with (
        network_on(directory) as ground,
        organisations_on(ground, day, ground.homes) as stage,
    ):
        yield stage


def in_hand_at_death(directory: Path) -> int:
    """How many messages the service had applied and not committed when it died."""
    return int((directory / "died").read_text())


def judge(stage: Stage) -> Verdict:
    return check(stage.gather(stage.logs()))


def rest_as_far_as_it_goes(stage: Stage) -> None:
    """Return when nothing is queued and nothing moves, though what was lost may be waited for."""
    looks: list[Look] = []
    while not looks or looks[-1].queued:  # the service may take longer to come back
        with suppress(StuckError):
            stage.rest(looks.append, STUCK_AFTER)


def test_a_service_that_dies_before_it_commits_loses_nothing(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_deadly_day(directory, monkeypatch) as stage:
        eventually((directory / "died").exists)
        stage.rest()
        with suppress(AssertionError):  # on a slow disk somebody may still have the last message in hand
            eventually(lambda: judge(stage).good)
        verdict = judge(stage)

    assert verdict.good, verdict
    assert verdict.redelivered >= in_hand_at_death(directory) > 0


def test_a_service_that_acknowledges_before_it_commits_is_found_out(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days, "SENT_TWICE_SHARE", 0.0)  # a second copy would make up for the first
    with a_deadly_day(directory, monkeypatch, "acknowledge-first") as stage:
        eventually((directory / "died").exists)
        rest_as_far_as_it_goes(stage)
        verdict = judge(stage)

    assert len(verdict.lost) >= in_hand_at_death(directory) > 0
    assert not verdict.good
