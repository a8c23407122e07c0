"""A network from before the entrance by HTTP is provisioned and run by this version, and nothing of it is lost."""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
import pytest

import contracts
from deploy.local import Network, Stack
from deploy.local.provision import provision
from deploy.local.state import ROOT
from messaging import topology
from messaging.migrate import migrate
from messaging.topology import COURIER, GATEWAY, GATEWAY_HTTP, HUB, LEDGER, LOG, MONITOR, ROUTES, DeclaredNetwork
from tests.directories import servers
from tests.faults.sending import Sender, jornadas, taken_in
from tests.hub.ledger import status
from tests.waiting import eventually

NEW_USERS = {GATEWAY_HTTP, COURIER, MONITOR}
OLD_RIGHTS = {"configure": topology.NOTHING, "write": "^hub$", "read": r"^deliver\."}  # the gateway's in the hub


def is_new(name: str) -> bool:
    """Whether a queue, or an exchange, is there only since the entrance by HTTP, or since the log."""
    return name in (LEDGER, LOG, ROUTES) or name.startswith("submitted.")


def as_before(document: dict[str, Any]) -> dict[str, Any]:
    """The definitions as the version before would have made them."""
    kept: dict[str, Callable[[Any], bool]] = {
        "queues": lambda one: not is_new(one["name"]),
        "exchanges": lambda one: not is_new(one["name"]),
        "bindings": lambda one: not is_new(one["destination"]),
        "users": lambda one: one["name"] not in NEW_USERS,
        "permissions": lambda one: one["user"] not in NEW_USERS,
        "topic_permissions": lambda one: one["user"] not in {*NEW_USERS, GATEWAY},
        "policies": lambda one: one["name"] not in ("submitted", LOG),
    }
    document |= {kind: [one for one in document[kind] if keep(one)] for kind, keep in kept.items()}
    for one in document["bindings"]:
        one["source"] = HUB if one["source"] == ROUTES else one["source"]
    for one in document["permissions"]:
        if (one["user"], one["vhost"]) == (GATEWAY, HUB):
            one |= OLD_RIGHTS
    return document


@pytest.fixture
def before(declared: DeclaredNetwork) -> Iterator[Stack]:
    """Servers as the version before had provisioned them: no database of the gateway, no keys for HTTP."""
    with servers("before") as stack:
        passwords = {user: stack.state.password(user) for user in declared.users}
        version = stack.management.get("overview")["rabbitmq_version"]
        document = topology.definitions(declared, passwords, broker_version=version)
        stack.management.post("definitions", as_before(document))
        for service in declared.services.values():
            migrate(stack.create_database(service.name), ROOT / service.package.replace(".", "/"))
        for organisation in declared.organisations:
            folder = stack.state.organisations / organisation
            folder.mkdir(parents=True, exist_ok=True)
            said = {"organisation": organisation, "amqp_url": stack.amqp_url(organisation, "network"), "systems": {}}
            (folder / "credentials.json").write_text(json.dumps(said))
        assert not any(is_new(queue["name"]) for queue in stack.management.queues(HUB))
        yield stack


def write_outbox(stack: Stack, messages: Sequence[contracts.Message]) -> None:
    """Rows that a process of `referrals` had committed and not published when it ended, their keys without types."""
    with psycopg.connect(stack.service_database_url("referrals")) as connection:
        writer = contracts.uuid7()
        for message in messages:
            connection.execute(
                "insert into outbox (writer, routing_key, message_id, body) values (%s, %s, %s, %s)",
                (writer, f"to.{message.recipient}", message.id, message.to_json().decode()),
            )
        connection.execute(
            """
            insert into outbox_writer (writer, process, committed, changed_at)
            select %s, 'old', max(position), now() - interval '1 hour' from outbox
            """,
            (writer,),
        )


def test_messages_under_way_are_applied_and_delivered_and_organisations_are_handed_keys(
    before: Stack, declared: DeclaredNetwork
) -> None:
    [submitted, at_service], for_iom, in_outbox = jornadas(2), status("iom"), status("iom")
    for user, vhost, exchange, key, message in (
        ("redcross", "network", topology.submit_exchange("redcross"), f"redcross.{submitted.type}", submitted),
        (GATEWAY, HUB, "hub", at_service.type, at_service),
        (GATEWAY, HUB, "hub", "to.iom", for_iom),
    ):
        sender = Sender(before, user, vhost)
        sender.publish(exchange, key, message)
        sender.close()
    write_outbox(before, [in_outbox])

    provision(before, declared)
    with Network(before, declared):
        eventually(lambda: taken_in(before, "events", [submitted, at_service]) == 2)
        inbox = "queues/network/inbox.iom/get"
        wanted = {for_iom.to_json().decode(), in_outbox.to_json().decode()}

        def delivered() -> bool:
            asked = {"count": 10, "ackmode": "ack_requeue_true", "encoding": "auto"}
            return {one["payload"] for one in before.management.post(inbox, asked)} >= wanted

        eventually(delivered)
        with contextlib.closing(psycopg.connect(before.service_database_url(GATEWAY))) as tables:
            # What goes out from now on is in the inbox by HTTP, too; what stood in deliver.iom already goes by AMQP.
            def kept() -> bool:
                rows = tables.execute("select message_id from delivery where organisation = 'iom'").fetchall()
                tables.rollback()
                return (in_outbox.id,) in rows

            eventually(kept)
    for organisation in declared.organisations:
        said = json.loads((before.state.organisations / organisation / "credentials.json").read_text())
        assert said["api_key"].startswith(f"ruta_live_{organisation}_")
        assert said["http_url"] == before.http_url
