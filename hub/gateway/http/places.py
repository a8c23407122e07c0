"""Who may have a connection: so many of all, so many of each address, and who makes room when all are taken.

A connection is counted from when it is accepted, before anything is read of it, until it has ended. One on which no
request has come with a good key yet is a stranger's. While all places are taken, or all of an address, whoever comes
new has that of the stranger who has been there longest. So connections that say nothing, however many, keep nobody out,
not even those who share their address. Where no stranger is left, one makes room on which nothing is under way, of the
organisation that has most: so keys keep nobody out either, but by requests, of which limits.py lets each have so many.
One that has only begun to come is no request yet, and of one that is answered nothing is under way any more.
"""

import ipaddress
from collections import Counter
from collections.abc import Callable

from hub.gateway.http.connection_limits import Limits
from hub.gateway.http.protocol_errors import TOO_MANY_CONNECTIONS, TOO_MANY_OF_ADDRESS, ProtocolError

KNOWN = "ruta.known"  # in an ASGI scope: called with the organisation of which a request has come with a good key


class Place:
    """One connection's, from when it was accepted until it `leaves`."""

    __slots__ = ("_places", "cut", "is_sent", "network", "organisation", "refused")

    def __init__(self, places: "Places", network: str, refused: ProtocolError | None) -> None:
        self._places = places
        self.network = network
        self.organisation: str | None = None
        """None: a stranger's."""
        self.refused = refused
        """What it has to be told, in place of an answer to anything."""
        self.cut: Callable[[], object] = lambda: None
        """Ends the connection at once; whoever has it says how."""
        self.is_sent: Callable[[], bool] = lambda: True
        """Tells whether all that was written to it has gone out."""

    def known(self, organisation: str) -> None:
        """Note that a request came with a good key of an organisation."""
        self._places.introduce(self, organisation)

    def rests(self) -> None:
        """Note that everything that was asked on it is answered."""
        self._places.rest(self)

    def works(self) -> None:
        """Note that a request has come, and goes to the application."""
        self._places.resting.pop(self, None)

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
        self.resting: dict[Place, None] = {}
        """Of who is known those on which nothing is under way, in the order in which that began."""
        self._of_organisation: Counter[str] = Counter()

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
        """Send away who has to go, of the network if one is named; where nobody is, refuse."""
        longest = next((one for one in self.strangers if network in (None, one.network)), None)
        if longest is None:
            resting = (one for one in self.resting if network in (None, one.network) and one.is_sent())
            longest = max(resting, key=lambda one: self._of_organisation[one.organisation or ""], default=None)
        if longest is None:
            return error
        self._refuses(error)
        self.free(longest)
        longest.cut()
        return None

    def introduce(self, place: Place, organisation: str) -> None:
        """Note whose a place is, from the first request with a good key on."""
        if place in self.strangers:
            del self.strangers[place]
            place.organisation = organisation
            _count_for(self._of_organisation, organisation)

    def rest(self, place: Place) -> None:
        """Note that on the place of somebody known nothing is under way."""
        if place in self._taken and place.organisation is not None:
            self.resting[place] = None

    def free(self, place: Place) -> None:
        """Free a place."""
        self._refused.discard(place)
        if place in self._taken:
            self._taken.remove(place)
            self.strangers.pop(place, None)
            self.resting.pop(place, None)
            _count_less(self._of_network, place.network)
            if place.organisation is not None:
                _count_less(self._of_organisation, place.organisation)


def _count_for(of: Counter[str], name: str) -> None:
    of[name] += 1


def _count_less(of: Counter[str], name: str) -> None:
    of[name] -= 1
    if not of[name]:
        del of[name]


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
