"""The municipalities of Colombia by their DIVIPOLA code, as the statistics office lists them (an older edition)."""

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "divipola.csv"


@cache
def places() -> Mapping[str, tuple[str, str]]:
    """Return the names of department and municipality by the municipality's five digits."""
    with FILE.open(newline="", encoding="utf-8") as file:
        return {row["code"]: (row["department"], row["municipality"]) for row in csv.DictReader(file)}
