"""The declared network and the broker: they agree after provisioning, and a limit can be changed while it runs."""

import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

import contracts
from contracts.codes import Power
from deploy.local import Stack
from messaging import topology


def test_every_contract_that_a_partner_may_send_has_a_reader(declared: topology.DeclaredNetwork) -> None:
    read = {pattern for service in declared.services.values() for pattern in service.reads}
    reader = topology.Organisation("reader", "", tuple(read))

    unread = [
        c.type
        for c in contracts.CONTRACTS.values()
        if c.sent_by in ("partner", "coordinator") and not reader.sends(c.name)
    ]

    assert unread == []


def test_every_contract_named_in_the_file_exists(declared: topology.DeclaredNetwork) -> None:
    named = {n for s in declared.services.values() for n in s.reads} | {
        n for o in declared.organisations.values() for n in (*o.may_send, *(m for s in o.systems for m in s.reads))
    }
    names = {contract.name for contract in contracts.CONTRACTS.values()}

    assert {n for n in named if not n.endswith(".*")} - names == set()


def test_an_organisation_sends_what_the_file_says_and_nothing_else() -> None:
    organisation = topology.Organisation("x", "X", ("referral.*", "consent.granted"))

    assert organisation.sends("referral.accepted")
    assert organisation.sends("consent.granted")
    assert not organisation.sends("consent.recorded")
    assert not organisation.sends("person.registered")


def test_a_role_adds_to_what_is_said_of_an_organisation_alone(tmp_path: Path) -> None:
    file = tmp_path / "network.toml"
    more = '[organisations.clinic]\nname = ""\nroles = ["coordinator"]\nmay_send = ["referral.accepted"]\n'
    file.write_text(f"{topology.NETWORK_FILE.read_text()}\n{more}")
    clinic = topology.read(file).organisations["clinic"]

    assert clinic.sends("match.linked")
    assert clinic.sends("referral.accepted")
    assert not clinic.sends("referral.declined")


def test_an_organisation_may_do_what_its_roles_say_and_several_may_do_the_same(tmp_path: Path) -> None:
    file = tmp_path / "network.toml"
    more = '[organisations.clinic]\nname = ""\nroles = ["coordinator", "partner"]\n'
    file.write_text(f"{topology.NETWORK_FILE.read_text()}\n{more}")
    read = topology.read(file)

    who = {power: {one.id for one in read.organisations.values() if power in one.powers} for power in Power}
    assert who[Power.COORDINATE] == {"barranquilla", "clinic"}
    assert who[Power.RUN_PROGRAMMES] == {"barranquilla", "oportunidades"}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            '[organisations.clinic]\nname = ""\ncoordinator = true',
            "`coordinator` of .organisations.clinic. means nothing",
        ),
        ('[organisations.clinic]\nname = ""\nmay = ["coordinate"]', "`may` of .organisations.clinic. means nothing"),
        ('[organisations.clinic]\nname = ""\nroles = ["chief"]\n[roles.chief]\nmay = ["rule"]', "chief names 'rule'"),
        (
            '[organisations.clinic]\nname = ""\nroles = ["chief"]\n[roles.chief]\nmay = ["uses_screens"]',
            "chief names 'uses_screens'",
        ),
        ('[organisations.clinic]\nname = ""\nroles = ["chief"]\n[roles.chief]\nmay = [[]]', r"chief names \[\]"),
        ('[organisations.clinic]\nname = ""\nroles = ["chief"]\n[roles.chief]\nmay_sent = []', "`may_sent` of"),
        ('[organisations.clinic]\nname = ""\nroles = ["chief"]', "'chief'"),
    ],
)
def test_what_means_nothing_in_the_file_is_not_passed_over(tmp_path: Path, said: str, why: str) -> None:
    file = tmp_path / "network.toml"
    file.write_text(f"{topology.NETWORK_FILE.read_text()}\n{said}\n")

    with pytest.raises(topology.TopologyError, match=why):
        topology.read(file)


def test_a_system_that_runs_a_service_of_ours_reads_what_that_service_reads(tmp_path: Path) -> None:
    file = tmp_path / "network.toml"
    more = '[organisations.clinic]\nname = ""\n[organisations.clinic.systems.days]\nruns = "events"\n'
    file.write_text(f"{topology.NETWORK_FILE.read_text()}\n{more}")
    read = topology.read(file)
    clinic = read.organisations["clinic"]

    assert clinic.systems[0].reads == read.services["events"].reads
    assert clinic.address("jornada.held", notice=False) == "clinic.days"
    assert clinic.address("person.erased", notice=True) == "clinic.told.person.erased"
    assert clinic.address("referral.offered", notice=True) == "clinic"
    assert clinic.handles_itself("jornada.held")
    assert clinic.says_itself("attendance.counted")
    assert not clinic.says_itself("participation.recorded")
    queues = topology.definitions(read, dict.fromkeys(read.users, "x"))["queues"]
    (inbox,) = (queue for queue in queues if queue["name"] == "inbox.clinic.days")
    assert inbox["arguments"]["x-single-active-consumer"]


def test_every_service_that_an_organisation_runs_is_told_what_it_reads(declared: topology.DeclaredNetwork) -> None:
    """Two of them read `person.erased`: neither may keep who is erased because the other heard of it."""
    services, clinic = declared.services, replace(declared.organisations["redcross"], id="clinic")
    both = tuple(
        topology.System("clinic", name, services[name].reads, (), name, services[name].publishes)
        for name in ("events", "employment")
    )
    network = replace(declared, organisations={"clinic": replace(clinic, systems=both)})
    document = topology.definitions(network, dict.fromkeys(network.users, "x"))
    key = network.organisations["clinic"].address("person.erased", notice=True)
    reached = {one["destination"] for one in document["bindings"] if one["routing_key"] == key}

    assert reached == {"inbox.clinic", "inbox.clinic.events", "inbox.clinic.employment"}


def test_a_system_that_copies_has_a_queue_for_it_and_one_for_http_alone_has_none(tmp_path: Path) -> None:
    file = tmp_path / "network.toml"
    more = """
[organisations.clinic]
name = ""
systems.console = { reads = ["*"], amqp = false }
systems.board = { copies = ["referral.*"] }
systems.lists = { reads = ["attendance.settled"], sends = ["attendance.*"] }
"""
    file.write_text(f"{topology.NETWORK_FILE.read_text()}\n{more}")
    read = topology.read(file)
    clinic = read.organisations["clinic"]
    document = topology.definitions(read, dict.fromkeys(read.users, "x"))
    names = {queue["name"] for queue in document["queues"]}

    assert {one for one in names if ".clinic" in one and "submit" not in one} == {
        "inbox.clinic", "inbox.clinic.board", "inbox.clinic.lists", "deliver.clinic", "deliver.clinic.board",
    }  # fmt: skip
    keys = {one["routing_key"] for one in document["bindings"] if one["destination"] == "deliver.clinic.board"}
    assert keys == {"to.clinic", "to.clinic.#"}
    assert not any(one["routing_key"].startswith("messages.") for one in document["bindings"]
                   if one["destination"].startswith("deliver.clinic"))  # fmt: skip
    # What reads everything comes last, in whatever order it is said.
    assert clinic.address("attendance.settled", notice=True) == "clinic.lists"
    assert clinic.address("message.refused", notice=True, refusal_of="attendance.recorded") == "clinic.lists"
    assert clinic.address("referral.offered", notice=True) == "clinic.console"


def test_a_service_that_only_the_hub_can_run_is_refused_as_a_system_of_an_organisation(tmp_path: Path) -> None:
    file = tmp_path / "network.toml"
    more = '[organisations.clinic]\nname = ""\n[organisations.clinic.systems.people]\nruns = "intake"\n'
    file.write_text(f"{topology.NETWORK_FILE.read_text()}\n{more}")

    with pytest.raises(topology.TopologyError, match="not a service that an organisation can run"):
        topology.read(file)


@pytest.mark.parametrize("many", ["0", "-1", "'two'", "true", "1.5"])
def test_a_service_has_a_whole_number_of_processes_from_one_on(tmp_path: Path, many: str) -> None:
    file = tmp_path / "network.toml"
    head = "[services.events]\n"
    said = topology.NETWORK_FILE.read_text()
    assert head in said
    file.write_text(said.replace(head, f"{head}processes = {many}\n"))

    with pytest.raises(topology.TopologyError, match="processes of events is not a whole number"):
        topology.read(file)


def test_what_the_file_lets_a_copy_of_a_service_say_is_what_only_services_say(
    declared: topology.DeclaredNetwork,
) -> None:
    said_by_services = {one.name for one in contracts.CONTRACTS.values() if one.sent_by == "service"}

    assert {name for service in declared.services.values() for name in service.publishes} == said_by_services


def test_provisioning_again_changes_nothing(provisioned: Stack, declared: topology.DeclaredNetwork) -> None:
    def what_is_there() -> dict[str, list[str]]:
        """Of each kind, in whatever order the broker lists it."""
        kinds = ("exchanges", "bindings", "policies", "permissions", "topic-permissions", "vhosts")
        columns = "name,source,destination,routing_key,definition,read,write,configure"
        there = {kind: provisioned.management.get(f"{kind}?columns={columns}") for kind in kinds}
        there["queues"] = [
            (queue["name"], queue["arguments"])
            for vhost in ("network", "hub")
            for queue in provisioned.management.queues(vhost)
        ]
        return {kind: sorted(json.dumps(one, sort_keys=True) for one in listed) for kind, listed in there.items()}

    before = what_is_there()
    provisioned.provision_broker(declared)

    assert what_is_there() == before


def test_a_broker_that_knows_addresses_without_types_is_taught_those_with_types(
    provisioned: Stack, declared: topology.DeclaredNetwork
) -> None:
    def addresses() -> set[str]:
        bound = provisioned.management.get("bindings/hub/e/routes/q/deliver.redcross")
        return {one["routing_key"] for one in bound}

    provisioned.management.delete(f"bindings/hub/e/routes/q/deliver.redcross/{quote('to.redcross.#', safe='')}")
    before = addresses()
    provisioned.provision_broker(declared)

    assert (before, addresses()) == ({"to.redcross"}, {"to.redcross", "to.redcross.#"})


def test_nothing_that_is_addressed_to_an_organisation_reaches_a_service(declared: topology.DeclaredNetwork) -> None:
    document = topology.definitions(declared, dict.fromkeys(declared.users, "x"))
    services = {service.queue for service in declared.services.values()}
    first_words = {
        one["routing_key"].partition(".")[0] for one in document["bindings"] if one["destination"] in services
    }

    assert first_words == {name.partition(".")[0] for service in declared.services.values() for name in service.reads}
    assert first_words & {"to", "*", "#"} == set()


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
        "submitted": -1,
        "unrouted": -1,
        "inbox": -1,
        "log": -1,
        "deliver": -1,
        "aside": -1,
        "service": declared.limits["service"].deliveries,
    }


def test_passwords_do_not_appear_in_the_definitions(declared: topology.DeclaredNetwork) -> None:
    assert "open-sesame" not in str(topology.definitions(declared, dict.fromkeys(declared.users, "open-sesame")))


def test_an_organisation_that_does_not_read_does_not_stop_what_is_for_others(
    provisioned: Stack, declared: topology.DeclaredNetwork
) -> None:
    """Whatever waits for it, the hub's publications are taken: no policy has its queue refuse any."""
    deliver = {q["name"]: q.get("policy") for q in provisioned.management.queues("hub") if "deliver." in q["name"]}

    assert deliver == {f"deliver.{organisation}": None for organisation in declared.organisations}


def test_a_policy_that_is_no_longer_declared_is_removed(provisioned: Stack, declared: topology.DeclaredNetwork) -> None:
    provisioned.management.put("policies/hub/deliver", {"pattern": r"^deliver\.", "definition": {"max-length": 1}})

    provisioned.provision_broker(declared)

    assert "deliver" not in {policy["name"] for policy in provisioned.management.get("policies/hub")}


@pytest.mark.parametrize("parallel", [False, True])
def test_one_process_of_a_service_reads_unless_the_file_says_that_all_do(
    declared: topology.DeclaredNetwork, parallel: bool
) -> None:
    services = {name: replace(service, parallel=parallel) for name, service in declared.services.items()}
    document = topology.definitions(replace(declared, services=services), dict.fromkeys(declared.users, "x"))
    one_reads = {
        queue["name"]
        for queue in document["queues"]
        if queue["vhost"] == topology.HUB and "x-single-active-consumer" in queue["arguments"]
    }

    one_reads = {name for name in one_reads if not name.startswith("submitted.")}  # each in its order, always
    assert one_reads == {topology.LEDGER, topology.LOG} | (set() if parallel else set(services))


def test_the_services_of_the_hub_apply_everything_in_order(declared: topology.DeclaredNetwork) -> None:
    assert [service.name for service in declared.services.values() if service.parallel] == []


def test_a_queue_that_is_there_and_is_not_as_declared_is_named(
    provisioned: Stack, declared: topology.DeclaredNetwork
) -> None:
    management = provisioned.management
    management.put("queues/hub/odd", {"durable": True, "arguments": {"x-queue-type": "quorum"}})
    odd = {**declared.services, "odd": topology.Service("odd", ())}
    try:
        with pytest.raises(topology.TopologyError, match="queue odd in hub is not as declared"):
            topology.provision(
                management, replace(declared, services=odd), dict.fromkeys([*declared.users, "odd"], "x")
            )
    finally:
        management.delete("queues/hub/odd")
        management.delete("users/odd")
        provisioned.provision_broker(declared)


@pytest.mark.parametrize("kind", ["organisations", "services"])
@pytest.mark.parametrize(
    "name", ["", "x", "Iom", "i.om", "iom|redcross", "1om", "iom\\n", "a" * 41, "hub", "gateway", "postgres", "dead"]
)
def test_a_name_that_cannot_be_given_is_refused(tmp_path: Path, kind: str, name: str) -> None:
    said = 'name = ""' if kind == "organisations" else "reads = []"
    refuse_network(tmp_path, f'[{kind}."{name}"]\n{said}\n')


def test_an_organisation_is_not_called_as_a_service_is(tmp_path: Path) -> None:
    refuse_network(tmp_path, '[organisations.intake]\nname = "Intake"\nmay_send = []\n')


def refuse_network(folder: Path, addition: str) -> None:
    """Read the declared network with something more in it, which must be refused in one sentence."""
    file = folder / "network.toml"
    file.write_text(f"{topology.NETWORK_FILE.read_text()}\n{addition}")
    with pytest.raises(topology.TopologyError, match=r"'.*' is (no name|taken)") as refused:
        topology.read(file)
    assert "\n" not in str(refused.value)


def test_a_service_says_in_the_file_that_several_of_its_processes_read(tmp_path: Path) -> None:
    file = tmp_path / "network.toml"
    file.write_text(f"{topology.NETWORK_FILE.read_text()}\n[services.counting]\nreads = []\nparallel = true\n")

    assert topology.read(file).services["counting"].parallel


def test_a_password_in_an_address_may_have_any_character(provisioned: Stack) -> None:
    management, password = provisioned.management, "a/b@c:d%e ü"
    management.put("users/some@one", {"password": password, "tags": "administrator"})
    try:
        theirs = topology.Management(f"http://some%40one:{quote(password, safe='')}@{management.place}")
        assert theirs.get("whoami")["name"] == "some@one"
    finally:
        management.delete("users/some@one")


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
