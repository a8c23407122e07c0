"""Entrepreneurs, from enrolment to formalisation."""

from typing import Any

import pytest

from contracts import codes, uuid7
from tests.examples import ANOTHER, NOW, PERSON_ID
from tests.examples_employment import (
    DAY,
    ENTREPRENEUR_ID,
    GRANT_ID,
    OURS,
    business_followed_up,
    capital_granted,
    enrolled,
    entrepreneur_left,
    entrepreneur_struck_out,
    formalised,
    mentor_assigned,
    plan_approved,
    session_held,
)
from tests.services.employment.conftest import EmploymentUnderTest
from tests.services.employment.stories import TO_A_PLAN, TO_CAPITAL, refused, tell, waits

LATER = (
    mentor_assigned(),
    session_held(),
    plan_approved(),
    capital_granted(),
    formalised(),
    business_followed_up(),
    entrepreneur_left(),
    entrepreneur_struck_out(),
)


def test_every_stage_is_recorded_with_its_number(employment: EmploymentUnderTest) -> None:
    recorded = tell(employment, *TO_CAPITAL, formalised())
    assert [(one.sequence, one.data.stage, one.data.mentored) for one in recorded] == [
        (1, "enrolled", False),
        (2, "enrolled", False),
        (3, "mentored", True),
        (4, "plan_approved", True),
        (5, "capital_granted", True),
        (6, "formalised", True),
    ]
    said = recorded[-1].data
    assert (said.person_id, said.organisation, said.zone, said.enrolled_at) == (PERSON_ID, OURS, "08001", NOW)
    assert {(one.source, one.recipient) for one in recorded} == {("hub", None)}


def test_a_person_is_accompanied_once_at_a_time_by_an_organisation(employment: EmploymentUnderTest) -> None:
    tell(employment, enrolled())
    refused(employment, enrolled(), "already_enrolled")
    refused(employment, enrolled(), "enrolled_by_another", source=ANOTHER)
    refused(employment, enrolled(entrepreneur_id=uuid7()), "already_accompanied")
    tell(employment, enrolled(entrepreneur_id=uuid7()), source=ANOTHER)
    tell(employment, entrepreneur_left(), enrolled(entrepreneur_id=uuid7()))
    assert len(employment.rows("select 1 from entrepreneur")) == 3


@pytest.mark.parametrize("said", LATER, ids=lambda said: type(said).__name__)
def test_what_overtook_its_entrepreneur_waits_and_anothers_entrepreneur_is_like_none(
    employment: EmploymentUnderTest, said: Any
) -> None:
    assert waits(employment, said, "entrepreneur_unknown") == str(ENTREPRENEUR_ID)
    tell(employment, enrolled())
    assert waits(employment, said, "entrepreneur_unknown", source=ANOTHER) == str(ENTREPRENEUR_ID)


def test_each_thing_is_said_once(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_CAPITAL, formalised(), business_followed_up())
    refused(employment, mentor_assigned(assigned_at=NOW + 9 * DAY), "already_assigned")
    refused(employment, session_held(minutes=90), "already_held")
    refused(employment, plan_approved(approved_at=NOW + 90 * DAY), "already_approved")
    refused(employment, capital_granted(pesos=1), "already_granted")
    refused(employment, formalised(), "already_formalised")
    refused(employment, business_followed_up(jobs=9), "already_followed_up")
    assert employment.rows("select sessions, grants from entrepreneur") == [{"sessions": 1, "grants": 1}]
    assert employment.rows("select grant_id, pesos from seed_grant") == [{"grant_id": GRANT_ID, "pesos": 2_500_000}]
    assert employment.rows("select trading, jobs from business_follow_up") == [{"trading": True, "jobs": 2}]


def test_a_newer_word_changes_the_mentor_and_an_older_one_does_not(employment: EmploymentUnderTest) -> None:
    tell(employment, enrolled(), mentor_assigned(), mentor_assigned(mentor="M-08", assigned_at=NOW + 2 * DAY))
    refused(employment, mentor_assigned(mentor="M-09"), "superseded")
    assert employment.rows("select mentor from entrepreneur") == [{"mentor": "M-08"}]


def test_sessions_and_grants_add_up(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_CAPITAL, session_held(session_id=uuid7()), capital_granted(grant_id=uuid7()))
    assert employment.rows("select sessions, grants from entrepreneur") == [{"sessions": 2, "grants": 2}]


def test_a_business_may_be_formalised_without_mentor_or_capital(employment: EmploymentUnderTest) -> None:
    (_, recorded) = tell(employment, enrolled(), formalised())
    assert (recorded.data.stage, recorded.data.mentored) == ("formalised", False)


def test_who_has_left_is_accompanied_no_longer(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_A_PLAN)
    (recorded,) = tell(employment, entrepreneur_left())
    assert (recorded.data.stage, recorded.data.mentored) == ("left", True)
    assert employment.rows("select leave_reason from entrepreneur") == [{"leave_reason": "moved_away"}]
    refused(employment, entrepreneur_left(reason=codes.LeaveReason.DIED), "already_left")
    refused(employment, session_held(session_id=uuid7(), held_at=NOW + 101 * DAY), "not_while_left")
    refused(employment, business_followed_up(followed_up_at=NOW + 101 * DAY), "not_while_left")
    refused(employment, formalised(formalised_on=(NOW + 101 * DAY).date()), "not_while_left")


def test_what_was_done_before_they_left_counts_however_late_it_is_said(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_A_PLAN, entrepreneur_left(), capital_granted(), business_followed_up(), formalised())
    assert employment.rows("select grants, formalised_on is not null as formal from entrepreneur") == [
        {"grants": 1, "formal": True}
    ]


def test_who_is_struck_out_counts_no_more(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_A_PLAN)
    (recorded,) = tell(employment, entrepreneur_struck_out())
    assert recorded.data.stage == "struck_out"
    refused(employment, entrepreneur_struck_out(), "already_struck_out")
    for said in (capital_granted(), formalised(), business_followed_up(), entrepreneur_left()):
        refused(employment, said, "not_while_struck_out")
    tell(employment, enrolled(entrepreneur_id=uuid7()))
