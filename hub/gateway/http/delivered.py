"""What has been delivered to an organisation, as SQL: the page behind a cursor, and what it has acknowledged.

A cursor is a `number`: each organisation has its own, rising, given out by one writer in the order of its commits. So
whoever goes on behind the last number that it has seen misses nothing; also where the database was restored from a
copy, for where its server was started anew numbers go on behind all that were ever given out (`numbered_from`).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
from psycopg.rows import class_row, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

ANSWER_WITHIN = 10.0  # seconds for all that a request asks the database at one time
CONNECTED_WITHIN = 3.0  # seconds for a connection of the pool
ACKNOWLEDGED_AT_ONCE = 5_000  # rows a transaction, so that nobody waits long for them
COUNTED = 10_000  # what waits is counted up to here

AT_ONCE = 2  # connections of the pool that one organisation may have, so that the others find some

Pool = AsyncConnectionPool[Any]
_turns: WeakKeyDictionary[Pool, dict[str, asyncio.Semaphore]] = WeakKeyDictionary()


class DatabaseAway(Exception):
    """The database did not answer in time, or cannot now: whatever was asked may be asked again."""


class UnknownCursor(Exception):
    """No such number has been given out yet."""


class UnknownMessage(Exception):
    """One of the messages was never delivered here."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """Whose deliveries: all of an organisation but copies, or those that are addressed to one of its systems."""

    organisation: str
    address: str | None = None  # `<organisation>.<system>`; None: all

    @property
    def condition(self) -> str:
        """What its rows have in common; it says what the indexes say (0003, 0011), so that they can be used."""
        which = "not copy" if self.address is None else "address = %(address)s and address like '%%.%%'"
        return f"organisation = %(organisation)s and {which}"

    @property
    def note(self) -> str:
        """The statement by which it is noted that it is read by HTTP."""
        if self.address is None:
            return "insert into http_reader (organisation, since) values (%(organisation)s, now())"
        return "insert into system_reader (address, since) values (%(address)s, now())"

    @classmethod
    def of(cls, organisation: str, system: str | None) -> Self:
        """Return the inbox of an organisation, or the part of it that is one system's."""
        return cls(organisation, None if system is None else f"{organisation}.{system}")

    def statement(self, text: str, **others: int) -> bytes:
        """Return a statement in which `{of}` stands for its rows."""
        return text.format(of=self.condition, note=self.note, **others).encode()

    def named(self, **others: object) -> dict[str, object]:
        """Return the parameters of a statement."""
        return {"organisation": self.organisation, "address": self.address, **others}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that was delivered; without a body it has been emptied."""

    number: int
    message_id: UUID
    type: str
    body: str | None
    delivered_at: datetime
    acknowledged_at: datetime | None
    erased_at: datetime | None
    among: int  # how many of the page's rows there are, with those that were too long for it


@dataclass(frozen=True, slots=True)
class Page:
    """Some deliveries in the order of their numbers, and whether there are more behind them."""

    deliveries: Sequence[Delivery]
    more: bool


@contextlib.asynccontextmanager
async def connected(pool: Pool, organisation: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Open a transaction on a connection of the pool, when it is the organisation's turn. Raises DatabaseAway."""
    turn = _turns.setdefault(pool, {}).setdefault(organisation, asyncio.Semaphore(AT_ONCE))
    try:
        async with asyncio.timeout(ANSWER_WITHIN), turn, pool.connection(timeout=CONNECTED_WITHIN) as connection:
            yield connection
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, TimeoutError, OSError) as error:
        raise DatabaseAway from error


# A first look by HTTP is noted: of who never takes one, bodies are not kept for it.
POSITION = """
    with reader as (
        {note} on conflict do nothing
    )
    select greatest(
               (select number from inbox_end where organisation = %(organisation)s),
               (select max(number) from numbered_from), 0) as last,
           (select number from delivery where {of} and acknowledged_at is null order by number limit 1) as unread
"""


async def position(pool: Pool, inbox: Inbox, after: int | None) -> int:
    """Return the number to go on behind: `after`, or where it is None that before the first unacknowledged one.

    Raises UnknownCursor, DatabaseAway.
    """
    async with connected(pool, inbox.organisation) as connection:
        cursor = connection.cursor(row_factory=dict_row)
        row = await (await cursor.execute(inbox.statement(POSITION), inbox.named())).fetchone()
    assert row is not None
    last, unread = int(row["last"]), row["unread"]
    if after is not None and after > last:
        raise UnknownCursor
    if after is not None:
        return after
    return last if unread is None else int(unread) - 1


# What a body holds is not read where it is too long for the page: its length is known without.
PAGE = """
    select number, message_id, type, body, delivered_at, acknowledged_at, erased_at, among
    from (
        select *, count(*) over () as among, row_number() over (order by number) as place,
               sum(coalesce(octet_length(body), 0)) over (order by number) as bytes
        from (select * from delivery where {of} and number > %(after)s order by number limit %(limit)s + 1) as found
    ) as measured
    where place <= %(limit)s and (place = 1 or bytes <= %(bytes)s)
    order by number
"""


async def page(pool: Pool, inbox: Inbox, after: int, *, limit: int, most_bytes: int) -> Page:
    """Return what is behind a number, at least one if there is any. Raises DatabaseAway."""
    if limit == 0:
        return Page((), more=False)
    async with connected(pool, inbox.organisation) as connection:
        cursor = connection.cursor(row_factory=class_row(Delivery))
        named = inbox.named(after=after, limit=limit, bytes=most_bytes)
        found = await (await cursor.execute(inbox.statement(PAGE), named)).fetchall()
    return Page(found, more=bool(found) and len(found) < found[0].among)


WAITING = """
    select count(*) as waiting
    from (select from delivery where {of} and acknowledged_at is null limit %(most)s) as unread
"""


async def waiting(pool: Pool, inbox: Inbox) -> int:
    """Return how many are not acknowledged; COUNTED may be more. Raises DatabaseAway."""
    async with connected(pool, inbox.organisation) as connection:
        cursor = connection.cursor(row_factory=dict_row)
        row = await (await cursor.execute(inbox.statement(WAITING), inbox.named(most=COUNTED))).fetchone()
    assert row is not None
    return int(row["waiting"])


# Rows are locked in the order of their numbers: two that acknowledge the same do not stand in each other's way.
ACKNOWLEDGE_THROUGH = """
    with unread as (
        select number from delivery where {of} and number <= %(through)s and acknowledged_at is null
        order by number limit %(most)s for update
    )
    update delivery set acknowledged_at = now() from unread
    where delivery.organisation = %(organisation)s and delivery.number = unread.number
"""


async def acknowledge_through(pool: Pool, inbox: Inbox, through: int) -> int:
    """Acknowledge what has numbers up to this one; returns how many had not been. Raises UnknownCursor, DatabaseAway.

    Of very many each ACKNOWLEDGED_AT_ONCE are committed: whoever hears of no end says it again.
    """
    await position(pool, inbox, through)
    acknowledged = 0
    while True:
        async with connected(pool, inbox.organisation) as connection:
            named = inbox.named(through=through, most=ACKNOWLEDGED_AT_ONCE)
            rows = (await connection.execute(inbox.statement(ACKNOWLEDGE_THROUGH), named)).rowcount
        acknowledged += rows
        if rows < ACKNOWLEDGED_AT_ONCE:
            return acknowledged


ACKNOWLEDGE = """
    with theirs as (
        select number, message_id, acknowledged_at from delivery where {of} and message_id = any(%(ids)s)
        order by number for update
    ), known as (
        select count(distinct message_id) as ids from theirs
    ), acknowledged as (
        update delivery set acknowledged_at = now() from theirs
        where delivery.organisation = %(organisation)s and delivery.number = theirs.number
          and theirs.acknowledged_at is null and (select ids from known) = %(count)s
        returning 1
    )
    select ids as known, (select count(*) from acknowledged) as acknowledged from known
"""


async def acknowledge(pool: Pool, inbox: Inbox, ids: frozenset[UUID]) -> int:
    """Acknowledge single ones; returns how many had not been. Raises UnknownMessage, DatabaseAway: nothing is changed.

    An erased or expired one can be acknowledged like any other. An id that two senders use means both messages.
    """
    async with connected(pool, inbox.organisation) as connection:
        cursor = connection.cursor(row_factory=dict_row)
        named = inbox.named(ids=list(ids), count=len(ids))
        row = await (await cursor.execute(inbox.statement(ACKNOWLEDGE), named)).fetchone()
    assert row is not None
    if row["known"] != len(ids):
        raise UnknownMessage
    return int(row["acknowledged"])
