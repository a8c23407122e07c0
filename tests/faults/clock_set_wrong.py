"""Runs a service on a machine whose clock is set wrong, and may be set anew while it runs.

    python -m tests.faults.clock_set_wrong MODULE FOLDER

FOLDER/clock holds how many seconds the clock is ahead; FOLDER/asked gets a character each time that a timed step asks
whether the clocks agree. HEARD_WITHIN in the environment takes the place of the constant. Of the machine there is only
the clock that the code under test reads.
"""

from messaging import run  # isort: skip - before anything that it patches

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from messaging import clock, clocks
from messaging.clocks import Clocks


def set_wrong(folder: Path) -> None:
    """Let the machine's clock stand where the file says."""
    machine_now, agree = clock.machine_now, Clocks.agree

    def wrong_now() -> datetime:
        return machine_now() + timedelta(seconds=float((folder / "clock").read_text()))

    def noted(known: Clocks) -> bool:
        with (folder / "asked").open("a") as asked:
            asked.write(".")
        return agree(known)

    clock.machine_now = wrong_now
    clocks.HEARD_WITHIN = float(os.environ.get("HEARD_WITHIN", clocks.HEARD_WITHIN))
    Clocks.agree = noted  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    module, folder = sys.argv[1:]
    set_wrong(Path(folder))
    run.main(module)
