"""Forgetting: what a service is to know no more of leaves what the runtime keeps of messages, too.

A handler says which ids, in its transaction; the relay carries it out when it keeps house. Not at once, because what
the same transaction, or one still open, has written or parked is to go as well.
"""

import time
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from messaging.database import Connection
from messaging.transaction import Transaction

NOBODY_WRITES_SO_LONG: Final = "10 minutes"  # no transaction that was open when something was forgotten still is
AT_ONCE: Final = 20_000  # positions that one statement searches
SEARCHES_FOR: Final = 2.0  # seconds, in which the relay does nothing else; the rest is for the next time

FORGET: Final = """
    insert into forgotten (id) select id from jsonb_populate_recordset(null::forgotten, %s::jsonb)
    on conflict (id) do update set since = excluded.since
"""

# In our own bytes a UUID has one form. Only what is out goes: a message that was decided before leaves in its order,
# and then from here. What stays of what is out is that somebody was erased: a service that never hears of it would keep
# what it holds, so that has to be said again where it got lost. It says nothing but the id.
# That something of the kind was there stays beside it as long as the rest, for whoever would have it said again.
REMOVE_PUBLISHED: Final = """
    with gone as (
        delete from outbox using outbox_writer
        where outbox_writer.writer = outbox.writer
          and outbox.position <= outbox_writer.published
          and outbox.position > %(after)s and outbox.position <= %(to)s
          and not starts_with(outbox.routing_key, 'person.erased.')
          and exists (select from forgotten
                      where searched_to < outbox.position and strpos(outbox.body, forgotten.id::text) > 0)
        returning outbox.position, routing_key, recorded_at,
                  substring(left(body, 500) from '"source":"([a-z0-9-]+)"') as source
    )
    insert into outbox_erased (position, routing_key, source, recorded_at)
    select position, routing_key, source, recorded_at from gone on conflict do nothing
"""

# Below this nothing is written any more, and all is published: what was searched there need not be searched again. A
# position is drawn after its transaction has begun, and before that ends.
SETTLED: Final = f"""
    select least((select max(position) from outbox
                  where recorded_at < clock_timestamp() - 2 * interval '{NOBODY_WRITES_SO_LONG}'),
                 (select min(published) from outbox_writer where published < committed)) as settled,
           (select last_value from outbox_position_seq) as last
"""
UNSEARCHED: Final = """
    select greatest(min(searched_to), (select min(position) - 1 from outbox)) as after
    from forgotten where searched_to < %s having count(*) > 0
"""
SEARCHED: Final = "update forgotten set searched_to = %(to)s where searched_to < %(to)s"

# An id may stand in a sender's bytes in any of the forms that a UUID has.
_PARKED_ABOUT: Final = """
    subject = forgotten.id::text
    or strpos(replace(lower(encode(raw, 'escape')), '-', ''), replace(forgotten.id::text, '-', '')) > 0
"""

# What is quarantined stays visible, for nothing may be lost in silence: from whom it came and of what kind it was. Of
# its bytes only the digest is left.
EMPTY_PARKED: Final = f"""
    update parked set reason = 'erased', error = null, raw = sha256(raw)
    where state = 'quarantined' and reason <> 'erased' and exists (select from forgotten where {_PARKED_ABOUT})
"""

_OUTCOME_ABOUT: Final = "(parked_outcome.subject = forgotten.id::text or parked_outcome.ids @> array[forgotten.id])"

# That something came of a message stays, and of which kind it was; about whom it was, or spoke, does not. Where its
# case is confidential, what operators do not see of it goes with the ids by which that is known.
UNNAME_OUTCOMES: Final = f"""
    update parked_outcome
    set (source, type, code, error) = (
            select source, type, code, error from operators.outcome as seen
            where seen.outcome_id = parked_outcome.outcome_id),
        subject = null, message_id = null, ids = null
    from forgotten where {_OUTCOME_ABOUT}
"""

# An operator may have written anything there.
UNNAME_REASONS: Final = """
    update parked_operation set why = 'erased'
    where exists (select from forgotten where strpos(lower(why), forgotten.id::text) > 0)
"""

# What still waits comes to an end by itself: applied, for it may be a fact that counts, or refused, or quarantined.
CARRIED_OUT: Final = f"""
    delete from forgotten
    where since < clock_timestamp() - interval '{NOBODY_WRITES_SO_LONG}' and searched_to >= %(settled)s
      and not exists (select from outbox_writer where published < committed)
      and not exists (select from parked where reason <> 'erased' and ({_PARKED_ABOUT}))
      and not exists (select from parked_outcome where {_OUTCOME_ABOUT})
"""


def forget(tx: Transaction, ids: Iterable[UUID]) -> None:
    """Have every message that speaks of one of these ids leave the outbox, once published, and the quarantine."""
    for one in ids:
        tx.write(FORGET, {"id": one})


def carry_out(connection: Connection) -> None:
    """Take out what is to be forgotten, as far as it may leave yet, and commit.

    One process at a time calls this: the relay that works. An id leaves the list when nothing can be written any more
    that was decided before it came there, nothing about it is parked, and nothing is left to publish.
    """
    if connection.execute("select 1 from forgotten limit 1").fetchone() is not None:
        settled = _search_outbox(connection)
        for statement in (EMPTY_PARKED, UNNAME_OUTCOMES, UNNAME_REASONS):
            connection.execute(statement)
        connection.execute(CARRIED_OUT, {"settled": settled})
    connection.commit()


def _search_outbox(connection: Connection) -> int:
    """Search what may still change whole, and of what is kept so much as there is time for; return where that ends."""
    row = connection.execute(SETTLED).fetchone()
    assert row is not None
    settled = row["settled"] or 0
    connection.execute(REMOVE_PUBLISHED, {"after": settled, "to": row["last"]})
    connection.commit()
    until = time.monotonic() + SEARCHES_FOR
    while time.monotonic() < until:
        first = connection.execute(UNSEARCHED, (settled,)).fetchone()
        if first is None:
            break
        to = min(first["after"] + AT_ONCE, settled)
        connection.execute(REMOVE_PUBLISHED, {"after": first["after"], "to": to})
        connection.execute(SEARCHED, {"to": to})
        connection.commit()
    return settled
