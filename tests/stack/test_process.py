"""Child processes: they die with whoever started them, and are brought back when they die."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from deploy.local.operator_error import OperatorError
from deploy.local.process import Process, Program
from deploy.local.state import ROOT
from deploy.local.supervisor import Supervisor
from tests.waiting import eventually

DELAYS = (0.2, 0.4, 0.8)  # seconds

STARTS_A_CHILD = """
import sys, time
from pathlib import Path
from deploy.local.process import Process, Program
child = Process(Program("child", ["sleep", "600"], {"PATH": "/bin:/usr/bin"}, Path(sys.argv[1])))
child.start()
print(child.pid, flush=True)
time.sleep(600)
"""


def shell(tmp_path: Path, script: str, **more: object) -> Process:
    """A process that runs a few words of shell."""
    environment = {"PATH": os.environ["PATH"]}
    return Process(Program("it", ["sh", "-c", script], environment, tmp_path / "it.log", **more))  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    """Whether there is such a process, other than as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_child_dies_with_whoever_started_it_whatever_the_cause(tmp_path: Path, blow: signal.Signals) -> None:
    command = [sys.executable, "-c", STARTS_A_CHILD, str(tmp_path / "log")]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)

        parent.send_signal(blow)
        parent.wait()

    eventually(lambda: not alive(child))


def test_a_process_is_ready_when_it_says_so(tmp_path: Path) -> None:
    process = shell(tmp_path, "echo preparing; echo ready it; exec sleep 600")
    process.start()
    process.wait_ready()
    process.stop()

    assert process.exit_code == -signal.SIGTERM


def test_a_process_that_ends_too_early_is_quoted(tmp_path: Path) -> None:
    process = shell(tmp_path, "echo no such table >&2; exit 3")
    process.start()

    with pytest.raises(OperatorError, match="no such table"):
        process.wait_ready()


@pytest.mark.parametrize(
    ("before", "ending", "told"),
    [
        (1, "exit 3", "no such table"),
        (3600, "exit 3", None),  # it has lived on for an hour after that
        (1, "kill -9 $$", None),  # who is killed says nothing, whatever it said before
    ],
)
def test_the_reason_of_an_end_is_what_was_said_at_the_end(
    tmp_path: Path, before: float, ending: str, told: str | None
) -> None:
    at = (datetime.now(UTC) - timedelta(seconds=before)).isoformat(timespec="milliseconds")
    line = json.dumps({"at": at, "level": "critical", "says": "no such table"})
    process = shell(tmp_path, f"echo '{line}' >&2; {ending}")
    process.start()
    eventually(lambda: process.pid is None)

    assert process.reason() == told


def test_a_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    process = shell(tmp_path, "trap '' TERM; echo ready it; while :; do sleep 1; done", stop_within=0.2)
    process.start()
    process.wait_ready()

    process.stop()

    assert process.exit_code == -signal.SIGKILL


def test_a_paused_process_can_be_stopped(tmp_path: Path) -> None:
    process = shell(tmp_path, "echo ready it; exec sleep 600")
    process.start()
    process.wait_ready()
    process.pause()

    process.stop()

    assert process.exit_code == -signal.SIGTERM


def test_a_process_that_dies_is_brought_back_and_one_that_is_stopped_is_not(tmp_path: Path) -> None:
    process = shell(tmp_path, "echo ready it; exec sleep 600")
    process.start()
    supervisor = Supervisor([process])
    supervisor.start()
    try:
        first = process.pid
        process.kill()
        second = eventually(lambda: process.pid)
        assert first != second
        assert process.restarts == 1

        process.stop()
        process.start()  # by hand, as an operator may
        assert process.restarts == 1
    finally:
        supervisor.stop()
        process.stop()
    assert process.pid is None


def test_a_process_that_keeps_dying_is_started_later_and_later(tmp_path: Path) -> None:
    deaths = tmp_path / "deaths"
    deaths.touch()
    process = shell(tmp_path, f"date +%s.%N >>{deaths}; exit 1")
    process.start()
    supervisor = Supervisor([process])
    supervisor.start()
    try:
        eventually(lambda: deaths.read_text().count("\n") >= 4)
    finally:
        supervisor.stop()
        process.stop()

    times = [float(line) for line in deaths.read_text().splitlines()]
    waited = [later - earlier for earlier, later in pairwise(times[:4])]
    assert all(seconds >= delay for seconds, delay in zip(waited, DELAYS, strict=True)), waited


def test_what_is_to_run_from_now_on_is_started_and_brought_back(tmp_path: Path) -> None:
    late = shell(tmp_path, "echo ready it; exec sleep 600")
    new = [late]
    supervisor = Supervisor([], more=lambda: [new.pop()] if new else [])
    supervisor.start()
    try:
        first = eventually(lambda: late.pid)
        late.kill()
        assert eventually(lambda: late.pid if late.restarts else None) != first
    finally:
        supervisor.stop()
        late.stop()
