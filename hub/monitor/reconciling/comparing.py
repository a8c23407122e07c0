"""The comparison: which messages were published, and have not come where the topology takes them.

    found = look(databases, network, waiting, None, now)
    found = look(databases, network, waiting, found.state, now)      # later: goes on from there, and judges

A message that has not come may still wait, for as long as its reader stands still. It is lost when nothing waits in any
queue on its way, or when what was said 20 seconds after it by the same way has come, in each look for 25 seconds; and
when its reader has what was said, by whomever, 20 seconds after a look had missed it: a queue is read in its order.

Of databases that do not answer nothing is said, neither that it has come nor that it is lost: what they have said, or
were to get, is kept for the look that sees them again: what was lost by then is, and the rest it judges anew.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from hub.monitor.mending.databases import ask_each
from messaging import reading_since
from messaging.database import Connection
from messaging.topology import COURIER, GATEWAY, LEDGER, MONITOR, NO_SYSTEM, DeclaredNetwork, reads, submitted_queue

SETTLES: Final = timedelta(seconds=10)  # what is younger is not looked at
# From the first look that misses it to the one that judges: what a busy broker says of its queues is up to ten seconds
# old, and a relay that was held up publishes what was recorded long ago.
SURE: Final = timedelta(seconds=25)
PASSED_BY: Final = timedelta(seconds=20)  # a service takes what it has at hand in an order of its own
AT_ONCE: Final = 20_000  # messages of one outbox that one look reads
OPEN_AT_MOST: Final = 5_000  # that have not come: then a look reads no further in that outbox
LOG_BEGINS: Final = timedelta(days=2)  # before the first look

# By source: `at`, when it was last read; `to`, how far; `id`, of the message there; `open`: place → reader → since when
# it is taken to be lost; `seen`: place → the first look that missed it; `came`: the queues of a way → the time of the
# last that has come.
State = Mapping[str, Mapping[str, Any]]
Way = tuple[str, ...]  # queues; the last one is its reader's


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as whoever published it knows it."""

    by: str  # whose outbox; MONITOR: the log alone
    place: str  # its position there; in the log its id
    key: str
    message_id: UUID
    source: str | None
    at: datetime
    confidential: bool  # whether the log hides whose it is; of an outbox that is not known


@dataclass(frozen=True, slots=True)
class Lost:
    """A message that has not come."""

    sent_by: str  # the process whose outbox, or passing on, it was
    to: str  # who reads the queue
    queue: str
    contract: str  # with its version
    organisation: str  # that it is for, or who says it
    message_id: UUID
    at: datetime
    position: int | None  # in the outbox that has its bytes; None: nobody of the hub has them
    confidential: bool = False  # whether the log hides whose it is; only known where nobody of the hub has its bytes

    @property
    def place(self) -> tuple[str, str]:
        """By whom and at which place, as Found has it."""
        return (MONITOR, str(self.message_id)) if self.position is None else (self.sent_by, str(self.position))


@dataclass(frozen=True, slots=True)
class Found:
    """What one look has found."""

    lost: tuple[Lost, ...]
    state: State
    is_whole: bool  # else there is more to read at once
    missing: frozenset[tuple[str, str]]  # by whom and at which place: what has not come, lost or on its way
    undecided: frozenset[tuple[str, str]]  # those of them that may still be on their way
    held_back: frozenset[str] = frozenset()  # by whom no more was read, for OPEN_AT_MOST of theirs have not come
    # The databases that have not answered, with the code of why: of what is theirs nothing is in `lost`, `undecided`.
    unseen: Mapping[str, str] = field(default_factory=dict)

    @property
    def gaps(self) -> list[dict[str, Any]]:
        """The same as alerts have it (hub/monitor/alerts/rules.py)."""
        counted: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        for one in self.lost:
            counted[one.sent_by, one.to].append(one.at)
        return [
            {"from": by, "to": to, "messages": len(times), "since": min(times).isoformat()}
            for (by, to), times in sorted(counted.items())
        ]


OUTBOX: Final = f"""
    select position::text as place, routing_key as key, message_id, source, recorded_at as at,
           published and recorded_at < clock_timestamp() - interval '{SETTLES.total_seconds()} seconds' as settled,
           position as number, true as fresh, false as confidential
    from (select * from operators.outbox where position > %(to)s order by position limit %(limit)s) as new
    union all
    select position::text, routing_key, message_id, source, recorded_at, true, position, false, false
    from operators.outbox where position = any(%(open)s::bigint[])
    order by number
"""
# Else that database was restored from a copy, and its positions come a second time; or it has said nothing for days.
IS_THERE: Final = "select from operators.outbox where position = %s and message_id = %s::uuid"
# What organisations have said and passed the gateway. Of a confidential case, too: whose it is, and which contract, is
# read where the log hides that, and shown to nobody (deploy/local/reconciled.py).
_LOGGED: Final = """
    select message.arrived_at, message.id, coalesce(hidden.source, message.source) as source,
           coalesce(hidden.routing_key, message.routing_key) as routing_key, confidential
    from message left join confidential_message as hidden
         on confidential and hidden.arrived_at = message.arrived_at and hidden.id = message.id
    where kind = 'passed' and not erased and coalesce(hidden.source, message.source) <> 'hub'
      and coalesce(hidden.routing_key, message.routing_key) is not null
"""
LOG: Final = f"""
    select id::text as place, routing_key as key, id as message_id, source, arrived_at as at,
           arrived_at < clock_timestamp() - interval '{SETTLES.total_seconds()} seconds' as settled,
           arrived_at as number, true as fresh, confidential
    from ({_LOGGED} and message.arrived_at > %(to)s order by message.arrived_at limit %(limit)s) as new
    union all
    select id::text, routing_key, id, source, arrived_at, true, arrived_at, false, confidential
    from ({_LOGGED} and message.id = any(%(open)s::uuid[])) as known
    order by number
"""
# What could not be read, and what has no handler, is parked and in no inbox; and what came of that stays.
_NOT_PARKED: Final = """
    message_id not in (select message_id from operators.parked where message_id is not null)
    and not exists (select from operators.outcome where outcome.message_id = asked.message_id)
"""
ABSENT: Final = f"""
    select nth from unnest(%b::text[], %b::uuid[]) with ordinality as asked(source, message_id, nth)
    where not exists (select from operators.inbox as known
                      where known.source = asked.source and known.message_id = asked.message_id)
      and {_NOT_PARKED}
"""
NOT_DELIVERED: Final = f"""
    select nth from unnest(%b::text[], %b::uuid[]) with ordinality as asked(organisation, message_id, nth)
    where not exists (select from operators.delivery as known
                      where known.message_id = asked.message_id and known.organisation = asked.organisation)
      and {_NOT_PARKED}
"""


def look(
    databases: Mapping[str, str],
    network: DeclaredNetwork,
    waiting: Mapping[str, int | None],
    before: State | None,
    now: datetime,
) -> Found:
    """Read on from `before`, and compare what the databases that answer have.

    `databases` has each service's, the gateway's and the monitor's. `waiting` is how many messages stand in each queue
    of the hub, read before this: of one that is not there, none does; None: nobody knows, and some may.
    """
    before = before or {}
    state: dict[str, dict[str, Any]] = {}
    asked: dict[str, list[tuple[Sent, Way]]] = defaultdict(list)
    is_whole = True
    sources = {by: before.get(by) or _unread(by, now) for by in (*network.services, GATEWAY, MONITOR)}
    read = ask_each(databases, {by: partial(_read, by, known) for by, known in sources.items()})
    for by, known in sources.items():
        if by not in read.found:
            kept = {place: {to: _kept(known, place, to) for to in queues} for place, queues in known["open"].items()}
            state[by] = {**_unread(by, now), **known, "open": kept}
            continue
        sent, to, id, ended = read.found[by]
        came = dict(known.get("came", {}))
        state[by] = {"at": now.isoformat(), "to": to, "id": id, "open": {}, "seen": {}, "came": came}
        is_whole = is_whole and ended
        for one in sent:
            for way in _ways(one, network):
                asked[way[-1]].append((one, way))
    readers = {queue: GATEWAY if queue == LEDGER else queue for queue in asked}
    answers = ask_each(
        databases,
        {name: partial(_absent, queue, asked[queue]) for queue, name in readers.items() if name in read.found},
    )
    absent: list[tuple[Sent, Way]] = []
    for queue, those in asked.items():
        places = answers.found.get(readers[queue])
        for nth, (one, way) in enumerate(those, 1):
            if places is None:  # whether it has come is for a look that sees its reader
                state[one.by]["open"].setdefault(one.place, {})[queue] = _kept(sources[one.by], one.place, queue)
            elif nth in places:
                absent.append((one, way))
            else:
                came, ways = state[one.by]["came"], " ".join(way)
                came[ways] = max(one.at, _time(came.get(ways)) or one.at).isoformat()
    # What came by HTTP is in the outbox of the gateway and, once it has gone on, in the log.
    in_outbox = {(one.message_id, way[-1]) for one, way in absent if one.by == GATEWAY}
    gone_on = {(one.message_id, way[-1]): one.at for one, way in absent if one.by == MONITOR}
    newest = _newest(state)
    lost, undecided = [], set()
    for one, way in absent:
        queue = way[-1]
        if one.by == MONITOR and (one.message_id, queue) in in_outbox:
            # Read again in each look: that it has gone on is said of the outbox's, and it stays when that one goes.
            state[MONITOR]["open"].setdefault(one.place, {})[queue] = None
            continue
        known_since = before.get(one.by, {}).get("open", {}).get(one.place, {}).get(queue)
        nothing_waits = all(waiting.get(name, 0) == 0 for name in way)
        last = _time(state[one.by]["came"].get(" ".join(way)))
        is_passed = last is not None and one.at + PASSED_BY < last
        seen = before.get(one.by, {}).get("seen", {}).get(one.place, now.isoformat())
        state[one.by]["seen"][one.place] = seen
        since = (known_since or now.isoformat()) if nothing_waits or is_passed else None
        through = gone_on.get((one.message_id, queue)) if len(way) > 1 else one.at
        if through is not None and queue in newest:  # nothing but that queue is before its reader
            stood = max(datetime.fromisoformat(seen), through)
            if newest[queue] > stood + PASSED_BY:
                since = stood.isoformat()
        state[one.by]["open"].setdefault(one.place, {})[queue] = since
        if since is not None and now - datetime.fromisoformat(since) >= SURE:
            lost.append(_lost(one, queue))
        else:
            undecided.add((one.by, one.place))
    missing = frozenset((by, place) for by, known in state.items() for place in known["open"])
    held_back = frozenset(by for by, known in before.items() if by in state and _is_held_back(known))
    unseen = {**read.unseen, **answers.unseen}
    return Found(tuple(lost), state, is_whole, missing, frozenset(undecided), held_back, unseen)


def _unread(by: str, now: datetime) -> dict[str, Any]:
    """What is known of a source of which nothing was read yet."""
    to = (now - LOG_BEGINS).isoformat() if by == MONITOR else 0
    return {"at": None, "to": to, "id": None, "open": {}, "seen": {}, "came": {}}


def _kept(known: Mapping[str, Any], place: str, queue: str) -> str | None:
    """Since when it is taken to be lost, where it was lost by the last look; what was not sure has to be so anew."""
    since, at = _time(known["open"].get(place, {}).get(queue)), _time(known.get("at"))
    return since.isoformat() if since and at and at - since >= SURE else None


def _newest(state: State) -> dict[str, datetime]:
    """By queue, the time of the newest message that its reader has, by whichever way."""
    times: dict[str, datetime] = {}
    for known in state.values():
        for ways, said in known["came"].items():
            queue, at = ways.rpartition(" ")[2], datetime.fromisoformat(said)
            times[queue] = max(at, times.get(queue, at))
    return times


def _time(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None


def _read(by: str, known: Mapping[str, Any], connection: Connection) -> tuple[list[Sent], Any, str | None, bool]:
    """Read what has not come so far, and what is new; how far that is, up to which id, and whether that is all."""
    of_log = by == MONITOR
    to, id, places = known["to"], known.get("id"), list(known["open"])
    if not of_log and connection.execute(IS_THERE, (to, id)).fetchone() is None:
        to, id, places = 0, None, []
    limit = 0 if _is_held_back(known) else AT_ONCE
    params = {"to": to, "limit": limit, "open": places if of_log else [int(one) for one in places]}
    sent, fresh, stopped = list[Sent](), 0, False
    for row in connection.execute(LOG if of_log else OUTBOX, params).fetchall():
        if row["fresh"]:
            fresh += 1
            stopped = stopped or not row["settled"]  # behind it others may be out: they are for the next look
            if stopped:
                continue
            to, id = row["number"].isoformat() if of_log else row["number"], str(row["message_id"])
        sent.append(Sent(by, *(row[name] for name in ("place", "key", "message_id", "source", "at", "confidential"))))
    return sent, to, id, stopped or fresh < AT_ONCE


def _is_held_back(known: Mapping[str, Any]) -> bool:
    return len(known["open"]) >= OPEN_AT_MOST


def _ways(one: Sent, network: DeclaredNetwork) -> list[Way]:
    key, before = one.key, Way()
    if key.startswith("submitted."):
        _, organisation, system, key = key.split(".", 3)
        before = (submitted_queue(organisation, None if system == NO_SYSTEM else system),)
    if key.startswith("to."):
        takes_part = key.split(".")[1] in {*network.organisations, *network.removed}
        return [(*before, LEDGER)] if takes_part else []
    return [(*before, service.queue) for service in network.services.values() if reads(service, key)]


def _absent(queue: str, those: Sequence[tuple[Sent, Way]], connection: Connection) -> set[int]:
    if queue == LEDGER:
        statement, of = NOT_DELIVERED, [one.key.split(".")[1] for one, _ in those]
    else:
        statement, of = ABSENT, [one.source or "" for one, _ in those]
    rows = connection.execute(statement, (of, [one.message_id for one, _ in those])).fetchall()
    absent = {row["nth"] for row in rows}
    if queue == LEDGER or not absent:
        return absent
    since = reading_since.since(connection)
    return {nth for nth in absent if not _is_before(those[nth - 1][0], since)}


def _is_before(one: Sent, since: Mapping[str, datetime]) -> bool:
    """Whether it was said before its reader's queue took such messages."""
    begun = since.get(_contract(one.key).rpartition(".")[0])
    return begun is not None and one.at < begun


def _contract(key: str) -> str:
    """The contract, with its version, of what is for a service."""
    return key.split(".", 3)[3] if key.startswith("submitted.") else key


def _lost(one: Sent, queue: str) -> Lost:
    words = one.key.split(".")
    if words[0] == "submitted":
        words = words[3:]
    organisation = words[1] if words[0] == "to" else one.source or ""
    return Lost(
        GATEWAY if one.by == MONITOR else one.by,
        COURIER if queue == LEDGER else queue,
        queue,
        ".".join(words[2:5] if words[0] == "to" else words),
        organisation,
        one.message_id,
        one.at,
        None if one.by == MONITOR else int(one.place),
        one.confidential,
    )
