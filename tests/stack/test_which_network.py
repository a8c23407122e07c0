"""Which network a command speaks to: what reads, to the one that runs or ran last; what sends, to its credentials'."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from deploy.local import cli
from deploy.local.commands.reached import reading
from deploy.local.state import State

EARLIER, LATER = 1_600_000_000, 1_700_000_000


class Database:
    """Stands for a network's embedded PostgreSQL, without starting one."""

    def __init__(self, directory: Path, *, database_only: bool) -> None:
        assert database_only
        self.directory = directory

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def has_database(self, service: str) -> bool:
        return (self.directory / "postgres" / service).exists()

    def service_database_url(self, service: str) -> str:
        return f"{self.directory.name}/{service}"


@pytest.fixture
def states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, State]:
    """The states of `./ruta up` and of `./ruta demo`, neither of which has run."""
    monkeypatch.setenv("RUTA_STATE", str(tmp_path / "up"))
    monkeypatch.delenv("RUTA_DATABASE_URL", raising=False)
    monkeypatch.setattr("deploy.local.Stack", Database)
    return {"up": State(tmp_path / "up"), "demo": State(tmp_path / "up" / "demo")}


@contextlib.contextmanager
def running(state: State, when: int) -> Iterator[None]:
    """Run for a while, and have begun and ended then."""
    lock = state.directory / "lock"
    with state.held():
        state.write_running({"databases": {"reports": f"{state.directory.name}/reports"}})
        os.utime(lock, (when, when))
        yield
    (state.directory / "postgres" / "reports").mkdir(parents=True, exist_ok=True)
    os.utime(lock, (when, when))


def read(*arguments: str) -> dict[str, str]:
    with reading("reports", arguments or ("accountability",), commands=("accountability", "5w")) as variables:
        return variables


@pytest.mark.parametrize(("up", "demo", "is_read"), [(EARLIER, LATER, "demo"), (LATER, EARLIER, "up")])
@pytest.mark.parametrize("still", [True, False])
def test_of_two_networks_the_later_is_read_and_named(
    states: dict[str, State], capsys: pytest.CaptureFixture[str], still: bool, up: int, demo: int, is_read: str
) -> None:
    with contextlib.ExitStack() as until_later:
        for name, when in (("up", up), ("demo", demo)):
            network = running(states[name], when)
            if still:
                until_later.enter_context(network)
            else:
                with network:
                    pass
        assert read() == {"SERVICE_DATABASE_URL": f"{is_read}/reports"}
    said = capsys.readouterr()
    assert said.out == ""
    how = "runs" if still else "ran last"
    assert said.err == f"ruta: reading the network in {states[is_read].directory}, which {how}\n"


@pytest.mark.parametrize("runs", ["up", "demo"])
def test_one_that_runs_is_read_before_one_that_ran_later(states: dict[str, State], runs: str) -> None:
    (other,) = states.keys() - {runs}
    with running(states[other], LATER):
        pass
    with running(states[runs], EARLIER):
        assert read() == {"SERVICE_DATABASE_URL": f"{runs}/reports"}


def test_a_command_that_always_reads_does_so_with_any_words_but_those_for_help(states: dict[str, State]) -> None:
    with running(states["up"], EARLIER), reading("reports", ("an-id",)) as variables:
        assert variables == {"SERVICE_DATABASE_URL": "up/reports"}
    with reading("reports", ("an-id", "--help")) as variables:
        assert variables == {}


def test_a_network_that_an_older_version_has_started_has_no_such_database(states: dict[str, State]) -> None:
    with running(states["up"], EARLIER), reading("gateway", ("an-id",)) as variables:
        assert variables == {}


def test_one_that_was_never_finished_is_passed_over(states: dict[str, State]) -> None:
    with running(states["up"], EARLIER):
        pass
    with running(states["demo"], LATER):
        pass
    (states["demo"].directory / "postgres" / "reports").rmdir()
    assert read() == {"SERVICE_DATABASE_URL": "up/reports"}


@pytest.mark.parametrize("arguments", [("5w", "--help"), ("--help",), ("import", "services.json")])
def test_what_reads_no_database_starts_none(states: dict[str, State], arguments: tuple[str, ...]) -> None:
    with running(states["up"], EARLIER):
        pass
    assert read(*arguments) == {}


@pytest.mark.parametrize("arguments", [("--credentials", "{}"), ("--credentials={}",), ("x=y", "--credentials", "{}")])
def test_what_sends_says_whose_network_it_is_and_no_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    file = tmp_path / "credentials.json"
    handed = {"organisation": "redcross", "amqp_url": "amqp://redcross:secret@one.example:20001/network"}
    file.write_text(json.dumps(handed))
    cli._say_where_to([one.format(file) for one in arguments])
    assert capsys.readouterr().err == "ruta: sending as redcross to the network at one.example:20001\n"


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"organisation": "x", "amqp_url": "secret"}', "\xff"])
def test_credentials_that_cannot_be_read_are_left_to_the_command_to_refuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: Any
) -> None:
    file = tmp_path / "credentials.json"
    if content is not None:
        file.write_text(content, encoding="latin-1")
    cli._say_where_to(["import", "--credentials", str(file)])
    assert capsys.readouterr().err == ""
