"""`./ruta bench log`: how quickly the message log finds something; prints what it finds, and writes it as JSON."""

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

from bench.log import lookups, world
from deploy.local import OperatorError, Stack
from deploy.local.state import ROOT, default_directory
from messaging import clock, database
from messaging.migrate import migrate

DATABASE: Final = "monitor_bench"
ROWS: Final = 10_000_000
LOOKS: Final = 500  # of each kind
GOAL_MS: Final = 200.0  # at 95 of a hundred, for each kind


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 1 when something that is there was not found, 0 otherwise, whatever the speed."""
    parser = argparse.ArgumentParser(prog="ruta bench log", description="How quickly the message log finds something.")
    parser.add_argument("--rows", type=int, default=ROWS, help="messages in the log")
    parser.add_argument("--looks", type=int, default=LOOKS, help="look-ups of each kind")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    asked = parser.parse_args(arguments)
    if asked.rows < 200 * world.DAYS or asked.looks < 20:
        parser.error(f"fewer than {200 * world.DAYS:,} rows, or 20 look-ups of each kind, say nothing")
    for signalled in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signalled, lambda number, _: sys.exit(128 + number))
    try:
        figures = measure(default_directory() / "bench-log", asked.rows, asked.looks)
        if asked.json:
            asked.json.write_text(json.dumps({"log": figures}, indent=2) + "\n")
    except (OperatorError, OSError) as error:
        print(f"ruta: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0 if is_right(figures) else 1


def measure(directory: Path, rows: int, looks: int) -> dict[str, Any]:
    """Make a log of so many messages, look things up in it, and give its disk back; returns the figures."""
    with Stack(directory) as stack:
        stack.drop_database(DATABASE)
        url = stack.create_database(DATABASE)
        try:
            migrate(url, ROOT / "hub" / "monitor")
            # Partitions of three months and their indexes are more than answering anybody is to wait for.
            with database.connect(url) as connection:
                connection.execute("set statement_timeout = 0")
                connection.execute("set synchronous_commit = off")
                connection.commit()
                began, today = time.monotonic(), clock.now().date()
                world.fill(connection, rows, today, _say)
                size = connection.execute("select pg_database_size(current_database()) as bytes").fetchone()
                _say(f"made {rows:,} messages of {world.DAYS} days in {time.monotonic() - began:.0f} s")
                known = world.sample(connection, today, looks)
                kinds = lookups.measure(connection, known, looks, _say)
        finally:
            stack.drop_database(DATABASE)
    worst = max(one["p95_ms"] for one in kinds.values())
    assert size is not None
    figures = {
        "rows": rows, "days": world.DAYS, "looks": looks, "bytes": size["bytes"], "p95_ms": worst, "kinds": kinds,
        "seconds": round(time.monotonic() - began),
    }  # fmt: skip
    for kind, one in sorted(kinds.items(), key=lambda item: -item[1]["p95_ms"]):
        _say(f"{kind:32} p50 {one['p50_ms']:7.1f} ms   p95 {one['p95_ms']:7.1f} ms   found {one['found']:.0%}")
    size_gb = size["bytes"] / 1e9
    _say(f"the worst kind: {worst:.1f} ms at 95 of 100 (goal {GOAL_MS:.0f}), {rows:,} messages, {size_gb:.1f} GB")
    return figures


def is_right(figures: dict[str, Any]) -> bool:
    """Whether what is there was found by each of its keys, and nothing that is not there."""
    keys = ("id", "short code", "subject", "correlation", "organisation", "contract", "code", "time")
    kinds = figures["kinds"]
    none = [one for name, one in kinds.items() if "no such" in name or name.startswith("another")]
    return all(kinds[key]["found"] == 1 for key in keys) and all(one["found"] == 0 for one in none)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
