"""The people of the years: who they are, and under which ids which organisations know them."""

import random
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from demo.people import Person
from demo.words import person_block

LOSES_ACCENTS, LOSES_SECOND_SURNAME, CHANGES_PHONE, LOSES_DOCUMENT = 0.3, 0.2, 0.3, 0.1


@dataclass
class Registration:
    """One organisation's record of a person."""

    person_id: str
    organisation: str
    at: datetime
    block: dict[str, Any]


@dataclass
class Known:
    """A person, and every registration of theirs, the first one first."""

    person: Person
    registrations: list[Registration] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """Every id of theirs."""
        return [registration.person_id for registration in self.registrations]


def written_down_elsewhere(person: Person, rng: random.Random) -> dict[str, Any]:
    """What another organisation writes down of the same person, with the mistakes of a long day."""
    if rng.random() < LOSES_ACCENTS:
        person = replace(person, given_names=_plain(person.given_names), family_names=_plain(person.family_names))
    if rng.random() < LOSES_SECOND_SURNAME:
        person = replace(person, family_names=person.family_names.split()[0])
    if rng.random() < CHANGES_PHONE:
        person = replace(person, phone=f"+573{rng.randrange(10**9):09}")
    block = person_block(person)
    if rng.random() < LOSES_DOCUMENT:
        block["documents"] = []
    return block


def _plain(name: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFD", name) if not unicodedata.combining(each))
