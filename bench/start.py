"""Quick to start, and light: `./ruta up` beside RabbitMQ's own start, and the memory of all of Ruta's own processes."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

from deploy.local import OperatorError
from deploy.local.rabbitmq import BrokerProcess
from deploy.local.state import ROOT, State, free_ports

MORE_THAN_RABBITMQ: Final = 5.0  # seconds that `up` may take longer
MEMORY_MB: Final = 600.0
UP_WITHIN: Final = 300.0  # seconds
AT_REST_AFTER: Final = 10.0  # seconds until every process has done each of its rounds
SERVERS: Final = ("postgres", "rabbitmq-server", "beam.smp", "epmd", "erl_child_setup", "inet_gethost")


def measure(directory: Path, turns: int) -> dict[str, Any]:
    """Start the broker alone and the whole network in turn, warm; returns `up_s`, `rabbitmq_s`, `pss_mb` and more."""
    _up(directory)  # what is made on the first start is not measured
    broker_alone, up, memory = [], [], list[dict[str, float]]()
    for _ in range(turns):
        broker_alone.append(_broker_alone(directory))
        seconds, by_process = _up(directory)
        up.append(seconds)
        memory.append(by_process)
    pss = max(sum(one.values()) for one in memory)
    over = median(up) - median(broker_alone)
    return {
        "up_s": round(median(up), 2),
        "rabbitmq_s": round(median(broker_alone), 2),
        "pss_mb": round(pss, 1),
        "processes": len(memory[0]),
        "goals": {
            "up_over_rabbitmq_s": {
                "measured": round(over, 2), "goal": MORE_THAN_RABBITMQ, "reached": over <= MORE_THAN_RABBITMQ,
            },
            "pss_mb": {"measured": round(pss, 1), "goal": MEMORY_MB, "reached": pss <= MEMORY_MB},
        },
    }  # fmt: skip


def lines(figures: dict[str, Any]) -> Iterator[str]:
    """What is printed of it."""
    yield (
        f"start    up {figures['up_s']:.1f} s, RabbitMQ alone {figures['rabbitmq_s']:.1f} s; "
        f"{figures['processes']} processes of Ruta's own hold {figures['pss_mb']:.0f} MB (PSS)"
    )
    for name, said in figures["goals"].items():
        verdict = "reached" if said["reached"] else "missed"
        yield f"start    {name} is {said['measured']:g}; the goal is at most {said['goal']:g}: {verdict}"


def _broker_alone(directory: Path) -> float:
    """Seconds from the start of RabbitMQ until it answers, with nothing else at work."""
    with State(directory).held():
        one, two, three, four, five = free_ports(5)
        broker = BrokerProcess(State(directory), (one, two, three, four, five))
        began = time.monotonic()
        try:
            broker.start()
            broker.wait_ready()
            return time.monotonic() - began
        finally:
            broker.stop()


def _up(directory: Path) -> tuple[float, dict[str, float]]:
    """Seconds until `./ruta up` says that it is up, and MB of each of its own processes then."""
    began = time.monotonic()
    up = subprocess.Popen(
        [str(ROOT / "ruta"), "up"],
        env=os.environ | {"RUTA_STATE": str(directory)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert up.stdout is not None
        for line in up.stdout:
            if "is up" in line:
                break
        else:
            raise OperatorError(f"`./ruta up` ended with {up.wait()}; see {directory / 'logs'}")
        seconds = time.monotonic() - began
        time.sleep(AT_REST_AFTER)
        return seconds, _memory_below(up.pid)
    finally:
        up.send_signal(signal.SIGTERM)
        up.communicate(timeout=UP_WITHIN)


def _memory_below(root: int) -> dict[str, float]:
    """The proportional set size in MB of a process and of all below it that are no servers, by process id."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = stat.read_text().split(" ", 1)
        except OSError:  # it has just ended
            continue
        parents[int(pid)] = int(rest.rpartition(")")[2].split()[1])
    ours = {root}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    servers = {pid for pid in ours if _name(pid) in SERVERS}
    return {f"{pid} {_name(pid)}": pss_mb(pid) for pid in ours - servers}


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "gone"


def pss_mb(pid: int) -> float:
    """The proportional set size of a process in MB."""
    try:
        said = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) for line in said.splitlines() if line.startswith("Pss:")) * 1024 / 1e6
