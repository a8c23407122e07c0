"""What has been decided and must be published: written in the deciding transaction, in the order of commits.

The process that commits a message publishes it from memory; what it leaves behind (it was killed, the broker was
away) the relay publishes (messaging/relay.py). Both keep one promise: a message leaves after every message that was
committed before it, so that what concerns one referral leaves in order.
"""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from psycopg import sql

import contracts
from messaging.broker import Publication
from messaging.database import Connection, Row

log = logging.getLogger("ruta.outbox")

PARTITION_ROWS = 100_000
PARTITIONS_AHEAD = 50  # for as long as no relay is there to make more
KEPT: Final = timedelta(hours=48)  # what was published, so that it can be said again; RUTA_OUTBOX_KEEP says otherwise
KEPT_AT_MOST: Final = timedelta(days=30)
PARTITIONS_KEPT = 50  # wholly published ones at most, however young: no flood fills the disk


@dataclass(slots=True)
class Tally:
    """What became of a batch of deliveries."""

    received: int = 0
    redelivered: int = 0
    repeated: int = 0
    applied: int = 0
    refused: int = 0
    parked: int = 0


@dataclass(frozen=True, slots=True)
class Committed:
    """What one transaction wrote to the outbox, to be published once all of `after` has been."""

    writer: UUID
    position: int
    publications: Sequence[Publication] = ()
    after: Mapping[UUID, int] = field(default_factory=dict)  # other writers and how far they had committed


OPEN_WRITER = """
    insert into outbox_writer (writer, process, committed, published)
    select %s, %s, last_value - 1, last_value - 1 from outbox_position_seq
"""

# The positions are drawn in the order of the arrays.
WRITE = """
    insert into outbox (writer, routing_key, message_id, body)
    select %b, routing_key, message_id, convert_from(body, 'UTF8')
    from unnest(%b::text[], %b::uuid[], %b::bytea[]) as new(routing_key, message_id, body)
"""

# Asked before the first position is drawn, so that what it names stands before what is about to be written.
OTHERS_BEHIND = "select writer, committed from outbox_writer where published < committed and writer <> %s"

# currval is the position of the last row this session has written.
ADVANCE = """
    update outbox_writer
    set committed = case when %(wrote)s then currval('outbox_position_seq') else committed end,
        changed_at = clock_timestamp(),
        received = received + %(received)s, redelivered = redelivered + %(redelivered)s,
        repeated = repeated + %(repeated)s, applied = applied + %(applied)s, refused = refused + %(refused)s,
        parked = parked + %(parked)s
    where writer = %(writer)s
    returning committed
"""

MARK = """
    update outbox_writer set published = greatest(published, %s), changed_at = clock_timestamp() where writer = %s
"""

ABANDON = "update outbox_writer set abandoned = true where writer = %s"

STILL_BEHIND = """
    select count(*) as behind
    from outbox_writer join unnest(%b::uuid[], %b::bigint[]) as awaited(writer, position) using (writer)
    where outbox_writer.published < awaited.position
"""


def open_writer(connection: Connection, process: str) -> UUID:
    """Register a writer for this connection and commit."""
    writer = contracts.uuid7()
    connection.execute(OPEN_WRITER, (writer, process))
    connection.commit()
    return writer


def write(
    connection: Connection, writer: UUID, publications: Sequence[Publication], tally: Tally
) -> Callable[[], Committed]:
    """Write messages and the tally in the open transaction; what is returned tells, after the commit, what they were.

    Within a pipeline it waits for nothing, so that all of this costs one round trip together with the commit; what is
    returned may be called when the pipeline has ended.
    """
    behind = connection.execute(OTHERS_BEHIND, (writer,)) if publications else None
    if publications:
        routing_keys, ids = [one.routing_key for one in publications], [one.message_id for one in publications]
        connection.execute(WRITE, (writer, routing_keys, ids, [one.body for one in publications]))
    counts = {name: getattr(tally, name) for name in Tally.__dataclass_fields__}
    advanced = connection.execute(ADVANCE, {"writer": writer, "wrote": bool(publications), **counts})

    def committed() -> Committed:
        after = {row["writer"]: row["committed"] for row in behind.fetchall()} if behind else {}
        row = advanced.fetchone()
        assert row is not None  # nobody removes the writer of an open connection
        return Committed(writer, row["committed"], publications, after)

    return committed


def mark(connection: Connection, writer: UUID, position: int) -> None:
    """Note, and commit, that the broker has confirmed all that the writer wrote up to `position`."""
    connection.execute(MARK, (position, writer))
    connection.commit()


def abandon(connection: Connection, writer: UUID) -> None:
    """Leave all that the writer has not published to the relay, and commit."""
    connection.execute(ABANDON, (writer,))
    connection.commit()


def is_behind(connection: Connection, after: Mapping[UUID, int]) -> bool:
    """Tell whether any of the other writers has yet to publish what it had committed by then."""
    row = connection.execute(STILL_BEHIND, (list(after), list(after.values()))).fetchone()
    connection.commit()
    return row is not None and row["behind"] > 0


# What the relay may publish: all that no living writer is about to publish itself, and nothing that stands after
# something a living writer still has to publish.
BACKLOG = """
    with behind as (
        select writer, published,
               abandoned or changed_at < clock_timestamp() - %(patience)s::interval as abandoned
        from outbox_writer where published < committed
    ), awaited as (
        select min(position) as position from outbox join behind using (writer)
        where not abandoned and position > published
          and position > (select min(published) from behind where not abandoned)
    )
    select outbox.position, outbox.writer, outbox.routing_key, outbox.message_id, outbox.body
    from outbox join behind using (writer)
    where behind.abandoned
      and outbox.position > behind.published
      and outbox.position > (select min(published) from behind where abandoned)
      and outbox.position < coalesce((select position from awaited), outbox.position + 1)
    order by outbox.position
    limit %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """A message that its writer did not publish."""

    position: int
    writer: UUID
    publication: Publication


def backlog(connection: Connection, *, exchange: str, patience: str, limit: int) -> list[Abandoned]:
    """Return, in order, messages of writers that have abandoned them, or have had no heartbeat for `patience`."""
    rows = connection.execute(BACKLOG, {"patience": patience, "limit": limit}).fetchall()
    connection.commit()
    return _abandoned(rows, exchange)


def _abandoned(rows: Sequence[Row], exchange: str) -> list[Abandoned]:
    return [
        Abandoned(
            row["position"],
            row["writer"],
            Publication(exchange, row["routing_key"], row["body"].encode(), row["message_id"]),
        )
        for row in rows
    ]


# What was published and never came where it was to go (hub/monitor/reconciling/), in the order in which it was said.
TO_SAY_AGAIN = """
    select outbox.position, outbox.writer, outbox.routing_key, outbox.message_id, outbox.body
    from outbox where position = any(array(select position from say_again order by position limit %(limit)s))
    order by position
"""
SAID_AGAIN = "delete from say_again where position = any(%s)"
# It was erased meanwhile, or its time has come: of what is not there nothing can be said.
NOTHING_TO_SAY = """
    delete from say_again where not exists (select from outbox where outbox.position = say_again.position)
"""


def to_say_again(connection: Connection, *, exchange: str, limit: int) -> list[Abandoned]:
    """Return, in order, messages that somebody has asked to be published once more; they are `said_again` then."""
    found: list[Abandoned] = []
    if connection.execute("select 1 from say_again limit 1").fetchone() is not None:
        found = _abandoned(connection.execute(TO_SAY_AGAIN, {"limit": limit}).fetchall(), exchange)
        if not found:
            connection.execute(NOTHING_TO_SAY)
    connection.commit()
    return found


def said_again(connection: Connection, positions: Sequence[int]) -> None:
    """Note, and commit, that the broker has these once more."""
    connection.execute(SAID_AGAIN, (list(positions),))
    connection.commit()


PARTITIONS = """
    select child.relname as name,
           (regexp_match(pg_get_expr(child.relpartbound, child.oid), 'TO \\(''?(\\d+)''?\\)'))[1]::bigint as upper
    from pg_inherits join pg_class child on child.oid = inhrelid
    where inhparent = 'outbox'::regclass
    order by upper
"""


FORGET_ERASED = "delete from outbox_erased where recorded_at < clock_timestamp() - %s::interval"


def keep_house(connection: Connection) -> None:
    """Make the next partitions and drop those whose time has come, each in a transaction of its own.

    Of what an erasure has taken out it is forgotten that it was there, when its time has come as well.

    One process at a time calls this: the relay that works. Raises `LockNotAvailable` when the outbox is too busy.
    """
    _make_partitions(connection)
    _drop_partitions(connection)
    connection.execute(FORGET_ERASED, (kept(),))
    connection.commit()


def _last_position(connection: Connection) -> int:
    row = connection.execute("select last_value from outbox_position_seq").fetchone()
    assert row is not None
    return int(row["last_value"])


def _make_partitions(connection: Connection) -> None:
    upper = max(row["upper"] for row in connection.execute(PARTITIONS).fetchall())
    while upper < _last_position(connection) + PARTITIONS_AHEAD * PARTITION_ROWS:
        connection.execute(
            sql.SQL("create table {} partition of outbox for values from ({}) to ({})").format(
                sql.Identifier(f"outbox_{upper}"), upper, upper + PARTITION_ROWS
            )
        )
        upper += PARTITION_ROWS
    connection.commit()


def kept() -> timedelta:
    """How long what was published stays: RUTA_OUTBOX_KEEP in hours; what is no such number is taken for none."""
    said = os.environ.get("RUTA_OUTBOX_KEEP", "")
    is_number = said.isascii() and said.isdigit() and len(said) < 9
    return hours if is_number and (hours := timedelta(hours=int(said))) <= KEPT_AT_MOST else KEPT


# The youngest row of a partition is its last; of one from which all was erased nothing is waited for.
IS_YOUNG = "select recorded_at > clock_timestamp() - %s::interval as young from {} order by position desc limit 1"


def _drop_partitions(connection: Connection) -> None:
    last = _last_position(connection)
    full = [row for row in connection.execute(PARTITIONS).fetchall() if row["upper"] <= last]
    for place, row in enumerate(full, PARTITIONS_KEPT - len(full)):
        name = sql.Identifier(row["name"])
        youngest = connection.execute(sql.SQL(IS_YOUNG).format(name), (kept(),)).fetchone()
        connection.commit()
        if place >= 0 and youngest is not None and youngest["young"]:
            break
        # With the outbox locked no transaction that wrote to it is still open, so what the writers say is complete.
        connection.execute("lock table outbox in access exclusive mode")
        unpublished = connection.execute(
            "select 1 from outbox_writer where published < committed and published < %s limit 1", (row["upper"],)
        ).fetchone()
        if unpublished is None:
            connection.execute(sql.SQL("drop table {}").format(name))
        connection.commit()
