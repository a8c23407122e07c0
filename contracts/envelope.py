"""The envelope around every message: CloudEvents 1.0 in its structured JSON form."""

import os
import time as system_time
from typing import Annotated, Any, ClassVar, Generic, Literal, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationInfo, WithJsonSchema, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypeVar

from .fields import Model, OrganisationId, Said, StaffCode, SystemName, wrong_field
from .media_types import is_media_type

MAX_BYTES = 256 * 1024
"""The longest message that is read, in bytes of its JSON form."""

SEQUENCE_DIGITS = 10

D = TypeVar("D", bound=Model, default=Any)


def _read_sequence(value: object, info: ValidationInfo) -> object:
    """On the wire a string of ten digits, so that sorting it as text sorts it as a number; here an int."""
    if info.mode != "json":
        return value
    if isinstance(value, str) and len(value) == SEQUENCE_DIGITS and value.isascii() and value.isdigit():
        return int(value)
    raise PydanticCustomError("sequence", "Sequence should be a string of ten digits")


Sequence = Annotated[
    int,
    Field(ge=1, lt=10**SEQUENCE_DIGITS),
    BeforeValidator(_read_sequence),
    PlainSerializer(lambda number: f"{number:0{SEQUENCE_DIGITS}}", return_type=str, when_used="json"),
    WithJsonSchema(
        {"type": "string", "pattern": f"^[0-9]{{{SEQUENCE_DIGITS}}}$", "not": {"const": "0" * SEQUENCE_DIGITS}}
    ),
]

JSON = "application/json"


def _read_media_type(value: object) -> object:
    """Take JSON in UTF-8 for what it is, however it is written; null, as CloudEvents has it, for what is absent."""
    return JSON if value in (JSON, None) or is_media_type(value, JSON) else value


TraceParent = Annotated[str, Field(pattern="^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")]


class Message(Model, Generic[D]):
    """One message: what CloudEvents asks of every event, our extensions, and the data of its contract."""

    specversion: Literal["1.0"]
    id: UUID
    """Names this message for ever; whoever reads it twice applies it once."""
    source: OrganisationId
    """The organisation that says this; inside the hub it has been checked against the broker's user."""
    staff: StaffCode | None = None
    """Who at the organisation says this, as it numbers its staff; absent when it does not tell, and of the hub."""
    system: SystemName | None = None
    """Which of the organisation's systems says this; inside the hub it is known to have such a one."""
    type: str
    subject: Annotated[str, Field(max_length=100, pattern="^[0-9A-Za-z-]+$")]
    """The id that the message is about, as its contract says; messages with one subject are kept in order."""
    time: Said
    """When it was said, by the sender's clock."""
    datacontenttype: Annotated[Literal["application/json"], BeforeValidator(_read_media_type)] = "application/json"
    correlationid: UUID | None = None
    """The id of the message that began all this."""
    causationid: UUID | None = None
    """The id of the message that this one answers."""
    sequence: Sequence | None = None
    """The place of this message among the numbered ones about its subject, from 1 without gaps."""
    traceparent: TraceParent | None = None
    """W3C trace context."""
    recipient: OrganisationId | None = None
    """The organisation that the hub sends it to; None when it is routed by its type."""
    recipientsystem: SystemName | None = None
    """The one of the recipient's systems that said what this answers."""
    data: D
    # No message has it, and so no schema: what a message says is its `data`, and of the two an event has one.
    data_base64: SkipJsonSchema[None] = None

    about: ClassVar[str | None] = None
    numbered: ClassVar[bool] = False

    @model_validator(mode="after")
    def _subject_and_sequence(self) -> Self:
        if self.about is not None and self.subject != str(getattr(self.data, self.about)):
            raise wrong_field("subject", f"Subject should be the {self.about} of the data, in lower case")
        if self.numbered and self.sequence is None:
            raise wrong_field("sequence", "This contract is numbered")
        return self

    def to_json(self) -> bytes:
        """Write the message as it travels, leaving out what is None."""
        # what model_dump_json calls, without the way through a str
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)

    def __repr__(self) -> str:
        return f"<Message {self.type} {self.id}>"

    __str__ = __repr__


def uuid7() -> UUID:
    """Make an identifier that sorts by the time it was made: RFC 9562's version 7, with a sub-millisecond fraction."""
    milliseconds, nanoseconds = divmod(system_time.time_ns(), 1_000_000)
    fraction = nanoseconds * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8)) >> 2
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | random)
