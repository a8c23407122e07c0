"""What events does with each of its messages."""

from datetime import timedelta
from typing import Any, Final

import contracts
from tests.examples import NOW, PERSON_ID
from tests.examples_events import (
    ORGANISER,
    PARTNER,
    STRANGER,
    attendance_corrected,
    attendance_recorded,
    attendance_struck_out,
    jornada_cancelled,
    jornada_confirmed,
    jornada_held,
    jornada_planned,
    jornada_reported,
    partner_confirmed,
)
from tests.services.outcomes.cases import Again, Case, NeverOutOfOrder, NeverRefused, Refused, Said


def ours(data: Any) -> Said:
    """What the organiser says."""
    return Said(data, by=ORGANISER)


PLANNED: Final = [ours(jornada_planned())]
CONFIRMED: Final = [*PLANNED, ours(jornada_confirmed())]
HELD: Final = [*CONFIRMED, ours(jornada_held())]
ATTENDED: Final = [*CONFIRMED, ours(attendance_recorded())]
ERASED: Final = contracts.PersonErased(person_id=PERSON_ID, erased_at=NOW)

CASES: Final = [
    Case(
        done=ours(jornada_planned()),
        refused=Refused("not_yours", Said(jornada_planned(), by=STRANGER)),
        again="already_planned",
        out_of_order=NeverOutOfOrder("a jornada begins with its plan"),
    ),
    Case(
        before=PLANNED,
        done=Said(partner_confirmed(), by=PARTNER),
        refused=Refused("not_a_partner", Said(partner_confirmed(), by=STRANGER), PLANNED),
        again="already_confirmed",
        out_of_order="jornada_unknown",
    ),
    Case(
        before=PLANNED,
        done=ours(jornada_confirmed()),
        refused=Refused("not_yours", Said(jornada_confirmed(), by=PARTNER), PLANNED),
        again="already_confirmed",
        out_of_order="jornada_unknown",
    ),
    Case(
        before=CONFIRMED,
        done=ours(jornada_held()),
        refused=Refused("in_the_future", ours(jornada_held(held_at=NOW + timedelta(hours=2))), CONFIRMED),
        again="already_held",
        out_of_order="jornada_unknown",
    ),
    Case(
        before=HELD,
        done=ours(jornada_reported()),
        refused=Refused("not_while_confirmed", ours(jornada_reported()), CONFIRMED),
        again="already_reported",
        out_of_order="jornada_unknown",
    ),
    Case(
        before=CONFIRMED,
        done=ours(jornada_cancelled()),
        refused=Refused("has_attendance", ours(jornada_cancelled()), ATTENDED),
        again="already_cancelled",
        out_of_order="jornada_unknown",
    ),
    Case(
        before=CONFIRMED,
        done=ours(attendance_recorded()),
        refused=Refused("not_a_partner", Said(attendance_recorded(), by=STRANGER), CONFIRMED),
        again="already_recorded",
        out_of_order="jornada_unknown",
    ),
    Case(
        before=ATTENDED,
        done=ours(attendance_corrected(served=())),
        refused=Refused("not_yours", Said(attendance_corrected(served=()), by=PARTNER), ATTENDED),
        again="already_corrected",
        out_of_order={0: "jornada_unknown", len(CONFIRMED): "attendance_unknown"},
    ),
    Case(
        before=ATTENDED,
        done=ours(attendance_struck_out()),
        refused=Refused("not_yours", Said(attendance_struck_out(), by=STRANGER), ATTENDED),
        again="already_struck_out",
        out_of_order={0: "jornada_unknown", len(CONFIRMED): "attendance_unknown"},
    ),
    Case(
        before=ATTENDED,
        done=Said(ERASED, by="hub"),
        refused=NeverRefused("intake has erased the person: nobody may say no", Said(ERASED, by="hub")),
        again=Again.CHANGES_NOTHING,
        out_of_order=NeverOutOfOrder("also who was never at a jornada is erased: nothing is recorded of them later"),
    ),
]
