"""Who may have a connection: so many of all, so many of each address, and who makes room when all are taken.

A connection is counted from when it is accepted, before anything is read of it, until it has ended. One on which no
request has come with a good key yet is a stranger's. While all places are taken, or all of an address, whoever comes
new has that of the stranger who has been there longest. So connections that say nothing, however many, keep nobody out,
not even those who share their address.
"""

import ipaddress
from collections import Counter
from collections.abc import Callable

from hub.gateway.http.connection_limits import Limits
from hub.gateway.http.protocol_errors import TOO_MANY_CONNECTIONS, TOO_MANY_OF_ADDRESS, ProtocolError

KNOWN = "ruta.known"  # in an ASGI scope: called once a request has come with a good key


class Place:
    """One connection's, from when it was accepted until it `leaves`."""

    __slots__ = ("_places", "cut", "network", "refused")

    def __init__(self, places: "Places", network: str, refused: ProtocolError | None) -> None:
        self._places = places
        self.network = network
        self.refused = refused
        """What it has to be told, in place of an answer to anything."""
        self.cut: Callable[[], object] = lambda: None
        """Ends the connection at once; whoever has it says how."""

    def known(self) -> None:
        """Note that a request came with a good key."""
        self._places.strangers.pop(self, None)

    def leave(self) -> None:
        """Free the place; for one that is free already nothing happens."""
        self._places.free(self)


class Places:
    """All of them. `refuses` hears the code of each refusal, and of who had to make room."""

    def __init__(self, limits: Limits, refuses: Callable[[ProtocolError], None]) -> None:
        self._limits = limits
        self._refuses = refuses
        self._taken: set[Place] = set()
        self._refused: set[Place] = set()
        self._of_network: Counter[str] = Counter()
        self.strangers: dict[Place, None] = {}
        """In the order in which they came."""

    def take(self, address: str) -> Place | None:
        """Take a place for a connection from an address; None: it is closed without a word."""
        network = network_of(address)
        refused, most = None, self._limits.connections_of_an_address
        if most is not None and self._of_network[network] >= most:
            refused = self._make_room(TOO_MANY_OF_ADDRESS, network)
        elif len(self._taken) >= self._limits.connections:
            refused = self._make_room(TOO_MANY_CONNECTIONS)
        place = Place(self, network, refused)
        if refused is None:
            self._taken.add(place)
            self._of_network[network] += 1
            self.strangers[place] = None
            return place
        self._refuses(refused)
        if len(self._refused) >= self._limits.refused_connections:
            return None
        self._refused.add(place)
        return place

    def _make_room(self, error: ProtocolError, network: str | None = None) -> ProtocolError | None:
        """Send the stranger away who has been there longest, of the network if one is named; where none is, refuse."""
        longest = next((one for one in self.strangers if network in (None, one.network)), None)
        if longest is None:
            return error
        self._refuses(error)
        self.free(longest)
        longest.cut()
        return None

    def free(self, place: Place) -> None:
        """Free a place."""
        self._refused.discard(place)
        if place in self._taken:
            self._taken.remove(place)
            self.strangers.pop(place, None)
            self._of_network[place.network] -= 1
            if not self._of_network[place.network]:
                del self._of_network[place.network]


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the /64, which one line has all of."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.IPv6Network((ip, 64), strict=False))
    return str(ip)
