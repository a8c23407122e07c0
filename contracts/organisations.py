"""Who takes part in the network, and what they may do."""

from typing import Annotated

from pydantic import Field

from .codes import OrganisationStatus, Power
from .fields import Model, OrganisationId, Several
from .registry import contract


@contract(
    "organisation.recorded.v1", sent_by="hub", received_by="hub services", personal_data=False, about="organisation"
)
class OrganisationRecorded(Model):
    """An organisation takes part, no longer does, or may do something else: what was said before is no longer so."""

    organisation: OrganisationId
    number: Annotated[int, Field(ge=1)]
    """Rises with each change of this organisation: what has a lower one has been superseded."""
    status: OrganisationStatus
    powers: Annotated[Several[Power], Field(max_length=20)] = ()
    """What its roles let it do; what it may send, the gateway sees to."""
    handles: Annotated[Several[Annotated[str, Field(pattern="^[a-z_]+[.][a-z_]+$")]], Field(max_length=200)] = ()
    """The contracts, without version, that a service which it runs itself handles in place of the hub's."""
