"""Whether something has been said before."""

from messaging.database import Row


def is_known(row: Row) -> bool:
    """Read the answer to a statement that says of every id that it is asked about whether there is one.

    Of every id, so that a batch asks once: what has no row would be asked for again by each message.
    """
    return bool(row["known"])
