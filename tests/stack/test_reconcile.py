"""What was lost on real servers is an alert within a minute, and `./ruta reconcile` names it and has it said again."""

import contextlib
import json
import random
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest

import contracts
from contracts import codes
from deploy.local import Network, asked_again, beside
from hub.monitor.alerts import keeping
from hub.monitor.alerts.keeping import Keeper
from hub.monitor.reconciling import comparing
from hub.monitor.reconciling.comparing import Lost
from messaging import broker
from messaging.topology import GATEWAY, HUB, MONITOR, NETWORK
from tests import commands
from tests.examples import consent_granted
from tests.faults.sending import Sender, all_taken_in, employers, jornadas, stamped
from tests.waiting import eventually

FOUND_WITHIN: Final = 60.0  # seconds, from when it was lost

CAME = """
    select count(*) from inbox where message_id in (
        select message_id from unnest(%s::uuid[]) as sent(message_id))
"""
SETTLED = """
    select count(*) from message where id = any(%s) and arrived_at < clock_timestamp() - interval '10 seconds'
"""
FACTS = "select message_id from outbox where starts_with(routing_key, 'employer.recorded.')"


def query(network: Network, service: str, sql: Any, *params: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(network.stack.service_database_url(service), autocommit=True) as connection:
        return connection.execute(sql, params).fetchall()


def ruta(network: Network, *words: str) -> "subprocess.CompletedProcess[str]":
    return commands.ruta(network.stack.state, *words, COLUMNS="160")


def missed(network: Network, organisation: str) -> list[contracts.Message]:
    """What its inbox has of the kind that asks for what was lost, taken out of there with all the rest."""
    connection = broker.connect(network.stack.amqp_url(organisation, NETWORK))
    try:
        channel = connection.channel()
        came = iter(lambda: channel.basic_get(f"inbox.{organisation}", no_ack=True), None)
        messages = [contracts.parse(one.body) for one in came]
    finally:
        broker.drop(connection)
    return [one for one in messages if isinstance(one.data, contracts.MessagesMissed)]


def submit(sender: Sender, messages: Iterable[contracts.Message]) -> None:
    for one in messages:
        sender.submit(one)


def lose(network: Network, queues: Sequence[str], send: Callable[[], None], many: int) -> None:
    """Have queues' messages go where nobody has them: in the broker they are nowhere any more."""
    management = network.stack.management
    for queue in queues:
        management.delete(f"queues/hub/{queue}")
    # Counts are some seconds old: what was there before is not to be taken for what is sent now.
    eventually(lambda: management.get("queues/hub/unrouted").get("messages", 0) == 0)
    send()
    eventually(lambda: management.get("queues/hub/unrouted").get("messages", 0) >= many)
    management.delete("queues/hub/unrouted/contents")


def waiting(network: Network, queue: str) -> int:
    """How many messages a queue of the hub has at this moment."""
    with contextlib.closing(broker.connect(network.stack.amqp_url(GATEWAY, HUB))) as connection:
        found = beside.look(connection, queue)
    return found.message_count if found is not None else 0


def go_on_from_here(network: Network) -> None:
    """Have the process `alerts` compare from here on: what other tests have lost is not told."""
    names = (*network.declared.services, GATEWAY, MONITOR)
    databases = {name: network.stack.service_database_url(name) for name in names}
    known, is_whole = None, False
    while not is_whole:
        found = comparing.look(databases, network.declared, {}, known, datetime.now(UTC))
        known = {by: {**one, "open": {}, "seen": {}} for by, one in found.state.items()}
        is_whole = found.is_whole
    with Keeper(network.stack.state.alerts_book).changing() as book:
        book.known["gaps"] = {"at": datetime.now(UTC).isoformat(), "said": {"gaps": [], "state": known}}
        book.open = {key: one for key, one in book.open.items() if one.name != "reconciliation_gap"}


def lost(network: Network) -> set[str]:
    """The ids of all that `./ruta reconcile` names."""
    return {one["message_id"] for one in json.loads(ruta(network, "reconcile", "--json").stdout)["lost"]}


def confidential_consent(source: str) -> contracts.Message:
    """Of a confidential case, which intake alone reads."""
    now = datetime.now(UTC)
    given = consent_granted(
        consent_id=(id := contracts.uuid7()),
        person_id=None,
        case_code=f"GBV-{id.hex[-6:].upper()}",
        recipients=("iom",),
        field_groups=(codes.FieldGroup.CONTACT,),
        valid_from=now,
        valid_until=now + timedelta(days=30),
    )
    return stamped(given, id, source)


@dataclass(frozen=True)
class Losses:
    """What was lost, each in a way of its own."""

    sender: Sender
    said_before: int
    """How many facts employment had said before."""
    facts: Sequence[UUID]
    """What employment had said to reports: their queue was purged."""
    unknown: Sequence[contracts.Message]
    """What was for employment: its queue was deleted."""
    hidden: contracts.Message
    """What was for intake, and of a confidential case; so was its queue."""
    row: contracts.Message
    """What events had taken in, until its row was lost."""
    told: Mapping[str, tuple[str, float]]
    """Of each alert, what it is about: its sentence, and when that was lost, by `time.monotonic`."""

    @property
    def from_outside(self) -> list[contracts.Message]:
        """Those of which nobody of the hub has the bytes."""
        return [*self.unknown, self.hidden, self.row]


@pytest.fixture(scope="module")
def losses(network: Network) -> Iterator[Losses]:
    """Have messages lost by a queue that is purged, queues that are deleted, and a row that is."""
    go_on_from_here(network)
    before = query(network, "employment", FACTS)
    missed(network, "barranquilla")  # what other tests have left there
    sender, redcross = Sender(network.stack, "barranquilla"), Sender(network.stack, "redcross")

    network["reports"].stop()
    submit(sender, employers(20))
    eventually(lambda: waiting(network, "reports") >= 20)
    network.stack.management.delete("queues/hub/reports/contents")
    purged_at = time.monotonic()
    network["reports"].start()
    facts = [row[0] for row in query(network, "employment", FACTS) if row not in before]

    (row,) = jornadas(1)
    redcross.submit(row)
    redcross.close()
    eventually(lambda: all_taken_in(network.stack, "events", [row]))
    query(network, "events", "delete from inbox where message_id = %s returning 1", row.id)
    row_lost_at = time.monotonic()

    unknown, hidden = employers(7), confidential_consent("barranquilla")
    lose(network, ("employment", "intake"), lambda: submit(sender, [*unknown, hidden]), 8)
    deleted_at = time.monotonic()
    told = {
        "employment to reports": ("20 messages that employment has published have not come to reports.", purged_at),
        "gateway to employment": ("7 messages that gateway has published have not come to employment.", deleted_at),
        "gateway to intake": ("1 message that gateway has published has not come to intake.", deleted_at),
        "gateway to events": ("1 message that gateway has published has not come to events.", row_lost_at),
    }
    yield Losses(sender, len(before), facts, unknown, hidden, row, told)
    sender.close()


def test_what_a_purge_a_deleted_queue_and_a_lost_row_have_taken_is_an_alert_within_a_minute(
    network: Network, losses: Losses
) -> None:
    """As whoever is on duty has it: found by the process that runs beside the hub, and told from its book."""
    for what, (text, lost_at) in losses.told.items():

        def is_told(what: str = what, text: str = text) -> bool:
            one = keeping.read(network.stack.state.alerts_book).open.get(f"reconciliation_gap {what}")
            return one is not None and (one.text, one.first) == (text, "./ruta reconcile")

        eventually(is_told, within=lost_at + FOUND_WITHIN - time.monotonic())


def test_what_was_lost_is_named_and_said_again_by_whoever_has_it_with_one_effect(
    network: Network, losses: Losses
) -> None:
    unknown, hidden, facts, sender = losses.unknown, losses.hidden, losses.facts, losses.sender
    ids = [one.id for one in unknown]
    of_senders = [one.id for one in losses.from_outside]
    # What is younger is not looked at.
    eventually(lambda: query(network, "monitor", SETTLED, of_senders) == [(len(of_senders),)])

    done = ruta(network, "reconcile", "--say-again", "--why", "queues were lost", "--yes")

    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    assert "reports: 20 of employer.recorded.v1" in done.stdout
    assert "employment: 7 of employer.registered.v1, of or for barranquilla" in done.stdout
    assert re.search(r"intake: \d+ of consent, of or for -", done.stdout), "the log hides whose it is"
    told = re.findall(r"([\d,]+) messages were said again; ([\d,]+) were asked", done.stdout)
    assert told, done.stdout[-2000:] + done.stderr[-2000:]
    (said, asked_for) = (int(one.replace(",", "")) for one in told[0])  # thousands, where other tests have lost as many
    assert (said >= 20, asked_for >= 9) == (True, True)
    assert query(network, "reports", CAME, facts) == [(20,)]
    asked: list[contracts.Message] = []

    def is_asked() -> bool:
        asked.extend(one for one in missed(network, "barranquilla") if set(one.data.ids) & {*ids, hidden.id})
        return len(asked) >= 2

    eventually(is_asked)
    assert sorted((one.data.type, set(one.data.ids) >= set(ids)) for one in asked) == [
        ("consent.granted.v1", False),
        ("employer.registered.v1", True),
    ]
    submit(sender, [*unknown, *unknown, hidden])
    redcross = Sender(network.stack, "redcross")
    redcross.submit(losses.row)
    redcross.close()
    eventually(lambda: query(network, "employment", CAME, ids) == [(7,)])
    eventually(lambda: query(network, "intake", CAME, [hidden.id]) == [(1,)])
    eventually(lambda: query(network, "events", CAME, [losses.row.id]) == [(1,)])
    eventually(lambda: len(query(network, "employment", FACTS)) == losses.said_before + 27)
    eventually(lambda: not lost(network) & {*map(str, of_senders), *map(str, facts)})
    ((details,),) = query(
        network, "gateway", "select details from audit_entry where act = 'messages_said_again' order by number desc"
    )
    assert json.loads(details)["messages"] >= 20
    assert json.loads(details)["asked_for"]["barranquilla"] >= 7
    assert json.loads(details)["asked_for"]["-"] >= 1
    assert "queues were lost" not in details
    ((selected, from_senders, missing, has_ended),) = query(
        network, "gateway", "select selected, asked_for, missing, ended_at is not null from operators.said_again"
    )
    assert (selected >= 20, from_senders >= 9, missing is not None, has_ended) == (True, True, True, True)


def test_whoever_is_asked_again_for_the_same_is_asked_by_the_same_message() -> None:
    at = datetime.now(UTC)
    lost = [
        Lost("gateway", "employment", "employment", f"employer.registered.v{kind}", who, contracts.uuid7(), at, None)
        for kind in (1, 2)
        for who in ("iom", "redcross")
        for _ in range(1_001)
    ]
    first, again = (list(asked_again.messages(random.sample(lost, len(lost)))) for _ in range(2))

    assert [one.id for one in first] == [one.id for one in again]
    assert len({one.id for one in first}) == len(first) == 8
    assert {id for one in first for id in one.data.ids} == {one.message_id for one in lost}
    assert {one.recipient for one in first} == {"iom", "redcross"}
