"""From a vacancy to work, and the follow-ups that come due."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from contracts import Message, codes, uuid7
from services.employment import store
from tests.examples import ANOTHER, NOW, PERSON_ID
from tests.examples_employment import (
    CANDIDACY_ID,
    CV,
    DAY,
    EMPLOYER_ID,
    GUIDANCE,
    OURS,
    PILOT,
    SHORTLISTED,
    STARTS_ON,
    followed_up,
    interviewed,
    participation_ended,
    participation_started,
    participation_struck_out,
    placed,
    put_forward,
    rejected,
    step_taken,
    vacancy_closed,
    vacancy_opened,
)
from tests.services.employment.conftest import EmploymentUnderTest
from tests.services.employment.stories import (
    SHORTLIST,
    TO_INTERVIEW,
    TO_WORK,
    VACANCY,
    kinds,
    refused,
    tell,
    waits,
)


def state_of(employment: EmploymentUnderTest) -> str:
    (row,) = employment.rows("select state from candidacy where candidacy_id = %s", CANDIDACY_ID)
    return str(row["state"])


# -- put forward ------------------------------------------------------------------------------------------------------


def test_somebody_shortlisted_is_put_forward(employment: EmploymentUnderTest) -> None:
    assert kinds(tell(employment, *VACANCY, *SHORTLIST, put_forward()))[-1] == "participation.recorded"
    assert state_of(employment) == "put_forward"


def test_somebody_is_put_forward_once_for_a_vacancy(employment: EmploymentUnderTest) -> None:
    tell(employment, *VACANCY, *SHORTLIST, put_forward())
    refused(employment, put_forward(), "already_put_forward")
    refused(employment, put_forward(candidacy_id=uuid7()), "already_put_forward")
    other = uuid7()
    tell(employment, vacancy_opened(vacancy_id=other), put_forward(candidacy_id=uuid7(), vacancy_id=other))


@pytest.mark.parametrize(
    ("before", "at", "code"),
    [
        ([vacancy_closed(closed_at=NOW + DAY)], NOW + 2 * DAY, "vacancy_closed"),
        ([participation_ended(ended_at=NOW + DAY)], NOW + 2 * DAY, "not_while_completed"),
        ([participation_struck_out()], NOW + 2 * DAY, "not_while_struck_out"),
    ],
)
def test_nobody_is_put_forward_after_the_end(
    employment: EmploymentUnderTest, before: list[Any], at: datetime, code: str
) -> None:
    tell(employment, *VACANCY, *SHORTLIST, *before)
    refused(employment, put_forward(put_forward_at=at), code)


def test_a_vacancy_takes_candidates_through_its_last_day_in_colombia(employment: EmploymentUnderTest) -> None:
    tell(employment, VACANCY[0], vacancy_opened(apply_by=date(2026, 3, 5)), *SHORTLIST)
    refused(employment, put_forward(put_forward_at=datetime(2026, 3, 6, 5, 0, tzinfo=UTC)), "apply_by_passed")
    tell(employment, put_forward(put_forward_at=datetime(2026, 3, 6, 4, 59, tzinfo=UTC)))


def test_who_was_put_forward_before_the_closing_counts_however_late_it_is_said(
    employment: EmploymentUnderTest,
) -> None:
    tell(employment, *VACANCY, *SHORTLIST, vacancy_closed(), put_forward())
    assert state_of(employment) == "put_forward"


# -- interviewed, rejected --------------------------------------------------------------------------------------------


def test_a_candidate_is_interviewed_once(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_INTERVIEW)
    assert state_of(employment) == "interviewed"
    refused(employment, interviewed(interviewed_at=NOW + 9 * DAY), "already_interviewed")


@pytest.mark.parametrize(
    "said", [interviewed(), rejected(), placed(), followed_up()], ids=lambda said: type(said).__name__
)
def test_what_overtook_its_candidacy_waits_and_anothers_candidacy_is_like_none(
    employment: EmploymentUnderTest, said: Any
) -> None:
    assert waits(employment, said, "candidacy_unknown") == str(CANDIDACY_ID)
    tell(employment, *VACANCY, *SHORTLIST, put_forward())
    assert waits(employment, said, "candidacy_unknown", source=ANOTHER) == str(CANDIDACY_ID)


@pytest.mark.parametrize("story", [TO_INTERVIEW[:-1], TO_INTERVIEW], ids=["put forward", "interviewed"])
def test_a_candidate_is_rejected_once_with_or_without_an_interview(
    employment: EmploymentUnderTest, story: tuple[Any, ...]
) -> None:
    tell(employment, *story, rejected(by_employer=False))
    assert employment.rows("select state, by_employer from candidacy") == [{"state": "rejected", "by_employer": False}]
    refused(employment, rejected(), "already_rejected")
    refused(employment, placed(), "not_while_rejected")
    refused(employment, followed_up(), "not_while_rejected")


def test_an_interview_may_be_heard_of_after_the_rejection_that_followed_it(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_INTERVIEW[:-1], rejected())
    refused(employment, interviewed(interviewed_at=NOW + 5 * DAY), "not_while_rejected")
    tell(employment, interviewed())
    assert state_of(employment) == "rejected"


# -- placed -----------------------------------------------------------------------------------------------------------


def test_a_placement_is_recorded_with_its_person_employer_and_programme(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_INTERVIEW)
    placement, participation = tell(employment, placed())
    assert (placement.type, placement.sequence, placement.source) == ("placement.recorded.v1", 1, "hub")
    said = placement.data
    assert (said.person_id, said.employer_id, said.programme) == (PERSON_ID, EMPLOYER_ID, PILOT)
    assert (said.organisation, said.starts_on, said.day, said.result) == (OURS, STARTS_ON, None, None)
    assert (participation.data.placed, participation.sequence) == (True, 5)
    assert employment.rows("select placed from vacancy") == [{"placed": 1}]


def put_another_forward(employment: EmploymentUnderTest) -> Any:
    """Somebody else is interviewed for the same vacancy; return their candidacy's id."""
    participation_id, candidacy_id = uuid7(), uuid7()
    tell(employment, participation_started(participation_id=participation_id, person_id=uuid7()))
    for step in (CV, GUIDANCE, SHORTLISTED):
        tell(employment, step_taken(step, participation_id=participation_id))
    tell(employment, put_forward(participation_id=participation_id, candidacy_id=candidacy_id))
    tell(employment, interviewed(candidacy_id=candidacy_id))
    return candidacy_id


def test_nobody_is_placed_beyond_the_places(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_INTERVIEW)
    other = put_another_forward(employment)
    tell(employment, placed())
    refused(employment, placed(candidacy_id=other), "no_places_left")
    assert employment.rows("select state from candidacy where candidacy_id = %s", other) == [{"state": "interviewed"}]
    tell(employment, participation_struck_out())
    assert kinds(tell(employment, placed(candidacy_id=other)))[0] == "placement.recorded"


def test_somebody_may_find_work_after_the_vacancy_closed_and_the_programme_ended(
    employment: EmploymentUnderTest,
) -> None:
    tell(
        employment, *TO_INTERVIEW, vacancy_closed(closed_at=NOW + 4 * DAY), participation_ended(ended_at=NOW + 4 * DAY)
    )
    _, participation = tell(employment, placed())
    assert (participation.data.state, participation.data.placed) == ("completed", True)


# -- followed up ------------------------------------------------------------------------------------------------------


def due(messages: list[Message[Any]]) -> list[tuple[int, date, str | None]]:
    return [(message.data.day, message.data.due_on, message.recipient) for message in messages]


def test_follow_ups_come_due_on_their_days_once_each(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK)
    heard = []
    while employment.clock.now < NOW + 400 * DAY:
        heard += [(employment.clock.now.date(), message) for message in employment.tick()]
        employment.clock.now += DAY
    days = [STARTS_ON + timedelta(days=day) for day in (30, 90, 180)]
    assert [on for on, _ in heard] == days
    assert due([message for _, message in heard]) == [
        (day, on, OURS) for day, on in zip((30, 90, 180), days, strict=True)
    ]
    assert all(message.type == "placement.follow_up_due.v1" for _, message in heard)


def test_a_follow_up_falls_due_when_its_day_begins_in_colombia(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK)
    employment.clock.now = datetime(2026, 4, 15, 4, 59, tzinfo=UTC)
    assert employment.tick() == []
    employment.clock.now = datetime(2026, 4, 15, 5, 0, tzinfo=UTC)
    assert due(employment.tick()) == [(30, date(2026, 4, 15), OURS)]


def test_after_a_long_outage_each_is_told_once_and_in_order(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK)
    employment.clock.now = NOW + 400 * DAY
    told = [[message.data.day for message in employment.tick()] for _ in range(4)]
    assert told == [[30], [90], [180], []]


def test_a_follow_up_is_recorded_with_the_placement(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK)
    (recorded,) = tell(employment, followed_up())
    assert (recorded.sequence, recorded.data.day, recorded.data.result) == (2, 30, "still_employed")
    (last,) = tell(employment, followed_up(day=180, result=codes.FollowUpResult.NOT_EMPLOYED))
    (late,) = tell(employment, followed_up(day=90))
    assert [(one.sequence, one.data.day, one.data.result) for one in (last, late)] == [
        (3, 180, "not_employed"),
        (4, 180, "not_employed"),
    ]


def test_what_has_been_followed_up_does_not_come_due(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK, followed_up(day=90))
    employment.clock.now = NOW + 400 * DAY
    assert [message.data.day for message in employment.tick()] == [180]
    assert employment.tick() == []


def test_a_follow_up_is_said_once_of_a_day_that_there_is(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK)
    refused(employment, followed_up(day=45), "not_a_follow_up_day")
    tell(employment, followed_up())
    refused(employment, followed_up(result=codes.FollowUpResult.NOT_REACHED), "already_followed_up")


def test_nobody_asks_after_somebody_who_was_struck_out(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK, participation_struck_out())
    employment.clock.now = NOW + 400 * DAY
    assert employment.tick() == []
    refused(employment, followed_up(), "not_while_struck_out")


def test_a_placement_that_another_process_is_changing_is_left_to_it(
    employment: EmploymentUnderTest, committed: EmploymentUnderTest
) -> None:
    tell(committed, *TO_WORK)
    committed.commit()
    employment.clock.now = NOW + 400 * DAY
    store.candidacies.lock(committed.tx, CANDIDACY_ID, of=OURS)
    assert employment.tick() == []
    committed.commit()
    assert [message.data.day for message in employment.tick()] == [30]
