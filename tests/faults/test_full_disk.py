"""On a disk without any room a process lives and works: it can say nothing, and that ends nobody."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local import Stack, supervisor
from deploy.local.forking import SERVER, ForkServer
from deploy.local.process import Process, Program
from deploy.local.processes import hub_programs
from deploy.local.state import ROOT
from deploy.local.supervisor import Supervisor
from messaging import health
from messaging.topology import HUB, NETWORK, DeclaredNetwork
from tests.waiting import eventually

READY_WITHIN = 8.0  # seconds


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte, of which nothing is free."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=False)
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with contextlib.suppress(OSError), (place / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def on(disk: Path, program: Program) -> Program:
    """The same program, with its log and its heartbeat on this disk."""
    file = disk / f"{program.name}.json"
    environment = {**program.environment, "RUTA_HEALTH_FILE": str(file)}
    return replace(program, log=disk / f"{program.name}.log", health=file, environment=environment)


def ours(name: str, *module: str, **variables: str) -> Program:
    """A process that runs one of our modules."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return Program(name, [sys.executable, "-P", "-m", *module], environment, Path(), ready_within=READY_WITHIN)


def beaten_at(program: Program) -> float:
    """When its heart has last beaten, in seconds since 1970; 0 where it never has."""
    assert program.health is not None
    with contextlib.suppress(FileNotFoundError):
        return program.health.stat().st_mtime
    return 0.0


def test_a_process_that_is_started_on_a_full_disk_beats_and_is_not_ended(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FROZEN_AFTER", 4.0)
    relay = Process(on(disk, ours("relay", "messaging.relay", RELAY_OUTBOXES="[]")))
    assert relay.program.health is not None
    relay.start()
    watcher = Supervisor([relay])
    watcher.start()
    try:
        first, began = relay.pid, time.time()
        eventually(lambda: beaten_at(relay.program) - began > READY_WITHIN + 3 or relay.restarts)

        assert (relay.pid, relay.restarts) == (first, 0)
        assert health.read(relay.program.health) is None

        (disk / "filler").unlink()
        eventually(lambda: (health.read(disk / "relay.json") or {}).get("pid") == first)
    finally:
        watcher.stop()
        relay.stop()


@pytest.mark.parametrize(
    ("name", "vhost", "queue"), [("reports", HUB, "reports"), ("gateway", NETWORK, "submit.redcross")]
)
def test_what_cannot_say_that_it_is_ready_works_all_the_same(
    disk: Path, provisioned: Stack, declared: DeclaredNetwork, name: str, vhost: str, queue: str
) -> None:
    [program] = [one for one in hub_programs(provisioned, declared) if one.name == name]
    process = Process(on(disk, program))

    def reads() -> bool:
        return bool(provisioned.management.get(f"queues/{vhost}/{queue}").get("consumers"))

    eventually(lambda: not reads())
    process.start()
    try:
        eventually(reads)
        began = time.time()
        eventually(lambda: beaten_at(process.program) - began > 3 or process.pid is None)

        assert process.pid is not None, process.exit_code
        assert process.output() == b""

        process.signal(signal.SIGTERM)
        eventually(lambda: process.pid is None)
        assert process.exit_code == 0
        assert not (disk / f"{name}.json").exists()  # what ended in order is nobody's problem
    finally:
        process.stop()


def test_a_fork_server_forks_on_a_full_disk(disk: Path) -> None:
    forks = ForkServer(replace(ours("forkserver", SERVER), log=disk / "forkserver.log"), [])
    forks.start()
    try:
        child = forks.fork(["messaging.relay"], on(disk, ours("relay", RELAY_OUTBOXES="[]")))
        began = time.time()
        eventually(lambda: beaten_at(on(disk, ours("relay"))) - began > 2 or child.poll() is not None)

        assert child.poll() is None
        assert len(forks.pids) == 2
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    finally:
        forks.stop()
