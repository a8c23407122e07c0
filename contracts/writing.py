"""Writing: a handler says what follows, and the runtime makes messages of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from .envelope import Message, uuid7
from .fields import Model
from .registry import contract_of


@dataclass(frozen=True)
class Draft:
    """A message to be: what is said, about which id, to whom, and with which number."""

    data: Model
    subject: str
    recipient: str | None = None
    """The organisation it goes to; None when it is routed by its type."""
    sequence: int | None = None
    source: str | None = None
    """The organisation on whose behalf the hub says it; None: whoever runs the service says it itself."""


def stamp(
    draft: Draft,
    *,
    source: str,
    time: datetime,
    id: UUID | None = None,
    cause: Message[Any] | None = None,
    traceparent: str | None = None,
    staff: str | None = None,
    system: str | None = None,
) -> Message[Any]:
    """Make a message of a draft.

    `staff` and `system` are who at the organisation says it, and by which of its systems.

    It is caused by `cause` and belongs to the same conversation, or begins one. What is said in the name of the very
    organisation that said `cause`, the same member of its staff and the same system say; what goes to that organisation
    names that system as the one it is for. Raises pydantic's ValidationError when the draft breaks its contract (a
    wrong subject, a number missing): a mistake of the writer's code.
    """
    contract = contract_of(draft.data)
    own_id = id or uuid7()
    asked = cause if cause is not None and draft.source == cause.source else None
    return contract.message(
        specversion="1.0",
        id=own_id,
        source=source,
        staff=staff or (asked.staff if asked else None),
        system=system or (asked.system if asked else None),
        type=contract.type,
        subject=draft.subject,
        time=time,
        correlationid=own_id if cause is None else cause.correlationid or cause.id,
        causationid=None if cause is None else cause.id,
        sequence=draft.sequence,
        traceparent=traceparent,
        recipient=draft.recipient,
        recipientsystem=cause.system if cause is not None and draft.recipient == cause.source else None,
        data=draft.data,
    )
