"""Where HTTP is served: reading the address, taking it, and by which names requests may call it."""

import errno
import ipaddress
import re
import socket
from typing import NamedTuple
from urllib.parse import urlsplit

PREFIX = "HTTP"  # of the variables that an operator sets: RUTA_<prefix>_URL and its like
ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<host>[a-zA-Z0-9.-]+)):(?P<port>[0-9]{1,5})")
WORDS = {
    errno.EADDRINUSE: "is taken",
    errno.EACCES: "is not allowed to us",
    errno.EADDRNOTAVAIL: "is not this machine's",
}


class Unusable(Exception):
    """What keeps HTTP from being served, in one sentence for whoever set it up."""


class Address(NamedTuple):
    """Where it listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine reaches it."""
        return self.host == "localhost" or (_is_ip(self.host) and ipaddress.ip_address(self.host).is_loopback)

    @property
    def is_any(self) -> bool:
        """Whether it is every address of the machine."""
        return _is_ip(self.host) and ipaddress.ip_address(self.host).is_unspecified


def read_address(said: str) -> Address:
    """Read `host:port`, or `[host]:port` of IPv6; raises Unusable."""
    found = ADDRESS.fullmatch(said)
    if found is None or not 0 < int(found["port"]) < 65536:
        raise Unusable(f"{said!r} is no address to listen on; it has to be host:port, such as 127.0.0.1:8080.")
    return Address(found["v6"] or found["host"], int(found["port"]))


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def names(address: Address, outside: str | None, prefix: str = PREFIX) -> frozenset[bytes]:
    """What a request may call this server: itself, where it listens, what RUTA_<prefix>_URL says. Raises Unusable."""
    known = {"127.0.0.1", "[::1]", "localhost"}
    if not address.is_any:
        known.add(str(address).rpartition(":")[0])
    if outside:
        try:
            url = urlsplit(outside)
            host = url.hostname
        except ValueError:
            host = None
        if not host or url.scheme not in ("http", "https"):
            raise Unusable(f"RUTA_{prefix}_URL is no address such as https://ruta.example.")
        known.add(f"[{host}]" if ":" in host else host)
    elif address.is_any:
        raise Unusable(f"RUTA_{prefix}_URL has to say by which name others reach {address}.")
    return frozenset(name.lower().encode() for name in known)


def listen(address: Address, *, encrypted: bool, prefix: str = PREFIX) -> socket.socket:
    """Take the address; raises Unusable, also where anybody on the way could read along."""
    if not (encrypted or address.is_loopback):
        raise Unusable(
            f"Without TLS (RUTA_{prefix}_CERTIFICATE, RUTA_{prefix}_KEY) HTTP is served on this machine only, "
            f"not on {address}."
        )
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, kind, protocol)
        try:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(where)
        except OSError:
            taken.close()
            raise
    except OSError as error:
        why = WORDS.get(error.errno or 0, f"cannot be used ({error.strerror})")
        raise Unusable(f"The address {address} {why}, so HTTP is not served.") from None
    return taken
