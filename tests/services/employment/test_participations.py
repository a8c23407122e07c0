"""Participations, their steps and their wrap-around services."""

import pytest

from contracts import codes, uuid7
from tests.examples import ANOTHER, NOW, PERSON_ID
from tests.examples_employment import (
    CV,
    DAY,
    DELIVERY_ID,
    GUIDANCE,
    OURS,
    PARTICIPATION_ID,
    PILOT,
    SHORTLISTED,
    TRAINING,
    participation_ended,
    participation_started,
    participation_struck_out,
    service_received,
    step_taken,
)
from tests.services.employment.conftest import EmploymentUnderTest
from tests.services.employment.stories import SHORTLIST, TO_WORK, kinds, refused, tell, waits


def test_a_participation_is_kept_and_recorded_as_number_one(employment: EmploymentUnderTest) -> None:
    (recorded,) = tell(employment, participation_started())
    assert (recorded.sequence, recorded.source, recorded.recipient) == (1, "hub", None)
    said = recorded.data
    assert (said.person_id, said.organisation, said.programme) == (PERSON_ID, OURS, PILOT)
    assert (said.state, said.steps, said.placed) == ("enrolled", (), False)


def test_a_person_takes_part_once_at_a_time_in_a_programme_of_an_organisation(
    employment: EmploymentUnderTest,
) -> None:
    tell(employment, participation_started())
    refused(employment, participation_started(), "already_started")
    refused(employment, participation_started(participation_id=uuid7()), "already_takes_part")
    tell(employment, participation_started(participation_id=uuid7()), source=ANOTHER)
    tell(employment, participation_started(participation_id=uuid7(), programme="todos_somos_barranquilla"))
    tell(employment, participation_ended())
    tell(employment, participation_started(participation_id=uuid7()))
    assert len(employment.rows("select 1 from participation")) == 4


def test_the_steps_are_recorded_in_the_order_of_the_route(employment: EmploymentUnderTest) -> None:
    recorded = tell(employment, *SHORTLIST, step_taken(TRAINING))
    assert [one.sequence for one in recorded] == [1, 2, 3, 4, 5]
    assert recorded[3].data.steps == (CV, GUIDANCE, SHORTLISTED)
    assert recorded[4].data.steps == (CV, GUIDANCE, TRAINING, SHORTLISTED)


def test_a_step_is_taken_once_whatever_day_was_written_down(employment: EmploymentUnderTest) -> None:
    tell(employment, participation_started(), step_taken(CV), step_taken(GUIDANCE, taken_at=NOW))
    refused(employment, step_taken(CV, taken_at=NOW + 5 * DAY), "already_taken")


def test_nobody_else_speaks_of_a_participant(employment: EmploymentUnderTest) -> None:
    tell(employment, participation_started())
    for said in (step_taken(CV), service_received(), participation_ended(), participation_struck_out()):
        assert waits(employment, said, "participation_unknown", source=ANOTHER) == str(PARTICIPATION_ID)


# -- wrap-around services ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "need_code",
    [
        "education.training",
        "health.psychosocial",
        "protection.documentation",
        "education.workshop",
        "food_security.food_basket",
        "humanitarian_transportation.local",
        "integration.employer_access",
    ],
)
def test_a_service_of_the_programme_is_reported_as_delivered_for_its_organisation(
    employment: EmploymentUnderTest, need_code: str
) -> None:
    tell(employment, participation_started())
    (delivered,) = tell(employment, service_received(need_code=need_code))
    assert (delivered.type, delivered.source, delivered.recipient) == ("service.delivered.v1", OURS, None)
    said = delivered.data
    assert (said.delivery_id, said.person_id, said.programme) == (DELIVERY_ID, PERSON_ID, PILOT)
    assert (said.need_code, said.delivered_by, said.delivered_at) == (need_code, ANOTHER, NOW + DAY)


def test_a_service_is_received_once_and_only_if_the_programme_has_it(employment: EmploymentUnderTest) -> None:
    tell(employment, participation_started())
    refused(employment, service_received(need_code="shelter.rent"), "not_a_service_of_the_programme")
    tell(employment, service_received())
    refused(employment, service_received(need_code="education.training"), "already_received")
    assert employment.rows("select need_code from delivery") == [{"need_code": "health.psychosocial"}]


# -- ending -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("completed", "state"), [(True, "completed"), (False, "left")])
def test_a_participation_ends_once(employment: EmploymentUnderTest, completed: bool, state: str) -> None:
    tell(employment, participation_started())
    (recorded,) = tell(employment, participation_ended(completed=completed))
    assert (recorded.sequence, recorded.data.state) == (2, state)
    refused(employment, participation_ended(), "already_ended")


def test_what_was_done_before_the_end_counts_however_late_it_is_said(employment: EmploymentUnderTest) -> None:
    tell(employment, participation_started(), participation_ended())
    (late, _) = tell(employment, step_taken(CV), service_received())
    assert (late.data.state, late.data.steps) == ("completed", (CV,))
    refused(employment, step_taken(GUIDANCE, taken_at=NOW + 61 * DAY), "not_while_completed")
    refused(
        employment,
        service_received(delivery_id=uuid7(), delivered_at=NOW + 61 * DAY),
        "not_while_completed",
    )


def test_what_is_struck_out_counts_no_more_with_all_that_happened_in_it(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK, service_received())
    heard = tell(employment, participation_struck_out())
    assert kinds(heard) == ["participation.recorded", "service.delivery_struck_out"]
    assert heard[0].data.state == "struck_out"
    assert (heard[1].data.delivery_id, heard[1].data.reason, heard[1].source) == (DELIVERY_ID, "duplicate", OURS)
    assert employment.rows("select placed from vacancy") == [{"placed": 0}]
    assert employment.rows("select state, due_on from candidacy") == [{"state": "struck_out", "due_on": None}]
    refused(employment, participation_struck_out(), "already_struck_out")
    refused(employment, participation_ended(), "not_while_struck_out")
    refused(employment, step_taken(TRAINING), "not_while_struck_out")


def test_after_a_strike_the_person_may_take_part_again(employment: EmploymentUnderTest) -> None:
    struck_out = participation_struck_out(reason=codes.StrikeReason.WRONG_PERSON)
    tell(employment, participation_started(), struck_out, participation_started(participation_id=uuid7()))
    assert len(employment.rows("select 1 from participation where state = 'enrolled'")) == 1
