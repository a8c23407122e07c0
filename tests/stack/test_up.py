"""`./ruta up` as an operator has it: the whole network as real processes, and nothing left behind, whatever ends it."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.state import ROOT, State
from tests.directories import make_directory
from tests.waiting import eventually

STOPPED_WITHIN = 120.0  # seconds
ENDED_WITHIN = 10.0  # seconds for what the broker had started to notice that it is gone
LOOPBACK, LOOPBACK_6 = "0100007F", "0" * 24 + "01000000"  # 127.0.0.1 and ::1 as the kernel's tables write them


class Operator:
    """Somebody in front of a shell, with a state directory of their own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("RUTA_")}
        self.environment |= {"RUTA_STATE": str(directory)}
        self.up: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """`./ruta up`, until it says that it is."""
        self.up = subprocess.Popen([ROOT / "ruta", "up"], env=self.environment, stdout=subprocess.PIPE, text=True)
        assert self.up.stdout is not None
        assert "Ruta is up" in self.up.stdout.readline()

    def end(self, blow: signal.Signals) -> int:
        """Send a signal to `./ruta up` and wait for it; its exit code."""
        assert self.up is not None
        self.up.send_signal(blow)
        return self.ended()

    def ended(self) -> int:
        """Wait until `./ruta up` has ended; its exit code."""
        assert self.up is not None
        assert self.up.stdout is not None
        code = self.up.wait(STOPPED_WITHIN)
        self.up.stdout.close()
        return code

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Another command in another shell."""
        return subprocess.run(
            [ROOT / "ruta", *arguments], env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )

    def status(self) -> dict[str, Any]:
        """`./ruta status --json`."""
        status: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return status

    def processes(self) -> dict[int, str]:
        """Every process on this machine that belongs to this state directory, whoever its parent is."""
        mine = str(self.directory).encode()
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                # PostgreSQL writes over its environment, but works in its data directory.
                with contextlib.suppress(OSError):
                    seen = (
                        (entry / "environ").read_bytes()
                        + (entry / "cmdline").read_bytes()
                        + bytes((entry / "cwd").readlink())
                    )
                    if mine in seen:
                        found[int(entry.name)] = (entry / "comm").read_text().strip()
        return found


@pytest.fixture(scope="module")
def operator() -> Iterator[Operator]:
    """An operator who has not started anything yet; what they leave running is killed."""
    directory = make_directory("operator")
    operator = Operator(directory)
    yield operator
    if operator.up is not None and operator.up.poll() is None:
        operator.end(signal.SIGKILL)
    eventually(lambda: not operator.processes())
    shutil.rmtree(directory)


@pytest.fixture
def running(operator: Operator) -> Operator:
    """The same one, with the network up."""
    if operator.up is None or operator.up.poll() is not None:
        operator.start()
    return operator


def test_it_shows_what_runs(running: Operator) -> None:
    status = running.status()

    assert status["running"]
    assert status["pid"] in running.processes()
    names = {process["name"] for process in status["processes"]}
    assert names >= {"postgres", "rabbitmq", "gateway", "intake", "relay", "referrals"}
    assert all(
        process["memory_mb"] < 120 for process in status["processes"] if process["name"] in ("intake", "referrals")
    )
    queues = {queue["name"] for queue in status["queues"]}
    assert queues >= {"referrals", "deliver.iom", "dead"}
    of_network = [name for name in queues if name.startswith(("submit.", "inbox."))]
    assert of_network
    # RabbitMQ tells whoever names a queue how much is in it: in a new network nobody else can.
    assert [name for name in of_network if not re.search(r"\.[0-9a-f]{32}$", name)] == []
    of_referrals = status["services"]["referrals"]
    assert of_referrals == of_referrals | {"inbox": 0, "parked": {}, "crowded": [], "waits": [], "unpublished": 0}


def test_a_second_one_in_the_same_place_is_refused_in_one_sentence(running: Operator) -> None:
    refused = running.run("up")

    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "already runs" in refused.stderr


@pytest.mark.parametrize("name", ["gateway", "referrals", "relay", "forkserver", "rabbitmq", "postgres"])
def test_a_process_that_is_killed_comes_back(running: Operator, name: str) -> None:
    def said() -> int | None:
        found: int | None = next(process["pid"] for process in running.status()["processes"] if process["name"] == name)
        return found

    def noted() -> int | None:
        """The same from the file that `status` reads: to run it costs whoever is to come back a second of processor."""
        running_now = State(running.directory).read_running()
        found: int | None = running_now["processes"][name]["pid"] if running_now else None
        return found

    before = said()
    assert before is not None
    os.kill(before, signal.SIGKILL)

    eventually(lambda: noted() not in (None, before))
    eventually(lambda: said() not in (None, before))


def test_secrets_are_for_their_owner_only(running: Operator) -> None:
    secret = [
        running.directory / "secrets.json",
        running.directory / "running.json",
        running.directory / "rabbitmq" / ".erlang.cookie",
    ]
    secret += [*running.directory.glob("organisations/*/*"), running.directory / "rabbitmq" / "rabbitmq.conf"]

    assert {path.name: oct(path.stat().st_mode & 0o777) for path in secret} == {path.name: "0o600" for path in secret}


def test_it_listens_on_loopback_only(running: Operator) -> None:
    mine = set(running.processes())
    sockets = set()
    for pid in mine:
        with contextlib.suppress(OSError):
            sockets |= {str(open_file.readlink()) for open_file in Path(f"/proc/{pid}/fd").iterdir()}
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                listening.add(fields[1].split(":")[0])

    assert listening <= {LOOPBACK, LOOPBACK_6}
    assert LOOPBACK in listening


def test_a_system_wide_epmd_is_not_used(running: Operator) -> None:
    assert "epmd" in running.processes().values()


def test_killed_with_sigkill_it_leaves_no_process_and_starts_again(running: Operator) -> None:
    assert len(running.processes()) > 7

    running.end(signal.SIGKILL)

    eventually(lambda: not running.processes())
    status = running.status()
    assert (status["running"], [one["code"] for one in status["problems"]]) == (False, ["ended"])
    running.start()
    assert running.status()["running"]


def test_after_a_power_cut_a_stale_process_id_does_not_stop_it_from_starting(running: Operator) -> None:
    running.end(signal.SIGKILL)
    eventually(lambda: not running.processes())
    pid_file = running.directory / "postgres" / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n")  # by now that number is somebody else's
    (running.directory / "running.json").write_text("{")

    running.start()

    assert running.status()["running"]


@pytest.mark.parametrize("signalled", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_stops_everything_and_says_so(running: Operator, signalled: signal.Signals) -> None:
    assert running.end(signalled) == 0
    eventually(lambda: not running.processes(), within=ENDED_WITHIN)


def stops(running: Operator) -> int:
    """How often the audit has it that the network was stopped."""
    return running.run("audit", "search", "--act", "network_stopped").stdout.count("network stopped: network")


def test_down_stops_it_from_another_shell_and_the_audit_has_that(running: Operator) -> None:
    before = stops(running)
    down = running.run("down")

    assert down.returncode == 0
    assert running.ended() == 0
    eventually(lambda: not running.processes(), within=ENDED_WITHIN)
    assert "was not running" in running.run("down").stdout
    assert stops(running) == before + 1
