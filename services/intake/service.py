"""The intake service: one method for each message it handles."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import logging
import os
from functools import cache
from pathlib import Path
from typing import Any

import contracts
from contracts import Draft, Message, sealing
from messaging import clock
from messaging.database import Transaction
from messaging.log import fields
from messaging.on import batches, on
from services.intake import messages, rules, store

log = logging.getLogger("ruta.intake")


@cache
def hub_key() -> sealing.Key:
    """The private key that registrations are sealed to; raises SealingError when the file holds none."""
    return sealing.load_key(Path(os.environ["HUB_PRIVATE_KEY_FILE"]))


class IntakeService:
    """Owns the people the network serves, what they consent to and what they need."""

    name = "intake"
    receive = batches("intake", refused=rules.Refused, early=rules.TooEarly)

    @on(contracts.PersonRegistered)
    def register_person(self, tx: Transaction, message: Message[contracts.PersonRegistered]) -> list[Draft]:
        """An organisation has registered a person, or corrects what it registered before."""
        person = messages.people.person(message, hub_key())
        store.people.save_person(tx, person, message, at=clock.now())
        warn_of_unknown_place(tx, person.place, message)
        return []

    @on(contracts.ConsentGranted)
    def record_consent(self, tx: Transaction, message: Message[contracts.ConsentGranted]) -> list[Draft]:
        """A person, or a child's caregiver, allows an organisation to pass on their data."""
        now = clock.now()
        consent = messages.consents.consent(message)
        rules.consents.check_consent_giver(
            store.people.find_age(tx, consent.person_id), given_by=consent.given_by, on=now.date()
        )
        store.consents.insert_consent(tx, consent, message, at=now)
        return [messages.consents.consent_recorded(message.data, granted_to=message.source)]

    @on(contracts.ConsentWithdrawn)
    def end_consent(self, tx: Transaction, message: Message[contracts.ConsentWithdrawn]) -> list[Draft]:
        """The person takes a consent back, through whichever organisation they went to."""
        said, now = message.data, clock.now()
        rules.consents.check_withdrawal(store.consents.lock_end_of_consent(tx, said.consent_id))
        store.consents.end_consent(tx, messages.consents.withdrawal(said), message, at=now)
        return [messages.consents.consent_ended(said.consent_id, at=now)]

    @on(contracts.NeedIdentified)
    def record_need(self, tx: Transaction, message: Message[contracts.NeedIdentified]) -> list[Draft]:
        """An organisation has found out what a person lacks."""
        need = messages.needs.need(message)
        store.people.find_age(tx, need.person_id)
        store.needs.insert_need(tx, need, message, at=clock.now())
        warn_of_unknown_place(tx, need.zone, message)
        return []


def warn_of_unknown_place(tx: Transaction, place: str | None, message: Message[Any]) -> None:
    """Say so in the log when a municipality is not in our edition of the list: it may be newer than that."""
    if place is not None and not store.people.knows_place(tx, place):
        log.warning("a municipality is not in the list", extra=fields(message=message.id, contract=message.type))
