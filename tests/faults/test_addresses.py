"""One setting names several hosts, in either of the usual ways; what cannot be read is said, and not quoted."""

import pytest

from deploy.local import OperatorError, Stack
from messaging import addresses
from messaging.addresses import BROKER, DATABASE, MANAGEMENT, AddressError, Host, read
from messaging.topology import Management, TopologyError

SECRET = "open-sesame"


@pytest.mark.parametrize(
    "text",
    [
        "amqp://ana:open%2Fsesame@one:5672,two:5673/net%2Fwork",
        "amqp://ana:open%2Fsesame@one,two:5673/net%2Fwork",
        "amqp://ana:open%2Fsesame@one/net%2Fwork;amqp://two:5673",
        "amqp://ana:open%2Fsesame@one/net%2Fwork,amqp://two:5673/",
        "amqp://ana:open%2Fsesame@one/net%2Fwork ; amqp://ana:open%2Fsesame@two:5673/net%2Fwork;amqp://one:5672",
    ],
)
def test_several_hosts_are_read_however_they_are_written(text: str) -> None:
    address = read(text, BROKER)

    assert address.hosts == (Host("one", 5672), Host("two", 5673))
    assert (address.user, address.password, address.path) == ("ana", "open/sesame", "net/work")


def test_what_was_read_is_written_as_one_address_and_as_one_for_each_host() -> None:
    address = read("amqps://a%40b:c%3Ad@one,[2001:DB8::1]:99/v;amqps://two", BROKER)

    assert address.url == "amqps://a%40b:c%3Ad@one:5671,[2001:db8::1]:99,two:5671/v"
    assert read(address.url, BROKER) == address
    assert [read(one, BROKER).hosts for one in address.urls] == [(host,) for host in address.hosts]
    assert address.urls[1] == "amqps://a%40b:c%3Ad@[2001:db8::1]:99/v"


@pytest.mark.parametrize(
    ("text", "ports", "port"),
    [
        ("amqp://h", BROKER, 5672),
        ("amqps://h", BROKER, 5671),
        ("http://h", MANAGEMENT, 15672),
        ("https://h/", MANAGEMENT, 15671),
        ("postgres://h/db", DATABASE, 5432),
    ],
)
def test_where_no_port_is_named_it_is_the_usual_one(text: str, ports: dict[str, int], port: int) -> None:
    assert read(text, ports).hosts == (Host("h", port),)


@pytest.mark.parametrize(
    "text",
    [
        f"amqp://ana:{SECRET}@one;amqp://bob@two",
        f"amqp://ana:{SECRET}@one;amqp://ana:other@two",
        f"amqp://ana:{SECRET}@one/a;amqp://two/b",
        f"amqp://ana:{SECRET}@one;amqps://two",
        f"http://ana:{SECRET}@one",
        f"amqp://ana:{SECRET}@one,/v",
        f"amqp://ana:{SECRET}@/v",
        f"amqp://ana:{SECRET}@one:99999",
        f"amqp://ana:{SECRET}@one:0",
        f"amqp://ana:{SECRET}@one:port",
        f"amqp://ana:{SECRET}@::1",
        f"amqp://ana:{SECRET}/x@one",
        f"amqp://ana:{SECRET}#x@one",
        f"amqp://ana:{SECRET}@x@one",
        f"amqp://ana:{SECRET}@one;two",
        f"{SECRET}",
        "",
    ],
)
def test_what_cannot_be_read_is_said_without_what_stands_in_it(text: str) -> None:
    with pytest.raises(AddressError) as misread:
        read(text, BROKER)

    assert SECRET not in str(misread.value)
    assert "ana" not in str(misread.value)
    with pytest.raises(OperatorError, match="RUTA_AMQP_URL cannot be read") as told:
        Stack(environment={"RUTA_AMQP_URL": text or "?"})
    assert SECRET not in str(told.value)


def test_a_password_is_in_no_representation_of_an_address() -> None:
    assert SECRET not in repr(read(f"postgresql://ana:{SECRET}@one/db?password={SECRET}", DATABASE))


def test_a_management_address_that_cannot_be_read_is_said_like_all_that_is_wrong_with_a_broker() -> None:
    with pytest.raises(TopologyError, match="management interface cannot be read"):
        Management(f"amqp://ana:{SECRET}@one")


def test_the_management_interface_is_looked_for_on_every_host_of_the_broker() -> None:
    def derived(amqp_url: str) -> str:
        return Stack(environment={"RUTA_AMQP_URL": amqp_url}).management_url

    assert derived("amqp://a:b@one:1,two:2,one:3/v") == "http://a:b@one:15672,two:15672"
    assert derived("amqps://a:b@one,[::1]") == "https://a:b@one:15671,[::1]:15671"


def test_each_user_of_the_broker_knows_all_of_its_hosts(stack: Stack) -> None:
    several = Stack(stack.state.directory, environment={"RUTA_AMQP_URL": f"amqps://ana:{SECRET}@one,two:9/x?y=z"})
    password = stack.state.password("iom")

    assert several.amqp_url("iom", "network") == f"amqps://iom:{password}@one:5671,two:9/network"
    assert several.amqp_urls("iom", "network") == [
        f"amqps://iom:{password}@one:5671/network",
        f"amqps://iom:{password}@two:9/network",
    ]


@pytest.mark.parametrize(
    ("administrator", "servers"),
    [
        ("postgres://ana:{}@one,two:6000/postgres?target_session_attrs=read-write", "@one:5432,two:6000/intake"),
        ("postgresql://one/postgres?user=ana&password={}&target_session_attrs=read-write", "@one:5432/intake"),
        ("postgresql:///postgres?host=/run/here&user=ana&dbname=x", "@/intake?host=/run/here"),
    ],
)
def test_a_service_reaches_the_same_servers_of_postgresql_as_itself(
    stack: Stack, administrator: str, servers: str
) -> None:
    several = Stack(stack.state.directory, environment={"RUTA_DATABASE_URL": administrator.format(SECRET)})
    password = stack.state.password("postgres intake")
    url = several.service_database_url("intake")

    assert url.startswith(f"postgresql://intake:{password}{servers}")
    assert ("target_session_attrs=read-write" in url) == ("target_session_attrs" in administrator)
    assert SECRET not in url
    assert "ana" not in url


def test_what_an_organisation_was_handed_is_one_address_with_all_hosts() -> None:
    old, new = {"amqp_url": "amqp://a:b@one/v"}, {"amqp_urls": ["amqp://a:b@one/v", "amqp://a:b@two/v"]}

    assert read(addresses.handed_out(old), BROKER).hosts == (Host("one", 5672),)
    assert read(addresses.handed_out(old | new), BROKER).hosts == (Host("one", 5672), Host("two", 5672))


def test_hosts_are_tried_from_the_one_that_answered_last_and_not_from_one_that_failed_then() -> None:
    hosts = tuple(Host(name, 1) for name in ("first", "second", "third"))
    assert addresses.in_turn(hosts) == hosts

    addresses.answered(hosts, hosts[1])
    assert addresses.in_turn(hosts) == (hosts[1], hosts[2], hosts[0])

    for _ in range(2):  # two connections to it fail, and that counts once
        addresses.failed(hosts, hosts[1])
    assert addresses.in_turn(hosts) == (hosts[2], hosts[0], hosts[1])
