"""Of several hosts of a broker some are dead, silent or half alive: a connection finds the one that works."""

import contextlib
import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator

import amqp
import psycopg
import pytest

from chaos.proxy import Proxy
from deploy.local import Stack
from deploy.local.provision import provision
from deploy.local.rabbitmq import ADMINISTRATOR
from messaging import addresses, broker, topology
from messaging.broker import BrokerLost, Publication, Publisher
from messaging.frames import NoAnswerError
from messaging.topology import Management, TopologyError

SHORT = 1.0  # seconds for a host to answer
DEAD = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts that are given up soon, and of which nothing is known from before."""
    monkeypatch.setattr(broker, "CONNECT_WITHIN", SHORT)
    monkeypatch.setattr(topology, "ANSWER_WITHIN", SHORT)
    monkeypatch.setattr(addresses, "_begin_with", {})


class Silent:
    """A host that takes connections, says what it is told to say, and then nothing, for as long as it is there."""

    def __init__(self, says: bytes = b"", after: float = 0.0, *, hangs_up: bool = False) -> None:
        """`after` so many seconds it says it; and it ends the connection then, or does not."""
        self._says, self._after, self._hangs_up = says, after, hangs_up
        self._server = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.taken: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                taken, _ = self._server.accept()
                self.taken.append(taken)
                time.sleep(self._after)
                taken.sendall(self._says)
                if self._hangs_up:
                    taken.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        for one in (self._server, *self.taken):
            one.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    host = Silent()
    yield host
    host.close()


def greeting(provisioned: Stack) -> bytes:
    """What a broker says first."""
    assert provisioned.broker is not None
    with socket.create_connection(("127.0.0.1", provisioned.broker.amqp_port)) as real:
        real.sendall(b"AMQP\x00\x00\x09\x01")
        return real.recv(65536)


@pytest.fixture
def half_dead(provisioned: Stack) -> Iterator[Silent]:
    """A host that greets as a broker does, and says no more."""
    host = Silent(greeting(provisioned))
    yield host
    host.close()


def among(provisioned: Stack, *others: str, user: str = "redcross", vhost: str = "network") -> str:
    """The broker's address with other hosts before its own."""
    own = addresses.read(provisioned.amqp_url(user, vhost), addresses.BROKER)
    return own.url.replace(str(own.hosts[0]), ",".join((*others, str(own.hosts[0]))))


def test_a_connection_goes_past_hosts_that_refuse_or_say_nothing_or_stop_in_the_middle(
    provisioned: Stack, silent: Silent, half_dead: Silent, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    connection = broker.connect(among(provisioned, DEAD, silent.place, half_dead.place))
    took = time.monotonic() - began

    connection.channel().queue_declare("inbox.redcross", passive=True)
    connection.close()
    assert silent.taken
    assert half_dead.taken
    assert took >= 2 * SHORT, [vars(one) for one in caplog.records]  # not seen to be shorter yet, but once


def test_a_host_that_greets_late_has_no_more_time_for_the_rest(
    provisioned: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "CONNECT_WITHIN", 4.0)
    late = Silent(greeting(provisioned), after=3.0)

    began = time.monotonic()
    broker.connect(among(provisioned, late.place)).close()

    assert 4.0 <= time.monotonic() - began < 6.0
    late.close()


def test_the_next_connection_begins_with_the_host_that_answered(provisioned: Stack, silent: Silent) -> None:
    url = among(provisioned, silent.place)
    broker.connect(url).close()
    tried = len(silent.taken)

    broker.connect(url).close()

    assert len(silent.taken) == tried == 1


def test_a_publisher_goes_on_by_another_host_when_its_own_stops_answering(
    provisioned: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a host may still take connections, so the next attempt has to begin elsewhere."""
    proxy = Proxy(provisioned.amqp_url("redcross", "network"))
    (place,) = addresses.read(proxy.url, addresses.BROKER).hosts
    monkeypatch.setattr(broker, "ANSWER_WITHIN", SHORT)
    publisher = Publisher(among(provisioned, str(place)))
    message = [Publication("submit.redcross", "redcross.of.no.interest", b"{}", "id")]
    assert publisher.publish(message) == set()

    proxy.listening.clear()
    with pytest.raises(BrokerLost):
        publisher.publish(message)
    began = time.monotonic()
    assert publisher.publish(message) == set()

    assert time.monotonic() - began < SHORT
    publisher.drop()
    proxy.close()
    provisioned.management.delete("queues/network/submit.redcross/contents")


def test_a_host_that_does_not_open_the_virtual_host_leads_to_the_next(provisioned: Stack, silent: Silent) -> None:
    """As a node does that is still starting."""
    url = among(provisioned, vhost="not there yet").replace("/not%20there", f",{silent.place}/not%20there")

    with pytest.raises(NoAnswerError):  # of the last one
        broker.connect(url)

    assert silent.taken


def test_when_no_host_answers_the_last_ones_error_is_told(provisioned: Stack) -> None:
    with pytest.raises(ConnectionRefusedError):
        broker.connect(f"amqp://a:b@{DEAD},127.0.0.1:2/v")


def test_a_wrong_password_is_told_at_once(provisioned: Stack, silent: Silent) -> None:
    url = among(provisioned).replace(provisioned.state.password("redcross"), "guessed")
    several = url.replace("/network", f",{silent.place}/network")

    with pytest.raises(amqp.exceptions.AccessRefused):
        broker.connect(several)

    assert silent.taken == []


class Failing(http.server.BaseHTTPRequestHandler):
    """A management interface whose node is not well."""

    code = 500

    def do_GET(self) -> None:
        self.send_response(self.code)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def answering(code: int) -> Iterator[str]:
    """The place of a management interface that answers with this code."""
    handler = type("Answering", (Failing,), {"code": code})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def managed(provisioned: Stack, *others: str) -> Management:
    own = addresses.read(provisioned.management_url, addresses.MANAGEMENT)
    return Management(own.url.replace(str(own.hosts[0]), ",".join((*others, str(own.hosts[0])))))


def test_the_management_interface_is_asked_on_the_next_host(provisioned: Stack, silent: Silent) -> None:
    cut_off = Silent(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", hangs_up=True)
    with answering(503) as failing:
        management = managed(provisioned, DEAD, failing, silent.place, cut_off.place)
        assert "rabbitmq_version" in management.get("overview")
        tried = len(silent.taken)
        assert management.queues("network")
    cut_off.close()

    assert len(silent.taken) == tried == 1


def test_what_the_management_interface_refuses_is_not_asked_elsewhere(provisioned: Stack) -> None:
    with answering(404) as refusing, pytest.raises(TopologyError, match="answered 404"):
        managed(provisioned, refusing).get("overview")


def test_a_network_is_provisioned_and_handed_out_by_what_is_left_of_several_hosts(
    provisioned: Stack, declared: topology.DeclaredNetwork, silent: Silent
) -> None:
    """The databases too: libpq tries its hosts itself."""
    management = addresses.read(provisioned.management_url, addresses.MANAGEMENT)
    database = addresses.read(provisioned.postgres_admin_url, addresses.DATABASE)
    several = Stack(
        provisioned.state.directory,
        environment={
            "RUTA_AMQP_URL": among(provisioned, DEAD, user=ADMINISTRATOR, vhost="/"),
            "RUTA_MANAGEMENT_URL": management.url.replace("@", f"@{DEAD},"),
            "RUTA_DATABASE_URL": database.url.replace("@", f"@{DEAD},"),
        },
    )
    try:
        provision(several, declared)
        handed = json.loads((several.state.organisations / "iom" / "credentials.json").read_text())
    finally:
        provision(provisioned, declared)  # and what is handed out is as it was

    assert handed["amqp_url"] == handed["amqp_urls"][0]
    assert addresses.read(addresses.handed_out(handed), addresses.BROKER).hosts[0] == addresses.Host("127.0.0.1", 1)
    broker.connect(addresses.handed_out(handed)).close()
    with psycopg.connect(several.service_database_url("intake")) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
