"""What the queue `ledger` brings: read, and written down in the tables of what became of messages.

    to.<organisation>.…         a row of `delivery`; of the gateway's own refusals also `outcome` and `refusal_count`
    messages.processed.v1.…     rows of `outcome`
    person.erased.v1            bodies that speak of the person are emptied (hub/gateway/erasing.py)

Any of it may come again at any time, alone or with others: it is known by whom it is for, who says it and its id.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import contracts
from contracts.refusal import MessageRefused
from contracts.registry import CONTRACTS
from hub.gateway import erasing, outcomes
from hub.gateway.outcomes import Said
from messaging import inbox
from messaging.database import Connection, Row
from messaging.identity import asked_by
from messaging.topology import Organisation

HUB = "hub"
PROCESSED: Final = "messages.processed."

OutcomeKey = tuple[str, UUID, str]  # organisation, message, service
DeliveryKey = tuple[str, str, UUID, str]  # organisation, source, message, address


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the queue, as it came."""

    routing_key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message that the hub has for an organisation."""

    organisation: str
    address: str
    message: contracts.Message
    body: str
    is_copy: bool = False
    """Whether the message goes somewhere else, and comes to this address beside."""


@dataclass(slots=True)
class Batch:
    """What is to be written down, in the order in which it came, each once."""

    deliveries: dict[DeliveryKey, Delivery] = field(default_factory=dict)
    outcomes: list[tuple[OutcomeKey, str, Said]] = field(default_factory=list)  # with the type of the message
    erased: set[UUID] = field(default_factory=set)
    unreadable: list[Row] = field(default_factory=list)  # for `parked`


def read(entries: Iterable[Entry], organisations: Mapping[str, Organisation]) -> Batch:
    """Read what came; what cannot be read, or has no place here, is to be parked as it is."""
    batch = Batch()
    for entry in entries:
        try:
            message = contracts.parse(entry.body)
        except contracts.Invalid as invalid:
            batch.unreadable.append(inbox.parked_row(entry.body, None, "quarantined", invalid.code))
            continue
        _take(batch, entry, message, organisations)
    return batch


def _take(batch: Batch, entry: Entry, message: contracts.Message, organisations: Mapping[str, Organisation]) -> None:
    words = entry.routing_key.split(".")
    if isinstance(message.data, contracts.PersonErased):
        batch.erased.add(message.data.person_id)
    if words[0] == "to" and len(words) > 1 and words[1]:
        body = entry.body.decode()
        for address, is_copy in _addresses(words[1], message, organisations):
            delivery = Delivery(words[1], address, message, body, is_copy)
            batch.deliveries.setdefault((words[1], message.source, message.id, address), delivery)
    elif message.type.startswith(PROCESSED):
        batch.outcomes += _reported(message)
    elif not isinstance(message.data, contracts.PersonErased):
        batch.unreadable.append(inbox.parked_row(entry.body, message, "quarantined", "no_handler"))


def _addresses(
    id: str, message: contracts.Message, organisations: Mapping[str, Organisation]
) -> Iterator[tuple[str, bool]]:
    """Yield whose inbox there it is for, as by AMQP: the system's that reads it, or the common one; and then of copies.

    With each, whether it is one for a copy.
    """
    organisation = organisations.get(id)
    if organisation is None:
        yield id, False
        return
    contract = CONTRACTS[message.type]
    refused = message.data.refused_type if isinstance(message.data, MessageRefused) else None
    refusal_of = refused.rpartition(".v")[0] if refused else None
    system = asked_by(message)
    address = organisation.address(
        contract.name,
        notice=False,
        refusal_of=refusal_of,
        asked_by=system if contract.answers_whoever_asked else None,
    )
    yield address, False
    for one in organisation.copied_to(contract.name, asked_by=system):
        if one.address != address:
            yield one.address, True


def _reported(message: contracts.Message) -> Iterable[tuple[OutcomeKey, str, Said]]:
    data: Any = message.data
    for group in data.groups:
        if group.state == outcomes.CHANGES_NOTHING:
            continue
        said = Said(data.service, str(group.state), group.code, group.waiting_for, group.until, message.time)
        for id in group.ids:
            yield (data.organisation, id, data.service), group.type, said


def write(connection: Connection, batch: Batch) -> None:
    """Write all of it down in the open transaction, and tell whoever listens; the caller commits.

    Only one process at a time may do this: numbers have no gaps, and what is compared here nobody changes meanwhile.
    """
    if batch.unreadable:
        inbox.park(connection, batch.unreadable)
        erasing.look_into_what_is_parked(connection)
    new = _deliver(connection, list(batch.deliveries.values()))
    said = [*_refused_outside(new), *batch.outcomes]
    _count_refusals(connection, new)
    changed = _keep_outcomes(connection, said)
    erasing.erase(
        connection,
        batch.erased,
        touched={*(id for one in new for id in erasing.about(one.message, one.organisation)), *_waited_for(said)},
    )
    _notify(connection, "inbox", {one.organisation for one in new})
    _notify(connection, "outcome", changed)


# Where this server was not the last that was written to, or these tables were not there then, nobody knows up to where
# numbers were given out: the database may be a copy from before. They go on behind the clock's microseconds.
BEGIN: Final = """
    insert into numbered_from (number, run)
    select case when last.run is null then 0
                else greatest((extract(epoch from clock_timestamp()) * 1000000)::bigint, last.number + 1) end, now.run
    from (
        select concat_ws(' ', extract(epoch from pg_postmaster_start_time()), 'inbox_end'::regclass::oid,
                         pg_relation_filenode('inbox_end'), oid) as run
        from pg_database where datname = current_database()
    ) as now
    left join (select number, run from numbered_from order by number desc limit 1) as last on true
    where now.run is distinct from last.run
"""


def begin(connection: Connection) -> None:
    """Learn, before anything is written, whether numbers go on where they ended here; and commit."""
    connection.execute(BEGIN)
    connection.commit()


# The numbers of an organisation follow each other in the order in which its messages came; its last one is held by the
# row of `inbox_end` until the commit, and given back by whatever undoes the transaction.
DELIVER: Final = """
    with begins as (
        select coalesce(max(number), 0) as number from numbered_from
    ), come as (
        select * from unnest(
            %b::text[], %b::text[], %b::bool[], %b::text[], %b::uuid[], %b::text[], %b::text[], %b::uuid[], %b::uuid[],
            %b::text[]
        ) with ordinality as one(
            organisation, address, copy, source, message_id, type, subject, causationid, correlationid, body, place
        )
    ), new as (
        select come.*, row_number() over (partition by organisation order by place) as nth,
               count(*) over (partition by organisation) as many
        from come
        where not exists (
            select from delivery as known
            where known.organisation = come.organisation and known.source = come.source
              and known.message_id = come.message_id
              and (known.address = come.address or not (known.copy or come.copy)))
    ), ended as (
        insert into inbox_end (organisation, number)
        select distinct organisation, begins.number + many from new cross join begins
        on conflict (organisation) do update
        set number = greatest(inbox_end.number - (select number from begins), 0) + excluded.number
        returning organisation, number
    )
    insert into delivery (
        organisation, number, address, copy, source, message_id, type, subject, causationid, correlationid, about, body)
    select organisation, ended.number - many + nth, address, copy, source, message_id, type, subject, causationid,
           correlationid,
           array(select id from unnest(%b::bigint[], %b::uuid[]) as of(at, id) where of.at = place), body
    from new join ended using (organisation)
    returning organisation, source, message_id, address
"""


def _deliver(connection: Connection, deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Number and keep what is new, and return it."""
    if not deliveries:
        return []
    messages = [one.message for one in deliveries]
    about = [
        (place, id) for place, one in enumerate(deliveries, 1) for id in erasing.about(one.message, one.organisation)
    ]
    rows = connection.execute(
        DELIVER,
        (
            [one.organisation for one in deliveries],
            [one.address for one in deliveries],
            [one.is_copy for one in deliveries],
            [one.source for one in messages],
            [one.id for one in messages],
            [one.type for one in messages],
            [one.subject for one in messages],
            [one.causationid for one in messages],
            [one.correlationid for one in messages],
            [one.body for one in deliveries],
            [place for place, _ in about],
            [id for _, id in about],
        ),
    ).fetchall()
    new = {(row["organisation"], row["source"], row["message_id"], row["address"]) for row in rows}
    return [one for one in deliveries if (one.organisation, one.message.source, one.message.id, one.address) in new]


def _refusals(new: Iterable[Delivery]) -> Iterable[tuple[str, datetime, MessageRefused]]:
    """The gateway's own refusals: whose message it was, when it was refused, and how."""
    for one in new:
        data = one.message.data
        if one.is_copy:
            continue
        if isinstance(data, MessageRefused) and data.refused_by == outcomes.GATEWAY and one.message.source == HUB:
            yield one.organisation, one.message.time, data


def _refused_outside(new: Iterable[Delivery]) -> Iterable[tuple[OutcomeKey, str, Said]]:
    for organisation, at, refusal in _refusals(new):
        if refusal.refused_id is not None:
            said = Said(outcomes.GATEWAY, "refused", refusal.code, None, None, at)
            yield (organisation, refusal.refused_id, outcomes.GATEWAY), refusal.refused_type or "", said


COUNT_REFUSALS: Final = """
    insert into refusal_count as known (organisation, code, entrance, minute, count, first_message)
    select organisation, code, 'amqp', minute, count, first_message
    from unnest(%b::text[], %b::text[], %b::timestamptz[], %b::bigint[], %b::uuid[])
        as new(organisation, code, minute, count, first_message)
    on conflict (organisation, code, entrance, minute) do update
    set count = known.count + excluded.count, first_message = coalesce(known.first_message, excluded.first_message)
"""


def _count_refusals(connection: Connection, new: Sequence[Delivery]) -> None:
    """Count what the gateway has refused; what came again is not new, and not counted again."""
    counts: Counter[tuple[str, str, datetime]] = Counter()
    first: dict[tuple[str, str, datetime], UUID | None] = {}
    for organisation, at, refusal in _refusals(new):
        key = organisation, refusal.code, at.replace(second=0, microsecond=0)
        counts[key] += 1
        first[key] = first.get(key) or refusal.refused_id
    if counts:
        organisations, codes, minutes = zip(*counts, strict=True)
        params = list(organisations), list(codes), list(minutes), list(counts.values()), [first[key] for key in counts]
        connection.execute(COUNT_REFUSALS, params)


KNOWN_OUTCOMES: Final = """
    select outcome.* from unnest(%b::text[], %b::uuid[], %b::text[]) as asked(organisation, message_id, service)
    join outcome using (organisation, message_id, service)
"""

KEEP_OUTCOMES: Final = """
    insert into outcome as known (
        organisation, message_id, service, type, state, code, waiting_for, until, first_at, changed_at)
    select organisation, message_id, service, type, state, code, waiting_for, until, changed_at, changed_at
    from unnest(
        %b::text[], %b::uuid[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[], %b::timestamptz[],
        %b::timestamptz[]
    ) as new(organisation, message_id, service, type, state, code, waiting_for, until, changed_at)
    on conflict (organisation, message_id, service) do update
    set type = excluded.type, state = excluded.state, code = excluded.code, waiting_for = excluded.waiting_for,
        until = excluded.until, first_at = least(known.first_at, excluded.first_at), changed_at = excluded.changed_at,
        written_at = clock_timestamp()
"""


def _keep_outcomes(connection: Connection, said: Sequence[tuple[OutcomeKey, str, Said]]) -> set[str]:
    """Keep what each service has said last; return the organisations for whose messages that is something new."""
    if not said:
        return set()
    keys = sorted({key for key, _, _ in said})
    known: dict[OutcomeKey, Said] = {}
    for row in connection.execute(KNOWN_OUTCOMES, [list(column) for column in zip(*keys, strict=True)]).fetchall():
        (known[row["organisation"], row["message_id"], row["service"]],) = outcomes.from_rows([row])
    changed: dict[OutcomeKey, tuple[str, Said]] = {}
    for key, type, one in said:
        if key not in known or (one != known[key] and outcomes.supersedes(one, known[key])):
            known[key] = one
            changed[key] = type, one
    if changed:
        organisations, ids, services = zip(*changed, strict=True)
        types, ones = zip(*changed.values(), strict=True)
        params = [
            list(organisations), list(ids), list(services), list(types), [one.state for one in ones],
            [one.code for one in ones], [one.waiting_for for one in ones], [one.until for one in ones],
            [one.at for one in ones],
        ]  # fmt: skip
        connection.execute(KEEP_OUTCOMES, params)
    return {organisation for organisation, _, _ in changed}


def _waited_for(said: Iterable[tuple[OutcomeKey, str, Said]]) -> Iterable[UUID]:
    for _, _, one in said:
        if (id := erasing.as_id(one.waiting_for)) is not None:
            yield id


def _notify(connection: Connection, channel: str, organisations: Iterable[str]) -> None:
    """Wake whoever waits for something of these organisations, when this is committed."""
    if told := sorted(organisations):
        connection.execute(
            "select pg_notify(%b, organisation) from unnest(%b::text[]) as organisation", (channel, told)
        )
