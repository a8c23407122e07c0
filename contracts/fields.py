"""The kinds of field that messages are made of, each refusing what does not look like itself."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, FailFast, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .codes import CONFIDENTIAL_SECTORS, Sector


class Model(BaseModel):
    """A frozen record that reads strictly, ignores fields it does not know, and never shows its values in an error."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


def wrong_field(where: str, why: str) -> PydanticCustomError:
    """Make the error for a rule between fields: `where` is the field to blame, `why` a sentence without any value."""
    return PydanticCustomError("rule_between_fields", "{why}", {"where": where, "why": why})


def present(field: str) -> dict[str, Any]:
    """Make the JSON Schema of: `field` has a value."""
    return {"required": [field], "properties": {field: {"not": {"type": "null"}}}}


def exactly_one(one: str, other: str) -> dict[str, Any]:
    """Make the JSON Schema of: one of two fields has a value, and not both."""
    return {"oneOf": [present(one), present(other)]}


def only_when(when: dict[str, Any], field: str) -> dict[str, Any]:
    """Make the JSON Schema of: `field` has a value when the other fields fit `when`, and only then."""
    return {"if": {"properties": when}, "then": present(field), "else": {"not": present(field)}}


class _Written:
    """A time or date that is read from its ISO form alone; pydantic would take a number in a string too."""

    def __init__(self, *, accepts: str, promises: str, json_format: str) -> None:
        self.accepts = accepts
        self.promises = promises
        self.json_format = json_format

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        value = core_schema.datetime_schema(tz_constraint="aware") if source is datetime else core_schema.date_schema()
        lax = value.copy()
        lax["strict"] = False
        return core_schema.json_or_python_schema(
            json_schema=core_schema.chain_schema([core_schema.str_schema(pattern=self.accepts), lax]),
            python_schema=value,
            serialization=core_schema.to_string_ser_schema() if source is date else None,
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "format": self.json_format, "pattern": self.promises}


_DATE = "[12][0-9]{3}-[0-9]{2}-[0-9]{2}"
_TIME = "T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?"
_ZONE = "(Z|[+-][0-9]{2}:[0-9]{2})"
_MOMENT = f"2{_DATE.removeprefix('[12]')}{_TIME}"

Time = Annotated[
    datetime,
    # Without a zone the pattern still fits, so that the refusal can say what is missing.
    _Written(accepts=f"^{_MOMENT}{_ZONE}?$", promises=f"^{_MOMENT}{_ZONE}$", json_format="date-time"),
]
"""A moment with its zone."""

Date = Annotated[date, _Written(accepts=f"^{_DATE}$", promises=f"^{_DATE}$", json_format="date")]
"""A day, as Colombia has it."""


@dataclass(frozen=True)
class Past:
    """Marks when something happened or was said: the network believes no clock that is more than an hour ahead."""

    code: str = "said_in_the_future"
    """By which it is refused otherwise."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "$comment": "not ahead"}


@dataclass(frozen=True)
class Ahead:
    """Marks what may lie ahead: what is planned or due, and from or until when something holds."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "$comment": "may lie ahead"}


Said = Annotated[Time, Past()]
SaidOn = Annotated[Date, Past()]
Planned = Annotated[Time, Ahead()]
PlannedOn = Annotated[Date, Ahead()]

_Kind = TypeVar("_Kind")

Several = Annotated[tuple[_Kind, ...], FailFast()]
"""A list; reading stops at the first wrong item, so that 100,000 of them cost no more than one."""

OrganisationId = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{1,39}$")]
"""The network's short name of an organisation, such as `redcross`."""

SystemName = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{1,39}$")]
"""One of an organisation's systems, as the network calls it, such as `attendance`."""

CaseCode = Annotated[str, Field(pattern="^[A-Z]{2,5}-[0-9A-Z]{4,20}$")]
"""What a confidential case is called instead of the person; it means nothing outside the organisation that made it."""

StaffCode = Annotated[str, Field(pattern="^[A-Za-z0-9-]{2,40}$")]
"""A member of staff as their own organisation numbers them; never a name."""

Language = Annotated[str, Field(pattern="^[a-z]{2,3}$")]
"""An ISO 639 code, such as `es` or `guc` (Wayuunaiki)."""

Zone = Annotated[str, Field(pattern="^[0-9]{5}$")]
"""A municipality's DIVIPOLA code, such as `08001` for Barranquilla."""

HourMinute = Annotated[str, Field(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A time of day in the local zone of the person."""

Need = Annotated[str, Field(pattern=f"^({'|'.join(Sector)})[.][a-z][a-z0-9_]{{1,40}}$")]
"""A need as `sector.need`: the sectors are fixed, their needs are not; `codes.NeedCode` lists those known so far."""

CONFIDENTIAL_NEED: dict[str, Any] = {"need_code": {"pattern": f"^({'|'.join(sorted(CONFIDENTIAL_SECTORS))})[.]"}}
"""The JSON Schema of a field `need_code` that is confidential."""

Code = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{1,63}$")]
"""An open code: new ones may appear without a new version."""

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""The SHA-256 of some bytes, in lower-case hexadecimal."""

PublicText = Annotated[str, Field(min_length=1, max_length=200, pattern="^[^\\x00-\\x1f\\x7f]+$")]
"""One line that anyone may read; never about a person."""

_64 = "[A-Za-z0-9_-]"
SEALED_PATTERN = f"^eyJ{_64}+[.]{_64}{{54}}[.]{_64}{{16}}[.]{_64}+[.]{_64}{{22}}$"
SEALED_MAX_LENGTH = 64 * 1024

Sealed = Annotated[str, Field(max_length=SEALED_MAX_LENGTH, pattern=SEALED_PATTERN)]
"""A sealed block: JWE in compact form; with ECDH-ES+A256KW and A256GCM its parts have these very lengths.

A field is one of those below, which say for whom it is: a block that is sealed to another is refused.
"""


class For(StrEnum):
    """Whom a sealed block is for."""

    HUB = "hub"
    NAMED = "named"
    """The organisation that the field `recipient` beside it names."""
    ADDRESSEE = "addressee"
    """The organisation that the field `addressee` beside it names."""
    SENDER = "sender"
    """The sender of the referral that the message is about."""
    RECIPIENT = "recipient"
    """The recipient of that referral."""
    READER = "reader"
    """The organisation that the hub sends the message to."""


@dataclass(frozen=True)
class SealedTo:
    """Marks whom a sealed block is for."""

    whom: For


SealedToHub = Annotated[Sealed, SealedTo(For.HUB)]
SealedToNamed = Annotated[Sealed, SealedTo(For.NAMED)]
SealedToAddressee = Annotated[Sealed, SealedTo(For.ADDRESSEE)]
SealedToSender = Annotated[Sealed, SealedTo(For.SENDER)]
SealedToRecipient = Annotated[Sealed, SealedTo(For.RECIPIENT)]
SealedToReader = Annotated[Sealed, SealedTo(For.READER)]
