"""`./ruta bench log`: how quickly the message log finds something, and what it costs the flow; printed, and as JSON."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from bench.ground import Ground
from bench.log import flow, lookups, pages, world
from deploy.local import OperatorError, Stack
from deploy.local.state import ROOT, default_directory
from messaging import clock, database
from messaging.migrate import migrate

DATABASE: Final = "monitor_bench"
ROWS: Final = 10_000_000
LOOKS: Final = 500  # of each kind
GOAL_MS: Final = 200.0  # at 95 of a hundred, for each kind
QUICK_LOOKS: Final = 50
FILLED_WITHIN: Final = 1_800.0  # seconds, whatever one statement of that takes


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 1 when something was not found or not logged, or lost, 0 otherwise, whatever the speed."""
    parser = argparse.ArgumentParser(
        prog="ruta bench log", description="How quickly the message log finds something, and what it costs the flow."
    )
    parser.add_argument("--rows", type=int, default=ROWS, help="messages in the log")
    parser.add_argument("--looks", type=int, help=f"look-ups of each kind; {LOOKS}, with --quick {QUICK_LOOKS}")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter turns of the flow, and less certain")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    asked = parser.parse_args(arguments)
    looks = asked.looks or (QUICK_LOOKS if asked.quick else LOOKS)
    if asked.rows < 200 * world.DAYS or looks < 20:
        parser.error(f"fewer than {200 * world.DAYS:,} rows, or 20 look-ups of each kind, say nothing")
    for signalled in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signalled, lambda number, _: sys.exit(128 + number))
    try:
        plan = flow.QUICK if asked.quick else flow.FULL
        figures = measure(default_directory() / "bench-log", asked.rows, looks, plan)
        if asked.json:
            asked.json.write_text(json.dumps({"log": figures}, indent=2) + "\n")
    except (OperatorError, OSError) as error:
        print(f"ruta: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0 if is_right(figures) else 1


def measure(directory: Path, rows: int, looks: int, plan: flow.Plan) -> dict[str, Any]:
    """Make a log of so many messages, look things up in it, let it log the flow, and give its disk back."""
    began = time.monotonic()
    with Stack(directory) as stack:
        stack.drop_database(DATABASE)
        url = stack.create_database(DATABASE)
        try:
            migrate(url, ROOT / "hub" / "monitor")
            last_day = clock.now().date() - timedelta(days=1)  # what the log itself writes comes behind all that
            # Partitions of three months and their indexes are more than answering anybody is to wait for.
            with database.connect(url, answer_within=FILLED_WITHIN) as connection:
                connection.execute("set statement_timeout = 0")
                connection.execute("set synchronous_commit = off")
                connection.commit()
                world.fill(connection, rows, last_day, _say)
                size = connection.execute("select pg_database_size(current_database()) as bytes").fetchone()
                _say(f"made {rows:,} messages of {world.DAYS} days in {time.monotonic() - began:.0f} s")
                known = world.sample(connection, last_day, looks)
                kinds = lookups.measure(connection, known, looks, _say)
            assert size is not None
            figures = {
                "rows": rows,
                "days": world.DAYS,
                "looks": looks,
                "bytes": size["bytes"],
                "p95_ms": max(one["p95_ms"] for one in kinds.values()),
                "kinds": kinds,
                "pages": pages.measure(url, world.midnight(last_day) + world.DAY),
            }
            for line in _of_looks(figures):
                _say(line)
            figures |= flow.measure_flow(Ground(stack), url, plan, _say)
        finally:
            stack.drop_database(DATABASE)
    figures["seconds"] = round(time.monotonic() - began)
    for line in flow.verdicts(figures):
        _say(line)
    _say(f"all of it took {figures['seconds'] / 60:.0f} minutes")
    return figures


def _of_looks(figures: dict[str, Any]) -> Iterator[str]:
    for kind, one in sorted(figures["kinds"].items(), key=lambda item: -item[1]["p95_ms"]):
        yield f"{kind:32} p50 {one['p50_ms']:7.1f} ms   p95 {one['p95_ms']:7.1f} ms   found {one['found']:.0%}"
    yield (
        f"the worst kind: {figures['p95_ms']:.1f} ms at 95 of 100 (goal {GOAL_MS:.0f}), {figures['rows']:,} messages,"
        f" {figures['bytes'] / 1e9:.1f} GB"
    )
    for name, one in figures["pages"].items():
        goal = f" (goal {pages.GOAL_MS:.0f})" if name == "story" else ""
        yield f"{name:32} p50 {one['p50_ms']:7.1f} ms   p95 {one['p95_ms']:7.1f} ms{goal}"


def is_right(figures: dict[str, Any]) -> bool:
    """Whether what is there was found by each of its keys, nothing that is not, and the log has all, as others have."""
    keys = ("id", "short code", "subject", "correlation", "organisation", "contract", "code", "time")
    kinds = figures["kinds"]
    none = [one for name, one in kinds.items() if "no such" in name or name.startswith("another")]
    found = all(kinds[key]["found"] == 1 for key in keys) and all(one["found"] == 0 for one in none)
    return found and figures["logged"] == figures["sent"] > 0 and not figures["lost"]


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
