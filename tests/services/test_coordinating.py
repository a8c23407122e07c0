"""Coordinators act on what does not go on, and whoever must know hears of it."""

from datetime import timedelta
from typing import Any

import pytest

import contracts
from contracts import Message, codes
from contracts.codes import Power
from messaging import organisations
from services.referrals import rules, store
from tests.examples import (
    ANOTHER,
    COORDINATOR,
    NOW,
    RECIPIENT,
    REFERRAL_ID,
    SENDER,
    consent_recorded,
    organisation_recorded,
    referral_requested,
)
from tests.services import stories
from tests.services.conftest import ReferralsUnderTest
from tests.services.stories import R, bring_to, prepare, state_of
from tests.services.test_deadlines import DAY, HOUR, let_time_pass, said
from tests.services.test_recording_referrals import CASE_CONSENT_ID, noted, recorded

STRANGER = "americares"
ACTS = [stories.chased, stories.extended, stories.taken_on]
NAMES = ["chased", "deadline_extended", "taken_on"]


@pytest.fixture(autouse=True)
def _two(referrals: ReferralsUnderTest) -> None:
    """Another organisation coordinates besides."""
    referrals.hear(organisation_recorded(ANOTHER, powers=(Power.COORDINATE,)), source="hub")


def until(when: timedelta, **overrides: Any) -> contracts.ReferralDeadlineExtended:
    return contracts.ReferralDeadlineExtended(
        **{**R, "due_at": NOW + when, "reason": codes.ExtensionReason.ORGANISATION_ASKED, **overrides}
    )


def to_coordinators(told: list[Message]) -> list[tuple[str | None, str]]:
    return [(one.recipient, one.data.what) for one in told if one.type == "referral.coordinated.v1"]


# -- who hears what ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ACTS, ids=NAMES)
def test_the_other_coordinators_are_told_what_one_does_and_history_keeps_it(
    referrals: ReferralsUnderTest, act: stories.Said
) -> None:
    bring_to(referrals, "sent")
    told = referrals.hear(act[0], source=COORDINATOR)
    what = NAMES[ACTS.index(act)]
    assert to_coordinators(told) == [(ANOTHER, what)]
    (notice,) = [one.data for one in told if one.type == "referral.coordinated.v1"]
    assert (notice.done_by, notice.done_at, notice.referral_id) == (COORDINATOR, NOW, REFERRAL_ID)
    step = store.history_of(referrals.tx, REFERRAL_ID)[-1]
    assert (step["what"], step["organisation"], step["actor"]) == (what, COORDINATOR, "hub")
    assert step["message_id"] is not None


def test_the_parties_hear_of_more_time_and_of_nothing_else(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "sent")
    for data, source in (stories.chased, stories.taken_on):
        assert {one.recipient for one in referrals.hear(data, source=source)} == {ANOTHER}
    data, source = stories.extended
    told = [one for one in referrals.hear(data, source=source) if one.type == "referral.status.v1"]
    assert [(one.recipient, one.sequence) for one in told] == [(SENDER, 2), (RECIPIENT, 2)]
    for one in told:
        status = one.data
        assert (status.state, status.due_at, status.changed_by) == ("sent", NOW + 4 * DAY, COORDINATOR)
        assert status.extension_reason == "closed_days"
    assert state_of(referrals) == "sent"


def test_the_hubs_services_hear_of_each(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "sent")
    for data, source in ACTS:
        referrals.hear(data, source=source)
    chased, taken_on = [one.data for one in noted(referrals)]
    assert (chased.what, chased.noted_by, chased.organisation, chased.means, chased.result, chased.chased_at) == (
        "chased",
        COORDINATOR,
        RECIPIENT,
        "telephone",
        "will_answer",
        NOW,
    )
    assert (chased.awaited, chased.waits_for, chased.due_at) == ((RECIPIENT,), "receipt", NOW + 3 * DAY)
    assert (taken_on.what, taken_on.noted_by, taken_on.due_at) == ("taken_on", COORDINATOR, NOW + 4 * DAY)
    extended = recorded(referrals)[-1]
    assert (extended.sequence, extended.data.state, extended.data.extension_reason) == (2, "sent", "closed_days")
    assert (extended.data.due_at, extended.data.next_step, extended.data.next_step_at) == (
        NOW + 4 * DAY,
        "remind",
        NOW + 2 * DAY,
    )
    assert extended.data.answer_by == NOW + 15 * DAY
    referrals.hear(stories.received[0], source=RECIPIENT)
    assert recorded(referrals)[-1].data.taken_on_by == COORDINATOR


def test_of_a_confidential_case_the_hubs_services_hear_that_it_happened(referrals: ReferralsUnderTest) -> None:
    prepare(referrals)
    case = {"consent_id": CASE_CONSENT_ID, "person_id": None, "case_code": "ACX-0001"}
    contact = (codes.FieldGroup.CONTACT,)
    referrals.hear(consent_recorded(**case, field_groups=contact), source="hub")
    referrals.hear(referral_requested(**case, shares=contact), source=SENDER)
    for data, source in ACTS:
        assert to_coordinators(referrals.hear(data, source=source))
    for fact in noted(referrals):
        told = {name for name, value in fact.data.model_dump(exclude_none=True).items() if value != ()}
        assert told == {"referral_id", "what", "noted_at", "noted_by", "state", "confidential"}
    extended = recorded(referrals)[-1].data
    assert (extended.due_at, extended.extension_reason, extended.taken_on_by) == (None, None, None)
    assert extended.answer_by == NOW + 15 * DAY  # as before: by it reports count who is late


# -- more time --------------------------------------------------------------------------------------------------------


def test_after_an_escalation_more_time_begins_with_a_reminder_again(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "received")
    heard = let_time_pass(referrals, until=11 * DAY)
    assert said(heard) == [("reminder", RECIPIENT), ("escalated", COORDINATOR), ("escalated", ANOTHER)]
    referrals.hear(stories.taken_on[0], source=ANOTHER)
    referrals.hear(until(21 * DAY), source=ANOTHER)
    heard = let_time_pass(referrals, until=20 * DAY)
    assert said(heard) == [
        ("reminder", RECIPIENT),
        ("escalated", COORDINATOR),
        ("escalated", ANOTHER),
        ("alternatives_suggested", SENDER),
    ]
    assert {one.data.taken_on_by for one in heard if one.type == "referral.escalated.v1"} == {ANOTHER}
    assert {one.data.due_at for one in heard[:3]} == {NOW + 21 * DAY}
    assert said(let_time_pass(referrals, until=22 * DAY)) == [("status", SENDER), ("status", RECIPIENT)]
    assert state_of(referrals) == "expired"


def test_what_is_extended_is_kept_with_its_count(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "received")
    for days in (20, 25, 30):
        referrals.hear(until(days * DAY), source=COORDINATOR)
    row = "select answer_by, deadline_at, due_at, extended, sequence from referral"
    assert referrals.rows(row) == [
        {
            "answer_by": NOW + 30 * DAY,
            "deadline_at": NOW + 30 * DAY,
            "due_at": NOW + 15 * DAY,
            "extended": 3,
            "sequence": 5,
        }
    ]
    with pytest.raises(rules.Refused, match="extended_too_often"):
        referrals.hear(until(31 * DAY), source=ANOTHER)


def test_what_came_of_the_need_is_said_again_where_its_confirmation_is_put_off(referrals: ReferralsUnderTest) -> None:
    """Who keeps what was said last would take it to be unknown otherwise."""
    bring_to(referrals, "completed")
    told = referrals.hear(until(20 * DAY), source=COORDINATOR)
    outcomes = [one.data.outcome for one in (*told, recorded(referrals)[-1]) if hasattr(one.data, "outcome")]
    assert outcomes == ["need_met"] * 3


def test_a_waiting_list_keeps_its_place_while_its_deadline_is_extended(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "waitlisted")
    referrals.hear(until(40 * DAY), source=COORDINATOR)
    assert referrals.rows("select place, left_at from place_in_line") == [{"place": 4, "left_at": None}]
    assert said(let_time_pass(referrals, until=19 * DAY, every=6 * HOUR)) == []


# -- two at once ------------------------------------------------------------------------------------------------------


def test_two_who_extend_at_once_have_one_result_and_the_second_is_told(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "received")
    referrals.hear(until(16 * DAY), source=COORDINATOR)
    with pytest.raises(rules.Refused, match=r"^already_extended$"):
        referrals.hear(until(16 * DAY), source=ANOTHER)
    with pytest.raises(rules.Refused, match=r"^deadline_not_later$"):
        referrals.hear(until(15 * DAY), source=ANOTHER)
    referrals.hear(until(17 * DAY), source=ANOTHER)
    assert referrals.rows("select deadline_at from referral") == [{"deadline_at": NOW + 17 * DAY}]


def test_two_who_ask_at_once_are_both_kept(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "received")
    for by in (COORDINATOR, ANOTHER):
        referrals.hear(stories.chased[0], source=by)
    assert [(one.data.what, one.data.noted_by) for one in noted(referrals)] == [
        ("chased", COORDINATOR),
        ("chased", ANOTHER),
    ]


def test_of_two_who_take_it_on_at_once_one_does(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "received")
    referrals.hear(stories.taken_on[0], source=ANOTHER)
    with pytest.raises(rules.Refused, match=r"^taken_on_by_another$"):
        referrals.hear(stories.taken_on[0], source=COORDINATOR)
    over = contracts.ReferralTakenOn(**R, taken_over_from=ANOTHER)
    told = referrals.hear(over, source=COORDINATOR)
    assert [(one.recipient, one.data.taken_over_from) for one in told] == [(ANOTHER, ANOTHER)]
    assert referrals.rows("select taken_on_by from referral") == [{"taken_on_by": COORDINATOR}]


# -- who may not ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ACTS, ids=NAMES)
def test_nobody_but_a_coordinator_does_it_and_a_refusal_leaves_nothing(
    referrals: ReferralsUnderTest, act: stories.Said
) -> None:
    bring_to(referrals, "sent")
    before = (store.history_of(referrals.tx, REFERRAL_ID), len(referrals.facts))
    for party in (SENDER, RECIPIENT):
        with pytest.raises(rules.Refused, match=r"^not_yours$"):
            referrals.hear(act[0], source=party)
    with pytest.raises(rules.MissingPrerequisite, match=r"^not_a_party$"):
        referrals.hear(act[0], source=STRANGER)
    assert (store.history_of(referrals.tx, REFERRAL_ID), len(referrals.facts)) == before


@pytest.mark.parametrize("act", ACTS, ids=NAMES)
def test_who_no_longer_coordinates_does_nothing_more(referrals: ReferralsUnderTest, act: stories.Said) -> None:
    bring_to(referrals, "sent")
    referrals.hear(organisation_recorded(ANOTHER, number=3), source="hub")
    with pytest.raises(rules.MissingPrerequisite, match=r"^not_a_party$"):
        referrals.hear(act[0], source=ANOTHER)


def test_a_word_of_the_same_number_that_a_former_release_left_in_a_queue_takes_no_power_away(
    referrals: ReferralsUnderTest,
) -> None:
    provisioned = organisation_recorded(ANOTHER, powers=(Power.COORDINATE, Power.USES_SCREENS))
    referrals.tx.fetch(organisations.PROVISION, (organisations.as_rows([provisioned]),))
    referrals.hear(organisation_recorded(ANOTHER, powers=(Power.COORDINATE,)), source="hub")
    (row,) = referrals.rows("select powers from recorded_organisation where id = %s", ANOTHER)
    assert row["powers"] == ["coordinate", "uses_screens"]


def test_who_has_to_answer_gives_itself_no_more_time(referrals: ReferralsUnderTest) -> None:
    referrals.hear(organisation_recorded(RECIPIENT, number=3, powers=(Power.COORDINATE,)), source="hub")
    bring_to(referrals, "sent")
    with pytest.raises(rules.Refused, match=r"^own_deadline$"):
        referrals.hear(stories.extended[0], source=RECIPIENT)


def test_the_time_to_purge_is_not_extended_and_who_owes_it_may_be_asked(referrals: ReferralsUnderTest) -> None:
    bring_to(referrals, "consent_withdrawn")
    with pytest.raises(rules.Refused, match=r"^purge_not_extended$"):
        referrals.hear(until(16 * DAY), source=COORDINATOR)
    referrals.hear(stories.chased[0], source=COORDINATOR)
    assert (noted(referrals)[-1].data.waits_for, noted(referrals)[-1].data.awaited) == ("purge", (SENDER, RECIPIENT))
