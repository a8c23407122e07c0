"""Registrations, and what is told of them; the only place where a sealed one is opened."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

import contracts
from contracts import Draft, Message, codes, sealing
from messaging.answers import Refused
from services.intake.rules.people import Person


def person(message: Message[contracts.PersonRegistered], key: sealing.Key) -> Person:
    """Open a registration with the hub's private key.

    Raises Refused(`sealed_block_unreadable`) when it is not for that key, or holds anything but a person block.
    """
    said = message.data
    try:
        block = contracts.read_block(contracts.PersonBlock, sealing.open_sealed(said.sealed, key))
    except (sealing.SealingError, contracts.Invalid):
        block = None  # and raise outside, so that no traceback leads back to the content
    if block is None:
        raise Refused("sealed_block_unreadable")
    return Person(
        person_id=said.person_id,
        registered_by=message.source,
        registered_at=said.registered_at,
        given_names=block.given_names,
        family_names=block.family_names,
        documents=tuple((document.type, document.number) for document in block.documents),
        birth_date=block.birth_date,
        age=block.age,
        sex=block.sex,
        gender=block.gender,
        nationality=block.nationality,
        profile=block.profile,
        phone=block.phone,
        email=block.email,
        language=block.language,
        contact_channel=block.contact_channel,
        address=block.address,
        place=block.place,
        caregiver=None if block.caregiver is None else block.caregiver.model_dump(mode="json"),
        notes=block.notes,
    )


def person_profiled(person: Person) -> Draft:
    """Tell the hub's services what they count a registered person by."""
    profiled = contracts.PersonProfiled(
        person_id=person.person_id,
        organisation=person.registered_by,
        registered_at=person.registered_at,
        birth_year=person.birth_year,
        sex=None if person.sex is None else codes.Sex(person.sex),
    )
    return Draft(profiled, subject=str(person.person_id))
