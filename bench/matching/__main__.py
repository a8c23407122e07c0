"""`./ruta bench matching`: measures the matching, prints what it finds, and writes it as JSON."""

import argparse
import json
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

warnings.filterwarnings("ignore", message="\\s*Eventlet is deprecated")

from bench.matching import ground, quality, speed  # noqa: E402 - not before the filter
from bench.matching.damage import make_registrations  # noqa: E402
from deploy.local import OperatorError, Stack  # noqa: E402
from deploy.local.state import default_directory  # noqa: E402

SEED = 2021  # of the set that quality is measured with; the chances were counted in others


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 1 when the matching is not as good, or not as fast, as it has to be."""
    parser = argparse.ArgumentParser(prog="ruta bench matching", description="How good and how fast the matching is.")
    parser.add_argument("--people", type=int, default=20_000, help="in the set of known pairs")
    parser.add_argument("--among", type=int, default=1_000_000, help="registrations to look somebody up among; or 0")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    asked = parser.parse_args(arguments)
    figures = {}
    passed = True
    try:
        with Stack(default_directory() / "bench") as stack:
            with ground.empty_intake(stack) as connection:
                found = quality.measure(connection, make_registrations(asked.people, asked.seed))
            figures["quality"] = {**asdict(found), "recall": found.recall, "precision": found.precision}
            passed &= found.is_good_enough
            _say_quality(found)
            if asked.among:
                with ground.empty_intake(stack) as connection:
                    speed.fill(connection, asked.among, asked.seed)
                    newcomers = speed.newcomers(600, asked.seed)
                    speed.measure(connection, asked.among, newcomers[:100])  # so that the index is in memory
                    measured = speed.measure(connection, asked.among, newcomers[100:])
                figures["speed"] = asdict(measured)
                passed &= measured.is_fast_enough
                _say_speed(measured)
    except OperatorError as error:
        print(f"ruta: {error}", file=sys.stderr)
        return 1
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if passed else 1


def _say_quality(found: quality.Quality) -> None:
    _say(f"{found.registrations:,} registrations, {found.true_pairs:,} true pairs, {found.proposed:,} proposed")
    _say(f"recall     {found.recall:.4f}  goal {quality.RECALL:.2f}")
    _say(f"precision  {found.precision:.4f}  goal {quality.PRECISION:.2f}")
    for reason, times in found.missed.items():
        _say(f"missed     {times:6,}  {reason}")
    _say(f"time       {found.ms_per_registration:.2f} ms for each registration, all in all")


def _say_speed(found: speed.Speed) -> None:
    _say(f"among {found.registrations:,} registrations with {found.keys:,} keys, for {found.people_asked} people:")
    _say(f"candidates {found.candidates_each:.1f} each, {found.candidates_most} at most")
    _say(
        f"found in   p50 {found.candidates_p50_ms:.1f} ms  p95 {found.candidates_p95_ms:.1f} ms  "
        f"max {found.candidates_max_ms:.1f} ms  goal {speed.WITHIN_MS:.0f} ms p95"
    )
    _say(f"whole      p50 {found.whole_p50_ms:.1f} ms  p95 {found.whole_p95_ms:.1f} ms, keys and scores included")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
