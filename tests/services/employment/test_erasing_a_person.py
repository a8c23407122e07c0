"""Erasing a person: nothing goes on about them, what tells their story is gone, and what is counted stays."""

import pytest

import contracts
from contracts import uuid7
from tests.examples import NOW, PERSON_ID
from tests.examples_employment import (
    DAY,
    OURS,
    business_followed_up,
    enrolled,
    entrepreneur_left,
    followed_up,
    participation_started,
    participation_struck_out,
    referral_offered,
    service_received,
)
from tests.services.employment.conftest import EmploymentUnderTest
from tests.services.employment.stories import TO_CAPITAL, TO_WORK, kinds, refused, tell

ERASED_AT = NOW + 400 * DAY


def person_erased(**overrides: object) -> contracts.PersonErased:
    return contracts.PersonErased.model_validate({"person_id": PERSON_ID, "erased_at": ERASED_AT, **overrides})


def test_what_is_open_about_the_person_ends_and_is_recorded(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK, *TO_CAPITAL)
    participation, entrepreneur = employment.be_told(person_erased())
    assert kinds([participation, entrepreneur]) == ["participation.recorded", "entrepreneur.recorded"]
    assert (participation.data.state, entrepreneur.data.stage) == ("left", "left")


def test_what_is_counted_stays_under_the_persons_id(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK, *TO_CAPITAL)
    participation, entrepreneur = employment.be_told(person_erased())
    assert (participation.data.person_id, participation.data.placed) == (PERSON_ID, True)
    assert len(participation.data.steps) == 3
    assert (entrepreneur.data.person_id, entrepreneur.data.mentored) == (PERSON_ID, True)


def test_what_tells_the_persons_story_is_gone(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK, service_received(), *TO_CAPITAL, business_followed_up())
    employment.be_told(person_erased())
    assert employment.rows("select need_code, delivered_by, delivered_at, zone from delivery") == [
        {"need_code": None, "delivered_by": None, "delivered_at": None, "zone": None}
    ]
    assert employment.rows("select interviewed_at, contract_signed, due_on from candidacy") == [
        {"interviewed_at": None, "contract_signed": None, "due_on": None}
    ]
    assert employment.rows("select business, mentor, leave_reason from entrepreneur") == [
        {"business": None, "mentor": None, "leave_reason": None}
    ]
    assert employment.rows("select held_at, minutes from mentoring_session") == [{"held_at": None, "minutes": None}]
    assert employment.rows("select granted_at, pesos from seed_grant") == [{"granted_at": None, "pesos": None}]
    assert employment.rows("select 1 from business_follow_up") == []


def test_nobody_is_asked_to_follow_up_somebody_who_was_erased(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK)
    employment.be_told(person_erased())
    employment.clock.now = ERASED_AT + DAY
    assert employment.tick() == []


def test_what_had_ended_is_erased_without_another_word(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_CAPITAL, entrepreneur_left())
    assert employment.be_told(person_erased()) == []
    assert employment.rows("select business, leave_reason from entrepreneur") == [
        {"business": None, "leave_reason": None}
    ]


def test_erasing_twice_changes_nothing_and_others_are_left_alone(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK)
    assert employment.be_told(person_erased(person_id=uuid7())) == []
    employment.be_told(person_erased())
    assert employment.be_told(person_erased()) == []


def test_what_should_never_have_counted_can_still_be_struck_out(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK, service_received())
    employment.be_told(person_erased())
    heard = tell(employment, participation_struck_out(), source=OURS)
    assert kinds(heard) == ["participation.recorded", "service.delivery_struck_out"]


def test_a_late_follow_up_is_kept_and_asks_for_no_other(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_WORK)
    employment.be_told(person_erased())
    (recorded,) = tell(employment, followed_up())
    assert recorded.data.day == 30
    assert employment.rows("select next_day, due_on from candidacy") == [{"next_day": None, "due_on": None}]


@pytest.mark.parametrize("begins", [participation_started(), enrolled()])
def test_what_begins_behind_the_erasure_is_refused_and_nothing_of_it_is_kept(
    employment: EmploymentUnderTest, begins: object
) -> None:
    employment.be_told(person_erased())
    refused(employment, begins, "person_erased")
    assert employment.rows("select 1 from participation union all select 1 from entrepreneur") == []


def test_an_entrepreneur_who_was_erased_is_not_described_again(employment: EmploymentUnderTest) -> None:
    tell(employment, *TO_CAPITAL)
    employment.be_told(person_erased())
    refused(employment, enrolled(), "person_erased")
    assert employment.rows("select business from entrepreneur") == [{"business": None}]


def test_whom_a_referral_brings_behind_their_erasure_is_not_taken_on(employment: EmploymentUnderTest) -> None:
    employment.be_told(person_erased())
    assert employment.be_told(referral_offered(), sequence=1) == []
    assert employment.rows("select 1 from participation union all select 1 from entrepreneur") == []
