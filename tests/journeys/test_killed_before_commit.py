"""A service that dies before it commits loses nothing; one that had acknowledged already does, and is found out."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.checker import Verdict, check
from demo.day import make_day
from demo.quiet import StuckError
from demo.stage import network_on, organisations_on
from demo.stories import STORIES
from deploy.local import Stack, network
from deploy.local.process import Program
from deploy.local.processes import hub_programs
from messaging.topology import DeclaredNetwork

RUNNER = "tests.journeys.killed_before_commit"
ENDED_AT_ONCE = [story for story in STORIES if story.name in ("served after a visit", "declined", "given up")]
STUCK_AFTER = 6.0  # seconds


@pytest.fixture
def directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="ruta-mutation-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


def live_through_a_death(directory: Path, monkeypatch: pytest.MonkeyPatch, *how: str) -> Verdict:
    """A day on which the referrals service dies before a commit; what the checker says of it."""
    marker = directory / "died"

    def mutated(stack: Stack, declared: DeclaredNetwork) -> Iterator[Program]:
        for program in hub_programs(stack, declared):
            if program.name == "referrals":
                *python, service = program.command
                command = [*python[:-1], RUNNER, service, str(marker), *how]
                yield replace(program, command=command)
            else:
                yield program

    monkeypatch.setattr(network, "hub_programs", mutated)
    day = make_day(80, 150, seed=3, starts_at=datetime.now(UTC), stories=ENDED_AT_ONCE, mistakes=False)
    with (
        network_on(directory) as ground,
        organisations_on(ground, day, ground.stack.state.organisations) as stage,
    ):
        with suppress(StuckError):  # organisations wait in vain for answers to what was lost
            stage.rest(stuck_after=STUCK_AFTER)
        assert marker.exists()
        return check(stage.gather(stage.logs()))


def test_a_service_that_dies_before_it_commits_loses_nothing(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = live_through_a_death(directory, monkeypatch)

    assert verdict.good, verdict
    assert verdict.redelivered > 0


def test_a_service_that_acknowledges_before_it_commits_is_found_out(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = live_through_a_death(directory, monkeypatch, "acknowledge-first")

    assert verdict.lost
    assert not verdict.good
