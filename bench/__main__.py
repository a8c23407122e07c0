"""`./ruta bench`: measures every contender, prints what it finds, and writes it as JSON.

`./ruta bench matching` measures the matching of people instead.
"""

import argparse
import json
import platform
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from statistics import median
from typing import Any

from bench import measure, requests
from bench.contenders import Contender, contenders
from bench.ground import Ground
from bench.measure import Throughput
from bench.requests import Request
from deploy.local import Stack, Trouble
from deploy.local.state import default_directory

CONTENDERS = ("nameko", "faststream", "floor", "ruta")  # in the order in which they take turns
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


FULL = Plan(
    rounds=7,
    messages={"ruta": 30_000, "floor": 30_000, "nameko": 3_000, "faststream": 3_000, "referrals": 10_000},
    two_processes=("nameko", "faststream", "ruta"),
    half_load_seconds=15,
    backlog=200_000,
    backlog_seconds=10,
)
QUICK = Plan(
    rounds=3,
    messages={"ruta": 15_000, "floor": 15_000, "nameko": 1_000, "faststream": 1_000, "referrals": 3_000},
    two_processes=("ruta",),
    half_load_seconds=3,
    backlog=200_000,
    backlog_seconds=4,
)


def main() -> int:
    """Run the command line; 1 when Ruta lost or repeated an answer, 0 otherwise, whatever the speed."""
    if sys.argv[1:2] == ["matching"]:
        from bench.matching.__main__ import main as measure_matching

        return measure_matching(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="ruta bench", description="Ruta beside nameko, FastStream and the floor.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="about two minutes, and less certain")
    arguments = parser.parse_args()
    for asked in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked, lambda number, _: sys.exit(128 + number))
    try:
        figures = run(QUICK if arguments.quick else FULL)
        if arguments.json:
            arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    except (Trouble, OSError) as trouble:
        print(f"ruta: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    ruta = figures["contenders"]["ruta"]
    return 1 if ruta["lost"] or ruta["repeated"] else 0


def run(plan: Plan) -> dict[str, Any]:
    """Measure everything and return the figures."""
    began = time.monotonic()
    with Stack(default_directory() / "bench") as stack:
        bench = _Bench(Ground(stack), plan)
        figures = bench.compare()
        bench.more(figures)
    figures["seconds"] = round(time.monotonic() - began)
    return figures


class _Bench:
    """One run of the bench."""

    def __init__(self, ground: Ground, plan: Plan) -> None:
        self._ground = ground
        self._plan = plan
        _say("making the peers' environment, when it is not there yet")
        self._all = contenders()
        self._requests = requests.make(plan.backlog)

    def compare(self) -> dict[str, Any]:
        """The comparison: contenders in turn, round after round."""
        runs: dict[str, list[Throughput]] = {name: [] for name in CONTENDERS}
        for number in range(1, self._plan.rounds + 1):
            for name in CONTENDERS:
                one = self._throughput(name)
                runs[name].append(one)
                _say(
                    f"round {number}  {name:<11}{one.messages_per_s:8,.0f} messages/s"
                    f"  lost {one.lost}  repeated {one.repeated}"
                )
        figures = {name: self._summary(name, runs[name]) for name in CONTENDERS}
        ratios = {name: round(figures["ruta"]["messages_per_s"] / figures[name]["messages_per_s"], 3) for name in GOALS}
        _say("")
        _say(f"{'median of the rounds':<22}{'messages/s':>12}{'lost':>6}{'repeated':>10}{'RSS MB':>8}{'CPU µs':>8}")
        for name, said in figures.items():
            _say(
                f"{name:<22}{said['messages_per_s']:>12,.0f}{said['lost']:>6}{said['repeated']:>10}"
                f"{said['rss_mb']:>8.0f}{said['cpu_us']:>8.0f}"
            )
        _say("")
        for name, ratio in ratios.items():
            verdict = "reached" if ratio >= GOALS[name] else "missed"
            _say(f"Ruta is {ratio:.2f} times as fast as {name}; the goal is {GOALS[name]:g}: {verdict}")
        return {
            "contenders": figures,
            "ratios": ratios,
            "goals": GOALS,
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
        one = self._throughput("referrals", before=_what_referrals_needs)
        figures["services_referrals"] = {"messages_per_s": round(one.messages_per_s), "lost": one.lost}
        _say(f"services/referrals            {one.messages_per_s:8,.0f} requests/s, on a consent each")

    def _throughput(
        self, name: str, processes: int = 1, before: Callable[[Ground, Sequence[Request]], None] | None = None
    ) -> Throughput:
        contender: Contender = self._all[name]
        asked = self._requests[: self._plan.messages[name]]
        return measure.throughput(self._ground, contender, asked, processes=processes, before=before)

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


def _what_referrals_needs(ground: Ground, asked: Sequence[Request]) -> None:
    ground.fill([requests.service_of(asked[0])], contract="service.published.v1")
    ground.fill([requests.consent_of(request) for request in asked], contract="consent.recorded.v1")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
