"""The address of a server in one setting, which may name several hosts, and the order in which these are tried.

    amqp://user:password@one:5672,two:5673/vhost          several hosts, written as libpq has it for PostgreSQL
    amqp://user:password@one/vhost;amqp://two             several addresses, written as kombu has it (or with a comma)

What the first says of user, password and path holds for all; the others may leave it out. An IPv6 address stands in
brackets. No error quotes any of it: whoever forgets to encode a password has it in the wrong place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

# The schemes of each kind of server, and the ports where an address names none.
BROKER = {"amqp": 5672, "amqps": 5671}
MANAGEMENT = {"http": 15672, "https": 15671}
DATABASE = {"postgresql": 5432, "postgres": 5432}

BETWEEN_ADDRESSES = re.compile(r"\s*[;,]\s*(?=[a-z]+://)")
ADDRESS = re.compile(
    r"(?P<scheme>[a-z]+)://(?:(?P<login>[^/?#]*)@)?(?P<hosts>[^/?#@]*)(?:/(?P<path>[^?#]*))?(?:\?(?P<query>[^#]*))?"
)
HOST = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s\[\]:;]+))(?::(?P<port>[0-9]{1,5}))?")


class AddressError(Exception):
    """An address that cannot be read; the text says in one sentence what is wrong with it, and quotes nothing of it."""


class Host(NamedTuple):
    """One of the hosts of an address."""

    name: str  # an IPv6 address without its brackets
    port: int

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


@dataclass(frozen=True)
class Address:
    """What an address says, decoded."""

    scheme: str
    hosts: tuple[Host, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    path: str | None = None  # without its first slash: the virtual host, or the database
    query: str | None = field(default=None, repr=False)  # not decoded; libpq takes a password there

    @property
    def url(self) -> str:
        """Write the address, its password in it, as `amqp://user:password@one:5672,two:5673/vhost`."""
        login = "" if self.user is None else quote(self.user, safe="")
        login += "" if self.password is None else f":{quote(self.password, safe='')}"
        path = "" if self.path is None else f"/{quote(self.path, safe='')}"
        query = f"?{self.query}" if self.query else ""
        hosts = ",".join(map(str, self.hosts))
        return f"{self.scheme}://{login}{'@' if login else ''}{hosts}{path}{query}"

    @property
    def urls(self) -> list[str]:
        """Write an address for each host."""
        return [replace(self, hosts=(host,)).url for host in self.hosts]


def read(text: str, ports: Mapping[str, int]) -> Address:
    """Read an address of the kind of server whose schemes and `ports` these are; raises AddressError."""
    first, *others = [_read_one(one, ports) for one in BETWEEN_ADDRESSES.split(text.strip())]
    for other in others:
        for what in ("scheme", "user", "password", "path", "query"):
            if getattr(other, what) not in (None, getattr(first, what)):
                raise AddressError(f"the addresses differ in more than their hosts: one has another {what}")
    hosts = tuple(dict.fromkeys(host for one in (first, *others) for host in one.hosts))
    return replace(first, hosts=hosts)


def _read_one(text: str, ports: Mapping[str, int]) -> Address:
    schemes = " or ".join(f"{scheme}://" for scheme in ports)
    found = ADDRESS.fullmatch(text)
    if found is None or found["scheme"] not in ports:
        raise AddressError(f"an address is written as {schemes}user:password@host:port,host:port/…")
    login, path, query = found["login"], found["path"], found["query"]
    if login is not None and "@" in login:
        raise AddressError("an @ in a user name or password is written %40")
    user, said, password = (login or "").partition(":")
    # libpq finds its hosts elsewhere where an address has none: in the query, or on this machine.
    hosts = [] if ports is DATABASE and not found["hosts"] else found["hosts"].split(",")
    return Address(
        found["scheme"],
        tuple(_read_host(place, host, ports[found["scheme"]]) for place, host in enumerate(hosts, 1)),
        unquote(user) or None,
        unquote(password) if said else None,
        unquote(path) if path else None,
        query or None,
    )


def _read_host(place: int, text: str, port: int) -> Host:
    found = HOST.fullmatch(text)
    if found is None or not 0 < int(found["port"] or port) < 65536:
        raise AddressError(
            f"host {place} of an address is not a name and a port, such as broker.example:5672 or [2001:db8::1]:5672; "
            "a / or : in a user name or password is written %2F or %3A"
        )
    return Host((found["ipv6"] or "").lower() or found["name"], int(found["port"] or port))


def handed_out(credentials: Mapping[str, Any]) -> str:
    """The broker's address in what an organisation was handed (`credentials.json`).

    Raises KeyError, TypeError or ValueError for what are no credentials.
    `amqp_urls` has one for each of the broker's hosts. Credentials from before it was there have only `amqp_url`.
    """
    urls = credentials["amqp_urls"] if "amqp_urls" in credentials else [credentials["amqp_url"]]
    if not all(isinstance(url, str) for url in urls):
        raise ValueError("amqp_urls is not a list of addresses")
    return ";".join(urls)


# Of the hosts of an address, the one to begin with; of all connections of the process.
_begin_with: dict[tuple[Host, ...], Host] = {}


def in_turn(hosts: tuple[Host, ...]) -> tuple[Host, ...]:
    """The hosts in the order in which to try them: it begins with the one that answered last."""
    begin = hosts.index(_begin_with[hosts]) if hosts in _begin_with else 0
    return hosts[begin:] + hosts[:begin]


def answered(hosts: tuple[Host, ...], host: Host) -> None:
    """Note that this host answered, so that the next connection begins with it."""
    _begin_with[hosts] = host


def failed(hosts: tuple[Host, ...], host: Host) -> None:
    """Note that this host failed after it had answered, so that the next connection begins with the one after it.

    A node may take connections and be good for nothing else, cut off from its cluster. Several connections to it fail
    together, and that counts once.
    """
    if _begin_with.get(hosts) == host:
        _begin_with[hosts] = hosts[(hosts.index(host) + 1) % len(hosts)]
