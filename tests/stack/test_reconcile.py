"""`./ruta reconcile` on real servers: what a lost queue had in it is found, named and said again, each once."""

import json
import random
import re
import subprocess
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

import contracts
from contracts import codes
from deploy.local import Network, asked_again
from hub.monitor.reconciling.comparing import Lost
from messaging import broker
from messaging.topology import NETWORK
from tests import commands
from tests.examples import consent_granted
from tests.faults.sending import Sender, employers, stamped
from tests.waiting import eventually

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


def lose(network: Network, queue: str, send: Callable[[], None], many: int) -> None:
    """Have a queue's messages go where nobody has them: in the broker they are nowhere any more."""
    management = network.stack.management
    management.delete(f"queues/hub/{queue}")
    # Counts are some seconds old: what was there before is not to be taken for what is sent now.
    eventually(lambda: management.get("queues/hub/unrouted").get("messages", 0) == 0)
    send()
    eventually(lambda: management.get("queues/hub/unrouted").get("messages", 0) >= many)
    management.delete("queues/hub/unrouted/contents")


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


def test_what_deleted_queues_had_in_them_is_named_and_said_again_by_whoever_has_it_with_one_effect(
    network: Network,
) -> None:
    before = query(network, "employment", FACTS)
    missed(network, "barranquilla")  # what other tests have left there
    sender = Sender(network.stack, "barranquilla")
    known, unknown, hidden = employers(20), employers(7), confidential_consent("barranquilla")

    lose(network, "reports", lambda: submit(sender, known), 20)
    eventually(lambda: len(query(network, "employment", FACTS)) == len(before) + 20)
    facts = [row[0] for row in query(network, "employment", FACTS) if row not in before]
    lose(network, "employment", lambda: submit(sender, unknown), 7)
    lose(network, "intake", lambda: sender.submit(hidden), 1)
    ids = [one.id for one in unknown]
    # What is younger is not looked at.
    eventually(lambda: query(network, "monitor", SETTLED, [*ids, hidden.id]) == [(8,)])

    done = ruta(network, "reconcile", "--say-again", "--why", "queues were deleted", "--yes")

    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    assert "reports: 20 of employer.recorded.v1" in done.stdout
    assert "employment: 7 of employer.registered.v1, of or for barranquilla" in done.stdout
    assert re.search(r"intake: \d+ of consent, of or for -", done.stdout), "the log hides whose it is"
    told = re.findall(r"([\d,]+) messages were said again; ([\d,]+) were asked", done.stdout)
    assert told, done.stdout[-2000:] + done.stderr[-2000:]
    (said, asked_for) = (int(one.replace(",", "")) for one in told[0])  # thousands, where other tests have lost as many
    assert (said >= 20, asked_for >= 8) == (True, True)
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
    submit(sender, [*unknown * 2, hidden])
    sender.close()
    eventually(lambda: query(network, "employment", CAME, ids) == [(7,)])
    eventually(lambda: query(network, "intake", CAME, [hidden.id]) == [(1,)])
    eventually(lambda: len(query(network, "employment", FACTS)) == len(before) + 27)
    eventually(lambda: not lost(network) & {*map(str, ids), *map(str, facts)})
    ((details,),) = query(
        network, "gateway", "select details from audit_entry where act = 'messages_said_again' order by number desc"
    )
    assert json.loads(details)["messages"] >= 20
    assert json.loads(details)["asked_for"]["barranquilla"] >= 7
    assert json.loads(details)["asked_for"]["-"] >= 1
    assert "queues were deleted" not in details
    ((selected, from_senders, missing, has_ended),) = query(
        network, "gateway", "select selected, asked_for, missing, ended_at is not null from operators.said_again"
    )
    assert (selected >= 20, from_senders >= 8, missing is not None, has_ended) == (True, True, True, True)


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
