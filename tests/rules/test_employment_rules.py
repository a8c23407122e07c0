"""The way to work and to a business, without a database: each outcome of each rule."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from contracts import codes, uuid7
from services.employment import rules
from services.employment.rules import candidacies, employers, entrepreneurs, participations, referrals
from services.employment.rules.participations import Step
from services.employment.rules.referrals import Answer
from tests.examples import NOW

DAY = timedelta(days=1)


def an_employer(**overrides: Any) -> employers.Employer:
    employer = employers.Employer(uuid7(), "iom", NOW, "Panadería La Espiga Dorada", "food_and_drink", "08001")
    return replace(employer, **overrides)


def a_vacancy(**overrides: Any) -> employers.Vacancy:
    vacancy = employers.Vacancy(uuid7(), "iom", uuid7(), "Panadero", "7512", 2, "08001", "fixed_term", NOW)
    return replace(vacancy, **overrides)


def a_participation(**overrides: Any) -> participations.Participation:
    return replace(participations.Participation(uuid7(), "iom", uuid7(), "employment_pilot", NOW), **overrides)


def a_candidacy(**overrides: Any) -> candidacies.Candidacy:
    return replace(candidacies.Candidacy(uuid7(), "iom", uuid7(), uuid7(), NOW), **overrides)


def an_entrepreneur(**overrides: Any) -> entrepreneurs.Entrepreneur:
    return replace(entrepreneurs.Entrepreneur(uuid7(), "iom", uuid7(), NOW, business="tailoring"), **overrides)


def a_referral(**overrides: Any) -> referrals.Referral:
    return replace(referrals.Referral(uuid7(), "iom", "placed", participation_id=uuid7()), **overrides)


def refused(code: str) -> Any:
    return pytest.raises(rules.Refused, match=rf"^{code}$")


def out_of_order(code: str) -> Any:
    return pytest.raises(rules.MissingPrerequisite, match=rf"^{code}$")


# -- employers and vacancies ------------------------------------------------------------------------------------------


def test_programmes_are_counted_once_and_in_order() -> None:
    employer = employers.sign(employers.sign(an_employer(), "b"), "a")
    assert (employers.sign(employer, "b").programmes, employer.sequence) == (("a", "b"), 3)


def test_places_are_filled_to_the_last_and_given_back() -> None:
    full = employers.fill(employers.fill(a_vacancy()))
    with refused("no_places_left"):
        employers.fill(full)
    assert employers.fill(employers.vacate(full)).placed == 2


@pytest.mark.parametrize(
    ("vacancy", "at", "code"),
    [
        (a_vacancy(closed_at=NOW), NOW + DAY, "vacancy_closed"),
        (a_vacancy(apply_by=date(2026, 3, 2)), datetime(2026, 3, 3, 5, 0, tzinfo=UTC), "apply_by_passed"),
    ],
)
def test_a_vacancy_takes_nobody_after_its_end(vacancy: employers.Vacancy, at: datetime, code: str) -> None:
    with refused(code):
        employers.check_takes_candidates(vacancy, at=at)


def test_a_vacancy_takes_candidates_until_its_end() -> None:
    employers.check_takes_candidates(a_vacancy(closed_at=NOW), at=NOW)
    last_moment = datetime(2026, 3, 3, 4, 59, tzinfo=UTC)
    employers.check_takes_candidates(a_vacancy(apply_by=date(2026, 3, 2)), at=last_moment)


# -- participations ---------------------------------------------------------------------------------------------------


def test_the_route_is_walked_with_or_without_training() -> None:
    participation = a_participation()
    for step in (Step.CV_REGISTERED, Step.VOCATIONAL_GUIDANCE, Step.SHORTLISTED, Step.TRAINING):
        participation = participations.take_step(participation, step, at=NOW)
    assert set(participation.steps) == set(Step)
    assert participation.sequence == 5


@pytest.mark.parametrize("step", [step for step in Step if step != Step.CV_REGISTERED])
def test_each_step_waits_for_the_one_that_it_needs(step: Step) -> None:
    with out_of_order("step_missing"):
        participations.take_step(a_participation(), step, at=NOW)


def test_the_steps_are_those_that_messages_name() -> None:
    assert [*Step] == [*codes.EmployabilityStep]
    assert {*participations.State} == {*codes.ParticipationState}
    assert {*Step} == {*participations.NEEDS}


@pytest.mark.parametrize(
    ("state", "what", "code"),
    [
        (participations.State.LEFT, {}, "already_ended"),
        (participations.State.COMPLETED, {}, "already_ended"),
        (participations.State.STRUCK_OUT, {}, "not_while_struck_out"),
    ],
)
def test_a_participation_ends_only_while_it_is_open(
    state: participations.State, what: dict[str, Any], code: str
) -> None:
    with refused(code):
        participations.end(a_participation(state=state, ended_at=NOW), completed=True, at=NOW)


def test_a_stop_leaves_what_had_ended_as_it_was() -> None:
    ended = participations.end(a_participation(), completed=True, at=NOW)
    assert participations.stop(ended, at=NOW + DAY) is ended
    assert participations.stop(a_participation(), at=NOW).state == "left"


def test_undoing_strikes_out_what_has_not_begun_and_stops_what_has() -> None:
    begun = participations.take_step(a_participation(), Step.CV_REGISTERED, at=NOW)
    assert participations.undo(begun, at=NOW).state == "left"
    assert participations.undo(a_participation(), at=NOW).state == "struck_out"
    assert entrepreneurs.undo(an_entrepreneur(), at=NOW).state == "struck_out"
    mentored = entrepreneurs.assign_mentor(an_entrepreneur(), "M-07", at=NOW)
    assert entrepreneurs.undo(mentored, at=NOW).state == "left"


def test_nobody_who_was_struck_out_finds_work() -> None:
    with refused("not_while_struck_out"):
        participations.place(participations.strike_out(a_participation()))


def test_an_organisation_can_work_out_the_ids_that_a_referral_becomes() -> None:
    referral_id = uuid7()
    assert participations.id_from_referral(referral_id) == participations.id_from_referral(referral_id)
    assert participations.id_from_referral(referral_id) != entrepreneurs.id_from_referral(referral_id)


# -- candidacies ------------------------------------------------------------------------------------------------------


def at_work(**overrides: Any) -> candidacies.Candidacy:
    interviewed = candidacies.interview(a_candidacy(), at=NOW)
    placed = candidacies.place(interviewed, starts_on=date(2026, 3, 16), contract_signed="fixed_term", at=NOW)
    return replace(placed, **overrides)


def test_a_placement_waits_for_its_first_follow_up() -> None:
    assert (at_work().next_day, at_work().due_on, at_work().sequence) == (30, date(2026, 4, 15), 1)


def test_every_follow_up_is_told_once() -> None:
    candidacy, days = at_work(), []
    while candidacy.next_day is not None:
        days.append(candidacy.next_day)
        candidacy = candidacies.tell_follow_up(candidacy)
    assert tuple(days) == candidacies.FOLLOW_UP_DAYS
    assert candidacy.due_on is None


@pytest.mark.parametrize(
    ("told", "done", "following"),
    [(0, [30], 90), (0, [90], 180), (0, [180], None), (1, [30], 90), (2, [30, 90], 180), (0, [90, 30], 180)],
)
def test_a_follow_up_that_was_done_is_not_asked_for_nor_are_those_before_it(
    told: int, done: list[int], following: int | None
) -> None:
    candidacy = at_work()
    for _ in range(told):
        candidacy = candidacies.tell_follow_up(candidacy)
    for day in done:
        candidacy = candidacies.follow_up(candidacy, day, "still_employed")
    assert candidacy.next_day == following


def test_the_latest_follow_up_is_the_one_of_the_latest_day() -> None:
    assert candidacies.last_follow_up(at_work()) is None
    candidacy = candidacies.follow_up(at_work(), 90, "not_employed")
    candidacy = candidacies.follow_up(candidacy, 30, "still_employed")
    assert candidacies.last_follow_up(candidacy) == (90, "not_employed")


@pytest.mark.parametrize("state", [candidacies.State.PLACED, candidacies.State.STRUCK_OUT])
def test_nobody_is_rejected_who_was_placed_or_struck_out(state: candidacies.State) -> None:
    with refused(f"not_while_{state}"):
        candidacies.reject(a_candidacy(state=state), by_employer=True, at=NOW)


def test_erasing_keeps_that_somebody_was_placed_and_when() -> None:
    erased = candidacies.erase(at_work())
    assert (erased.state, erased.starts_on) == ("placed", date(2026, 3, 16))
    assert (erased.interviewed_at, erased.contract_signed, erased.next_day, erased.due_on) == (None, None, None, None)


# -- entrepreneurs ----------------------------------------------------------------------------------------------------


def test_the_stages_are_those_that_messages_name() -> None:
    entrepreneur, stages = an_entrepreneur(), []
    for step in (
        lambda one: one,
        lambda one: entrepreneurs.hold_session(entrepreneurs.assign_mentor(one, "M-07", at=NOW), at=NOW),
        lambda one: entrepreneurs.approve_plan(one, at=NOW),
        lambda one: entrepreneurs.grant_capital(one, at=NOW),
        lambda one: entrepreneurs.formalise(one, on=NOW.date()),
        lambda one: entrepreneurs.leave(one, reason="moved_away", at=NOW),
        entrepreneurs.strike_out,
    ):
        entrepreneur = step(entrepreneur)
        stages.append(entrepreneur.stage)
    assert stages == [*codes.EntrepreneurStage]


def test_no_capital_without_an_approved_plan() -> None:
    with out_of_order("no_approved_plan"):
        entrepreneurs.grant_capital(an_entrepreneur(), at=NOW)
    with refused("before_the_plan"):
        entrepreneurs.grant_capital(an_entrepreneur(plan_approved_at=NOW + DAY), at=NOW)


def test_no_plan_without_a_session_and_no_session_without_a_mentor() -> None:
    with out_of_order("no_session"):
        entrepreneurs.approve_plan(an_entrepreneur(), at=NOW)
    with out_of_order("no_mentor"):
        entrepreneurs.hold_session(an_entrepreneur(), at=NOW)


# -- referrals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "what", "following"),
    [
        (Answer.ACCEPTED, "cv_registered", Answer.IN_SERVICE),
        (Answer.IN_SERVICE, "training", Answer.IN_SERVICE),
        (Answer.IN_SERVICE, "placed", Answer.COMPLETED),
        (Answer.ACCEPTED, "placed", Answer.COMPLETED),
        (Answer.COMPLETED, "cv_registered", Answer.COMPLETED),
        (Answer.STOPPED, "placed", Answer.STOPPED),
    ],
)
def test_a_referral_goes_on_with_what_is_done_until_it_has_been_answered(
    answer: Answer, what: str, following: Answer
) -> None:
    assert referrals.progress(a_referral(answer=answer), what).answer == following


@pytest.mark.parametrize("answer", [Answer.COMPLETED, Answer.STOPPED])
def test_what_has_been_answered_is_neither_finished_nor_given_up(answer: Answer) -> None:
    answered = a_referral(answer=answer)
    assert referrals.finish(answered) == referrals.give_up(answered) == answered


def test_every_reason_for_leaving_has_its_outcome_in_words_that_messages_have() -> None:
    assert {*referrals.BY_LEAVING} == {None, *codes.LeaveReason}
    for result in (*referrals.BY_LEAVING.values(), referrals.MET, referrals.PARTLY_MET):
        assert (codes.Outcome(result.outcome) == "not_met") == (result.not_met_reason is not None)
        assert result.not_met_reason is None or codes.NotMetReason(result.not_met_reason)


@pytest.mark.parametrize(
    ("completed", "met", "partly", "outcome"),
    [
        (True, True, False, "need_met"),
        (True, False, False, "partly_met"),
        (False, False, True, "partly_met"),
        (False, True, False, "not_met"),
        (False, False, False, "not_met"),
    ],
)
def test_the_end_says_what_came_of_the_need(completed: bool, met: bool, partly: bool, outcome: str) -> None:
    result = referrals.result_of_ending(completed=completed, met=met, partly=partly, reason=None)
    assert result.outcome == outcome


@pytest.mark.parametrize(
    ("state", "reopened", "before", "after"),
    [
        ("received", False, Answer.ACCEPTED, Answer.ACCEPTED),
        ("in_service", False, Answer.ACCEPTED, Answer.IN_SERVICE),
        ("in_service", False, Answer.COMPLETED, Answer.COMPLETED),
        ("in_service", True, Answer.COMPLETED, Answer.IN_SERVICE),
        ("completed", False, Answer.IN_SERVICE, Answer.COMPLETED),
        ("closed", False, Answer.COMPLETED, Answer.COMPLETED),
        ("expired", False, Answer.ACCEPTED, Answer.STOPPED),
    ],
)
def test_what_the_hub_tells_of_a_referral_is_taken_in(
    state: str, reopened: bool, before: Answer, after: Answer
) -> None:
    heard = referrals.hear(a_referral(answer=before), state, reopened=reopened, sequence=5)
    assert (heard.answer, heard.sequence) == (after, 5)


def test_every_state_that_is_told_is_known() -> None:
    assert {*referrals.STOPS, *referrals.DONE} <= {*codes.ReferralState}


@pytest.mark.parametrize(("on", "counts"), [(date(2026, 3, 2), True), (date(2026, 3, 3), False)])
def test_a_business_formalised_on_the_day_that_somebody_left_counts_by_colombias_calendar(
    on: date, counts: bool
) -> None:
    late_that_evening = datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
    left = entrepreneurs.leave(an_entrepreneur(), reason="moved_away", at=late_that_evening)
    if counts:
        assert entrepreneurs.formalise(left, on=on).formalised_on == on
    else:
        with refused("not_while_left"):
            entrepreneurs.formalise(left, on=on)
