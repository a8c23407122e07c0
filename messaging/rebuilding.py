"""Filling the tables of a service that only reads anew, while everything runs: each owner says its facts again.

    ./ruta rebuild       `begin` writes that it is wanted; one at a time
    every second         `ask` empties the tables, where that is wanted too, and asks each owner for its first page
    a page comes         its facts go through its own handlers; `keep` notes how far it goes, and asks for more
    the last has come    the owner's part has ended; with the last part the whole

Of each owner one page at a time is asked for, and one that is kept is kept as a whole, in one transaction with the note
of it: whatever is killed when, what follows is the next page. A page that comes again is passed over. What happens
meanwhile comes as ever: a reader keeps the newest word in whatever order it comes.

What is not answered within a minute is asked for once more; where a page waits here or is in quarantine it is not.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import contracts
from contracts import Message
from messaging.database import Connection, Row
from messaging.transaction import Transaction

ANSWERED_WITHIN: Final = timedelta(minutes=1)

BEGIN: Final = """
    insert into rebuild (rebuild_id, asked_at, afresh) values (%s, clock_timestamp(), %s) on conflict do nothing
    returning rebuild_id
"""

UNDER_WAY: Final = "select rebuild_id, asked_at, afresh, begun_at from rebuild where under_way"

GIVE_UP: Final = "update rebuild set ended_at = clock_timestamp(), is_whole = false, under_way = null where under_way"

LAST: Final = """
    select rebuild_id, asked_at, afresh, begun_at, ended_at, is_whole from rebuild order by asked_at desc limit 1
"""

PARTS: Final = """
    select service, page, facts, total, asked_at, ended_at from rebuild_part where rebuild_id = %s order by service
"""

HELD_UP: Final = "select state, reason from parked where subject = %s and reason <> 'behind_another' limit 1"

BEGUN: Final = "update rebuild set begun_at = %(now)s where rebuild_id = %(rebuild_id)s"

ADD_PARTS: Final = """
    insert into rebuild_part (rebuild_id, service, page) select %(rebuild_id)s, unnest(%(services)s::text[]), 1
"""

TO_ASK: Final = """
    update rebuild_part as part set asked_at = %(now)s
    where rebuild_id = %(rebuild_id)s and ended_at is null and (asked_at is null or asked_at < %(before)s)
        and not exists (select from parked where subject = %(rebuild_id)s::uuid::text)
    returning part.service, part.page, part.after
"""

KEEP: Final = """
    update rebuild_part as part
    set page = part.page + 1, after = %(after)s, facts = part.facts + %(facts)s, asked_at = %(now)s,
        total = coalesce(%(total)s, part.total),
        ended_at = case when %(after)s::text is null then %(now)s::timestamptz end
    from rebuild
    where part.rebuild_id = %(rebuild_id)s and part.service = %(service)s and part.page = %(page)s
        and part.ended_at is null and rebuild.rebuild_id = part.rebuild_id and rebuild.ended_at is null
    returning part.service, part.page, part.after, part.ended_at, rebuild.begun_at
"""

END: Final = """
    update rebuild set ended_at = %(now)s, is_whole = true, under_way = null
    where rebuild_id = %(rebuild_id)s
        and not exists (select from rebuild_part where rebuild_id = %(rebuild_id)s and ended_at is null)
"""


@dataclass(frozen=True)
class Ask:
    """A page that is asked for."""

    rebuild_id: UUID
    service: str
    page: int
    after: str | None
    begun_at: datetime


# -- in the service ----------------------------------------------------------------------------------------------------


def ask(
    tx: Transaction, now: datetime, *, of: Sequence[str], empty: Callable[[Transaction], None] | None = None
) -> list[Ask]:
    """Begin what is wanted, and return what is to be asked `of` which services; `empty` empties the tables."""
    found = tx.fetch(UNDER_WAY)
    if not found:
        return []
    rebuild_id, begun_at = found[0]["rebuild_id"], found[0]["begun_at"]
    if begun_at is None:
        if found[0]["afresh"] and empty is not None:
            empty(tx)
        begun_at = now
        tx.fetch(ADD_PARTS, {"rebuild_id": rebuild_id, "services": list(of)})
        tx.fetch(BEGUN, {"rebuild_id": rebuild_id, "now": now})
    asked = tx.fetch(TO_ASK, {"rebuild_id": rebuild_id, "now": now, "before": now - ANSWERED_WITHIN})
    return [Ask(rebuild_id, **row, begun_at=begun_at) for row in sorted(asked, key=lambda row: str(row["service"]))]


def keep(
    service: Any, tx: Transaction, message: Message[contracts.FactsSaid], now: datetime
) -> tuple[list[Message[Any]], list[Ask]]:
    """Have the service's handlers keep a page that it has asked for.

    Returns what was said in it, and what is to be asked next. Of what is another's, or has come before, nothing.
    """
    said = message.data
    if said.reader != service.name:
        return [], []
    place = {"rebuild_id": said.rebuild_id, "service": said.service, "page": said.page, "after": said.after}
    noted = tx.fetch(KEEP, place | {"facts": len(said.facts), "total": said.total, "now": now})
    if not noted:
        return [], []
    told = list(_told(message))
    handlers = handlers_of(type(service))
    for one in told:
        if handler := handlers.get(type(one.data)):
            handler(service, tx, one)
    next_page = noted[0]
    if next_page.pop("ended_at") is None:
        return told, [Ask(said.rebuild_id, **next_page)]
    tx.fetch(END, {"rebuild_id": said.rebuild_id, "now": now})
    return told, []


def handlers_of(service: type) -> Mapping[type, Callable[..., Any]]:
    """The service's methods by the contracts that they handle."""
    methods = (method for _, method in inspect.getmembers(service, inspect.isfunction))
    return {method.handles: method for method in methods if hasattr(method, "handles")}


def _told(message: Message[contracts.FactsSaid]) -> Iterator[Message[Any]]:
    """The messages that would say what a page says."""
    for one in message.data.facts:
        contract = contracts.contract_of(one.fact)
        about = str(getattr(one.fact, contract.about or ""))
        yield message.model_copy(
            update={"type": contract.type, "subject": about, "sequence": one.sequence, "data": one.fact}
        )


# -- for whoever operates ----------------------------------------------------------------------------------------------


def begin(connection: Connection, *, afresh: bool) -> bool:
    """Write that the tables are to be filled anew; tell whether that is news: one at a time is under way."""
    return connection.execute(BEGIN, (contracts.uuid7(), afresh)).fetchone() is not None


def give_up(connection: Connection) -> bool:
    """End what is under way, as it is; tell whether anything was."""
    return connection.execute(GIVE_UP).rowcount > 0


def last(connection: Connection) -> Row | None:
    """Return the last time that the tables were filled anew, with its `parts`, and what `holds` it up; None: never."""
    found = connection.execute(LAST).fetchone()
    if found is None:
        return None
    parts = connection.execute(PARTS, (found["rebuild_id"],)).fetchall()
    holds = connection.execute(HELD_UP, (str(found["rebuild_id"]),)).fetchone()
    return found | {"parts": parts, "holds": holds}
