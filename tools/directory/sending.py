"""Says to the network, as an organisation, what it offers."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import contracts
from messaging import addresses
from messaging.broker import Publication, Publisher

AT_ONCE = 250  # services that are published before their confirms are awaited


class NotTakenError(Exception):
    """The broker did not take all of them; the text says how many it took, in one sentence."""


def publish(services: Iterable[contracts.ServicePublished], organisation: str, credentials: Path) -> None:
    """Publish each service with what the organisation was handed (`credentials.json`); returns when the broker has all.

    Raises one of `BrokerLost` when the broker cannot be reached or does not answer, NotTakenError when its queue is
    full, KeyError, AddressError or ValueError when the file is not this organisation's.
    """
    handed = json.loads(credentials.read_text(encoding="utf-8"))
    name: str = handed["organisation"]
    if name != organisation:
        raise ValueError("these are another organisation's credentials")
    now = datetime.now(UTC)
    messages = [contracts.stamp(contracts.Draft(one, str(one.service_id)), source=name, time=now) for one in services]
    batch = [Publication(handed["exchange"], f"{name}.{one.type}", one.to_json(), one.id) for one in messages]
    publisher = Publisher(addresses.handed_out(handed))
    try:
        for at in range(0, len(batch), AT_ONCE):
            if refused := publisher.publish(batch[at : at + AT_ONCE]):
                taken = min(at + AT_ONCE, len(batch)) - len(refused)
                raise NotTakenError(f"the broker took {taken} of {len(batch)} services: send them again later")
    finally:
        publisher.drop()
