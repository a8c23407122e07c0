"""On a RabbitMQ cluster of three nodes any one may be killed: everything goes on, and nothing is lost or done twice."""

import logging
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from demo.checker import check
from demo.day import make_day
from demo.evidence import OwnLog
from demo.stage import Ground, Stage, network_on, organisations_on
from demo.stories import STORIES
from messaging import addresses, topology
from messaging.broker import Publication, Publisher
from tests.faults.cluster import NODES, Balancer, Cluster
from tests.waiting import eventually

PEOPLE, REFERRALS = 250, 500  # of a day: some 4,000 messages
MEANWHILE = 300  # messages that are sent, and as many received, while a node is away
ENDED_AT_ONCE = [story for story in STORIES if story.name in ("served after a visit", "declined", "given up")]

pytestmark = pytest.mark.long


@contextmanager
def a_directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="ruta-cluster-"))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with a_directory() as directory:
        cluster = Cluster(directory)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


# Provisioning. These come first, before a network runs on the cluster.


def provision(cluster: Cluster, declared: topology.DeclaredNetwork) -> None:
    topology.provision(cluster.management, declared, dict.fromkeys(declared.users, "x" * 20))


def test_every_queue_has_a_copy_on_each_node_also_when_one_is_down_while_it_is_declared(
    cluster: Cluster, declared: topology.DeclaredNetwork
) -> None:
    clinic = replace(declared.organisations["iom"], id="clinic", systems=())
    cluster.kill("three")
    provision(cluster, replace(declared, organisations={**declared.organisations, "clinic": clinic}))
    cluster.bring_back("three")

    copies = {str(queue["name"]): queue["members"] for queue in cluster.queues()}
    assert "inbox.clinic" in copies
    assert {name for name, members in copies.items() if len(members) < len(NODES)} == set()


def test_provisioning_names_a_node_without_copies_and_the_command_that_gives_it_some(
    cluster: Cluster, declared: topology.DeclaredNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    """As one is that joined the cluster after the queues were declared."""

    def told() -> list[str]:
        caplog.clear()
        with caplog.at_level(logging.WARNING, "ruta.topology"):
            provision(cluster, declared)
        return [record.getMessage() for record in caplog.records if "keeps no copy" in record.getMessage()]

    assert told() == []
    cluster.run("rabbitmq-queues", "shrink", cluster.node_names["three"])
    (said,) = eventually(told)
    assert cluster.node_names["three"] in said

    tool, *arguments = said.partition(": ")[2].split()
    cluster.run(tool, *arguments)
    eventually(lambda: told() == [])


# Losing a node.


def test_a_publisher_that_came_to_queues_just_when_they_lost_their_leader_is_not_refused_for_good(
    cluster: Cluster, declared: topology.DeclaredNetwork
) -> None:
    provision(cluster, declared)
    queues = [str(queue["name"]) for queue in cluster.management.queues(topology.HUB)]
    address = addresses.read(cluster.amqp_url(cluster.places("amqp_port")), addresses.BROKER)
    publisher = Publisher(replace(address, path=topology.HUB).url)
    batch = [Publication("", queue, b"{}", queue) for queue in queues]
    led = Counter(queue["leader"] for queue in cluster.queues())
    name = max(NODES, key=lambda one: led[cluster.node_names[one]])

    cluster.kill(name)
    refused = publisher.publish(batch)
    eventually(lambda: publisher.publish(batch) == set())

    assert refused  # or this has shown nothing
    publisher.drop()
    cluster.bring_back(name)


@dataclass
class Played:
    """A network on the cluster, and what the organisations of the days until now have logged."""

    ground: Ground
    logs: list[OwnLog] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)


@pytest.fixture(scope="module", params=["several hosts", "a balancer"])
def played(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Played]:
    """A network as `./ruta up` runs it; its environment names the nodes' three hosts, or one place before them."""
    for vhost in {one["name"] for one in cluster.management.get("vhosts")} & {topology.NETWORK, topology.HUB}:
        cluster.management.delete(f"vhosts/{vhost}")
    amqp, management = cluster.places("amqp_port"), cluster.places("management_port")
    balancers = [Balancer(amqp), Balancer(management)] if request.param == "a balancer" else []
    if balancers:
        amqp, management = ([one.place] for one in balancers)
    with pytest.MonkeyPatch.context() as environment, a_directory() as directory:
        environment.setenv("RUTA_AMQP_URL", cluster.amqp_url(amqp))
        environment.setenv("RUTA_MANAGEMENT_URL", cluster.management_url(management))
        with network_on(directory) as ground:
            yield Played(ground)
    for one in balancers:
        one.close()


@contextmanager
def a_day(played: Played, seed: str, homes: Path) -> Iterator[Stage]:
    """A day's organisations at work, each in a home of its own for the day."""
    day = make_day(
        PEOPLE,
        REFERRALS,
        seed=zlib.crc32(seed.encode()),
        starts_at=datetime.now(UTC),
        stories=ENDED_AT_ONCE,
        mistakes=False,
    )
    for organisation in day.steps:
        (homes / organisation).mkdir()
        for handed_out in ("credentials.json", "private.jwk"):
            shutil.copy2(played.ground.home(organisation) / handed_out, homes / organisation)
    with organisations_on(played.ground, day, homes) as stage:
        yield stage


def goes_on(stage: Stage) -> None:
    """Wait until so many messages have come from and to the organisations."""
    sent, received = stage.sent, stage.received
    eventually(lambda: stage.sent >= sent + MEANWHILE and stage.received >= received + MEANWHILE)


@pytest.mark.parametrize("turn", ["first", "second", "third"])
def test_the_node_that_leads_most_queues_is_killed_and_everything_goes_on(
    cluster: Cluster, played: Played, turn: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each time another one: all queues are led by the node that declared them, until it is killed."""
    processes = {name: process.pid for name, process in played.ground.network.processes.items()}
    with a_day(played, request.node.nodeid, tmp_path) as stage:
        goes_on(stage)
        queues = cluster.queues()
        assert all(len(queue["members"]) == len(NODES) for queue in queues)
        led = Counter({name: 0 for name in NODES if name not in played.killed})
        led.update(name for queue in queues for name in led if queue["leader"] == cluster.node_names[name])
        [(node, leads)] = led.most_common(1)

        cluster.kill(node)
        played.killed.append(node)
        goes_on(stage)
        cluster.bring_back(node)
        stage.rest()
        played.logs += stage.logs()
        verdict = check(stage.gather(played.logs))

    print(f"{turn}: {node} led {leads} of {len(queues)} queues; {verdict}")  # shown when the test has failed
    assert leads > 0
    assert (verdict.lost, verdict.applied_twice, verdict.nobody_sent, verdict.unfinished) == ([], [], [], [])
    assert verdict.sent >= stage.day.messages
    # Nobody had to be started again.
    assert {name: process.pid for name, process in played.ground.network.processes.items()} == processes
