"""What the tests of the courier share: its database, its queue, what the hub says into it, and what must hold of it."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

import contracts
from contracts import codes, uuid7
from deploy.local import Stack
from deploy.local.state import ROOT
from hub.gateway.ledger import Entry
from messaging import database, topology
from messaging.broker import Publication, Publisher
from messaging.identity import address_to
from tests.databases import fresh

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DATABASE = "gateway_courier"
TABLES = (
    "submission, idempotency, outbox, outbox_writer, delivery, inbox_end, http_reader, system_reader, outcome, "
    "refusal_count, erased, parked, forgotten, numbered_from"
)


def make_database(stack: Stack) -> str:
    """A fresh database of the gateway."""
    return fresh(stack, DATABASE, ROOT / "hub" / "gateway")


class Tables:
    """The gateway's tables, looked at and changed from outside."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, sql: Any, *params: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(sql, params)
            return database.rows(cursor)

    def empty(self) -> None:
        self.query(f"truncate {TABLES}")

    def inbox(self, organisation: str) -> list[dict[str, Any]]:
        return self.query("select * from delivery where organisation = %s order by number", organisation)

    def outcomes(self) -> dict[tuple[str, UUID, str], str]:
        rows = self.query("select * from outcome")
        return {(row["organisation"], row["message_id"], row["service"]): row["state"] for row in rows}

    def faults(self, said: Iterable[Entry]) -> list[str]:
        """What is wrong with the deliveries: each exactly once, numbers from 1 without gaps, the last one noted."""
        wanted = {(entry.routing_key.split(".")[1], contracts.parse(entry.body).id) for entry in said}
        rows = self.query("select organisation, number, message_id from delivery order by organisation, number")
        found = [(row["organisation"], row["message_id"]) for row in rows]
        faults = [f"lost {one}" for one in wanted - set(found)]
        faults += [f"unasked {one}" for one in set(found) - wanted]
        faults += [f"twice {one}" for one in set(found) if found.count(one) > 1]
        ends = {row["organisation"]: row["number"] for row in self.query("select * from inbox_end")}
        for organisation in {row["organisation"] for row in rows} | ends.keys():
            numbers = [row["number"] for row in rows if row["organisation"] == organisation]
            if numbers != list(range(1, len(numbers) + 1)):
                faults.append(f"gaps at {organisation}")
            if ends.get(organisation) != len(numbers):
                faults.append(f"the end of {organisation} is {ends.get(organisation)}")
        return faults


def entry(message: contracts.Message, key: str | None = None) -> Entry:
    """A message as the queue brings it."""
    to = address_to(message.recipient, message) if message.recipient else message.type
    return Entry(key or to, message.to_json())


def said(
    data: Any,
    *,
    to: str | None = None,
    at: datetime = NOW,
    source: str = "hub",
    id: UUID | None = None,
    subject: str | None = None,
    cause: contracts.Message | None = None,
) -> contracts.Message:
    """A message of the hub's."""
    about = contracts.contract_of(data).about
    own = str(getattr(data, about)) if about else subject or str(uuid7())
    return contracts.stamp(contracts.Draft(data, own, to, 1), source=source, time=at, id=id, cause=cause)


def status(to: str, referral_id: UUID | None = None, **fields: Any) -> contracts.Message:
    data = contracts.ReferralStatus(
        **{
            "referral_id": referral_id or uuid7(),
            "state": codes.ReferralState.RECEIVED,
            "changed_at": NOW,
            "changed_by": "iom",
            "sender": "redcross",
            "recipient": "iom",
            "service_id": uuid7(),
            **fields,
        }
    )
    return said(data, to=to)


def processed(
    state: str,
    *ids: UUID,
    organisation: str = "redcross",
    service: str = "intake",
    type: str = "person.registered.v1",
    at: datetime = NOW,
    **more: Any,
) -> contracts.Message:
    """A report of a service."""
    group = contracts.ProcessedGroup(type=type, state=codes.ProcessedState(state), ids=ids, **more)
    data = contracts.MessagesProcessed(organisation=organisation, service=service, groups=(group,))
    return said(data, to=organisation, at=at, subject=organisation)


def refused(
    code: str, refused_id: UUID | None, *, to: str = "redcross", by: str = "gateway", at: datetime = NOW, **more: Any
) -> contracts.Message:
    data = contracts.MessageRefused(
        refused_id=refused_id,
        refused_type="person.registered.v1",
        code=code,
        body_sha256="0" * 64,
        refused_by=by,
    )
    return said(data, to=to, at=at, subject=str(refused_id or uuid7()), **more)


class Ledger:
    """The queue, as the hub's services write to it."""

    def __init__(self, stack: Stack) -> None:
        self.amqp_url = stack.amqp_url(topology.COURIER, topology.HUB)
        self._stack = stack
        self._publisher = Publisher(stack.amqp_url("intake", topology.HUB))

    def empty(self) -> None:
        for queue in (topology.LEDGER, "deliver.redcross", "deliver.iom"):
            self._stack.management.delete(f"queues/hub/{queue}/contents")

    def send(self, *entries: Entry) -> None:
        batch = [Publication("hub", one.routing_key, one.body, str(uuid7())) for one in entries]
        assert self._publisher.publish(batch) == set()

    def close(self) -> None:
        self._publisher.drop()


def listening(url: str) -> Iterator[list[tuple[str, str]]]:
    """What is notified while the block runs."""
    heard: list[tuple[str, str]] = []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("listen inbox")
        connection.execute("listen outcome")
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                heard.extend((one.channel, one.payload) for one in connection.notifies(timeout=0.1))

        thread = threading.Thread(target=listen)
        thread.start()
        yield heard
        stop.set()
        thread.join()


def write(url: str, entries: Sequence[Entry]) -> None:
    """Write a batch as the courier does."""
    from hub.gateway import courier

    with database.connect(url) as connection:
        courier.write(connection, entries, topology.read().organisations)
