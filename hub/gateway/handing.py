"""Says of what one organisation has for another's inbox that it is there, once that has it.

It is what is diverted to a service that the other runs itself, and what such a service answers. What becomes of it
there only the other knows, whose service answers the sender itself (docs/partners.md).
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import contracts
from contracts.codes import ProcessedState
from messaging import clock
from messaging.became import Became
from messaging.bridge import Arrival
from messaging.broker import Publication, Publisher
from messaging.identity import HUB, address_to, read_address
from messaging.log import fields
from messaging.topology import Organisation, copies_for, owner_of

log = logging.getLogger("ruta.gateway")

# What services of the hub say, in the form in which they write it, is the most of what passes here.
OF_THE_HUB = b'"source":"hub"'
ENVELOPE_BEGINS = 200  # bytes
UNUSED_WITHIN = 10.0  # seconds in which a connection that nobody uses is still good


class Handing:
    """Publishes to the hub what has been handed to whom. Not for use from two threads."""

    def __init__(self, hub_url: str, organisations: Callable[[], Mapping[str, Organisation]]) -> None:
        self._publisher = Publisher(hub_url)
        self._organisations = organisations
        self._used_at = time.monotonic()

    def note(self, arrivals: Sequence[Arrival]) -> None:
        """Say where these are, whose inboxes have them; raises one of `BrokerLost`, and may be called again then."""
        there: dict[str, Became] = defaultdict(Became)
        for arrival in arrivals:
            to = self._handed_to(arrival)
            if to is None:
                continue
            try:
                message = contracts.parse(arrival.body)
            except contracts.Invalid as invalid:  # put into the queue by hand, or written before its contract changed
                log.warning("what was handed over cannot be read", extra=fields(code=invalid.code, queue=arrival.queue))
                continue
            there[to].note(message, ProcessedState.HANDED_TO)
        said = [
            contracts.stamp(draft, source=HUB, time=clock.now())
            for to, one in there.items()
            for draft in one.drafts(to)
        ]
        if not said:
            return
        if time.monotonic() - self._used_at > UNUSED_WITHIN:
            self._publisher.drop()  # nobody has kept it alive
        self._used_at = time.monotonic()
        if self._publisher.publish(
            [Publication(HUB, address_to(one.data.organisation, one), one.to_json(), one.id) for one in said]
        ):
            raise ConnectionError("the broker has not taken what was handed to whom")

    def _handed_to(self, arrival: Arrival) -> str | None:
        """The inbox that has what an organisation said; None of what the hub itself has for the organisation."""
        addressed = read_address(arrival.routing_key)
        contract = contracts.CONTRACTS.get(addressed.type)
        if copies_for(arrival.queue) is not None:
            return None  # it is said of the message itself
        if contract is None or contract.sent_by == "hub" or OF_THE_HUB in arrival.body[:ENVELOPE_BEGINS]:
            return None
        there = self._organisations().get(owner_of(arrival.queue))
        if there is None:
            return None
        notice = contract.sent_by == "service"
        asked_by = addressed.asked_by if contract.answers_whoever_asked else None
        return there.address(contract.name, notice=notice, refusal_of=addressed.refusal_of, asked_by=asked_by)
