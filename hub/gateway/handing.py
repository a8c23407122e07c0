"""Says of what is diverted to a service that an organisation runs itself that it is there, once its queue has it.

What becomes of it there only that service knows, which answers the sender itself (docs/partners.md).
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

import contracts
from contracts.codes import ProcessedState
from messaging import clock
from messaging.became import Became
from messaging.bridge import Arrival
from messaging.broker import Publication, Publisher
from messaging.identity import HUB, address_to
from messaging.topology import Organisation

UNUSED_WITHIN = 10.0  # seconds in which a connection that nobody uses is still good


class Handing:
    """Publishes to the hub what has been handed to whom. Not for use from two threads."""

    def __init__(self, hub_url: str, organisations: Mapping[str, Organisation]) -> None:
        self._publisher = Publisher(hub_url)
        self._organisations = organisations
        self._used_at = time.monotonic()

    def note(self, arrivals: Sequence[Arrival]) -> None:
        """Say where these are, whose inboxes have them; raises one of `BrokerLost`, and may be told again then."""
        there: dict[str, Became] = defaultdict(Became)
        for arrival in arrivals:
            to = self._diverted_to(arrival)
            if to is not None:
                there[to].note(contracts.parse(arrival.body), ProcessedState.HANDED_TO)
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

    def _diverted_to(self, arrival: Arrival) -> str | None:
        """The system that a message was diverted to; None of what the hub itself has for the organisation."""
        words = arrival.routing_key.split(".", 2)
        contract = contracts.CONTRACTS.get(words[2]) if len(words) == 3 else None
        if contract is None or contract.sent_by not in ("partner", "coordinator"):
            return None
        return self._organisations[arrival.queue.removeprefix("deliver.")].address(contract.name, notice=False)
