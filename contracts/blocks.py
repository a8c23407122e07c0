"""What is inside a sealed block: the words that only the organisation it is sealed to can read."""

import json
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError

from .codes import ContactChannel, DocumentType, Gender, Profile, Relation, Sex
from .fields import Date, Language, Model, Several, Zone
from .reading import Invalid

Text = Annotated[str, Field(min_length=1, max_length=200, pattern="^[^\\x00-\\x1f\\x7f]+$")]
LongText = Annotated[str, Field(min_length=1, max_length=4000, pattern="^[^\\x00]+$")]
Phone = Annotated[str, Field(pattern="^[+][1-9][0-9]{6,14}$")]
"""E.164, such as `+573001234567`."""
Email = Annotated[str, Field(max_length=254, pattern="^[!-?A-~]+@[!-?A-~]+[.][!-?A-~]+$")]
"""An address as mail systems write it, such as `ana@example.org`."""

_Block = TypeVar("_Block", bound="Block")


class Block(Model):
    """A block shows nothing of itself, wherever it is printed."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


class Document(Block):
    """An identity document."""

    type: DocumentType
    number: Text | None = None
    """Absent for the type `none`."""


class Caregiver(Block):
    """Who answers for a child."""

    name: Text
    relation: Relation
    phone: Phone | None = None


class PersonBlock(Block):
    """A person, as far as the consent allows: every field may be absent."""

    given_names: Text | None = None
    family_names: Text | None = None
    documents: Annotated[Several[Document], Field(max_length=10)] = ()
    birth_date: Date | None = None
    age: Annotated[int, Field(ge=0, le=130)] | None = None
    """In years, when the birth date is not known."""
    sex: Sex | None = None
    gender: Gender | None = None
    nationality: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    """ISO 3166 alpha-3, such as `VEN`."""
    profile: Profile | None = None
    phone: Phone | None = None
    email: Email | None = None
    language: Language | None = None
    """The one that the person would rather be spoken to in."""
    contact_channel: ContactChannel | None = None
    """How it is safe to reach the person."""
    address: Text | None = None
    place: Zone | None = None
    caregiver: Caregiver | None = None
    notes: LongText | None = None


class NameBlock(Block):
    """What a person is called, and nothing more: for whoever coordinates (`person.named`)."""

    given_names: Text
    family_names: Text | None = None


class NoteBlock(Block):
    """Words from one organisation to another about a person."""

    text: LongText


BLOCKS: dict[str, type[Block]] = {"person": PersonBlock, "name": NameBlock, "note": NoteBlock}
"""The blocks that contracts speak of, by name."""


def read_block(model: type[_Block], opened: dict[str, Any]) -> _Block:
    """Read what was in a sealed block; raise Invalid, silent about the content, when it is not that."""
    try:
        return model.model_validate_json(json.dumps(opened))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    raise Invalid("invalid_field", ".".join(str(part) for part in first["loc"]))
