"""That the hub's console was away from those who have nothing else to answer with."""

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from .fields import Model, OrganisationId, Said, Several
from .registry import contract

AWAY_FROM_AT_MOST: Final = 1000  # organisations of one message


@contract("console.was_away.v1", sent_by="hub", received_by="hub services", personal_data=False, about="absence_id")
class ConsoleWasAway(Model):
    """The console was away from organisations that answer by nothing else: what fell due meanwhile is the hub's."""

    absence_id: UUID
    organisations: Annotated[Several[OrganisationId], Field(min_length=1, max_length=AWAY_FROM_AT_MOST)]
    began_at: Said
    ended_at: Said
