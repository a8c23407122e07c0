"""The hub's answer to a message that it does not apply."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from .fields import Code, Model, Sha256
from .registry import contract


@contract(
    "message.refused.v1",
    sent_by="service",
    received_by="whoever sent it",
    personal_data=False,
    about=None,
)
class MessageRefused(Model):
    """The network did not apply a message, and never will; nothing of what the message says is repeated here."""

    code: Code
    """Why: one of the codes of reading (`invalid_field`, …), of admission, or of the rules (`already_answered`, …)."""
    where: Annotated[str, Field(pattern="^[a-z0-9_.]{1,200}$")] | None = None
    """The field to blame, as a dotted path."""
    refused_id: UUID | None = None
    """The message's id, when it could be read."""
    refused_type: Annotated[str, Field(pattern="^[a-z0-9_.]{1,100}$")] | None = None
    """The message's type, when it names a contract."""
    body_sha256: Sha256
    """Of the bytes that were sent: how the sender finds the message when it has no readable id."""
    body_bytes: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """How many bytes these were; of what the gateway refuses."""
    refused_by: Code | None = None
    """Who said no: `gateway`, or a service (`intake`, `referrals`, …); whose service it is, `source` says."""
