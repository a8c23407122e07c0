"""How long the oldest message of each service's queue has waited: the first that the service has said nothing of.

Of what organisations say each service says what became of it (messages.processed), also where it waits; of what the
hub says for itself nobody does, and so it has no age here. All that came before `answered` has been answered for: from
there on is looked, so that a look costs what has come since, and not what there is.
"""

import logging
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg

from contracts.registry import CONTRACTS
from messaging import clock, database
from messaging.broker import backoff
from messaging.database import Connection
from messaging.log import describe, fields
from messaging.topology import Service

log = logging.getLogger("ruta.monitor")

LOOK_EVERY: Final = 1.0  # seconds
BEGINS: Final = timedelta(hours=1)  # before now, where nothing was looked at yet
AT_ONCE: Final = 20_000  # messages at most that one look goes by
KNOWN_FOR: Final = timedelta(seconds=10)  # how old a look may be

ANSWERED: Final = "select answered from queue_age where service = %s"
# In the order in which they came; the first that has no outcome ends it.
NEXT: Final = """
    with come as materialized (
        select arrived_at, id from message
        where arrived_at > %(since)s and kind = 'passed' and not erased and source <> 'hub'
          and (recipient is null and type = any(%(types)b::text[])
               or confidential and type = any(%(families)b::text[]) and exists (
                   select from confidential_message as hidden
                   where hidden.id = message.id and hidden.type = any(%(types)b::text[]) and hidden.recipient is null
                     and hidden.source <> 'hub'))
        order by arrived_at limit %(limit)s
    ), looked as (
        select come.*, exists (
            select from outcome where message_id = come.id and service = %(service)s and logged_at >= %(said_since)s
        ) as answered from come
    ), oldest as (
        select arrived_at, id from looked where not answered order by arrived_at limit 1
    )
    select (select count(*) from come) as many, (select max(arrived_at) from come) as last,
           (select max(arrived_at) from message where arrived_at > %(since)s) as end,
           (select arrived_at from oldest) as oldest_at, (select id from oldest) as oldest_id
"""
SAY: Final = """
    insert into queue_age (service, answered, oldest_at, oldest_id, looked_at)
    values (%s, %s, %s, %s, clock_timestamp())
    on conflict (service) do update set answered = excluded.answered, oldest_at = excluded.oldest_at,
        oldest_id = excluded.oldest_id, looked_at = excluded.looked_at
"""
AGES: Final = "select service, oldest_at, oldest_id, looked_at, clock_timestamp() as now from queue_age"


@dataclass(frozen=True, slots=True)
class Waiting:
    """The oldest message of a service's queue that the service has said nothing of."""

    arrived_at: datetime
    id: UUID
    age: timedelta


def look(connection: Connection, service: Service, now: datetime) -> None:
    """Look for the oldest message of a service's queue, note it, and commit."""
    types = sorted(one.type for one in CONTRACTS.values() if one.name in service.reads)
    row = connection.execute(ANSWERED, (service.name,)).fetchone()
    since: datetime = row["answered"] if row is not None else now - BEGINS
    params = {
        "since": since,
        "said_since": since - BEGINS,  # a message may be delivered again, behind what became of it
        "types": types,
        "families": sorted({one.partition(".")[0] for one in types}),
        "service": service.name,
        "limit": AT_ONCE,
    }
    row = connection.execute(NEXT, params).fetchone()
    assert row is not None
    if row["oldest_at"] is not None:
        answered = row["oldest_at"] - timedelta(microseconds=1)  # it is looked at again
    else:
        answered = (row["last"] if row["many"] == AT_ONCE else row["end"]) or since
    connection.execute(SAY, (service.name, answered, row["oldest_at"], row["oldest_id"]))
    connection.commit()


class Looking:
    """One thread that looks every second."""

    def __init__(self, database_url: str, services: Iterable[Service]) -> None:
        self._database_url = database_url
        self._services = list(services)
        self._stop = threading.Event()

    def stop(self) -> None:
        """Let `run` return."""
        self._stop.set()

    def run(self) -> None:
        """Look until stopped, through every absence of the database."""
        attempt = 0
        while not self._stop.is_set():
            try:
                with database.connect(self._database_url) as connection:
                    while not self._stop.wait(LOOK_EVERY):
                        for service in self._services:
                            look(connection, service, clock.machine_now())
                        attempt = 0
            except psycopg.Error as error:
                log.warning("the age of queues is not known", extra=fields(error=describe(error)))
            if self._stop.wait(backoff(attempt)):
                return
            attempt += 1


def oldest(connection: Connection) -> dict[str, Waiting | None]:
    """By service, the oldest message of its queue that it has said nothing of; None where there is no such.

    A service that is not named here has not been looked at for ten seconds: nobody knows how old its queue is.
    """
    found: dict[str, Waiting | None] = {}
    for row in connection.execute(AGES).fetchall():
        if row["now"] - row["looked_at"] > KNOWN_FOR:
            continue
        waits = row["oldest_at"] is not None
        age = row["now"] - row["oldest_at"] if waits else None
        found[row["service"]] = Waiting(row["oldest_at"], row["oldest_id"], age) if age is not None else None
    return found
