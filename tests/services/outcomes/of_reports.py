"""What the reports do with each kind of fact: they keep it, in whatever order it comes, unless a stranger says it."""

from datetime import timedelta
from typing import Final

import contracts
from contracts import codes
from tests.examples import DAY, NOW, PERSON_ID, was_away
from tests.examples_reports import (
    HELD_AT,
    a_case,
    attended,
    delivered,
    employer,
    entrepreneur,
    erased,
    identified,
    in_need,
    jornada,
    noted,
    participation,
    placement,
    profiled,
    published,
    referred,
    route,
    stepped,
    struck_out,
    unrecorded,
)
from tests.services.outcomes.cases import Again, Case, KnownAs, NeverOutOfOrder, NeverRefused, Refused, Said

STRANGER: Final = "iom"

IN_ANY_ORDER: Final = NeverOutOfOrder("facts come in any order: what belongs together is joined when it is counted")
OF_INTAKE: Final = "intake alone says it, which has checked it: there is nobody to tell"


def kept(done: Said, *, refused: Refused | NeverRefused) -> Case:
    """A fact is kept without anything before it, and said again it changes nothing."""
    return Case(done=done, refused=refused, again=Again.CHANGES_NOTHING, out_of_order=IN_ANY_ORDER)


def was_away_here(known_as: KnownAs) -> contracts.ConsoleWasAway:
    """From an organisation that is called as an id of the scene, as no other is."""
    return was_away(organisations=(f"o{known_as(PERSON_ID)}",))


def of_another(said: Said) -> Refused:
    """An organisation's own service says it of another organisation."""
    return Refused("not_yours", Said(said.data, by=STRANGER))


CASES: Final = [
    kept(
        Said(profiled("ana"), by="hub"),
        refused=NeverRefused(OF_INTAKE, Said(profiled("ana", registered_at=HELD_AT - timedelta(days=1)), by="hub")),
    ),
    kept(
        Said(identified("network", "ana", "luis"), by="hub"),
        refused=NeverRefused(OF_INTAKE, Said(identified("network", "ana"), by="hub")),
    ),
    kept(Said(erased("ana"), by="hub"), refused=NeverRefused(OF_INTAKE, Said(erased("ana"), by="hub"))),
    kept(
        Said(stepped("ana"), by="hub"),
        refused=NeverRefused(OF_INTAKE, Said(stepped("ana", taken_at=HELD_AT - timedelta(days=1)), by="hub")),
    ),
    kept(Said(unrecorded("ana"), by="hub"), refused=NeverRefused(OF_INTAKE, Said(unrecorded("ana"), by="hub"))),
    kept(
        Said(route("a household"), by="hub", number=2),
        refused=NeverRefused(OF_INTAKE, Said(route("a household", state=codes.RouteState.PLANNED), by="hub")),
    ),
    kept(
        Said(in_need("ana"), by="hub"),
        refused=NeverRefused(OF_INTAKE, Said(in_need("ana", person_id=None, case_code="GBV-0001"), by="hub")),
    ),
    kept(jornada_said := Said(jornada("soledad"), by="barranquilla"), refused=of_another(jornada_said)),
    kept(attendance := Said(attended("ana", "soledad"), by="barranquilla"), refused=of_another(attendance)),
    kept(delivery := Said(delivered("ana"), by="redcross"), refused=of_another(delivery)),
    kept(
        Said(struck_out("ana"), by="redcross"),
        refused=NeverRefused(
            "it is kept by who says it, and strikes out only what the same organisation has reported",
            Said(struck_out("ana"), by=STRANGER),
        ),
    ),
    kept(
        service := Said(published("a service"), by="redcross"),
        refused=Refused("service_of_another", Said(published("a service"), by=STRANGER), [service]),
    ),
    kept(Said(a_case(), by="hub"), refused=NeverRefused(OF_INTAKE, Said(a_case(case_code="GBV-0002"), by="hub"))),
    kept(
        Said(referred("ana", "received"), by="hub", number=2),
        refused=NeverRefused(
            "referrals alone says it, which has checked it: there is nobody to tell", Said(referred("ana"), by="hub")
        ),
    ),
    kept(
        Said(noted("ana"), by="hub"),
        refused=NeverRefused("referrals alone says it: there is nobody to tell", Said(noted("luis"), by="hub")),
    ),
    kept(
        Said(was_away_here, by="hub"),
        refused=Refused("absence_impossible", Said(was_away(ended_at=NOW - 5 * DAY), by="hub")),
    ),
    kept(cafe := Said(employer("a café"), by="barranquilla"), refused=of_another(cafe)),
    kept(part := Said(participation("ana"), by="barranquilla"), refused=of_another(part)),
    kept(work := Said(placement("ana"), by="barranquilla"), refused=of_another(work)),
    kept(business := Said(entrepreneur("ana"), by="oportunidades"), refused=of_another(business)),
]
