"""What `./ruta test` makes of a suite with a broken test in it, and of one with an unsteady test."""

from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest

from deploy.local import check
from deploy.local.check import suite_and_second_try
from deploy.local.state import ROOT

BROKEN = """
def test_broken():
    assert False
"""
UNSTEADY = """
from pathlib import Path

def test_unsteady():
    been_here = Path(__file__).with_suffix(".been")
    assert been_here.exists() or been_here.touch()
"""
GOOD = """
from pathlib import Path

def test_good():
    with Path(__file__).with_suffix(".runs").open("a") as runs:
        runs.write("once ")
"""
UNREADABLE = "import nothing_of_this_name"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a suite in which one test is good; of what pytest loads by itself it needs nothing."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "-p xdist"')
    (tmp_path / "test_good.py").write_text(GOOD)
    return tmp_path


def test_a_good_suite_runs_once(checkout: Path) -> None:
    assert suite_and_second_try(checkout) == 0
    assert (checkout / "test_good.runs").read_text() == "once "


def test_a_broken_test_fails_the_run(checkout: Path) -> None:
    (checkout / "test_broken.py").write_text(BROKEN)
    assert suite_and_second_try(checkout) == 1


def test_an_unsteady_test_is_named_and_does_not_fail_the_run(checkout: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (checkout / "test_unsteady.py").write_text(UNSTEADY)
    assert suite_and_second_try(checkout) == 0
    first, second = capfd.readouterr().out.split("UNSTEADY")
    assert "FAILED test_unsteady.py::test_unsteady" in first
    assert "test_unsteady.py::test_unsteady PASSED" in second
    assert (checkout / "test_good.runs").read_text() == "once "


def test_a_broken_test_is_not_hidden_behind_an_unsteady_one(checkout: Path) -> None:
    (checkout / "test_broken.py").write_text(BROKEN)
    (checkout / "test_unsteady.py").write_text(UNSTEADY)
    assert suite_and_second_try(checkout) == 1


def test_a_suite_that_cannot_be_read_fails_the_run(checkout: Path) -> None:
    (checkout / "test_unreadable.py").write_text(UNREADABLE)
    assert suite_and_second_try(checkout) != 0


def test_all_is_every_check_and_the_whole_suite_with_nothing_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[str]] = []

    def fail(command: Sequence[str], root: Path = ROOT, said: IO[bytes] | None = None) -> int:
        told.append([*command])
        return 1

    monkeypatch.setattr(check, "_run", fail)
    assert check.run(["--all"]) == 1
    *checks, first, second = told
    assert sorted(checks) == sorted(check.CHECKS.values())
    assert first == ["pytest", *check.SIDE_BY_SIDE, "--all"]
    assert second == ["pytest", *check.SECOND_TRY, "--all"]


def test_the_files_that_begin_first_are_there() -> None:
    first = (ROOT / "tests" / "longest.txt").read_text().split()
    assert len(set(first)) == len(first)
    assert [file for file in first if not (ROOT / file).is_file()] == []
