"""Whether something has been said before."""

from messaging.database import Row


def is_known(_row: Row) -> bool:
    """Read a row that was found by its id, of which no more is asked than that it is there."""
    return True
