"""What became of messages: said by the hub for each batch, so that nobody has to wait in silence."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from .codes import ProcessedState
from .fields import Code, Model, OrganisationId, Planned, Several
from .registry import contract


class ProcessedGroup(Model):
    """Messages of one type of which the same became."""

    type: Annotated[str, Field(pattern="^[a-z0-9_.]{1,100}$")]
    """Their contract, in its newest version."""
    state: ProcessedState
    ids: Annotated[Several[UUID], Field(min_length=1, max_length=1000)]
    code: Code | None = None
    """Why they are refused, wait or are quarantined."""
    waiting_for: Annotated[str, Field(max_length=100, pattern="^[0-9A-Za-z-]+$")] | None = None
    """The subject of what they wait for."""
    until: Planned | None = None
    """When they are refused if that has not come."""


@contract(
    "messages.processed.v1",
    sent_by="hub",
    received_by="whoever sent it",
    personal_data=False,
    about=None,
)
class MessagesProcessed(Model):
    """What a service of the network has made of some messages of one organisation; later ones supersede earlier ones.

    A message is applied when every service that reads its contract has said so.
    """

    organisation: OrganisationId
    """Whose messages they are."""
    service: Annotated[str, Field(pattern="^[a-z][a-z0-9_.-]{1,99}$")]
    """Who says so: `intake`, `referrals`, …; of what is handed to a service that an organisation runs itself,
    `<organisation>.<system>`."""
    groups: Annotated[Several[ProcessedGroup], Field(min_length=1, max_length=1000)]
