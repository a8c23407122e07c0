"""How long the gateway's database keeps what: bounded steps, each a transaction of its own that holds nobody up.

Rows of `delivery` stay, with their ids; bodies go. What nobody has read stays, however old, where its organisation
reads by HTTP at all: nothing expires unread. Whole partitions of the outbox are the relay's.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from messaging import clock
from messaging.clocks import APART
from messaging.database import Connection
from messaging.topology import Service

ROWS: Final = 500  # of one step

OUTCOMES_FOR: Final = "90 days"
KEYS_FOR: Final = "24 hours"  # of requests that were sent with an Idempotency-Key
BODIES_FOR: Final = "30 days"
REFUSED_FOR: Final = "2 days"  # for the message log, so long as it may be away
SUBMITTED_FOR: Final = "10 minutes"  # after it was accepted, where all who read it have said what became of it
SUBMITTED_FOR_LONGEST: Final = timedelta(days=1)  # where one has not: it may stand in a queue that is lost

STEPS: Final[dict[str, str]] = {
    "outcome": f"""
        delete from outcome where (organisation, message_id, service) in (
            select organisation, message_id, service from outcome
            where written_at < clock_timestamp() - interval '{OUTCOMES_FOR}' limit {ROWS})
    """,
    "submission": f"""
        delete from submission where (source, message_id) in (
            select source, message_id from submission
            where accepted_at < clock_timestamp() - interval '{OUTCOMES_FOR}' order by accepted_at limit {ROWS})
    """,
    "idempotency": f"""
        delete from idempotency where (organisation, key) in (
            select organisation, key from idempotency
            where begun_at < clock_timestamp() - interval '{KEYS_FOR}' order by begun_at limit {ROWS})
    """,
    "refused": f"""
        delete from refused where number in (
            select number from refused
            where at < clock_timestamp() - interval '{REFUSED_FOR}' order by number limit {ROWS})
    """,
    "acknowledged bodies": f"""
        update delivery set body = null where (organisation, number) in (
            select organisation, number from delivery
            where body is not null and acknowledged_at < clock_timestamp() - interval '{BODIES_FOR}'
            order by acknowledged_at limit {ROWS})
    """,
    # What was submitted by HTTP is out, and with the services: an erasure finds it there. Here it could not find all of
    # it: what somebody says of a need or a consent names no person. Of what goes to a service of an organisation's own
    # it is heard that it was handed over.
    "submitted bodies": f"""
        delete from outbox where position in (
            select position from outbox join outbox_writer using (writer)
            where position <= published and recorded_at < clock_timestamp() - interval '{SUBMITTED_FOR}'
              and (recorded_at < clock_timestamp() - interval '{SUBMITTED_FOR_LONGEST.total_seconds()} seconds'
                   or exists (
                       select from outcome where outcome.message_id = outbox.message_id
                         and outcome.organisation = split_part(outbox.routing_key, '.', 2))
                   and not exists (
                       select from unnest(%(services)s::text[], %(contracts)s::text[]) as reads(service, contract)
                       where contract = split_part(routing_key, '.', 4) || '.' || split_part(routing_key, '.', 5)
                         and not exists (
                             select from outcome where outcome.message_id = outbox.message_id
                               and outcome.organisation = split_part(outbox.routing_key, '.', 2)
                               and outcome.service = reads.service)))
            order by position limit {ROWS})
    """,
    # They have had them by AMQP. Each address is looked for behind the one before, and what is kept of it passed over.
    "bodies of who never read here": f"""
        with recursive held as (
            (select organisation, address, copy from delivery where body is not null and acknowledged_at is null
             order by organisation, address, copy limit 1)
            union all
            select next.* from held cross join lateral (
                select organisation, address, copy from delivery
                where body is not null and acknowledged_at is null
                  and (organisation, address, copy) > (held.organisation, held.address, held.copy)
                order by organisation, address, copy limit 1
            ) as next
        )
        update delivery set body = null where (organisation, number) in (
            select organisation, old.number
            from held cross join lateral (
                select number from delivery
                where (delivery.organisation, delivery.address, delivery.copy)
                    = (held.organisation, held.address, held.copy)
                  and body is not null and acknowledged_at is null
                  and delivered_at < clock_timestamp() - interval '{BODIES_FOR}'
                order by delivered_at limit {ROWS}
            ) as old
            where not read_by_http(organisation, address, copy)
            limit {ROWS})
    """,
}


def clocks_agree(connection: Connection) -> bool:
    """Tell whether the database's clock, by which terms end, is the one of this process, within some minutes."""
    row = connection.execute("select clock_timestamp() as now").fetchone()
    connection.commit()
    assert row is not None
    return bool(abs((row["now"] - clock.machine_now()).total_seconds()) <= APART)


def keep(connection: Connection, step: str, services: Mapping[str, Service]) -> bool:
    """Do one step and commit; tell whether there may be more of it to do. `services` are the hub's, by name."""
    reads = [(service.name, contract) for service in services.values() for contract in service.reads]
    params = {"services": [service for service, _ in reads], "contracts": [contract for _, contract in reads]}
    done = connection.execute(STEPS[step], params).rowcount
    connection.commit()
    return done >= ROWS
