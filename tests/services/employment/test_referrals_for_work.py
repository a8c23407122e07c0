"""Referrals bring people to work, training and businesses, and are answered by what happens there; nobody types."""

from typing import Any
from uuid import UUID

import pytest

from contracts import Message, codes, uuid7
from services.employment import rules
from tests.examples import ANOTHER, NOW, PERSON_ID, REFERRAL_ID
from tests.examples_employment import (
    CV,
    DAY,
    DELIVERY_ID,
    ENTREPRENEUR_ID,
    GUIDANCE,
    OURS,
    PARTICIPATION_ID,
    PILOT,
    SHORTLISTED,
    TRAINING,
    enrolled,
    entrepreneur_left,
    entrepreneur_struck_out,
    formalised,
    interviewed,
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
    service_received,
    session_held,
    step_taken,
)
from tests.services.employment.conftest import EmploymentUnderTest
from tests.services.employment.stories import VACANCY, kinds, refused, tell

TAKING_PART = rules.participations.id_from_referral(REFERRAL_ID)
BUSINESS = rules.entrepreneurs.id_from_referral(REFERRAL_ID)
FOR_A_BUSINESS = referral_offered(need_code="integration.entrepreneurship")


def answers(messages: list[Message[Any]]) -> list[str]:
    """What was answered to the referral, every word of it as its recipient."""
    said = [message for message in messages if message.type.startswith("referral.")]
    assert all((message.source, message.recipient) == (OURS, None) for message in said)
    return kinds(said)


def took_on(employment: EmploymentUnderTest, offered: Any = None) -> None:
    employment.be_told(offered or referral_offered(), sequence=1)


def to_work(participation_id: UUID = TAKING_PART) -> tuple[Any, ...]:
    """From the first step to the interview, for somebody whom a referral brought."""
    steps = (step_taken(step, participation_id=participation_id) for step in (CV, GUIDANCE, SHORTLISTED))
    return (*VACANCY, *steps, put_forward(participation_id=participation_id), interviewed())


# -- taken on ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("need_code", ["integration.employment", "education.training"])
def test_a_referral_for_work_or_training_becomes_a_participation(
    employment: EmploymentUnderTest, need_code: str
) -> None:
    heard = employment.be_told(referral_offered(need_code=need_code), sequence=1)
    assert kinds(heard) == ["referral.received", "referral.accepted", "participation.recorded"]
    assert answers(heard) == ["referral.received", "referral.accepted"]
    said = heard[-1].data
    assert (said.participation_id, said.person_id, said.organisation) == (TAKING_PART, PERSON_ID, OURS)
    assert (said.programme, said.state, said.started_at) == ("employability", "enrolled", NOW)


def test_a_referral_for_a_business_becomes_an_entrepreneur_of_whom_the_organisation_says_the_business(
    employment: EmploymentUnderTest,
) -> None:
    heard = employment.be_told(FOR_A_BUSINESS, sequence=1)
    assert kinds(heard) == ["referral.received", "referral.accepted", "entrepreneur.recorded"]
    assert (heard[-1].data.entrepreneur_id, heard[-1].data.zone, heard[-1].data.stage) == (BUSINESS, None, "enrolled")
    described = enrolled(entrepreneur_id=BUSINESS)
    refused(employment, enrolled(entrepreneur_id=BUSINESS, person_id=uuid7()), "already_enrolled")
    refused(employment, described, "enrolled_by_another", source=ANOTHER)
    (recorded,) = tell(employment, described)
    assert (recorded.sequence, recorded.data.zone) == (2, "08001")
    refused(employment, described, "already_enrolled")


@pytest.mark.parametrize(
    "offered",
    [
        referral_offered(need_code="health.consultation"),
        referral_offered(person_id=None, case_code="TRA-0001"),
    ],
    ids=["another need", "a confidential case"],
)
def test_any_other_referral_is_left_to_the_organisations_staff(employment: EmploymentUnderTest, offered: Any) -> None:
    assert employment.be_told(offered, sequence=1) == []
    assert employment.be_told(referral_status("received"), sequence=2) == []
    assert employment.be_told(referral_status("consent_withdrawn", purge_by=NOW + DAY), sequence=3) == []
    assert employment.rows("select 1 from referral union all select 1 from participation") == []


def test_a_referral_offered_twice_is_taken_on_once(employment: EmploymentUnderTest) -> None:
    took_on(employment)
    assert employment.be_told(referral_offered(), sequence=1) == []


def test_somebody_who_takes_part_already_is_found_there(employment: EmploymentUnderTest) -> None:
    tell(employment, *VACANCY, participation_started(programme="employability"), step_taken(CV))
    heard = employment.be_told(referral_offered(), sequence=1)
    assert kinds(heard) == ["referral.received", "referral.accepted", "referral.service_started"]
    later = (step_taken(GUIDANCE), step_taken(SHORTLISTED), put_forward(), interviewed(), placed())
    assert answers(tell(employment, *later)) == ["referral.completed"]


def test_an_entrepreneur_who_is_accompanied_already_is_found_there(employment: EmploymentUnderTest) -> None:
    tell(employment, enrolled(), mentor_assigned())
    heard = employment.be_told(FOR_A_BUSINESS, sequence=1)
    assert kinds(heard) == ["referral.received", "referral.accepted", "referral.service_started"]


def test_an_id_that_another_organisation_has_used_up_is_left_to_the_staff(employment: EmploymentUnderTest) -> None:
    tell(employment, participation_started(participation_id=TAKING_PART, person_id=uuid7()), source=ANOTHER)
    tell(employment, enrolled(entrepreneur_id=BUSINESS, person_id=uuid7()), source=ANOTHER)
    assert employment.be_told(referral_offered(), sequence=1) == []
    assert employment.be_told(FOR_A_BUSINESS, sequence=1) == []


# -- served -----------------------------------------------------------------------------------------------------------


def test_the_first_step_starts_the_service_and_the_placement_meets_the_need(employment: EmploymentUnderTest) -> None:
    took_on(employment)
    assert answers(tell(employment, *to_work())) == ["referral.service_started"]
    heard = tell(employment, placed())
    assert answers(heard) == ["referral.completed"]
    assert (heard[-1].data.outcome, heard[-1].data.not_met_reason) == ("need_met", None)
    assert answers(tell(employment, participation_ended(participation_id=TAKING_PART))) == []


def test_training_meets_the_need_for_training(employment: EmploymentUnderTest) -> None:
    took_on(employment, referral_offered(need_code="education.training"))
    steps = [step_taken(step, participation_id=TAKING_PART) for step in (CV, GUIDANCE, TRAINING)]
    assert answers(tell(employment, *steps)) == ["referral.service_started", "referral.completed"]


def test_a_mentor_starts_the_service_and_formalising_meets_the_need(employment: EmploymentUnderTest) -> None:
    took_on(employment, FOR_A_BUSINESS)
    assert answers(tell(employment, mentor_assigned(entrepreneur_id=BUSINESS))) == ["referral.service_started"]
    heard = tell(employment, session_held(entrepreneur_id=BUSINESS), formalised(entrepreneur_id=BUSINESS))
    assert answers(heard) == ["referral.completed"]
    assert heard[-1].data.outcome == "need_met"


def test_a_participation_in_another_programme_that_names_the_referral_answers_it_too(
    employment: EmploymentUnderTest,
) -> None:
    took_on(employment)
    heard = tell(employment, participation_started(referral_id=REFERRAL_ID), service_received())
    assert kinds(heard) == ["participation.recorded", "service.delivered", "referral.service_started"]
    assert answers(tell(employment, *to_work(PARTICIPATION_ID), placed())) == ["referral.completed"]


def test_a_referral_that_somebody_elses_system_answers_is_not_answered_here(employment: EmploymentUnderTest) -> None:
    tell(employment, participation_started(referral_id=REFERRAL_ID, programme="employability"))
    assert answers(tell(employment, *to_work(PARTICIPATION_ID), placed())) == []


def test_another_organisations_participation_answers_nobodys_referral(employment: EmploymentUnderTest) -> None:
    took_on(employment)
    theirs = (participation_started(referral_id=REFERRAL_ID), step_taken(CV))
    assert kinds(tell(employment, *theirs, source=ANOTHER)) == ["participation.recorded"] * 2


# -- ended ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "ended", "outcome", "reason"),
    [
        ((CV,), {"completed": True}, "partly_met", None),
        ((CV, GUIDANCE, TRAINING), {"completed": False, "reason": codes.LeaveReason.LOST_CONTACT}, "partly_met", None),
        ((), {"completed": False}, "not_met", "service_ended"),
        ((CV,), {"completed": False, "reason": codes.LeaveReason.RESETTLED}, "not_met", "person_moved_away"),
        ((CV,), {"completed": False, "reason": codes.LeaveReason.LOST_CONTACT}, "not_met", "could_not_contact"),
        ((), {"completed": False, "reason": codes.LeaveReason.NO_LONGER_INTERESTED}, "person_withdrew", None),
    ],
)
def test_an_end_without_work_completes_the_referral_with_what_came_of_it(
    employment: EmploymentUnderTest, steps: tuple[Any, ...], ended: dict[str, Any], outcome: str, reason: str | None
) -> None:
    took_on(employment)
    tell(employment, *(step_taken(step, participation_id=TAKING_PART) for step in steps))
    heard = tell(employment, participation_ended(participation_id=TAKING_PART, **ended))
    assert answers(heard) == ["referral.completed"]
    assert (heard[-1].data.outcome, heard[-1].data.not_met_reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("before", "outcome", "reason"),
    [
        ((mentor_assigned, session_held, plan_approved), "partly_met", None),
        ((), "not_met", "person_moved_away"),
    ],
)
def test_an_entrepreneur_who_leaves_completes_the_referral(
    employment: EmploymentUnderTest, before: tuple[Any, ...], outcome: str, reason: str | None
) -> None:
    took_on(employment, FOR_A_BUSINESS)
    tell(employment, *(say(entrepreneur_id=BUSINESS) for say in before))
    heard = tell(employment, entrepreneur_left(entrepreneur_id=BUSINESS))
    assert answers(heard) == ["referral.completed"]
    assert (heard[-1].data.outcome, heard[-1].data.not_met_reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("struck_out_for", "reason"), [("duplicate", "duplicate"), ("training_or_test", "not_applicable")]
)
def test_who_is_struck_out_is_given_back_to_the_sender(
    employment: EmploymentUnderTest, struck_out_for: str, reason: str
) -> None:
    took_on(employment)
    took_on(employment, referral_offered(referral_id=(other := uuid7()), need_code="integration.entrepreneurship"))
    why = codes.StrikeReason(struck_out_for)
    business = rules.entrepreneurs.id_from_referral(other)
    heard = tell(
        employment,
        participation_struck_out(participation_id=TAKING_PART, reason=why),
        entrepreneur_struck_out(entrepreneur_id=business, reason=why),
    )
    assert answers(heard) == ["referral.declined", "referral.declined"]
    assert [heard[1].data.reason, heard[3].data.reason] == [reason, reason]


# -- stopped ----------------------------------------------------------------------------------------------------------


def states(employment: EmploymentUnderTest) -> list[str]:
    rows = employment.rows("select state from participation union all select state from entrepreneur")
    return [row["state"] for row in rows]


@pytest.mark.parametrize(
    ("state", "more", "answered"),
    [
        ("cancel_requested", {"cancel_reason": codes.CancelReason.PERSON_MOVED_AWAY}, ["referral.cancelled"]),
        ("cancelled", {}, []),
        ("declined", {"decline_reason": codes.DeclineReason.SAFETY}, []),
        ("redirected", {}, []),
        ("expired", {}, []),
        ("consent_withdrawn", {"purge_by": NOW + 15 * DAY}, ["referral.purged"]),
    ],
)
@pytest.mark.parametrize("offered", [referral_offered(), FOR_A_BUSINESS], ids=["work", "business"])
def test_what_a_referral_brought_ends_when_it_stops(
    employment: EmploymentUnderTest, offered: Any, state: str, more: dict[str, Any], answered: list[str]
) -> None:
    took_on(employment, offered)
    heard = employment.be_told(referral_status(state, **more), sequence=4)
    assert answers(heard) == answered
    assert kinds(heard)[-1] in ("participation.recorded", "entrepreneur.recorded")
    assert states(employment) == ["left"]
    assert answers(employment.be_told(referral_status("cancelled"), sequence=5)) == []


def test_an_answer_after_the_stop_is_not_given(employment: EmploymentUnderTest) -> None:
    took_on(employment)
    employment.be_told(referral_status("cancelled"), sequence=4)
    assert answers(tell(employment, step_taken(CV, participation_id=TAKING_PART, taken_at=NOW))) == []


def test_a_referral_entered_in_error_strikes_out_what_has_not_begun(employment: EmploymentUnderTest) -> None:
    took_on(employment)
    took_on(employment, referral_offered(referral_id=(other := uuid7()), need_code="integration.entrepreneurship"))
    in_error = {"error_reason": codes.ErrorReason.WRONG_PERSON}
    employment.be_told(referral_status("entered_in_error", **in_error), sequence=4)
    employment.be_told(referral_status("entered_in_error", referral_id=other, **in_error), sequence=4)
    assert states(employment) == ["struck_out", "struck_out"]


def test_what_has_begun_under_a_referral_entered_in_error_ends_and_counts(employment: EmploymentUnderTest) -> None:
    took_on(employment)
    took_on(employment, referral_offered(referral_id=(other := uuid7()), need_code="integration.entrepreneurship"))
    business = rules.entrepreneurs.id_from_referral(other)
    tell(employment, step_taken(CV, participation_id=TAKING_PART), mentor_assigned(entrepreneur_id=business))
    in_error = {"error_reason": codes.ErrorReason.WRONG_PERSON}
    employment.be_told(referral_status("entered_in_error", **in_error), sequence=4)
    employment.be_told(referral_status("entered_in_error", referral_id=other, **in_error), sequence=4)
    assert states(employment) == ["left", "left"]


def test_what_another_referral_keeps_going_goes_on(employment: EmploymentUnderTest) -> None:
    took_on(employment)
    other = uuid7()
    took_on(employment, referral_offered(referral_id=other, need_code="education.training"))
    assert kinds(employment.be_told(referral_status("cancel_requested"), sequence=4)) == ["referral.cancelled"]
    assert states(employment) == ["enrolled"]
    steps = [step_taken(step, participation_id=TAKING_PART) for step in (CV, GUIDANCE, TRAINING)]
    heard = [one for one in tell(employment, *steps) if one.type.startswith("referral.")]
    assert {one.data.referral_id for one in heard} == {other}


def test_what_the_organisation_began_itself_goes_on_when_a_referral_stops(employment: EmploymentUnderTest) -> None:
    tell(employment, participation_started(programme="employability"))
    took_on(employment)
    assert kinds(employment.be_told(referral_status("cancel_requested"), sequence=4)) == ["referral.cancelled"]
    assert states(employment) == ["enrolled"]


def test_an_older_word_on_a_referral_changes_nothing(employment: EmploymentUnderTest) -> None:
    took_on(employment)
    employment.be_told(referral_status("in_service"), sequence=5)
    assert employment.be_told(referral_status("cancelled"), sequence=4) == []
    assert states(employment) == ["enrolled"]


def test_what_staff_have_said_themselves_is_not_said_again(employment: EmploymentUnderTest) -> None:
    took_on(employment)
    employment.be_told(referral_status("in_service"), sequence=4)
    assert answers(tell(employment, step_taken(CV, participation_id=TAKING_PART))) == []
    employment.be_told(referral_status("completed", outcome=codes.Outcome.PARTLY_MET), sequence=5)
    assert answers(tell(employment, participation_ended(participation_id=TAKING_PART))) == []


def test_a_referral_that_was_opened_again_is_completed_again(employment: EmploymentUnderTest) -> None:
    took_on(employment)
    tell(employment, *to_work(), placed())
    employment.be_told(referral_status("in_service"), sequence=4)  # heard of after it was completed here
    employment.be_told(referral_status("closed", outcome=codes.Outcome.NEED_MET), sequence=6)
    reopened = referral_status("in_service", reopen_reason=codes.ReopenReason.NEED_RETURNED)
    employment.be_told(reopened, sequence=7)
    heard = tell(employment, participation_ended(participation_id=TAKING_PART, completed=False))
    assert answers(heard) == ["referral.completed"]
    assert heard[-1].data.outcome == "not_met"


# -- purged -----------------------------------------------------------------------------------------------------------


def test_a_referral_that_had_ended_is_purged_when_the_hub_asks(employment: EmploymentUnderTest) -> None:
    took_on(employment)
    tell(employment, *to_work(), placed())
    employment.be_told(referral_status("closed", outcome=codes.Outcome.NEED_MET), sequence=6)
    heard = employment.be_told(purge_reminder())
    assert answers(heard) == ["referral.purged"]
    assert states(employment) == ["left"]
    assert employment.rows("select interviewed_at, due_on from candidacy") == [{"interviewed_at": None, "due_on": None}]


def test_other_reminders_and_those_about_other_referrals_are_left_to_the_staff(
    employment: EmploymentUnderTest,
) -> None:
    assert employment.be_told(purge_reminder()) == []
    took_on(employment)
    assert employment.be_told(purge_reminder(waits_for=codes.ReminderAbout.DECISION)) == []
    assert states(employment) == ["enrolled"]


def test_a_withdrawn_consent_leaves_nothing_of_what_the_referral_brought_but_what_is_counted(
    employment: EmploymentUnderTest,
) -> None:
    took_on(employment)
    tell(employment, participation_started(referral_id=REFERRAL_ID, programme=PILOT), service_received())
    took_on(employment, referral_offered(referral_id=(other := uuid7()), need_code="integration.entrepreneurship"))
    business = rules.entrepreneurs.id_from_referral(other)
    tell(employment, enrolled(entrepreneur_id=business), mentor_assigned(entrepreneur_id=business))
    for referral_id in (REFERRAL_ID, other):
        withdrawn = referral_status("consent_withdrawn", referral_id=referral_id, purge_by=NOW + 15 * DAY)
        assert answers(employment.be_told(withdrawn, sequence=5)) == ["referral.purged"]
    assert set(states(employment)) == {"left"}
    assert employment.rows("select delivery_id, need_code, delivered_at from delivery") == [
        {"delivery_id": DELIVERY_ID, "need_code": None, "delivered_at": None}
    ]
    assert employment.rows("select business, mentor from entrepreneur") == [{"business": None, "mentor": None}]
    assert business != ENTREPRENEUR_ID
