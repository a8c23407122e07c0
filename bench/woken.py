"""Runs a service as `messaging.run` does, and writes down how soon what waited goes on.

    python -m bench.woken services.referrals.service          (as messaging.run, and BENCH_BATCHES_FILE)

A line is the time in seconds from the commit of what a parked message waits for to when it is tried again.
"""

# messaging.run comes first: it prepares the process for all other imports
from messaging import run  # isort: skip

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from bench.batches import VARIABLE
from messaging.outbox import Committed
from messaging.runtime import Delivery, Runtime


def write_into(file: Path) -> None:
    """Let every going on from now on be written down."""
    lines = file.open("a", buffering=1)
    apply, retry = Runtime.apply, Runtime.retry
    committed_at: list[float] = []

    def timed_apply(self: Runtime, service: object, deliveries: Sequence[Delivery]) -> list[Committed]:
        committed = apply(self, service, deliveries)
        if self.waiting_may_go_on:
            committed_at[:] = [monotonic()]
        return committed

    def timed_retry(self: Runtime, service: object) -> list[Committed]:
        if committed_at:
            lines.write(f"{monotonic() - committed_at.pop()}\n")
        return retry(self, service)

    Runtime.apply, Runtime.retry = timed_apply, timed_retry  # type: ignore[method-assign]


if __name__ == "__main__":
    write_into(Path(os.environ[VARIABLE]))
    run.main(sys.argv[1])
