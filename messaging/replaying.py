"""Replays: what was published is said again at a rate, where operators have started it (hub/monitor/mending/).

    for turn in turns(connection, exchange="hub"):
        ended(connection, turn, said=[…the positions that the broker has…])

A dry run has bound positions of the outbox. What comes of each stands beside it, so that whoever goes on after a kill
says what is left: between the broker's confirm and that mark one turn at most may go out twice, which readers know by
the messages' ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from messaging.broker import Publication
from messaging.database import Connection

AT_ONCE: Final = 500  # messages of one turn
TURN_EVERY: Final = 0.4  # seconds at least, and a second's worth of messages at most, however long nobody had a turn

# What the rate allows by now is taken before it is said: a relay that is killed in between says less, and never more.
TAKE_TURNS: Final = f"""
    with going_on as (
        select operation_id, rate,
               greatest(turn_at, clock_timestamp() - make_interval(secs => greatest(1, 1 / rate))) as since
        from parked_operation as operation
        where act = 'replay' and started_at is not null and stopped_at is null
          and turn_at <= clock_timestamp() - interval '{TURN_EVERY} seconds'
          and exists (select from replayed where replayed.operation_id = operation.operation_id and result is null)
    ), allowed as (
        select operation_id, since,
               least(floor(extract(epoch from clock_timestamp() - since) * rate), {AT_ONCE})::integer as many
        from going_on
    )
    update parked_operation as operation set turn_at = allowed.since + make_interval(secs => many / rate)
    from allowed where allowed.operation_id = operation.operation_id and many > 0
    returning operation.operation_id, many
"""
# An erasure that has not come to the outbox yet holds all the same.
DUE: Final = """
    select due.position, outbox.routing_key, outbox.message_id, outbox.body,
           case when outbox.position is null and gone.position is null then 'expired'
                when outbox.position is null
                  or not starts_with(outbox.routing_key, 'person.erased.')
                     and exists (select from forgotten where strpos(outbox.body, forgotten.id::text) > 0) then 'erased'
           end as unsaid
    from (select position from replayed where operation_id = %s and result is null order by position limit %s) as due
    left join outbox on outbox.position = due.position
    left join outbox_erased as gone on gone.position = due.position
    order by due.position
"""
# What was out when somebody stopped it was said.
MARK: Final = """
    update replayed set result = %(result)s, at = clock_timestamp()
    where operation_id = %(operation)s and position = any(%(positions)s)
      and (result is null or result = 'stopped' and %(result)s = 'said')
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """What of one operation is said now."""

    operation_id: UUID
    positions: Sequence[int]
    publications: Sequence[Publication]  # as many
    unsaid: Sequence[tuple[int, str]]  # positions of which nothing is there to be said, each with its result


def turns(connection: Connection, *, exchange: str) -> list[Turn]:
    """Return what each operation that goes on may say now, in the order in which it was said first, and commit."""
    found = []
    for row in connection.execute(TAKE_TURNS).fetchall():
        due = connection.execute(DUE, (row["operation_id"], row["many"])).fetchall()
        there = [one for one in due if one["unsaid"] is None]
        found.append(
            Turn(
                row["operation_id"],
                [one["position"] for one in there],
                [Publication(exchange, one["routing_key"], one["body"].encode(), one["message_id"]) for one in there],
                [(one["position"], one["unsaid"]) for one in due if one["unsaid"] is not None],
            )
        )
    connection.commit()
    return found


def ended(connection: Connection, turn: Turn, *, said: Sequence[int]) -> None:
    """Note, and commit, what came of a turn; what the broker has not taken is for the next one."""
    results = {"said": list(said)}
    for position, result in turn.unsaid:
        results.setdefault(result, []).append(position)
    for result, positions in results.items():
        connection.execute(MARK, {"result": result, "operation": turn.operation_id, "positions": positions})
    connection.commit()
