"""A whole partner system on one page: it offers a service, sends a referral, and answers those it is offered.

    python first_referral.py HOME DIRECTORY                                      offer a service, and answer
    python first_referral.py HOME DIRECTORY --refer-to redcross:SERVICE_ID       send one referral, and follow it

HOME holds what your organisation was handed (credentials.json, private.jwk), DIRECTORY is everyone's public keys
(directory.json). Needs `pip install "./contracts[sealing]" kombu`. What a real system adds: it keeps what it sends
until the broker has confirmed it, and the ids of what it has applied, in its own database.
"""

import argparse
import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import ruta_contracts as ruta
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.message import Message as Frame
from ruta_contracts import codes, sealing

CONTENT_TYPE = "application/cloudevents+json"


class Partner:
    """One organisation on the network."""

    def __init__(self, home: Path, directory: Path) -> None:
        handed = json.loads((home / "credentials.json").read_text())
        self.name: str = handed["organisation"]
        self.inbox, self.exchange = handed["queue"], handed["exchange"]
        self.key = sealing.load_key(home / "private.jwk")
        organisations = json.loads(directory.read_text())["organisations"]
        self.public_keys = {name: one["public_key"] for name, one in organisations.items()}
        self.connection: Any = Connection(handed["amqp_url"], transport_options={"confirm_publish": True})
        self.producer = self.connection.Producer()

    def send(self, data: Any, subject: UUID, cause: ruta.Message | None = None) -> None:
        """Publish one message; returns when the broker has it."""
        message = ruta.stamp(ruta.Draft(data, str(subject)), source=self.name, time=datetime.now(UTC), cause=cause)
        self.producer.publish(
            message.to_json(),
            exchange=self.exchange,
            routing_key=f"{self.name}.{message.type}",
            content_type=CONTENT_TYPE,
            content_encoding="utf-8",
            user_id=self.name,  # the broker checks it
            delivery_mode=2,
            mandatory=True,
        )
        print(f"sent      {message.type}", flush=True)

    def offer_service(self) -> UUID:
        """Tell the network of a service; its id stays the same at every start."""
        service = uuid5(UUID(int=0), f"{self.name} general medicine")
        published = ruta.ServicePublished(
            service_id=service,
            name="Medicina general",
            need_codes=("health.consultation",),
            active=True,
            zones=("08001",),
        )
        self.send(published, service)
        return service

    def refer(self, recipient: str, service: UUID) -> None:
        """Register a person, record their consent, and ask another organisation to see them."""
        now, person, consent, referral = datetime.now(UTC), ruta.uuid7(), ruta.uuid7(), ruta.uuid7()
        block = ruta.PersonBlock(given_names="Prueba", family_names="De Red").model_dump(mode="json", exclude_none=True)
        registered = ruta.PersonRegistered(
            person_id=person, registered_at=now, sealed=sealing.seal(block, self.public_keys["hub"])
        )
        self.send(registered, person)
        granted = ruta.ConsentGranted(
            consent_id=consent,
            person_id=person,
            purposes=(codes.ConsentPurpose.REFER,),
            recipients=(recipient,),
            field_groups=(codes.FieldGroup.IDENTITY,),
            valid_from=now,
            given_by=codes.ConsentGivenBy.PERSON,
            manner=codes.ConsentManner.SIGNED,
            language="es",
        )
        self.send(granted, consent)
        requested = ruta.ReferralRequested(
            referral_id=referral,
            recipient=recipient,
            service_id=service,
            urgency=codes.Urgency.NORMAL,
            person_id=person,
            need_code="health.consultation",
            reason_code=codes.ReferralReason.SERVICE_NOT_OFFERED,
            shares=(codes.FieldGroup.IDENTITY,),
            consent_id=consent,
            contact=ruta.Contact(channel=codes.ContactChannel.PHONE, language="es"),
            sealed=sealing.seal(block, self.public_keys[recipient]),
        )
        self.send(requested, referral)

    def follow_inbox(self) -> None:
        """Show every message and answer the offers, until interrupted."""
        with self.connection.Consumer([Queue(self.inbox, no_declare=True)], on_message=self.take, auto_declare=False):
            while True:
                self.connection.drain_events()

    def take(self, frame: Frame) -> None:
        """Apply one message, then acknowledge it."""
        message = ruta.parse(frame.body if isinstance(frame.body, bytes) else frame.body.encode())
        state = getattr(message.data, "state", "") or getattr(message.data, "code", "")
        print(f"received  {message.type} {state}", flush=True)
        if isinstance(message.data, ruta.ReferralOffered):
            referral = message.data.referral_id
            ruta.read_block(ruta.PersonBlock, sealing.open_sealed(message.data.request.sealed, self.key))
            self.send(ruta.ReferralReceived(referral_id=referral), referral, cause=message)
            self.send(ruta.ReferralAccepted(referral_id=referral), referral, cause=message)
        frame.ack()


def main() -> None:
    """Run one organisation until Ctrl-C."""
    reader = argparse.ArgumentParser(description=main.__doc__)
    reader.add_argument("home", type=Path)
    reader.add_argument("directory", type=Path)
    reader.add_argument("--refer-to", metavar="ORGANISATION:SERVICE_ID")
    told = reader.parse_args()
    partner = Partner(told.home, told.directory)
    if told.refer_to:
        recipient, _, service = told.refer_to.partition(":")
        partner.refer(recipient, UUID(service))
    else:
        print(f"offering  {partner.name}:{partner.offer_service()}", flush=True)
    partner.follow_inbox()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
