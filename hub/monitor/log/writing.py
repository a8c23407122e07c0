"""Writes down what was read, in the open transaction: each message once, with what became of it and how much came.

A message that comes again is known by its id, whose it is, and whether it passed or was refused, for a day: what the
broker delivers again comes within minutes, and what its sender says again later has passed again. What it reports is
written with it, and so no report counts twice.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from hub.gateway import outcomes
from hub.gateway.outcomes import Said
from hub.monitor.log import counting, erasing
from hub.monitor.log.counting import NOBODY
from hub.monitor.log.entries import BY_ADMISSION, GATEWAY, REFUSED, Beyond, Logged, Outcome, family
from hub.monitor.log.reading import FAILED
from messaging.database import Connection

KNOWN_FOR: Final = timedelta(days=1)

MARKED: Final = "select id from confidential_id where id = any(%b::uuid[])"
GONE: Final = "select hash from erased where hash = any(%b::bytea[])"
# What is known by its id, its kind and who says it: of a confidential case that is read where it is hidden, so that no
# id that somebody else has used again keeps a message out.
INSERT: Final = """
    insert into message (
        arrived_at, id, kind, source, organisation, recipient, type, subject, short, correlation, causation, system,
        recipientsystem, trace, sent_at, digest, size, routing_key, confidential, erased)
    select arrived_at, id, kind, source, organisation, recipient, type, subject, short, correlation, causation, system,
        recipientsystem, trace, sent_at, digest, size, routing_key, confidential, erased
    from unnest(
        %b::timestamptz[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::uuid[],
        %b::bigint[], %b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::uuid[], %b::timestamptz[], %b::bytea[],
        %b::int[], %b::text[], %b::bool[], %b::bool[], %b::text[]
    ) as come(
        arrived_at, id, kind, source, organisation, recipient, type, subject, short, correlation, causation, system,
        recipientsystem, trace, sent_at, digest, size, routing_key, confidential, erased, said_by)
    where not exists (
        select from message as known
        where known.id = come.id and known.arrived_at > %b and known.kind = come.kind
          and case when known.confidential then exists (
                  select from confidential_message as hidden
                  where hidden.id = known.id and hidden.arrived_at = known.arrived_at and hidden.source = come.said_by)
              else known.source = come.said_by end)
    returning arrived_at
"""
INSERT_OUTCOMES: Final = """
    insert into outcome (
        logged_at, message_id, organisation, type, service, state, code, waiting_for, until, said_at, confidential)
    select * from unnest(
        %b::timestamptz[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::uuid[],
        %b::timestamptz[], %b::timestamptz[], %b::bool[])
"""
# Each is looked for by itself: joined, all failures of three months might be read for every batch.
FAILURES: Final = """
    select message_id, service, state, said_at from failure where ctid = any(array(
        select (select ctid from failure where failure.message_id = said.id and failure.service = said.service)
        from unnest(%b::uuid[], %b::text[]) as said(id, service)))
"""
# What was applied, or handed on, holds: that is looked for as far back as a message is known.
FAILS: Final = """
    insert into failure as known (message_id, service, state, said_at, logged_at)
    select said.*, %b::timestamptz from unnest(%b::uuid[], %b::text[], %b::text[], %b::timestamptz[])
        as said(message_id, service, state, said_at)
    where not exists (
        select from outcome where outcome.message_id = said.message_id and outcome.service = said.service
          and outcome.state in ('applied', 'handed_to') and outcome.logged_at > %b)
    on conflict (message_id, service)
    do update set state = excluded.state, said_at = excluded.said_at, logged_at = excluded.logged_at
"""
FAILS_NO_MORE: Final = """
    delete from failure where (message_id, service) in (select * from unnest(%b::uuid[], %b::text[]))
"""
INSERT_MENTIONS: Final = """
    insert into mention (arrived_at, person, id) select * from unnest(%b::timestamptz[], %b::uuid[], %b::uuid[])
"""
MARK: Final = """
    insert into confidential_id (id, since) select id, %b from unnest(%b::uuid[]) as id on conflict do nothing
    returning id
"""
HIDE: Final = """
    insert into confidential_message (
        arrived_at, id, source, organisation, recipient, type, subject, system, recipientsystem, routing_key)
    select * from unnest(
        %b::timestamptz[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::uuid[], %b::text[],
        %b::text[], %b::text[])
"""
HIDE_OUTCOMES: Final = """
    insert into confidential_outcome (logged_at, message_id, service, organisation, type, state, code, waiting_for)
    select * from unnest(
        %b::timestamptz[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::uuid[])
"""
# What came before anybody said that its case is confidential: found by its subject, and by what it answers.
HIDE_EARLIER: Final = """
    with found as (
        update message set confidential = true, source = '-', organisation = '-', recipient = null,
            type = split_part(message.type, '.', 1), subject = null, short = null, system = null,
            recipientsystem = null, routing_key = null
        from (select arrived_at, id, kind, source, organisation, recipient, type, subject, system, recipientsystem,
                     routing_key
              from message as earlier
              where not confidential and (earlier.subject = any(%b::uuid[]) or earlier.id = any(%b::uuid[])
                                           or earlier.correlation = any(%b::uuid[])
                                           or earlier.causation = any(%b::uuid[]))
              for update) as known
        where message.arrived_at = known.arrived_at and message.id = known.id and message.kind = known.kind
        returning known.arrived_at, known.id, known.source, known.organisation, known.recipient, known.type,
                  known.subject, known.system, known.recipientsystem, known.routing_key, message.kind, message.size
    ), hidden as (
        insert into confidential_message (
            arrived_at, id, source, organisation, recipient, type, subject, system, recipientsystem, routing_key)
        select arrived_at, id, source, organisation, recipient, type, subject, system, recipientsystem, routing_key
        from found
    )
    select arrived_at, id, subject, kind, source, recipient, type, size from found
"""
HIDE_EARLIER_OUTCOMES: Final = """
    with found as (
        update outcome set confidential = true, organisation = null, type = split_part(outcome.type, '.', 1),
            code = null, waiting_for = null
        from (select logged_at, message_id, service, organisation, type, state, code, waiting_for, said_at
              from outcome as earlier
              where not confidential
                and (message_id = any(%b::uuid[])
                     or message_id = any(%b::uuid[]) and service = %b
                        and (message_id, organisation) in (select * from unnest(%b::uuid[], %b::text[])))
              for update) as known
        where outcome.logged_at = known.logged_at and outcome.message_id = known.message_id
          and outcome.service = known.service and outcome.state = known.state and outcome.said_at = known.said_at
        returning known.logged_at, known.message_id, known.service, known.organisation, known.type, known.state,
                  known.code, known.waiting_for
    )
    insert into confidential_outcome (logged_at, message_id, service, organisation, type, state, code, waiting_for)
    select * from found
    returning logged_at, service, organisation, type, state
"""
BEYOND: Final = """
    insert into refused_beyond as known (minute, entrance, organisation, code, count)
    select * from unnest(%b::timestamptz[], %b::text[], %b::text[], %b::text[], %b::bigint[])
    on conflict (minute, entrance, organisation, code) do update set count = known.count + excluded.count
"""


def write(connection: Connection, come: Sequence[Logged], now: datetime, beyond: Iterable[Beyond] = ()) -> int:
    """Write what came, in its order, and what was refused beyond that; return how many messages that passed were new.

    The caller commits.

    One process at a time may do this, and its `now` ascends from one call to the next. Of whom somebody erased is
    spoken of, the ids are taken out by erasing.py afterwards, or here where that was before.
    """
    marked = _mark(connection, come, now)
    otherwise = [(one, one.otherwise) for one in come if one.otherwise is not None]
    come, gone = _without_the_erased(connection, come)
    rows = {now + timedelta(microseconds=place): one for place, one in enumerate(come)}
    hidden = {at: one for at, one in rows.items() if one.confidential}
    new = {at: rows[at] for at in _insert(connection, rows, now)}
    _insert_hidden(connection, {at: one for at, one in hidden.items() if at in new})
    _insert_outcomes(connection, new.values(), now, gone)
    _insert_mentions(connection, new)
    counting.count(connection, new)
    written = {id(one) for one in new.values()}
    _count_beyond(connection, [*beyond, *(beside for one, beside in otherwise if id(one) not in written)])
    if marked:
        _hide_earlier(connection, marked, now)
    if gone:
        erasing.remember(connection, gone)
    people = {one.erases for one in new.values() if one.erases is not None}
    if people:
        erasing.erase(connection, people)
    return sum(one.kind == "passed" for one in new.values())


def _hide_earlier(connection: Connection, marked: Collection[UUID], now: datetime) -> None:
    """Hide what came before it was known to be of a confidential case, and what began with that."""
    hidden = set(marked)
    last = list(marked)
    came = list[tuple[counting.Key, int]]()
    refused = set[tuple[UUID, str]]()  # of these what admission has said of them, and nothing else under their ids
    while last:
        rows = connection.execute(HIDE_EARLIER, (last,) * 4).fetchall()
        came += [
            (counting.key_of(row["arrived_at"], row["source"], row["recipient"], row["type"]), row["size"] or 0)
            for row in rows
            if row["kind"] == "passed"
        ]
        refused |= {(row["id"], row["source"]) for row in rows if row["kind"] == BY_ADMISSION}
        found = {id for row in rows for id in _hides(row["kind"], row["type"], row["id"], row["subject"])}
        last = list(found - hidden)
        hidden |= found
    ids, whose = [id for id, _ in refused], [source for _, source in refused]
    hidden_outcomes = connection.execute(HIDE_EARLIER_OUTCOMES, (list(hidden), ids, GATEWAY, ids, whose)).fetchall()
    failed = [
        counting.key_of(row["logged_at"], row["organisation"] or NOBODY, row["service"], row["type"])
        for row in hidden_outcomes
        if row["state"] in FAILED
    ]
    counting.hide(connection, came, failed)
    connection.execute(MARK, (now, list(hidden)))


def _mark(connection: Connection, come: Sequence[Logged], now: datetime) -> list[UUID]:
    """Find out what is about confidential cases: what says so, and what is about the same, or answers it.

    Return the ids that nobody knew before to be of such a case. What admission has refused names whatever its sender
    likes, so it hides itself alone, as does its refusal: under that id its owner may say something later.
    """
    asked = {id for one in come for id in (one.id, one.subject, one.causation, one.correlation) if id is not None}
    asked |= {said.message_id for one in come for said in one.outcomes}
    known = {row["id"] for row in connection.execute(MARKED, (list(asked),)).fetchall()}
    before = set(known)
    found = -1
    while found != len(known):  # an answer may stand before what shows what it answers
        found = len(known)
        for one in come:
            if one.confidential or known & {one.id, one.subject, one.causation, one.correlation}:
                one.confidential = True
                known |= _hides(one.kind, one.type, one.id, one.subject)
    for one in come:
        for said in one.outcomes:
            said.confidential = one.confidential or said.message_id in known
    new = known - before
    if not new:
        return []
    return [row["id"] for row in connection.execute(MARK, (now, sorted(new))).fetchall()]


def _hides(kind: str, type: str | None, id: UUID, subject: UUID | None) -> set[UUID]:
    """By which ids others are hidden with one that is: its own and its subject's, of what has been let in."""
    if kind == BY_ADMISSION:
        return set()
    return {id} if subject is None or type == REFUSED else {id, subject}


def _without_the_erased(connection: Connection, come: Sequence[Logged]) -> tuple[list[Logged], dict[UUID, UUID]]:
    """Give what speaks of somebody erased ids that lead nowhere; leave out what of it is here already.

    With it the ids that were taken out so, by those that were put in their place.
    """
    ids = {id for one in come for id in (one.id, one.subject, *one.people) if id is not None}
    ids |= {id for one in come for id in (one.causation, one.correlation) if id is not None}
    ids |= {said.message_id for one in come for said in one.outcomes}
    ids |= {said.waiting_for for one in come for said in one.outcomes if said.waiting_for is not None}
    hashes = {erasing.hash_of(id): id for id in ids}
    found = {hashes[bytes(row["hash"])] for row in connection.execute(GONE, (list(hashes),)).fetchall()}
    if not found:
        return list(come), {}
    others = {id: uuid4() for id in found}
    left = []
    for one in come:
        for said in one.outcomes:
            said.waiting_for = None if said.waiting_for in found else said.waiting_for
        one.outcomes = [said for said in one.outcomes if said.message_id not in found]
        if one.id in found:
            continue  # it is here, under another id
        if one.subject in found or one.people & found:
            others[one.id] = uuid4()
            found.add(one.id)
            # Its report of itself, of what was refused with it, goes with it.
            one.outcomes = [said for said in one.outcomes if said.message_id != one.id]
            one.erased, one.short, one.trace, one.people = True, None, None, frozenset()
            one.id = others[one.id]
        one.subject = others.get(one.subject, one.subject) if one.subject is not None else None
        one.correlation = others.get(one.correlation, one.correlation)
        one.causation = others.get(one.causation, one.causation) if one.causation is not None else None
        left.append(one)
    return left, others


def _insert(connection: Connection, rows: Mapping[datetime, Logged], now: datetime) -> list[datetime]:
    """Write what is new, and return when each of that arrived."""
    seen: set[tuple[UUID, str, str]] = set()
    columns: list[list[Any]] = [[] for _ in range(21)]
    for at, one in rows.items():
        if one.name in seen:
            continue
        seen.add(one.name)
        hides = one.confidential
        values = (
            at, one.id, one.kind, NOBODY if hides else one.source, NOBODY if hides else one.organisation,
            None if hides else one.recipient, family(one.type) if hides else one.type, None if hides else one.subject,
            None if hides else one.short, one.correlation, one.causation, None if hides else one.system,
            None if hides else one.recipientsystem, one.trace, one.sent_at, one.digest, one.size,
            None if hides else one.routing_key, hides, one.erased, one.source,
        )  # fmt: skip
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return [row["arrived_at"] for row in connection.execute(INSERT, (*columns, now - KNOWN_FOR)).fetchall()]


def _insert_hidden(connection: Connection, rows: Mapping[datetime, Logged]) -> None:
    if rows:
        values = [
            (at, one.id, one.source, one.organisation, one.recipient, one.type, one.subject, one.system,
             one.recipientsystem, one.routing_key)
            for at, one in rows.items()
        ]  # fmt: skip
        connection.execute(HIDE, [list(column) for column in zip(*values, strict=True)])


def _insert_outcomes(connection: Connection, new: Iterable[Logged], now: datetime, gone: Collection[UUID]) -> None:
    said = [one for logged in new for one in logged.outcomes if one.message_id not in gone]
    if not said:
        return
    values = [
        (now, one.message_id, None if one.confidential else one.organisation,
         family(one.type) if one.confidential else one.type, one.service, one.state,
         None if one.confidential else one.code, None if one.confidential else one.waiting_for, one.until, one.said_at,
         one.confidential)
        for one in said
    ]  # fmt: skip
    connection.execute(INSERT_OUTCOMES, [list(column) for column in zip(*values, strict=True)])
    counting.count_failed(connection, said, now)
    _keep_failures(connection, said, now)
    hidden = [one for one in said if one.confidential]
    if hidden:
        rows = [
            (now, one.message_id, one.service, one.organisation, one.type, one.state, one.code, one.waiting_for)
            for one in hidden
        ]
        connection.execute(HIDE_OUTCOMES, [list(column) for column in zip(*rows, strict=True)])


def _keep_failures(connection: Connection, said: Iterable[Outcome], now: datetime) -> None:
    """Keep by message and service what has failed, as long as nothing holds that was said of it beside or later."""
    pairs = dict.fromkeys((one.message_id, one.service) for one in said)
    ids, services = [id for id, _ in pairs], [service for _, service in pairs]
    known = {
        (row["message_id"], row["service"]): Said(row["service"], row["state"], None, None, None, row["said_at"])
        for row in connection.execute(FAILURES, (ids, services)).fetchall()
    }
    last = dict(known)
    for one in said:
        new = Said(one.service, one.state, one.code, None, None, one.said_at)
        pair = (one.message_id, one.service)
        if pair not in last or outcomes.supersedes(new, last[pair]):
            last[pair] = new
    if fails := {pair: one for pair, one in last.items() if one.state in FAILED and one is not known.get(pair)}:
        columns = [[id for id, _ in fails], [one.service for one in fails.values()]]
        columns += [[one.state for one in fails.values()], [one.at for one in fails.values()]]
        connection.execute(FAILS, (now, *columns, now - KNOWN_FOR))
    if no_more := [pair for pair in known if last[pair].state not in FAILED]:
        connection.execute(FAILS_NO_MORE, ([id for id, _ in no_more], [service for _, service in no_more]))


def _insert_mentions(connection: Connection, new: Mapping[datetime, Logged]) -> None:
    rows = [(at, person, one.id) for at, one in new.items() for person in one.people]
    if rows:
        connection.execute(INSERT_MENTIONS, [list(column) for column in zip(*rows, strict=True)])


def _count_beyond(connection: Connection, refused: Iterable[Beyond]) -> None:
    counts: Counter[tuple[datetime, str, str, str]] = Counter()
    for one in refused:
        counts[one.minute, one.entrance, one.organisation, one.code] += one.count
    if counts:
        rows = [(*key, count) for key, count in sorted(counts.items())]
        connection.execute(BEYOND, [list(column) for column in zip(*rows, strict=True)])
