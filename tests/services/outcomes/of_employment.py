"""What employment does with each of its messages."""

from typing import Any, Final

import contracts
from tests.examples import ANOTHER, DAY, NOW, PERSON_ID
from tests.examples_employment import (
    CV,
    GUIDANCE,
    OURS,
    SHORTLISTED,
    agreement_signed,
    business_followed_up,
    capital_granted,
    employer_registered,
    enrolled,
    entrepreneur_left,
    entrepreneur_struck_out,
    followed_up,
    formalised,
    interviewed,
    long_ago,
    mentor_assigned,
    participation_ended,
    participation_started,
    participation_struck_out,
    placed,
    plan_approved,
    purge_reminder,
    put_forward,
    referral_offered,
    referral_status,
    rejected,
    service_received,
    session_held,
    step_taken,
    vacancy_closed,
    vacancy_opened,
)
from tests.services.outcomes.cases import Again, Case, NeverOutOfOrder, NeverRefused, Refused, Said
from tests.services.outcomes.of_organisations import ORGANISATION_RECORDED


def told(data: Any, by: str, number: int = 1) -> Said:
    """What is said of what has happened already."""
    return Said(long_ago(data), by=by, number=number)


def ours(*data: Any) -> list[Said]:
    """What we say, one after the other."""
    return [told(one, by=OURS) for one in data]


def hubs(data: Any, number: int = 1) -> Said:
    """What the hub says."""
    return told(data, by="hub", number=number)


EMPLOYER: Final = ours(employer_registered())
VACANCY: Final = [*EMPLOYER, *ours(vacancy_opened())]
ENROLLED: Final = ours(participation_started())
SHORTLIST: Final = [*ENROLLED, *ours(step_taken(CV), step_taken(GUIDANCE), step_taken(SHORTLISTED))]
CANDIDATE: Final = [*VACANCY, *SHORTLIST, *ours(put_forward())]
INTERVIEWED: Final = [*CANDIDATE, *ours(interviewed())]
AT_WORK: Final = [*INTERVIEWED, *ours(placed())]

WITH_BUSINESS: Final = ours(enrolled())
WITH_MENTOR: Final = [*WITH_BUSINESS, *ours(mentor_assigned())]
WITH_SESSION: Final = [*WITH_MENTOR, *ours(session_held())]
WITH_PLAN: Final = [*WITH_SESSION, *ours(plan_approved())]
GONE: Final = [*WITH_BUSINESS, *ours(entrepreneur_left())]

TAKEN_ON: Final = [hubs(referral_offered())]
ERASED: Final = contracts.PersonErased(person_id=PERSON_ID, erased_at=NOW)

FOR_STAFF: Final = "a referral that is not for what is done here is left to the organisation's staff, in silence"


def after(before: list[Said], done: Any, *, refused: Refused, again: str, out_of_order: str | dict[int, str]) -> Case:
    """We say something that other things have to come before."""
    return Case(before=before, done=told(done, by=OURS), refused=refused, again=again, out_of_order=out_of_order)


def refusal(code: str, said: Any, before: list[Said]) -> Refused:
    """We say something that is refused."""
    return Refused(code, told(said, by=OURS), before)


CASES: Final = [
    ORGANISATION_RECORDED,
    # -- employers and vacancies
    Case(
        done=EMPLOYER[0],
        refused=Refused("registered_by_another", told(employer_registered(), by=ANOTHER), EMPLOYER),
        again="already_registered",
        out_of_order=NeverOutOfOrder("work with an employer begins with its registration"),
    ),
    after(
        EMPLOYER,
        agreement_signed(),
        refused=refusal(
            "already_signed", agreement_signed(programme="another"), [*EMPLOYER, *ours(agreement_signed())]
        ),
        again="already_signed",
        out_of_order="employer_unknown",
    ),
    after(
        EMPLOYER,
        vacancy_opened(),
        refused=refusal("already_opened", vacancy_opened(places=2), VACANCY),
        again="already_opened",
        out_of_order="employer_unknown",
    ),
    after(
        VACANCY,
        vacancy_closed(),
        refused=refusal("already_closed", vacancy_closed(closed_at=NOW), [*VACANCY, *ours(vacancy_closed())]),
        again="already_closed",
        out_of_order="vacancy_unknown",
    ),
    # -- participations
    Case(
        done=ENROLLED[0],
        refused=refusal(
            "already_takes_part",
            participation_started(participation_id=contracts.uuid7()),
            ENROLLED,
        ),
        again="already_started",
        out_of_order=NeverOutOfOrder("whoever takes part may be registered with intake later: reports join them"),
    ),
    after(
        [*ENROLLED, *ours(step_taken(CV))],
        step_taken(GUIDANCE),
        refused=refusal("not_while_struck_out", step_taken(GUIDANCE), [*ENROLLED, *ours(participation_struck_out())]),
        again="already_taken",
        out_of_order={0: "participation_unknown", len(ENROLLED): "step_missing"},
    ),
    after(
        ENROLLED,
        service_received(),
        refused=refusal("not_a_service_of_the_programme", service_received(need_code="shelter.rent"), ENROLLED),
        again="already_received",
        out_of_order="participation_unknown",
    ),
    after(
        ENROLLED,
        participation_ended(),
        refused=refusal("not_while_struck_out", participation_ended(), [*ENROLLED, *ours(participation_struck_out())]),
        again="already_ended",
        out_of_order="participation_unknown",
    ),
    after(
        AT_WORK,
        participation_struck_out(),
        refused=refusal(
            "already_struck_out", participation_struck_out(), [*ENROLLED, *ours(participation_struck_out())]
        ),
        again="already_struck_out",
        out_of_order="participation_unknown",
    ),
    # -- candidacies and placements
    after(
        [*ENROLLED, *VACANCY, *SHORTLIST[1:]],
        put_forward(),
        refused=refusal("vacancy_closed", put_forward(), [*VACANCY, *SHORTLIST, *ours(vacancy_closed(closed_at=NOW))]),
        again="already_put_forward",
        out_of_order={0: "participation_unknown", 1: "vacancy_unknown", 3: "step_missing"},
    ),
    after(
        CANDIDATE,
        interviewed(),
        refused=refusal("not_while_rejected", interviewed(), [*CANDIDATE, *ours(rejected(rejected_at=NOW + 2 * DAY))]),
        again="already_interviewed",
        out_of_order="candidacy_unknown",
    ),
    after(
        INTERVIEWED,
        rejected(),
        refused=refusal("not_while_placed", rejected(), AT_WORK),
        again="already_rejected",
        out_of_order="candidacy_unknown",
    ),
    after(
        INTERVIEWED,
        placed(),
        refused=refusal("not_while_rejected", placed(), [*INTERVIEWED, *ours(rejected())]),
        again="already_placed",
        out_of_order={0: "candidacy_unknown", len(CANDIDATE): "not_interviewed"},
    ),
    after(
        AT_WORK,
        followed_up(),
        refused=refusal("not_while_rejected", followed_up(), [*CANDIDATE, *ours(rejected())]),
        again="already_followed_up",
        out_of_order={0: "candidacy_unknown", len(INTERVIEWED): "not_placed"},
    ),
    # -- entrepreneurs
    Case(
        done=WITH_BUSINESS[0],
        refused=Refused("enrolled_by_another", told(enrolled(), by=ANOTHER), WITH_BUSINESS),
        again="already_enrolled",
        out_of_order=NeverOutOfOrder("whoever is accompanied may be registered with intake later: reports join them"),
    ),
    after(
        WITH_BUSINESS,
        mentor_assigned(),
        refused=refusal("superseded", mentor_assigned(mentor="M-08", assigned_at=NOW), WITH_MENTOR),
        again="already_assigned",
        out_of_order="entrepreneur_unknown",
    ),
    after(
        WITH_MENTOR,
        session_held(),
        refused=refusal("not_while_left", session_held(held_at=NOW + 101 * DAY), [*WITH_MENTOR, GONE[-1]]),
        again="already_held",
        out_of_order={0: "entrepreneur_unknown", len(WITH_BUSINESS): "no_mentor"},
    ),
    after(
        WITH_SESSION,
        plan_approved(),
        refused=refusal("not_while_left", plan_approved(approved_at=NOW + 101 * DAY), [*WITH_SESSION, GONE[-1]]),
        again="already_approved",
        out_of_order={0: "entrepreneur_unknown", len(WITH_MENTOR): "no_session"},
    ),
    after(
        WITH_PLAN,
        capital_granted(),
        refused=refusal("before_the_plan", capital_granted(granted_at=NOW), WITH_PLAN),
        again="already_granted",
        out_of_order={0: "entrepreneur_unknown", len(WITH_SESSION): "no_approved_plan"},
    ),
    after(
        WITH_BUSINESS,
        formalised(),
        refused=refusal("not_while_left", formalised(formalised_on=(NOW + 102 * DAY).date()), GONE),
        again="already_formalised",
        out_of_order="entrepreneur_unknown",
    ),
    after(
        WITH_BUSINESS,
        business_followed_up(),
        refused=refusal("not_while_left", business_followed_up(followed_up_at=NOW + 101 * DAY), GONE),
        again="already_followed_up",
        out_of_order="entrepreneur_unknown",
    ),
    after(
        WITH_BUSINESS,
        entrepreneur_left(),
        refused=refusal(
            "not_while_struck_out", entrepreneur_left(), [*WITH_BUSINESS, *ours(entrepreneur_struck_out())]
        ),
        again="already_left",
        out_of_order="entrepreneur_unknown",
    ),
    after(
        WITH_BUSINESS,
        entrepreneur_struck_out(),
        refused=refusal(
            "already_struck_out", entrepreneur_struck_out(), [*WITH_BUSINESS, *ours(entrepreneur_struck_out())]
        ),
        again="already_struck_out",
        out_of_order="entrepreneur_unknown",
    ),
    # -- what the hub says
    Case(
        done=TAKEN_ON[0],
        refused=NeverRefused(FOR_STAFF, hubs(referral_offered(need_code="shelter.rent"))),
        again=Again.CHANGES_NOTHING,
        out_of_order=NeverOutOfOrder("an offer is the first that is heard of a referral"),
    ),
    Case(
        before=TAKEN_ON,
        done=hubs(referral_status("cancel_requested"), number=3),
        refused=NeverRefused("an older word is passed over", hubs(referral_status("received"), number=2)),
        again=Again.CHANGES_NOTHING,
        out_of_order=NeverOutOfOrder(FOR_STAFF),
    ),
    Case(
        before=[*TAKEN_ON, hubs(referral_status("closed"), number=3)],
        done=hubs(purge_reminder()),
        refused=NeverRefused("a receipt that is asked for again is given again", hubs(purge_reminder())),
        again=Again.IS_ANOTHER,
        out_of_order=NeverOutOfOrder(FOR_STAFF),
    ),
    Case(
        before=[*ENROLLED, *WITH_BUSINESS],
        done=hubs(ERASED),
        refused=NeverRefused("intake has erased the person: nobody may say no", hubs(ERASED)),
        again=Again.CHANGES_NOTHING,
        out_of_order=NeverOutOfOrder("of who takes part in nothing there is nothing to erase"),
    ),
]
