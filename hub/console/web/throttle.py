"""Slows down who tries again and again, by name and by address, and locks nobody out for good.

An attempt counts before it is looked at, so that many at once get no further than one after the other. Whoever comes
from a browser in which they have come in before has a count of their own there: nobody keeps them out by trying their
name elsewhere, nor from the same address. Of an address, what let somebody in is taken back: an office has one, and all
of it comes in at eight.
"""

from dataclasses import dataclass
from typing import Final

from messaging.database import Connection


@dataclass(frozen=True, slots=True)
class Slowing:
    """How an attempt is slowed down: after the free ones FIRST seconds, and twice as long after each."""

    free: int
    longest: int  # seconds


OF_A_NAME: Final = Slowing(free=5, longest=60)
OF_AN_ADDRESS: Final = Slowing(free=30, longest=60)  # an office has one
FIRST: Final = 5  # seconds
FORGOTTEN_AFTER: Final = "1 hour"

WAIT: Final = f"""
    make_interval(secs => case when attempt.count < %(free)s then 0
                               else least(%(longest)s, {FIRST} * 2 ^ least(attempt.count - %(free)s, 16)) end)
"""
OLD: Final = f"attempt.last_at < clock_timestamp() - interval '{FORGOTTEN_AFTER}'"
TRY: Final = f"""
    insert into attempt (subject, count, last_at) values (%(subject)s, 1, clock_timestamp())
    on conflict (subject) do update
    set count = case when {OLD} then 1 else attempt.count + 1 end, last_at = clock_timestamp()
    where attempt.last_at + {WAIT} <= clock_timestamp()
    returning count
"""
LEFT: Final = f"""
    select ceil(extract(epoch from attempt.last_at + {WAIT} - clock_timestamp()))::int as seconds
    from attempt where subject = %(subject)s
"""
TAKE_BACK: Final = "update attempt set count = greatest(count - 1, 0) where subject = %s"
FORGET: Final = "delete from attempt where subject = %s"
FORGET_OLD: Final = f"delete from attempt where {OLD}"


def attempt(tx: Connection, subject: bytes, slowing: Slowing) -> int:
    """Count one and return 0, or count nothing and return the seconds after which to try again."""
    asked = {"subject": subject, "free": slowing.free, "longest": slowing.longest}
    if tx.execute(TRY, asked).fetchone() is not None:
        return 0
    left = tx.execute(LEFT, asked).fetchone()
    return max(1, left["seconds"]) if left is not None else 1


def take_back(tx: Connection, subject: bytes) -> None:
    """Do not count the attempt that was just counted: it was right. What others have counted stays."""
    tx.execute(TAKE_BACK, (subject,))


def forget(tx: Connection, subject: bytes) -> None:
    """Begin anew, for somebody who has come in; and drop what is too old to count."""
    tx.execute(FORGET, (subject,))
    tx.execute(FORGET_OLD)
