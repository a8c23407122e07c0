"""Says to the network, as an organisation, what it offers."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kombu.connection import Connection

import contracts
from messaging import addresses

CONTENT_TYPE = "application/cloudevents+json"


def publish(services: Iterable[contracts.ServicePublished], organisation: str, credentials: Path) -> None:
    """Publish each service with what the organisation was handed (`credentials.json`); returns when the broker has all.

    Raises OSError or kombu's errors when the broker cannot be reached, KeyError or ValueError when the file is not this
    organisation's.
    """
    handed = json.loads(credentials.read_text(encoding="utf-8"))
    name: str = handed["organisation"]
    if name != organisation:
        raise ValueError("these are another organisation's credentials")
    connection: Any = Connection(addresses.handed_out(handed), transport_options={"confirm_publish": True})
    with connection, connection.Producer() as producer:
        for service in services:
            draft = contracts.Draft(service, str(service.service_id))
            message = contracts.stamp(draft, source=name, time=datetime.now(UTC))
            producer.publish(
                message.to_json(),
                exchange=handed["exchange"],
                routing_key=f"{name}.{message.type}",
                content_type=CONTENT_TYPE,
                content_encoding="utf-8",
                user_id=name,  # the broker checks it
                delivery_mode=2,
                mandatory=True,
            )
