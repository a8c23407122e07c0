"""Who lives together: done, corrected, repeated, refused, out of order."""

from datetime import timedelta
from typing import Any

import pytest

import contracts
from contracts import codes, sealing
from services.intake import rules
from tests.examples import (
    ANOTHER,
    COORDINATOR,
    NOW,
    PERSON_ID,
    RECIPIENT,
    SENDER,
    consent_granted,
    consent_withdrawn,
    person_registered,
)
from tests.examples_intake import CHILD, CHILD_ID, household_recorded
from tests.services.conftest import ServiceUnderTest

DAY = timedelta(days=1)
ALONE = (contracts.Member(person_id=PERSON_ID, role=codes.HouseholdRole.HEAD),)

WHO_LIVES_THERE = "select person_id, role from household_member order by role"


@pytest.fixture
def registered(intake: ServiceUnderTest, hub_key: sealing.Key) -> ServiceUnderTest:
    """Intake, knowing a mother and her child."""
    public = sealing.public_part(hub_key)
    intake.hear(person_registered(public), source=SENDER)
    intake.hear(person_registered(public, person_id=CHILD_ID, person=CHILD), source=SENDER)
    return intake


def test_a_household_is_kept_with_what_each_is_to_the_head(registered: ServiceUnderTest) -> None:
    assert registered.hear(household_recorded(), source=SENDER) == []
    assert registered.rows(WHO_LIVES_THERE) == [
        {"person_id": CHILD_ID, "role": "child"},
        {"person_id": PERSON_ID, "role": "head"},
    ]


def test_in_a_correction_who_is_no_longer_named_has_left(registered: ServiceUnderTest) -> None:
    registered.hear(household_recorded(), source=SENDER)
    registered.hear(household_recorded(recorded_at=NOW + DAY, members=ALONE), source=SENDER)
    assert registered.rows(WHO_LIVES_THERE) == [{"person_id": PERSON_ID, "role": "head"}]


@pytest.mark.parametrize(
    ("source", "recorded_at", "code"),
    [
        (SENDER, NOW, "already_recorded"),
        (SENDER, NOW - DAY, "superseded"),
        (ANOTHER, NOW + DAY, "recorded_by_another"),
    ],
)
def test_a_repeat_an_older_word_and_anothers_word_change_nothing(
    registered: ServiceUnderTest, source: str, recorded_at: Any, code: str
) -> None:
    registered.hear(household_recorded(), source=SENDER)
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        registered.hear(household_recorded(recorded_at=recorded_at, members=ALONE), source=source)
    assert len(registered.rows(WHO_LIVES_THERE)) == 2


def test_a_household_that_overtook_a_member_waits_for_just_that_one(
    intake: ServiceUnderTest, hub_key: sealing.Key
) -> None:
    intake.hear(person_registered(sealing.public_part(hub_key)), source=SENDER)
    with pytest.raises(rules.MissingPrerequisite) as out_of_order:
        intake.hear(household_recorded(), source=SENDER)
    assert (out_of_order.value.key, out_of_order.value.code) == (str(CHILD_ID), "person_unknown")
    assert intake.rows("select 1 from household") == []


# -- whom an organisation may name -------------------------------------------------------------------------------------

FOLLOWED_UP = {"purposes": (codes.ConsentPurpose.FOLLOW_UP,), "recipients": (ANOTHER,)}
"""A consent by which the other organisation may follow what becomes of a person."""


def test_nobody_names_whom_another_has_registered(registered: ServiceUnderTest) -> None:
    with pytest.raises(rules.Refused, match=r"^not_shared_with_you$"):
        registered.hear(household_recorded(members=ALONE), source=ANOTHER)
    assert registered.rows("select 1 from household") == []


def test_whom_a_person_shares_with_for_follow_up_may_name_them(registered: ServiceUnderTest) -> None:
    registered.hear(consent_granted(**FOLLOWED_UP), source=SENDER)
    assert registered.hear(household_recorded(members=ALONE), source=ANOTHER) == []
    assert registered.rows(WHO_LIVES_THERE) == [{"person_id": PERSON_ID, "role": "head"}]


def test_a_coordinator_may_name_anybody(registered: ServiceUnderTest) -> None:
    assert registered.hear(household_recorded(), source=COORDINATOR) == []


@pytest.mark.parametrize(
    ("consent", "said_by"),
    [
        (FOLLOWED_UP, ANOTHER),
        (FOLLOWED_UP, RECIPIENT),
        (FOLLOWED_UP | {"purposes": (codes.ConsentPurpose.REFER,)}, SENDER),
        (FOLLOWED_UP | {"recipients": (RECIPIENT,)}, SENDER),
        (FOLLOWED_UP | {"person_id": CHILD_ID, "given_by": codes.ConsentGivenBy.CAREGIVER}, SENDER),
        (FOLLOWED_UP | {"valid_until": NOW}, SENDER),
        (FOLLOWED_UP | {"valid_from": NOW + DAY}, SENDER),
    ],
    ids=["its own word", "a third's word", "another purpose", "others", "another person", "over", "not yet"],
)
def test_a_consent_that_does_not_share_the_person_opens_no_household(
    registered: ServiceUnderTest, consent: Any, said_by: str
) -> None:
    registered.hear(consent_granted(**consent), source=said_by)
    with pytest.raises(rules.Refused, match=r"^not_shared_with_you$"):
        registered.hear(household_recorded(members=ALONE), source=ANOTHER)


def test_a_consent_that_was_taken_back_opens_no_household(registered: ServiceUnderTest) -> None:
    registered.hear(consent_granted(**FOLLOWED_UP), source=SENDER)
    registered.hear(consent_withdrawn(), source=RECIPIENT)
    with pytest.raises(rules.Refused, match=r"^not_shared_with_you$"):
        registered.hear(household_recorded(members=ALONE), source=ANOTHER)
