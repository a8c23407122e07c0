"""Steps of the Statute, and striking them out, also when they become known late."""

from datetime import timedelta

import pytest

import contracts
from contracts import codes, sealing, uuid7
from services.intake import rules
from tests.examples import ANOTHER, NOW, PERSON_ID, RECIPIENT, SENDER, person_registered
from tests.examples_intake import CHILD_ID, JORNADA_ID, STEP_ID, etpv_step_struck_out, etpv_step_taken
from tests.services.conftest import ServiceUnderTest

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def registered(intake: ServiceUnderTest, hub_key: sealing.Key) -> ServiceUnderTest:
    """Intake, knowing the examples' person."""
    intake.hear(person_registered(sealing.public_part(hub_key)), source=SENDER)
    return intake


def taken(step: codes.EtpvStep, days_ago: int) -> contracts.EtpvStepTaken:
    return etpv_step_taken(step_id=uuid7(), step=step, taken_at=NOW - days_ago * DAY)


def test_a_step_is_kept_and_told_to_the_hubs_services_with_who_helped(registered: ServiceUnderTest) -> None:
    (recorded,) = registered.hear(etpv_step_taken(), source=ANOTHER)
    assert recorded.recipient is None
    assert recorded.data == contracts.EtpvStepRecorded(
        step_id=STEP_ID,
        person_id=PERSON_ID,
        step=codes.EtpvStep.PRE_REGISTRATION,
        taken_at=NOW,
        jornada_id=JORNADA_ID,
        organisation=ANOTHER,
    )
    assert registered.rows("select step, organisation from etpv_step") == [
        {"step": "pre_registration", "organisation": ANOTHER}
    ]


def test_a_step_that_becomes_known_late_is_held_against_those_before_it_and_not_those_after(
    registered: ServiceUnderTest,
) -> None:
    registered.hear(taken(codes.EtpvStep.PPT_DELIVERED, 10), source=SENDER)
    for step, days_ago in ((codes.EtpvStep.BIOMETRIC_REGISTRATION, 90), (codes.EtpvStep.RUMV_ACCOUNT, 200)):
        assert len(registered.hear(taken(step, days_ago), source=ANOTHER)) == 1
    assert len(registered.rows("select 1 from etpv_step")) == 3


def test_a_permit_delivered_after_a_denial_waits_for_the_evaluation_between(registered: ServiceUnderTest) -> None:
    registered.hear(taken(codes.EtpvStep.PPT_DENIED, 100), source=SENDER)
    delivered = taken(codes.EtpvStep.PPT_DELIVERED, 10)
    with pytest.raises(rules.MissingPrerequisite) as out_of_order:
        registered.hear(delivered, source=SENDER)
    assert (out_of_order.value.key, out_of_order.value.code) == (str(PERSON_ID), "not_after_ppt_denied")
    registered.hear(taken(codes.EtpvStep.UNDER_EVALUATION, 50), source=SENDER)
    assert len(registered.hear(delivered, source=SENDER)) == 1


@pytest.mark.parametrize("decision", [codes.EtpvStep.PPT_DELIVERED, codes.EtpvStep.PPT_AUTHORISED])
def test_what_a_stranger_says_of_a_step_keeps_nobody_else_from_telling_of_theirs(
    registered: ServiceUnderTest, decision: codes.EtpvStep
) -> None:
    registered.hear(taken(decision, 3000), source=ANOTHER)
    assert len(registered.hear(taken(codes.EtpvStep.BIOMETRIC_REGISTRATION, 90), source=SENDER)) == 1
    assert len(registered.hear(taken(codes.EtpvStep.APPOINTMENT, 80), source=RECIPIENT)) == 1
    with pytest.raises(rules.MissingPrerequisite):
        registered.hear(taken(codes.EtpvStep.RUMV_ACCOUNT, 2000), source=ANOTHER)


@pytest.mark.parametrize("person_id", [PERSON_ID, CHILD_ID])
def test_a_step_said_twice_is_refused_as_a_repeat_whoever_it_is_of(
    registered: ServiceUnderTest, hub_key: sealing.Key, person_id: object
) -> None:
    registered.hear(person_registered(sealing.public_part(hub_key), person_id=CHILD_ID), source=SENDER)
    registered.hear(etpv_step_taken(), source=SENDER)
    with pytest.raises(rules.Refused, match=r"^already_recorded$"):
        registered.hear(etpv_step_taken(person_id=person_id), source=ANOTHER)
    assert len(registered.rows("select 1 from etpv_step")) == 1


def test_a_step_that_was_struck_out_stays_and_the_hubs_services_are_told(registered: ServiceUnderTest) -> None:
    registered.hear(etpv_step_taken(), source=ANOTHER)
    (unrecorded,) = registered.hear(etpv_step_struck_out(), source=ANOTHER)
    assert (unrecorded.recipient, unrecorded.subject) == (None, str(STEP_ID))
    assert unrecorded.data == contracts.EtpvStepUnrecorded(step_id=STEP_ID, person_id=PERSON_ID)
    assert registered.rows("select step, strike_reason, struck_out_at from etpv_step") == [
        {"step": "pre_registration", "strike_reason": "wrong_person", "struck_out_at": NOW}
    ]


@pytest.mark.parametrize("loaded", [True, False])
def test_nothing_is_held_against_a_step_that_was_struck_out(registered: ServiceUnderTest, loaded: bool) -> None:
    denied = taken(codes.EtpvStep.PPT_DENIED, 100)
    registered.hear(denied, source=SENDER)
    registered.hear(etpv_step_struck_out(step_id=denied.step_id), source=SENDER)
    if not loaded:  # what the next batch finds in the database
        registered.tx.flush()
        registered.tx = type(registered.tx)(registered.tx._connection)
    assert len(registered.hear(taken(codes.EtpvStep.PPT_DELIVERED, 10), source=SENDER)) == 1


def test_of_two_steps_that_are_alike_the_other_stands(registered: ServiceUnderTest) -> None:
    for step_id in (STEP_ID, uuid7()):
        registered.hear(etpv_step_taken(step_id=step_id, step=codes.EtpvStep.PPT_DENIED), source=SENDER)
    registered.hear(etpv_step_struck_out(), source=SENDER)
    with pytest.raises(rules.MissingPrerequisite, match=r"^not_after_ppt_denied$"):
        registered.hear(etpv_step_taken(step_id=uuid7(), step=codes.EtpvStep.PPT_DELIVERED), source=SENDER)


def test_a_step_struck_out_twice_is_refused_as_a_repeat_and_is_not_taken_up_again(registered: ServiceUnderTest) -> None:
    registered.hear(etpv_step_taken(), source=SENDER)
    registered.hear(etpv_step_struck_out(), source=SENDER)
    with pytest.raises(rules.Refused, match=r"^already_struck_out$"):
        registered.hear(etpv_step_struck_out(reason=codes.StrikeReason.DUPLICATE), source=SENDER)
    with pytest.raises(rules.Refused, match=r"^already_recorded$"):
        registered.hear(etpv_step_taken(), source=SENDER)
