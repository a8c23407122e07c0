"""What intake does with each of its messages."""

from typing import Any, Final
from uuid import UUID

import contracts
from contracts import codes, sealing
from services.intake.rules.consents import receipt_code
from services.intake.rules.links import match_id_of, pair_of
from tests.examples import (
    ANOTHER,
    CONSENT_ID,
    COORDINATOR,
    DAY,
    NOW,
    PERSON,
    PERSON_ID,
    consent_granted,
    consent_withdrawn,
    facts_asked,
    need_identified,
    person_registered,
    receipt_asked,
    withdrawal_contested,
)
from tests.examples_intake import (
    CHILD,
    CHILD_ID,
    coordination_allowed,
    etpv_step_struck_out,
    etpv_step_taken,
    household_recorded,
    need_triaged,
    needs_referred,
    person_named,
    withdrawn_by_receipt,
)
from tests.examples_rights import rights_answered, rights_extended, rights_requested
from tests.examples_route import (
    referral_recorded,
    route_assessed,
    route_left,
    route_opened,
    route_planned,
    rule_set,
    track_moved,
)
from tests.services.outcomes.cases import Again, Case, KnownAs, NeverOutOfOrder, NeverRefused, Refused, Said
from tests.services.outcomes.of_organisations import ORGANISATION_RECORDED

LATER: Final = NOW + DAY / 48  # no more is believed than an hour ahead

HUB_KEY: Final = sealing.new_key()
"""The private key that the registrations here are sealed to."""

RECEIPT_SECRET: Final = b"a secret of the tests"
"""What the codes of receipts are derived from here."""


def registered(person: Any = PERSON, **overrides: Any) -> contracts.PersonRegistered:
    said: contracts.PersonRegistered = person_registered(sealing.public_part(HUB_KEY), person=person, **overrides)
    return said


def also(before: list[Said], *data: Any) -> list[Said]:
    """What has been said before, and then this."""
    return [*before, *(Said(one) for one in data)]


def two_known(known_as: KnownAs) -> dict[str, Any]:
    """The mother and the child, as a match names them."""
    pair = pair_of(known_as(PERSON_ID), known_as(CHILD_ID))
    return {"match_id": match_id_of(pair), "person_ids": pair}


def linked(known_as: KnownAs) -> contracts.MatchLinked:
    return contracts.MatchLinked(**two_known(known_as))


def told_apart(known_as: KnownAs) -> contracts.MatchRejected:
    return contracts.MatchRejected(**two_known(known_as))


def undone(known_as: KnownAs) -> contracts.MatchUndone:
    return contracts.MatchUndone(match_id=two_known(known_as)["match_id"])


def called_wrongly(known_as: KnownAs) -> contracts.MatchRejected:
    return contracts.MatchRejected(**{**two_known(known_as), "match_id": known_as(PERSON_ID)})


def by_receipt(known_as: KnownAs) -> contracts.ConsentWithdrawnByReceipt:
    """The consent taken back with the code of its receipt."""
    code = receipt_code(known_as(CONSENT_ID), secret=RECEIPT_SECRET)
    return withdrawn_by_receipt(code, withdrawal_id=known_as(CONSENT_ID))


def coordinators(data: Any) -> Said:
    return Said(data, by=COORDINATOR)


EMPLOYMENT: Final = codes.Track.EMPLOYMENT

KNOWN: Final = [Said(registered())]
FAMILY: Final = also(KNOWN, registered(CHILD, person_id=CHILD_ID))
HOUSEHOLD: Final = also(FAMILY, household_recorded())
WELCOMED: Final = also(HOUSEHOLD, route_opened())
CHARACTERISED: Final = also(WELCOMED, route_assessed(2))
WITH_PLAN: Final = also(CHARACTERISED, route_planned(EMPLOYMENT))
ENDED: Final = also(WITH_PLAN, route_left())

CONSENTED: Final = also(KNOWN, consent_granted())
IN_NEED: Final = also(KNOWN, need_identified())
NAMEABLE: Final = also(KNOWN, coordination_allowed())
CLAIMED: Final = [*CONSENTED, Said(consent_withdrawn(), by=ANOTHER)]
WITHDRAWN: Final = also(CONSENTED, consent_withdrawn())
ASKED: Final = also(KNOWN, rights_requested())
TO_BE_ERASED: Final = also(KNOWN, rights_requested(kind=codes.RightsKind.ERASURE))
ERASED: Final = also(TO_BE_ERASED, rights_answered())

NEWER_RULE: Final = rule_set(thresholds=(contracts.Threshold(domain=codes.Domain.HOUSING, points=5),), assessments=5)
OLDER_RULE: Final = rule_set(rule_id=UUID("01950000-0000-7000-8000-000000000041"), set_at=NOW.replace(year=2020))

CASES: Final = [
    ORGANISATION_RECORDED,
    Case(
        done=Said(facts_asked("intake"), by="hub"),
        refused=NeverRefused(
            "a reader may ask for what it likes; of another service's facts nothing is said",
            Said(facts_asked("referrals"), by="hub"),
        ),
        again=Again.IS_ANOTHER,
        out_of_order=NeverOutOfOrder("where nothing is known yet, there is nothing to say"),
    ),
    # -- people and households
    Case(
        done=Said(registered()),
        refused=Refused("registered_by_another", Said(registered(registered_at=LATER), by=ANOTHER), KNOWN),
        again="already_registered",
        out_of_order=NeverOutOfOrder("whatever is said of a person begins with their registration"),
    ),
    Case(
        before=FAMILY,
        done=Said(household_recorded()),
        refused=Refused("recorded_by_another", Said(household_recorded(recorded_at=LATER), by=ANOTHER), HOUSEHOLD),
        again="already_recorded",
        out_of_order="person_unknown",
    ),
    # -- the Statute
    Case(
        before=KNOWN,
        done=Said(etpv_step_taken()),
        refused=Refused("taken_in_the_future", Said(etpv_step_taken(taken_at=NOW + DAY)), KNOWN),
        again="already_recorded",
        out_of_order="person_unknown",
    ),
    Case(
        before=also(KNOWN, etpv_step_taken()),
        done=Said(etpv_step_struck_out()),
        refused=Refused(
            "recorded_by_another", Said(etpv_step_struck_out(), by=ANOTHER), also(KNOWN, etpv_step_taken())
        ),
        again="already_struck_out",
        out_of_order="step_unknown",
    ),
    # -- consents
    Case(
        before=KNOWN,
        done=Said(consent_granted()),
        refused=Refused("person_erased", Said(consent_granted()), ERASED),
        again="already_granted",
        out_of_order="person_unknown",
    ),
    Case(
        before=CONSENTED,
        done=Said(consent_withdrawn()),
        refused=Refused("already_withdrawn", Said(consent_withdrawn(), by=ANOTHER), also(CONSENTED, by_receipt)),
        again="already_withdrawn",
        out_of_order="consent_unknown",
    ),
    Case(
        before=CONSENTED,
        done=Said(receipt_asked()),
        refused=Refused("consent_not_granted_to_you", Said(receipt_asked(), by=ANOTHER), CONSENTED),
        again=Again.IS_ANOTHER,
        out_of_order="consent_unknown",
    ),
    Case(
        before=CLAIMED,
        done=Said(withdrawal_contested()),
        refused=Refused("not_claimed", Said(withdrawal_contested()), CONSENTED),
        again="already_contested",
        out_of_order={0: "consent_unknown"},
    ),
    Case(
        before=CONSENTED,
        done=Said(by_receipt),
        refused=Refused("already_withdrawn", Said(by_receipt, by=ANOTHER), WITHDRAWN),
        again="already_withdrawn",
        out_of_order=NeverOutOfOrder("a receipt is of a consent that is kept", alone="receipt_unknown"),
    ),
    Case(
        before=NAMEABLE,
        done=Said(person_named()),
        refused=Refused("consent_not_to_coordinate", Said(person_named()), CONSENTED),
        again=Again.IS_ANOTHER,
        out_of_order={0: "person_unknown", 1: "consent_unknown"},
    ),
    # -- needs
    Case(
        before=KNOWN,
        done=Said(need_identified()),
        refused=Refused("person_erased", Said(need_identified()), ERASED),
        again="already_identified",
        out_of_order="person_unknown",
    ),
    Case(
        before=IN_NEED,
        done=Said(need_triaged()),
        refused=Refused("identified_by_another", Said(need_triaged(), by=ANOTHER), IN_NEED),
        again="already_triaged",
        out_of_order="need_unknown",
    ),
    Case(
        before=also(CONSENTED, need_identified()),
        done=Said(needs_referred()),
        refused=NeverRefused(
            "each need is decided for itself, and its sender told of it by need.not_referred",
            Said(needs_referred(), by=ANOTHER),
        ),
        again=Again.IS_ANOTHER,
        out_of_order="need_unknown",
    ),
    # -- the integration route
    Case(
        before=HOUSEHOLD,
        done=Said(route_opened()),
        refused=Refused("recorded_by_another", Said(route_opened(), by=ANOTHER), HOUSEHOLD),
        again="already_opened",
        out_of_order="household_unknown",
    ),
    Case(
        before=WELCOMED,
        done=Said(route_assessed(2)),
        refused=Refused("followed_by_another", Said(route_assessed(2), by=ANOTHER), WELCOMED),
        again="already_assessed",
        out_of_order="route_unknown",
    ),
    Case(
        before=CHARACTERISED,
        done=Said(route_planned(EMPLOYMENT)),
        refused=Refused("route_ended", Said(route_planned(EMPLOYMENT, planned_at=LATER)), ENDED),
        again="already_planned",
        out_of_order={0: "route_unknown", len(WELCOMED): "assessment_unknown"},
    ),
    Case(
        before=WITH_PLAN,
        done=Said(track_moved(EMPLOYMENT, codes.TrackState.UNDER_WAY)),
        refused=Refused(
            "track_not_planned", Said(track_moved(codes.Track.HOUSING, codes.TrackState.UNDER_WAY)), WITH_PLAN
        ),
        again="already_moved",
        out_of_order={0: "route_unknown", len(CHARACTERISED): "plan_unknown"},
    ),
    Case(
        before=WITH_PLAN,
        done=Said(referral_recorded(), by="hub"),
        refused=NeverRefused(
            "referrals has recorded it: it moves the routes that there are, and no others",
            Said(referral_recorded(), by="hub"),
        ),
        again=Again.CHANGES_NOTHING,
        out_of_order=NeverOutOfOrder("most referrals are of people who are on no route"),
    ),
    Case(
        before=WELCOMED,
        done=Said(route_left()),
        refused=Refused("followed_by_another", Said(route_left(), by=ANOTHER), WELCOMED),
        again="already_left",
        out_of_order="route_unknown",
    ),
    Case(
        done=coordinators(NEWER_RULE),
        refused=Refused("superseded", coordinators(OLDER_RULE)),
        again="already_set",
        out_of_order=NeverOutOfOrder("a rule is about no household in particular"),
    ),
    # -- what people may ask
    Case(
        before=KNOWN,
        done=Said(rights_requested()),
        refused=Refused("received_in_the_future", Said(rights_requested(received_at=NOW + DAY)), KNOWN),
        again="already_requested",
        out_of_order="person_unknown",
    ),
    Case(
        before=ASKED,
        done=Said(rights_extended()),
        refused=Refused("received_by_another", Said(rights_extended(), by=ANOTHER), ASKED),
        again="already_extended",
        out_of_order="request_unknown",
    ),
    Case(
        before=TO_BE_ERASED,
        done=Said(rights_answered()),
        refused=Refused("not_yours_to_answer", Said(rights_answered(), by=ANOTHER), ASKED),
        again="already_answered",
        out_of_order="request_unknown",
    ),
    # -- one person in several registrations
    Case(
        before=FAMILY,
        done=coordinators(linked),
        refused=Refused("already_rejected", coordinators(linked), [*FAMILY, coordinators(told_apart)]),
        again="already_linked",
        out_of_order={0: "person_unknown", len(KNOWN): "person_unknown"},
    ),
    Case(
        before=FAMILY,
        done=coordinators(told_apart),
        refused=Refused("wrong_match_id", coordinators(called_wrongly), FAMILY),
        again="already_rejected",
        out_of_order={0: "person_unknown", len(KNOWN): "person_unknown"},
    ),
    Case(
        before=[*FAMILY, coordinators(linked)],
        done=coordinators(undone),
        refused=Refused("not_decided", coordinators(undone), [*FAMILY, coordinators(told_apart), coordinators(undone)]),
        again="not_decided",
        out_of_order="match_unknown",
    ),
]
