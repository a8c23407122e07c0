"""How long it is kept what came of parked messages, and who mended them: RUTA_OUTCOMES_DAYS, 90 where it is not set."""

import os
from typing import Final

from messaging.database import Connection

DAYS: Final = 90
MOST: Final = 3_650
ROWS: Final = 10_000  # that are removed at once

# A dry run that nobody has started is of no use any longer.
DROP_PLANS: Final = """
    delete from parked_operation where started_at is null and planned_at < clock_timestamp() - interval '1 day'
"""
# Before what came of its messages, so that its sums are never less than they were.
DROP_OPERATIONS: Final = """
    delete from parked_operation as operation
    where started_at < clock_timestamp() - make_interval(days => %s)
      and not exists (select from parked where parked.operation_id = operation.operation_id)
"""
# The oldest of what is old enough; of an operation that still has messages everything stays, however many that are.
DROP_OUTCOMES: Final = """
    delete from parked_outcome where outcome_id in (
        select outcome_id from parked_outcome as old
        where at < clock_timestamp() - make_interval(days => %s)
          and not exists (select from parked_operation where parked_operation.operation_id = old.operation_id)
        order by at limit %s)
"""


def days_kept() -> int:
    """Return the setting; what is no number of days, or more than ten years, is taken for none."""
    said = os.environ.get("RUTA_OUTCOMES_DAYS", "")
    return int(said) if said.isascii() and said.isdigit() and 1 <= int(said[:9]) <= MOST else DAYS


def keep_house(connection: Connection) -> None:
    """Remove what is too old, at most ROWS outcomes of it, and commit."""
    days = days_kept()
    connection.execute(DROP_PLANS)
    connection.execute(DROP_OPERATIONS, (days,))
    connection.execute(DROP_OUTCOMES, (days, ROWS))
    connection.commit()
