"""Processes that are forked from one that has imported everything: independent of it, and of each other's secrets."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local import Network, Stack, supervisor
from deploy.local.forking import Adopted, ForkedProcess, ForkServer
from deploy.local.operator_error import OperatorError
from deploy.local.process import Process, Program
from deploy.local.processes import ForkServers
from messaging.topology import DeclaredNetwork
from tests.waiting import eventually

BACK_WITHIN = 2.0  # seconds
SERVERS = {"forkserver": "relay", "forkserver-http": "gateway-http"}  # each with one of those that it forks


def memory_of(pid: int) -> Iterator[bytes]:
    """All that a process can read, piece by piece."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            where, rights, *rest = line.split()
            if "r" not in rights or rest[-1] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            start, end = (int(place, 16) for place in where.split("-"))
            memory.seek(start)
            try:
                yield memory.read(end - start)
            except OSError:
                continue


def secrets_in(pid: int, passwords: dict[str, str]) -> set[str]:
    """Whose passwords stand in the memory of a process."""
    return {user for piece in memory_of(pid) for user, password in passwords.items() if password.encode() in piece}


def pid_of(network: Network, name: str) -> int:
    pid = network[name].pid
    assert pid is not None
    return pid


@pytest.fixture
def steady(network: Network) -> Network:
    """The network, with nothing on its way down or up."""
    network.wait_ready()
    return network


@pytest.mark.parametrize("name", ["intake", "referrals", "relay", "courier", "gateway"])
def test_whoever_looks_at_the_machine_sees_what_each_forked_process_runs(steady: Network, name: str) -> None:
    assert Path(f"/proc/{pid_of(steady, name)}/comm").read_text().strip() == f"ruta-{name}"


def test_each_process_holds_its_own_credentials_and_nobody_elses(steady: Network, declared: DeclaredNetwork) -> None:
    state = steady.stack.state
    passwords: dict[str, str] = json.loads((state.directory / "secrets.json").read_text())
    steady["events"].kill()  # what is forked last could have inherited the most
    steady.wait_ready()

    for service in declared.services:
        assert secrets_in(pid_of(steady, service), passwords) == {service, f"postgres {service}"}, service
    assert secrets_in(pid_of(steady, "gateway"), passwords) == {"gateway"}
    outboxes = {name for service in declared.services for name in (service, f"postgres {service}")}
    outboxes |= {"gateway-http", "postgres gateway"}
    assert secrets_in(pid_of(steady, "relay"), passwords) == outboxes
    for name in SERVERS:
        forks = steady[name]
        assert isinstance(forks, ForkServer)
        assert len(forks.pids) == 2  # and the spare
        assert [secrets_in(pid, passwords) for pid in forks.pids] == [set(), set()]


@pytest.mark.parametrize(("server", "forked"), SERVERS.items())
def test_who_kills_a_fork_server_harms_nobody_and_its_spare_takes_its_place_within_two_seconds(
    steady: Network, server: str, forked: str
) -> None:
    others = {name: process.pid for name, process in steady.processes.items() if name not in (server, forked)}
    forks = steady[server]
    assert isinstance(forks, ForkServer)
    before, spares = pid_of(steady, server), set(forks.pids)

    os.kill(before, signal.SIGKILL)
    killed_at = time.monotonic()
    eventually(lambda: steady[server].pid not in (None, before))
    steady[forked].kill()
    steady.wait_ready([forked])

    assert time.monotonic() - killed_at < BACK_WITHIN
    assert steady[server].pid in spares - {before}
    assert others == {name: steady[name].pid for name in others}


def test_when_its_spare_is_killed_too_it_is_started_anew(steady: Network) -> None:
    forks = steady["forkserver"]
    assert isinstance(forks, ForkServer)
    before = set(forks.pids)

    for pid in before:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: forks.pid is not None and forks.pid not in before)
    steady["gateway"].kill()
    steady.wait_ready(["gateway"])

    assert len(set(forks.pids) - before) == 2


def test_a_fork_server_that_froze_is_ended_by_who_needs_it(steady: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.forking.FORKED_WITHIN", 0.5)
    before = pid_of(steady, "forkserver")

    steady["forkserver"].pause()
    steady["reports"].kill()

    eventually(lambda: steady["forkserver"].pid not in (None, before))
    steady.wait_ready(["reports"])


def test_a_process_that_froze_is_ended_and_comes_back(steady: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FROZEN_AFTER", 5.0)
    before = {name: pid_of(steady, name) for name in ("employment", "gateway", "relay")}

    for name in before:
        steady[name].pause()

    eventually(lambda: all(steady[name].pid not in (None, pid) for name, pid in before.items()))
    steady.wait_ready()


def test_who_stood_still_itself_ends_nobody(steady: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FROZEN_AFTER", 5.0)
    name = "reports"
    before = pid_of(steady, name)
    eventually(lambda: Path(str(steady[name].program.health)).exists())
    watcher = supervisor.Supervisor([steady[name]])
    watcher.look(time.monotonic())
    steady[name].pause()
    try:
        watcher.look(time.monotonic() + 20)  # it comes back from a long sleep, and they have slept as well

        assert steady[name].pid == before
    finally:
        steady[name].resume()


@pytest.fixture
def forks(stack: Stack, declared: DeclaredNetwork) -> Iterator[ForkServer]:
    """A fork server of its own."""
    forks, _ = ForkServers(stack.state, declared).all
    forks.start()
    forks.wait_ready()
    yield forks
    forks.stop()


def program(stack: Stack, name: str = "forked") -> Program:
    return Program(name, [], {"PATH": os.defpath, "SECRET": "only mine"}, stack.state.logs / f"{name}.log")


def test_what_is_forked_is_our_child_and_its_end_is_told(stack: Stack, forks: ForkServer) -> None:
    child = forks.fork(["tests.stack.forked", "7"], program(stack))

    assert isinstance(child, Adopted)
    assert child.wait(10) == 7
    assert child.poll() == 7
    said = (stack.state.logs / "forked.log").read_text()
    assert "ready only mine" in said


def test_a_fork_server_that_froze_holds_up_nobody_else_and_whoever_needs_it_not_for_long(
    stack: Stack, forks: ForkServer, tmp_path: Path
) -> None:
    forks.fork(["tests.stack.forked", "0"], program(stack)).wait(10)
    forked = ForkedProcess(replace(program(stack), module=["tests.stack.forked", "0"]), forks)
    other = Process(Program("other", ["sleep", "600"], {"PATH": os.environ["PATH"]}, tmp_path / "other.log"))
    failed: list[float] = []

    def start() -> None:
        began = time.monotonic()
        with pytest.raises(OperatorError, match="did not answer"):
            forked.start()
        failed.append(time.monotonic() - began)

    forks.pause()
    starting = threading.Thread(target=start)
    starting.start()
    eventually(lambda: forked.wanted)
    other.start()
    alone = starting.is_alive()
    other.stop()
    starting.join(60)

    assert alone  # the other did not wait for it
    assert failed[0] < 15


def test_what_cannot_run_says_why_in_its_own_log(stack: Stack, forks: ForkServer) -> None:
    child = forks.fork(["tests.stack.no_such_module"], program(stack, "broken"))

    assert child.wait(10) == 1
    assert "ModuleNotFoundError" in (stack.state.logs / "broken.log").read_text()


def test_without_a_fork_server_one_is_told_so(stack: Stack, forks: ForkServer) -> None:
    forks.stop()

    with pytest.raises(OperatorError, match="fork server"):
        forks.fork(["tests.stack.forked", "0"], program(stack))
