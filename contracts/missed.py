"""What the hub has lost, and only whoever said it can say again."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from .fields import Model, Said, Several
from .registry import contract


@contract(
    "messages.missed.v1",
    sent_by="hub",
    received_by="whoever sent it",
    personal_data=False,
    about=None,
)
class MessagesMissed(Model):
    """Messages of the recipient came to the hub and were lost there: to be said again, under the same ids.

    What has come after all is known by its id, and changes nothing.
    """

    type: Annotated[str, Field(pattern="^[a-z0-9_.]{1,100}$")]
    """Their contract, in the version that was said."""
    ids: Annotated[Several[UUID], Field(min_length=1, max_length=1000)]
    first_came_at: Said
    """When the first of them came."""
