"""Who a service is: of the hub, serving many organisations, or of one organisation that runs it itself.

In the hub a service publishes to the exchange `hub` and speaks as `hub`, or for the organisation that a draft names.
At an organisation it is one of that organisation's systems: it reads an inbox queue of its own, submits under the
organisation's name as any partner's system does, and comes in through the gateway.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import contracts
from messaging.broker import Publication

HUB = "hub"  # the source of what the hub's own services say, and the exchange that they publish to


def address_to(organisation: str, message: contracts.Message) -> str:
    """Return the routing key of what the hub has for an organisation: `to.<organisation>.<type>`.

    The type that a refusal refuses follows, where it is known: the system that sends that type reads the refusal. Last
    stands the system whose message is answered, where that is known.
    What became of messages goes by `<type>.<organisation>`: it comes for each batch, to who asks for it.
    """
    if isinstance(message.data, contracts.MessagesProcessed):
        return f"{message.type}.{organisation}"
    key = f"to.{organisation}.{message.type}"
    if isinstance(message.data, contracts.MessageRefused) and message.data.refused_type:
        key = f"{key}.{message.data.refused_type}"
    system = asked_by(message)
    return f"{key}.{system}" if system else key


def asked_by(message: contracts.Message) -> str | None:
    """Return the system of its recipient that a message answers; of what organisations say themselves, none."""
    said_by_services = contracts.CONTRACTS[message.type].sent_by in ("hub", "service")
    return message.recipientsystem if said_by_services else None


class Addressed(NamedTuple):
    """What a routing key `to.<organisation>.…` says."""

    type: str
    refusal_of: str | None = None
    """The contract that is refused, by its name without version."""
    asked_by: str | None = None
    """The system whose message is answered."""


def read_address(routing_key: str) -> Addressed:
    """Read a key that `address_to` has made; of any other, what it says is of no known type."""
    words = routing_key.split(".")
    if words[0] != "to":  # what became of messages goes by its type, and then to whom
        return Addressed(".".join(words[:3]))
    words, rest = words[2:], words[5:]
    refusal_of = ".".join(rest[:2]) if len(rest) >= 3 else None
    return Addressed(".".join(words[:3]), refusal_of, rest[-1] if len(rest) in (1, 4) else None)


class SpokeForAnotherError(Exception):
    """A service that an organisation runs itself has tried to speak for another: a mistake of the service's code."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a service speaks as, and to which exchange."""

    organisation: str | None = None
    """The organisation that runs it; None for the hub."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Identity":
        """Read SERVICE_ORGANISATION, which is set for a service that an organisation runs itself."""
        return cls(environment.get("SERVICE_ORGANISATION") or None)

    @property
    def source(self) -> str:
        """Who says what the service says for itself."""
        return self.organisation or HUB

    @property
    def exchange(self) -> str:
        return f"submit.{self.organisation}" if self.organisation else HUB

    def sender(self, draft: contracts.Draft) -> str:
        """Return the source of a draft; raise SpokeForAnotherError where an organisation's service names another."""
        if draft.source is None or draft.source == self.source:
            return self.source
        if self.organisation:
            raise SpokeForAnotherError(draft.source)
        return draft.source

    def publication(self, message: contracts.Message) -> Publication:
        """Address a message: to the organisation it names, or by its type to whichever service consumes that.

        From an organisation it goes to the gateway, which reads all that in the message itself.
        """
        if self.organisation:
            key = f"{self.organisation}.{message.type}"
        else:
            key = address_to(message.recipient, message) if message.recipient else message.type
        return Publication(self.exchange, key, message.to_json(), message.id)
