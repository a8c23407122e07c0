"""Knows when the network is at rest: nothing queued, nothing to publish, nothing to try again, nobody at work."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg

from demo.organisations import ENTRANCES, HTTP
from deploy.local import Stack
from messaging import broker
from messaging.topology import (
    GATEWAY,
    HUB,
    LEDGER,
    NETWORK,
    DeclaredNetwork,
    submitted_queue,
    submitting_systems,
)

LOOK_EVERY = 0.4  # seconds
AT_REST_AFTER = 1.2  # seconds of rest that are believed: what a process has in hand stands in no queue
STUCK_AFTER = 45.0  # seconds in which nothing at all has moved

COUNTS: LiteralString = """
    select (select coalesce(sum(received), 0)::bigint from outbox_writer) as taken_in,
           (select count(*) from outbox_writer where published < committed) as unpublished,
           (select count(*) from parked where state <> 'quarantined') as waiting,
           (select count(*) from parked) as parked
"""
# By service, what its clock has to act on by a moment: its timed handler may not have come to it.
DUE: Mapping[str, LiteralString] = {
    "referrals": "select count(*) as due from referral where due_at <= %s",
    "intake": "select count(*) as due from match_waiting where since <= %s",  # whom it has yet to compare with others
    "employment": """
        select count(*) as due from candidacy where due_on <= (%s::timestamptz at time zone 'America/Bogota')::date
    """,
}


# What those have yet to acknowledge who read by HTTP.
UNREAD: LiteralString = """
    select count(*) as unread from delivery join http_reader using (organisation)
    where acknowledged_at is null and organisation = any(%s)
"""


class StuckError(Exception):
    """Nothing moves any more, and the network is not at rest; says what is left."""


@dataclass(frozen=True)
class Look:
    """What is under way at one moment. Equal looks at rest for AT_REST_AFTER are rest."""

    queued: Mapping[str, int]  # by queue, empty ones left out
    unpublished: int
    waiting: int
    clocks_due: int
    steps_due: int  # of the organisations' plans
    done: tuple[int, ...]  # everything that only ever grows

    def at_rest(self, waiting_allowed: int) -> bool:
        """Whether nothing is to be done, but for messages that wait for what never comes."""
        busy = (self.unpublished, self.clocks_due, self.steps_due)
        return not any(self.queued.values()) and not any(busy) and self.waiting <= waiting_allowed

    def __str__(self) -> str:
        queued = ", ".join(f"{count} in {name}" for name, count in self.queued.items()) or "queues empty"
        return (
            f"{queued}; {self.unpublished} outboxes behind; {self.waiting} messages waiting; "
            f"{self.clocks_due} clocks due; {self.steps_due} steps of the organisations' plans due"
        )


class Watch:
    """Looks at a running network from outside, with the operator's means."""

    def __init__(
        self,
        stack: Stack,
        declared: DeclaredNetwork,
        progress: Callable[[], Sequence[Mapping[str, int]]],
        at_work: Collection[str],
        own_databases: Mapping[str, str] | None = None,
        clocks: Collection[str] = ("referrals",),
    ) -> None:
        """`at_work` are the organisations whose systems run: what others have in their inboxes they will not read.

        `own_databases` are those of the services that organisations run themselves, by organisation and service.
        `clocks` are the services that are not at rest while their clock has something to act on.
        """
        running = own_databases or {}
        systems = [
            declared.organisations[name].inbox(system.name)
            for name in at_work
            if ENTRANCES.get(name) != HTTP  # who reads all of it there
            for system in declared.organisations[name].systems
            if system.runs is None or f"{name}-{system.runs}" in running
        ]
        organisations, services = declared.organisations, declared.services.values()
        self._queues = {
            NETWORK: [
                *(queue for one in organisations.values() for queue in one.submits),
                *(organisations[name].inbox() for name in at_work if ENTRANCES.get(name) != HTTP),
                *systems,
            ],
            HUB: [
                LEDGER,
                *(f"deliver.{name}" for name, one in organisations.items() if one.amqp),
                *(
                    submitted_queue(name, system)
                    for name, one in organisations.items()
                    for system in submitting_systems(one)
                ),
                *(service.queue for service in services),
            ],
        }
        self._urls = {vhost: stack.amqp_url(GATEWAY, vhost) for vhost in self._queues}
        self._databases = {service.name: stack.service_database_url(service.name) for service in services}
        self._databases |= {**running, GATEWAY: stack.service_database_url(GATEWAY)}
        self._at_work = list(at_work)
        self._progress = progress
        self._due = {
            name: DUE[service] for name in self._databases if (service := name.rpartition("-")[2]) in clocks
        }  # the name of an organisation's own is `oportunidades-employment`
        self._open = ExitStack()  # connections, kept from look to look
        self._asked: dict[str, psycopg.Connection[Any]] = {}
        self._channels: dict[str, Any] = {}

    def close(self) -> None:
        """Let go of every connection."""
        self._open.close()
        self._asked, self._channels = {}, {}

    def look(self, now: datetime) -> Look:
        """Look once; `now` is the network's time."""
        queued: dict[str, int] = {}
        for vhost, names in self._queues.items():
            queued |= self._ready(vhost, names)
        unpublished = waiting = clocks_due = 0
        done: list[int] = []
        for service in self._databases:
            database = self._database(service)
            row = database.execute(COUNTS).fetchone() or (0, 0, 0, 0)
            if service in self._due:
                clocks_due += (database.execute(self._due[service], (now,)).fetchone() or (0,))[0]
            unpublished += row[1]
            waiting += row[2]
            done += [row[0], row[3]]
        unread = (self._database(GATEWAY).execute(UNREAD, (self._at_work,)).fetchone() or (0,))[0]
        if unread:
            queued["inboxes by HTTP"] = unread
        said = self._progress()
        done += [count for one in said for count in (one["confirmed"], one["received"])]
        return Look(queued, unpublished, waiting, clocks_due, sum(one["due"] for one in said), tuple(done))

    def _database(self, service: str) -> psycopg.Connection[Any]:
        if service not in self._asked:
            connection = psycopg.connect(self._databases[service], autocommit=True)
            self._asked[service] = self._open.enter_context(closing(connection))
        return self._asked[service]

    def _ready(self, vhost: str, names: Sequence[str]) -> dict[str, int]:
        """Messages ready in these queues of one virtual host, asked of the queues themselves; empty ones left out."""
        if vhost not in self._channels:
            connection: Any = broker.connect(self._urls[vhost])
            self._open.callback(broker.drop, connection)
            self._channels[vhost] = connection.channel()
        channel = self._channels[vhost]
        counts = {name: channel.queue_declare(name, passive=True).message_count for name in names}
        return {name: count for name, count in counts.items() if count}

    def wait(
        self,
        offset: timedelta,
        waiting_allowed: int,
        looking: Callable[[Look], None],
        stuck_after: float,
        at_rest_after: float = AT_REST_AFTER,
    ) -> Look:
        """Return once the network, whose time is `offset` ahead, is at rest; raises StuckError when it never is.

        `waiting_allowed` messages may wait for what never comes. `looking` is called at every look. Never is when
        nothing has moved for `stuck_after` seconds. Rest is believed after `at_rest_after` seconds of it.
        """
        before: Look | None = None
        moved_at = time.monotonic()
        while True:
            try:
                here = self.look(datetime.now(UTC) + offset)
            except (*broker.BrokerLost, psycopg.Error):
                self.close()
                time.sleep(LOOK_EVERY)  # a server is coming back
                continue
            looking(here)
            if here != before:
                moved_at = time.monotonic()
            elif here.at_rest(waiting_allowed):
                if time.monotonic() - moved_at > at_rest_after:
                    return here
            elif time.monotonic() - moved_at > stuck_after:
                raise StuckError(str(here))
            before = here
            time.sleep(LOOK_EVERY)
