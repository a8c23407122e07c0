"""Runs a service as `messaging.run` does, and writes down how many messages each batch had and how often it waited.

    python -m bench.counted services.referrals.service          (as messaging.run, and BENCH_BATCHES_FILE)

Nothing of the service or the runtime is another for it: the counting stands around `Runtime.apply`.
"""

# messaging.run comes first: it prepares the process for all other imports
from messaging import run  # isort: skip

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.batches import VARIABLE, BatchesFile
from bench.waits import waits
from messaging.outbox import Committed
from messaging.runtime import Delivery, Runtime


def count_into(file: BatchesFile) -> None:
    """Let every batch from now on be written down."""
    apply = Runtime.apply

    def counted(self: Runtime, service: object, deliveries: Sequence[Delivery]) -> list[Committed]:
        connection, _ = self._ready()
        with waits(connection) as waited:
            committed = apply(self, service, deliveries)
        file.note(len(deliveries), waited.number)
        return committed

    Runtime.apply = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    count_into(BatchesFile(Path(os.environ[VARIABLE])))
    run.main(sys.argv[1])
