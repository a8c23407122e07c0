"""Which step of the Statute may follow which."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from contracts import codes, uuid7
from services.intake.rules import MissingPrerequisite
from services.intake.rules.etpv import BEFORE_A_DECISION, MAY_FOLLOW, Step, StepTaken, check_step

NOW = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)

WHEN_NOTHING_GOES_WRONG = (
    Step.RUMV_ACCOUNT,
    Step.PRE_REGISTRATION,
    Step.CHARACTERISATION_SURVEY,
    Step.APPOINTMENT,
    Step.BIOMETRIC_REGISTRATION,
    Step.UNDER_EVALUATION,
    Step.PPT_AUTHORISED,
    Step.PPT_DELIVERED,
)


def step(which: Step, taken_at: datetime = NOW) -> StepTaken:
    return StepTaken(uuid7(), uuid7(), which, taken_at, None, "redcross")


def test_the_rules_know_exactly_the_steps_that_contracts_have() -> None:
    assert [one.value for one in Step] == [one.value for one in codes.EtpvStep]
    assert MAY_FOLLOW.keys() == set(Step)


def test_every_step_on_the_way_may_follow_the_one_before_even_on_one_day() -> None:
    for before, after in pairwise(WHEN_NOTHING_GOES_WRONG):
        for later in (timedelta(0), DAY):
            check_step(step(after), taken=[(NOW - later, before)])


@pytest.mark.parametrize("first", Step)
def test_anything_may_be_the_first_that_is_known(first: Step) -> None:
    check_step(step(first), taken=[])


@pytest.mark.parametrize("before", sorted(BEFORE_A_DECISION))
@pytest.mark.parametrize("after", Step)
def test_before_a_decision_steps_are_left_out_and_taken_again(before: Step, after: Step) -> None:
    check_step(step(after), taken=[(NOW - DAY, before)])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Step.PPT_DENIED, Step.PPT_AUTHORISED),
        (Step.PPT_DENIED, Step.PPT_DELIVERED),
        (Step.PPT_DENIED, Step.RENEWAL),
        (Step.PPT_AUTHORISED, Step.PPT_DENIED),
        (Step.PPT_DELIVERED, Step.PRE_REGISTRATION),
        (Step.PPT_DELIVERED, Step.PPT_AUTHORISED),
        (Step.RENEWAL, Step.RUMV_ACCOUNT),
    ],
)
def test_what_a_decision_does_not_lead_to_waits_for_what_comes_between(before: Step, after: Step) -> None:
    with pytest.raises(MissingPrerequisite, match=rf"^not_after_{before}$"):
        check_step(step(after), taken=[(NOW - DAY, before)])


def test_a_step_is_held_against_the_last_one_before_it_in_time_and_not_the_last_that_was_said() -> None:
    taken = [(NOW, Step.PPT_DELIVERED), (NOW - 30 * DAY, Step.PPT_DENIED), (NOW - 20 * DAY, Step.UNDER_EVALUATION)]
    check_step(step(Step.PPT_AUTHORISED, NOW - 10 * DAY), taken=taken)
    with pytest.raises(MissingPrerequisite, match=r"^not_after_ppt_denied$"):
        check_step(step(Step.PPT_AUTHORISED, NOW - 25 * DAY), taken=taken)


def test_of_steps_at_one_time_the_one_that_comes_first_on_the_way_came_first() -> None:
    taken = [(NOW, Step.PPT_DELIVERED), (NOW, Step.UNDER_EVALUATION)]
    check_step(step(Step.APPOINTMENT), taken=taken)
