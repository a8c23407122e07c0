"""Who lives together: done, corrected, repeated, refused, too early."""

from datetime import timedelta
from typing import Any

import pytest

import contracts
from contracts import codes, sealing
from services.intake import rules
from tests.examples import ANOTHER, NOW, PERSON_ID, SENDER, person_registered
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
    with pytest.raises(rules.TooEarly) as early:
        intake.hear(household_recorded(), source=SENDER)
    assert (early.value.key, early.value.code) == (str(CHILD_ID), "person_unknown")
    assert intake.rows("select 1 from household") == []
