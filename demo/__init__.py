"""Two scenarios on a real network: the published years, counted, and a day at the centre with faults on purpose."""

from pathlib import Path
from typing import Literal

SEED = 2021
Scenario = Literal["years", "day"]


def main(
    *, scenario: Scenario = "years", once: bool = False, json_file: Path | None = None, small: bool = False
) -> int:
    """Run a scenario and return its exit code; see `demo.run` and `demo.years.main`."""
    # An organisation's process imports this package too, and needs none of it.
    if scenario == "day":
        from demo import run as day

        return day.main(once=once, json_file=json_file, small=small, seed=SEED)
    from demo.years import main as years

    return years.main(once=once, json_file=json_file, small=small, seed=SEED)
