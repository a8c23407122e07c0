"""`./ruta bench`: measures every contender and the real work, prints what it finds, and writes it as JSON.

`./ruta bench real` measures the real work beside the contender `ruta` and the floor alone, `./ruta bench latency` the
time to an answer, `./ruta bench http` accepting by HTTP and what floods do to others, `./ruta bench start` how quickly
the network is up and what memory it takes, `./ruta bench console` the console's pages at a million referrals,
`./ruta bench matching` the matching of people, and `./ruta bench log` look-ups in the message log and
what it costs the flow.
"""

import argparse
import importlib
import json
import platform
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench import latency, measure, requests, start
from bench.console import measured as console
from bench.contenders import Contender, contenders, ours
from bench.ground import Ground
from bench.http import measured as http
from bench.measure import Throughput, Work
from bench.real import figures as real_figures
from bench.real import measured as real
from deploy.local import OperatorError, Stack, running
from deploy.local.state import default_directory

CONTENDERS = ("nameko", "faststream", "floor", "ruta")  # in the order in which they take turns
OURS = ("floor", "ruta")
GOALS = {"nameko": 5.0, "faststream": 5.0, "floor": 0.8}  # how many times as fast Ruta is to be


@dataclass(frozen=True)
class Plan:
    """How long to measure. Numbers of messages are such that each contender is busy for some seconds."""

    rounds: int
    messages: dict[str, int]
    two_processes: Sequence[str]
    half_load_seconds: float
    backlog: int
    backlog_seconds: float
    real: real.Plan
    latency: latency.Plan
    http: http.Plan
    console: console.Plan
    starts: int


FULL = Plan(
    rounds=7,
    messages={"ruta": 30_000, "floor": 30_000, "nameko": 3_000, "faststream": 3_000},
    two_processes=("nameko", "faststream", "ruta"),
    half_load_seconds=15,
    backlog=200_000,
    backlog_seconds=10,
    real=real.FULL,
    latency=latency.FULL,
    http=http.FULL,
    console=console.FULL,
    starts=3,
)
QUICK = Plan(
    rounds=3,
    messages={"ruta": 15_000, "floor": 15_000, "nameko": 1_000, "faststream": 1_000},
    two_processes=("ruta",),
    half_load_seconds=3,
    backlog=200_000,
    backlog_seconds=4,
    real=real.QUICK,
    latency=latency.QUICK,
    http=http.QUICK,
    console=console.QUICK,
    starts=1,
)


PARTS: Final = ("real", "latency", "http", "start", "console")
OF_THEIR_OWN: Final = ("log", "matching")  # measured only where they are asked for, and with more options


def main() -> int:
    """Run the command line; 1 when Ruta lost or repeated an answer, 0 otherwise, whatever the speed."""
    for name in OF_THEIR_OWN:
        if name in sys.argv[1:]:
            rest = [one for one in sys.argv[1:] if one != name]
            return int(importlib.import_module(f"bench.{name}.__main__").main(rest))
    parser = argparse.ArgumentParser(prog="ruta bench", description="Ruta beside nameko, FastStream and the floor.")
    parser.add_argument(
        "what",
        nargs="?",
        choices=(*PARTS, *OF_THEIR_OWN),
        help=f"only this; {' and '.join(OF_THEIR_OWN)} have options of their own",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="a quarter of the time, and less certain")
    arguments = parser.parse_args()
    for asked in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked, lambda number, _: sys.exit(128 + number))
    try:
        figures = run(QUICK if arguments.quick else FULL, only=arguments.what)
        if arguments.json:
            arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    except (OperatorError, OSError) as error:
        print(f"ruta: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if "http" in figures and not http.is_right(figures):
        return 1
    if "console" in figures and not console.is_right(figures["console"]):
        return 1
    if "contenders" not in figures:
        return 0
    ruta = figures["contenders"]["ruta"]
    return 1 if ruta["lost"] or ruta["repeated"] or not real_figures.is_right(figures["real"]) else 0


def run(plan: Plan, *, only: str | None = None) -> dict[str, Any]:
    """Measure everything, or only a part of it (of the real work with what it is held against); return the figures."""
    began, figures = time.monotonic(), dict[str, Any]()
    if only in (None, "real"):
        with Stack(default_directory() / "bench") as stack:
            bench = _Bench(Ground(stack), plan, OURS if only else CONTENDERS)
            figures = bench.compare()
            if not only:
                bench.more(figures)
    directory = default_directory() / "bench-network"
    if only in (None, "latency"):
        _say("")
        with running(directory) as network:
            figures["latency"] = latency.measure(network, plan.latency)
        for line in latency.lines(figures["latency"]):
            _say(line)
    if only in (None, "http"):
        _say("")
        figures |= http.measure(directory, plan.http, _say)
    if only in (None, "start"):
        _say("")
        figures["start"] = start.measure(directory, plan.starts)
        for line in start.lines(figures["start"]):
            _say(line)
    if only in (None, "console"):
        _say("")
        figures["console"] = console.measure(default_directory() / "bench-console", plan.console, _say)
        for line in console.lines(figures["console"]):
            _say(line)
    figures["seconds"] = round(time.monotonic() - began)
    return figures


class _Bench:
    """One run of the bench."""

    def __init__(self, ground: Ground, plan: Plan, names: Sequence[str]) -> None:
        self._ground = ground
        self._plan = plan
        self._names = names
        if names != OURS:
            _say("making the peers' environment, when it is not there yet")
        self._all = ours() if names == OURS else contenders()
        self._requests = requests.make(plan.backlog)
        self._real = real.RealWork(ground, plan.real, self._requests, _say)

    def compare(self) -> dict[str, Any]:
        """The comparison: contenders and real requests in turn, round after round, and then the other real work."""
        runs: dict[str, list[Throughput]] = {name: [] for name in self._names}
        for number in range(1, self._plan.rounds + 1):
            for name in self._names:
                one = self._throughput(name)
                runs[name].append(one)
                _say(
                    f"round {number}  {name:<15}{one.messages_per_s:8,.0f} messages/s"
                    f"  lost {one.lost}  repeated {one.repeated}"
                )
            self._real.take_turn(number)
        figures = {name: self._summary(name, runs[name]) for name in self._names}
        ruta = figures["ruta"]["messages_per_s"]
        ratios = {name: round(ruta / figures[name]["messages_per_s"], 3) for name in GOALS if name in figures}
        found = self._real.figures()
        found["goals"] = real_figures.goals(found, ruta)
        _say("")
        _say(f"{'median of the rounds':<22}{'messages/s':>12}{'lost':>6}{'repeated':>10}{'RSS MB':>8}{'CPU µs':>8}")
        for name, said in figures.items():
            _say(
                f"{name:<22}{said['messages_per_s']:>12,.0f}{said['lost']:>6}{said['repeated']:>10}"
                f"{said['rss_mb']:>8.0f}{said['cpu_us']:>8.0f}"
            )
        _say("")
        for line in real_figures.table(found):
            _say(line)
        _say("")
        for name, ratio in ratios.items():
            verdict = "reached" if ratio >= GOALS[name] else "missed"
            _say(f"Ruta is {ratio:.2f} times as fast as {name}; the goal is {GOALS[name]:g}: {verdict}")
        for line in real_figures.verdicts(found["goals"]):
            _say(line)
        return {
            "contenders": figures,
            "ratios": ratios,
            "goals": {name: GOALS[name] for name in ratios},
            "real": found,
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {"processors": cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        }

    def more(self, figures: dict[str, Any]) -> None:
        """What stands beside the comparison; added to `figures`."""
        _say("")
        two = figures["two_processes"] = {}
        for name in self._plan.two_processes:
            one = self._throughput(name, processes=2)
            two[name] = {
                "messages_per_s": round(one.messages_per_s),
                "messages_per_s_and_process": round(one.messages_per_s / 2),
                "lost": one.lost,
                "repeated": one.repeated,
            }
            _say(f"two processes      {name:<11}{one.messages_per_s:8,.0f} messages/s")
        half = figures["half_load"] = {}
        for name in CONTENDERS:
            rate = figures["contenders"][name]["messages_per_s"] / 2
            latency = measure.latency(self._ground, self._all[name], rate, self._plan.half_load_seconds)
            half[name] = {key: round(value, 1) for key, value in asdict(latency).items()}
            _say(
                f"half load          {name:<11}{rate:8,.0f} messages/s  p50 {latency.p50_ms:.1f} ms  "
                f"p99 {latency.p99_ms:.1f} ms"
            )
        memory = figures["rss_mb"] = {}
        for backlog in (self._plan.backlog // 20, self._plan.backlog):
            waiting = self._requests[:backlog]
            highest = measure.memory(self._ground, self._all["ruta"], waiting, self._plan.backlog_seconds)
            memory[f"backlog_{backlog}"] = round(highest, 1)
            _say(f"memory             ruta {highest:.0f} MB with {backlog:,} messages waiting")

    def _throughput(self, name: str, processes: int = 1) -> Throughput:
        contender: Contender = self._all[name]
        asked = self._requests[: self._plan.messages[name]]
        return measure.throughput(self._ground, contender, Work(asked), processes=processes)

    def _summary(self, name: str, runs: Sequence[Throughput]) -> dict[str, Any]:
        return {
            "messages_per_s": round(median(one.messages_per_s for one in runs), 1),
            "lost": sum(one.lost for one in runs),
            "repeated": sum(one.repeated for one in runs),
            "rounds": [round(one.messages_per_s, 1) for one in runs],
            "messages": self._plan.messages[name],
            "rss_mb": round(max(one.rss_mb for one in runs), 1),
            "cpu_us": round(median(one.cpu_us for one in runs), 1),
        }


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
