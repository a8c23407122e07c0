"""What every service does that is told who takes part in the network."""

from typing import Final

import contracts
from contracts.codes import OrganisationStatus, Power
from tests.examples import PERSON_ID
from tests.services.outcomes.cases import Again, Case, KnownAs, NeverOutOfOrder, NeverRefused, Said


def joined(known_as: KnownAs) -> contracts.OrganisationRecorded:
    """An organisation that is called as an id of the scene, as no other is."""
    return contracts.OrganisationRecorded(
        organisation=f"o{known_as(PERSON_ID)}",
        number=2,
        status=OrganisationStatus.ACTIVE,
        powers=(Power.COORDINATE,),
        handles=("person.erased",),
    )


def said_before(known_as: KnownAs) -> contracts.OrganisationRecorded:
    """What is not so any more."""
    return joined(known_as).model_copy(update={"number": 1, "powers": ()})


ORGANISATION_RECORDED: Final = Case(
    done=Said(joined, by="hub"),
    refused=NeverRefused("what comes late has been superseded, and is passed over", Said(said_before, by="hub")),
    again=Again.CHANGES_NOTHING,
    out_of_order=NeverOutOfOrder("the highest number is what is so, whatever came before it"),
)
