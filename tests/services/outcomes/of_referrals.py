"""What referrals does with each of its messages."""

from collections.abc import Sequence
from typing import Final

import contracts
from tests.examples import (
    ANOTHER,
    CONSENT_ID,
    NOW,
    PERSON_ID,
    RECIPIENT,
    SENDER,
    consent_ended,
    consent_recorded,
    facts_asked,
    referral_requested,
    service_published,
    was_away,
)
from tests.services import stories
from tests.services.outcomes.cases import Again, Case, NeverOutOfOrder, NeverRefused, Refused, Said
from tests.services.outcomes.of_organisations import ORGANISATION_RECORDED
from tests.services.stories import FRESH_CONSENT_ID, OTHER_SERVICE_ID
from tests.services.test_capacity import capacity_stated
from tests.services.test_seeking_services import sought

STRANGER: Final = "oportunidades"
ERASED: Final = contracts.PersonErased(person_id=PERSON_ID, erased_at=NOW)


def said(move: stories.Said, by: str | None = None) -> Said:
    """What one of the stories says, or another in its words."""
    data, source = move
    return Said(data, by=by or source)


PUBLISHED: Final = [Said(service_published(), by=RECIPIENT)]
WITH_CONSENT: Final = [*PUBLISHED, Said(consent_recorded(), by="hub")]
SENT: Final = [*WITH_CONSENT, Said(referral_requested())]
FRESH_CONSENT: Final = consent_recorded(consent_id=FRESH_CONSENT_ID, recipients=(ANOTHER,), granted_to=RECIPIENT)


def at(state: str) -> list[Said]:
    """All that brings a referral into a state."""
    return [*SENT, *(said(move) for move in stories.TO[state])]


def moves(state: str, move: stories.Said, *, refused: Refused, again: str, overtaking: Sequence[str] = ()) -> Case:
    """A party moves a referral that is in a state.

    Who comes before there is one hears no more than a stranger; who overtakes moves of its own, in which state it is.
    """
    waits = {len(at(one)): f"not_while_{one}" for one in overtaking}
    return Case(
        before=at(state), done=said(move), refused=refused, again=again, out_of_order={0: "not_a_party", **waits}
    )


def not_yours(state: str, move: stories.Said) -> Refused:
    """The other party says what is not its own to say."""
    by = RECIPIENT if move[1] == SENDER else SENDER
    return Refused("not_yours", said(move, by), at(state))


def away_from(organisation: str) -> Case:
    """The console was away from an organisation that something was sent to.

    Whatever waits for the same organisation is moved: what other cases count on, if it is one of theirs.
    """
    return Case(
        before=[
            Said(service_published(), by=organisation),
            Said(consent_recorded(recipients=(organisation,)), by="hub"),
            Said(referral_requested(recipient=organisation)),
        ],
        done=Said(was_away(organisations=(organisation,)), by="hub"),
        refused=Refused("organisation_unknown", Said(was_away(organisations=("nobody",)), by="hub")),
        again=Again.CHANGES_NOTHING,
        out_of_order=NeverOutOfOrder("for what nobody was sent yet nobody has waited"),
    )


SUSPENDED: Final = contracts.ConsentSuspended(consent_id=CONSENT_ID, suspended_at=NOW)
RESUMED: Final = contracts.ConsentResumed(consent_id=CONSENT_ID, resumed_at=NOW)

CASES: Final = [
    ORGANISATION_RECORDED,
    Case(
        done=Said(facts_asked("referrals"), by="hub"),
        refused=NeverRefused(
            "a reader may ask for what it likes; of another service's facts nothing is said",
            Said(facts_asked("intake"), by="hub"),
        ),
        again=Again.IS_ANOTHER,
        out_of_order=NeverOutOfOrder("where nothing is known yet, there is nothing to say"),
    ),
    # -- services and consents
    Case(
        done=PUBLISHED[0],
        refused=Refused("service_of_another", Said(service_published(), by=ANOTHER), PUBLISHED),
        again="superseded",
        out_of_order=NeverOutOfOrder("a service begins with its publication"),
    ),
    Case(
        before=PUBLISHED,
        done=Said(capacity_stated(), by=RECIPIENT),
        refused=Refused("service_of_another", Said(capacity_stated(), by=ANOTHER), PUBLISHED),
        again="superseded",
        out_of_order="service_unknown",
    ),
    Case(
        done=WITH_CONSENT[-1],
        refused=NeverRefused(
            "intake has recorded it, and what it said first holds",
            Said(consent_recorded(recipients=(ANOTHER,)), by="hub"),
        ),
        again=Again.CHANGES_NOTHING,
        out_of_order=NeverOutOfOrder("intake has checked whose consent it is"),
    ),
    Case(
        before=WITH_CONSENT,
        done=Said(SUSPENDED, by="hub"),
        refused=NeverRefused("what is suspended is suspended", Said(SUSPENDED, by="hub")),
        again=Again.CHANGES_NOTHING,
        out_of_order="consent_unknown",
    ),
    Case(
        before=[*WITH_CONSENT, Said(SUSPENDED, by="hub")],
        done=Said(RESUMED, by="hub"),
        refused=NeverRefused("what holds holds", Said(RESUMED, by="hub")),
        again=Again.CHANGES_NOTHING,
        out_of_order={0: "consent_unknown"},
    ),
    Case(
        before=SENT,
        done=Said(consent_ended(), by="hub"),
        refused=NeverRefused("a consent that has ended has ended", Said(consent_ended(), by="hub")),
        again=Again.CHANGES_NOTHING,
        out_of_order="consent_unknown",
    ),
    Case(
        before=PUBLISHED,
        done=Said(sought()),
        refused=NeverRefused("a question is answered, if by naming nobody", Said(sought(need_code="shelter.rent"))),
        again=Again.IS_ANOTHER,
        out_of_order=NeverOutOfOrder("where nobody offers it, that is the answer"),
    ),
    # -- sending
    Case(
        before=WITH_CONSENT,
        done=SENT[-1],
        refused=Refused("consent_not_granted_to_you", Said(referral_requested(), by=ANOTHER), WITH_CONSENT),
        again="already_sent",
        out_of_order={0: "service_unknown", len(PUBLISHED): "consent_unknown"},
    ),
    Case(
        before=[
            *at("received"),
            Said(service_published(service_id=OTHER_SERVICE_ID), by=ANOTHER),
            Said(FRESH_CONSENT, by="hub"),
        ],
        done=said(stories.redirected),
        refused=not_yours("received", stories.redirected),
        again="already_redirected",
        out_of_order={
            0: "not_a_party",
            len(SENT): "not_while_sent",
            len(SENT) + 1: "service_unknown",
            len(SENT) + 2: "consent_unknown",
        },
    ),
    # -- answering
    moves("sent", stories.received, refused=not_yours("sent", stories.received), again="already_received"),
    moves(
        "received",
        stories.accepted,
        refused=not_yours("received", stories.accepted),
        again="already_accepted",
        overtaking=["sent"],
    ),
    moves(
        "received",
        stories.declined,
        refused=not_yours("received", stories.declined),
        again="already_declined",
        overtaking=["sent"],
    ),
    moves(
        "received",
        stories.waitlisted,
        refused=not_yours("received", stories.waitlisted),
        again="already_waitlisted",
        overtaking=["sent"],
    ),
    moves(
        "received",
        stories.info_requested,
        refused=not_yours("received", stories.info_requested),
        again="already_info_requested",
        overtaking=["sent"],
    ),
    moves(
        "info_requested",
        stories.info_provided,
        refused=Refused("nothing_asked", said(stories.info_provided), at("received")),
        again="nothing_asked",
    ),
    # -- serving
    moves(
        "accepted",
        stories.scheduled,
        refused=not_yours("accepted", stories.scheduled),
        again="already_scheduled",
        overtaking=["sent", "received"],
    ),
    moves(
        "scheduled",
        stories.no_show,
        refused=not_yours("scheduled", stories.no_show),
        again="already_no_show",
        overtaking=["sent", "received", "accepted"],
    ),
    moves(
        "scheduled",
        stories.visit_cancelled,
        refused=not_yours("scheduled", stories.visit_cancelled),
        again="already_visit_cancelled",
        overtaking=["sent", "received", "accepted"],
    ),
    moves(
        "accepted",
        stories.service_started,
        refused=not_yours("accepted", stories.service_started),
        again="already_in_service",
        overtaking=["sent", "received"],
    ),
    moves(
        "in_service",
        stories.service_noted,
        refused=Refused("not_while_closed", said(stories.service_noted), at("closed")),
        again=Again.IS_ANOTHER,
        overtaking=["sent", "received", "accepted"],
    ),
    moves(
        "accepted",
        stories.completed,
        refused=not_yours("accepted", stories.completed),
        again="already_completed",
        overtaking=["sent", "received"],
    ),
    moves("completed", stories.closed, refused=not_yours("completed", stories.closed), again="already_closed"),
    moves(
        "closed",
        stories.reopened,
        refused=Refused("not_yours", said(stories.reopened, RECIPIENT), at("closed")),
        again="already_in_service",
    ),
    # -- coordinating
    moves(
        "sent",
        stories.chased,
        refused=Refused("not_yours", said(stories.chased, RECIPIENT), at("sent")),
        again=Again.IS_ANOTHER,
    ),
    moves(
        "sent",
        stories.extended,
        refused=Refused("not_yours", said(stories.extended, RECIPIENT), at("sent")),
        again="already_extended",
    ),
    moves(
        "sent",
        stories.taken_on,
        refused=Refused("not_while_declined", said(stories.taken_on), at("declined")),
        again="already_taken_on",
    ),
    away_from(STRANGER),
    # -- writing to each other
    moves(
        "sent",
        stories.note_added,
        refused=Refused("note_to_yourself", said(stories.note_added, RECIPIENT), at("sent")),
        again=Again.IS_ANOTHER,
    ),
    # -- stopping
    moves(
        "accepted",
        stories.cancel_requested,
        refused=not_yours("accepted", stories.cancel_requested),
        again="already_cancel_requested",
    ),
    moves(
        "cancel_requested",
        stories.cancelled,
        refused=not_yours("cancel_requested", stories.cancelled),
        again="already_cancelled",
    ),
    moves(
        "received",
        stories.entered_in_error,
        refused=not_yours("received", stories.entered_in_error),
        again="already_entered_in_error",
    ),
    moves(
        "consent_withdrawn",
        stories.purged,
        refused=Refused("not_while_received", said(stories.purged), at("received")),
        again="already_purged",
    ),
    Case(
        before=at("received"),
        done=Said(ERASED, by="hub"),
        refused=NeverRefused("intake has erased the person: nobody may say no", Said(ERASED, by="hub")),
        again=Again.CHANGES_NOTHING,
        out_of_order=NeverOutOfOrder("of whom nobody has referred there is nothing to erase"),
    ),
]

# What is said of no scene of its own, but of what all scenes have sent: only where they are to meet.
MEETS_OTHERS: Final = [away_from(RECIPIENT)]
