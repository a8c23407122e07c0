"""The declared network and the broker: they agree after provisioning, and a limit can be changed while it runs."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import contracts
from deploy.local import Stack
from messaging import topology
from messaging.broker import connect


def test_every_contract_that_a_partner_may_send_has_a_reader(declared: topology.DeclaredNetwork) -> None:
    read = {pattern for service in declared.services.values() for pattern in service.reads}
    reader = topology.Organisation("reader", "", tuple(read), coordinator=False)

    unread = [
        c.type
        for c in contracts.CONTRACTS.values()
        if c.sent_by in ("partner", "coordinator") and not reader.sends(c.name)
    ]

    assert unread == []


def test_every_contract_named_in_the_file_exists(declared: topology.DeclaredNetwork) -> None:
    named = {n for s in declared.services.values() for n in s.reads} | {
        n for o in declared.organisations.values() for n in o.may_send
    }
    names = {contract.name for contract in contracts.CONTRACTS.values()}

    assert {n for n in named if not n.endswith(".*")} - names == set()


def test_an_organisation_sends_what_the_file_says_and_nothing_else() -> None:
    organisation = topology.Organisation("x", "X", ("referral.*", "consent.granted"), coordinator=False)

    assert organisation.sends("referral.accepted")
    assert organisation.sends("consent.granted")
    assert not organisation.sends("consent.recorded")
    assert not organisation.sends("person.registered")


def test_provisioning_again_changes_nothing(provisioned: Stack, declared: topology.DeclaredNetwork) -> None:
    def what_is_there() -> object:
        kinds = ("exchanges", "bindings", "policies", "permissions", "topic-permissions", "vhosts")
        queues = [
            (queue["name"], queue["arguments"])
            for vhost in ("network", "hub")
            for queue in provisioned.management.queues(vhost)
        ]
        return [
            queues,
            *(
                provisioned.management.get(
                    f"{kind}?columns=name,source,destination,routing_key,definition,read,write,configure"
                )
                for kind in kinds
            ),
        ]

    before = what_is_there()
    provisioned.provision_broker(declared)

    assert what_is_there() == before


def test_a_limit_changed_in_the_file_is_changed_in_the_running_broker(
    provisioned: Stack, declared: topology.DeclaredNetwork
) -> None:
    def limit() -> int:
        policies = provisioned.management.get("policies/network")
        return next(policy["definition"]["max-length"] for policy in policies if policy["name"] == "submit")  # type: ignore[no-any-return]

    tighter = {**declared.limits, "submit": replace(declared.limits["submit"], messages=7)}
    provisioned.provision_broker(replace(declared, limits=tighter))
    try:
        assert limit() == 7
    finally:
        provisioned.provision_broker(declared)
    assert limit() == declared.limits["submit"].messages


def test_only_queues_that_may_put_messages_aside_count_deliveries(declared: topology.DeclaredNetwork) -> None:
    document = topology.definitions(declared, dict.fromkeys(declared.users, "x"))
    counting = {policy["name"] for policy in document["policies"] if "delivery-limit" in policy["definition"]}

    assert counting == {"service"}


def test_from_rabbitmq_4_on_having_no_delivery_limit_is_said(declared: topology.DeclaredNetwork) -> None:
    document = topology.definitions(declared, dict.fromkeys(declared.users, "x"), broker_version="4.1.0")
    limits = {policy["name"]: policy["definition"]["delivery-limit"] for policy in document["policies"]}

    assert limits == {
        "submit": -1,
        "unrouted": -1,
        "inbox": -1,
        "deliver": -1,
        "service": declared.limits["service"].deliveries,
    }


def test_passwords_do_not_appear_in_the_definitions(declared: topology.DeclaredNetwork) -> None:
    assert "open-sesame" not in str(topology.definitions(declared, dict.fromkeys(declared.users, "open-sesame")))


def test_a_missing_queue_is_named(provisioned: Stack) -> None:
    connection = connect(provisioned.amqp_url("redcross", "network"))
    try:
        with pytest.raises(topology.TopologyError, match=re.escape("no queue inbox.nobody")):
            topology.verify(connection, queues=["inbox.redcross", "inbox.nobody"])
    finally:
        connection.collect()


@pytest.mark.parametrize(
    "content", ["", "not toml at all", "[organisations.x]\n", "organisations = 3\nservices = 4\n[limits]\n"]
)
def test_a_network_file_that_cannot_be_used_is_refused_in_words(tmp_path: Path, content: str) -> None:
    file = tmp_path / "network.toml"
    file.write_text(content)

    with pytest.raises(topology.TopologyError, match=re.escape(str(file))):
        topology.read(file)


def test_a_network_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(topology.TopologyError, match=re.escape("absent.toml")):
        topology.read(tmp_path / "absent.toml")
