"""How much and how long, for connections and what is said on them; what operators may set is read here."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from hub.gateway.http.limits import whole
from hub.gateway.http.listening import PREFIX, Address, Unusable

OF_AN_ADDRESS = "RUTA_HTTP_CONNECTIONS_OF_AN_ADDRESS"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one connection, except how many there are; times in seconds, sizes in bytes."""

    handshake_within: float = 5.0  # TLS, from when the connection was taken
    headers_within: float = 10.0  # from the first byte of a request
    body_within: float = 20.0  # from the end of its headers
    idle: float = 30.0  # between requests
    stranger_idle: float = 5.0  # the same, and before the first, as long as no request has come with a good key
    read_within: float = 20.0  # in each such time, who has an answer to read takes `read_at_least` of it
    read_at_least: int = 1024
    read_at_most: float = 300.0  # and all that is unsent within this
    linger: float = 2.0  # after a refusal, for what is on its way: a connection reset would take the answer with it
    url: int = 8 * 1024
    headers: int = 64 * 1024  # all of them, with the URL
    header_count: int = 100
    body: int = 256 * 1024  # as long as a message may be (contracts/envelope.py)
    batch: int = 1024 * 1024
    unsent: int = 64 * 1024
    pipelined: int = 16  # requests that have come before the one before them was answered
    connections: int = 1000
    connections_of_an_address: int | None = 64  # None: as many as of all
    refused_connections: int = 100  # beyond these, that are told so

    def of_operator(self, environment: Mapping[str, str], address: Address, prefix: str = PREFIX) -> "Limits":
        """These, with what the environment says of where they are served. Raises Unusable.

        On loopback everybody has one address, and a proxy there counts its own clients: no limit unless one is set.
        """
        most = None if address.is_loopback else self.connections_of_an_address
        variable = OF_AN_ADDRESS.replace(PREFIX, prefix)
        if said := environment.get(variable):
            try:
                most = whole(variable, said)
            except ValueError as error:
                raise Unusable(f"{error}.") from None
        return dataclasses.replace(self, connections_of_an_address=most)
