"""A household's integration route, from its welcome until it graduates or leaves."""

from datetime import datetime
from typing import Any

import pytest

import contracts
from contracts import Message, codes, sealing, uuid7
from services.intake import rules
from services.intake.store import consents
from tests.examples import (
    ANOTHER,
    COORDINATOR,
    DAY,
    NOW,
    PERSON_ID,
    RECIPIENT,
    REFERRAL_ID,
    SENDER,
    consent_granted,
    person_registered,
)
from tests.examples_intake import CHILD, CHILD_ID, HOUSEHOLD_ID, household_recorded
from tests.examples_route import (
    FIRST_RULE_ID,
    ROUTE_ID,
    referral_recorded,
    route_assessed,
    route_left,
    route_opened,
    route_planned,
    rule_set,
    track_moved,
)
from tests.services.conftest import ServiceUnderTest

WORK, HEALTH, LEGAL = codes.Track.EMPLOYMENT, codes.Track.HEALTH_AFFILIATION, codes.Track.LEGAL_ADVICE
UNDER_WAY, DONE, DROPPED = codes.TrackState.UNDER_WAY, codes.TrackState.DONE, codes.TrackState.DROPPED
State = codes.RouteState


@pytest.fixture
def household(intake: ServiceUnderTest, hub_key: sealing.Key) -> ServiceUnderTest:
    """Intake, knowing a household of two."""
    key = sealing.public_part(hub_key)
    intake.hear(person_registered(key), source=SENDER)
    intake.hear(person_registered(key, person=CHILD, person_id=CHILD_ID), source=SENDER)
    intake.hear(household_recorded(), source=SENDER)
    return intake


@pytest.fixture
def welcomed(household: ServiceUnderTest) -> ServiceUnderTest:
    household.hear(route_opened(), source=SENDER)
    return household


@pytest.fixture
def planned(welcomed: ServiceUnderTest) -> ServiceUnderTest:
    """A household with a first assessment and a plan of two tracks."""
    welcomed.hear(route_assessed(2), source=SENDER)
    welcomed.hear(route_planned(WORK, HEALTH), source=SENDER)
    return welcomed


def status(said: list[Message[Any]]) -> contracts.RouteStatus:
    """What the organisation is told; the hub's services are told the same under the same number."""
    told, recorded = said
    assert (told.type, told.recipient, recorded.type, recorded.recipient) == (
        "route.status.v1",
        SENDER,
        "route.recorded.v1",
        None,
    )
    assert (dict(told.data), told.sequence) == (dict(recorded.data), recorded.sequence)
    assert isinstance(told.data, contracts.RouteStatus)
    return told.data


def tracks(told: contracts.RouteStatus) -> dict[str, str]:
    return {one.track: one.state for one in told.tracks}


def assert_nothing_changed(intake: ServiceUnderTest, before: list[Any]) -> None:
    assert everything(intake) == before


def everything(intake: ServiceUnderTest) -> list[Any]:
    tables = ("route", "route_track", "assessment", "route_history", "graduation_rule")
    return [intake.rows(f"select * from {table} order by 1, 2") for table in tables]


# -- opened -----------------------------------------------------------------------------------------------------------


def test_a_household_is_welcomed_and_its_organisation_told_what_it_takes_to_graduate(
    household: ServiceUnderTest,
) -> None:
    said = household.hear(route_opened(), source=SENDER)
    told = status(said)
    assert (told.state, told.household_id, told.organisation, told.rule_id, said[0].sequence) == (
        State.WELCOMED,
        HOUSEHOLD_ID,
        SENDER,
        FIRST_RULE_ID,
        1,
    )
    assert {"assessments_below_2", "no_plan", "housing_below_3"} < set(told.missing)


@pytest.mark.parametrize(
    ("route_id", "source", "code"),
    [
        (ROUTE_ID, SENDER, "already_opened"),
        (uuid7(), SENDER, "open_route_exists"),
        (uuid7(), ANOTHER, "recorded_by_another"),
    ],
)
def test_a_household_walks_one_open_route_with_the_organisation_that_registered_it(
    welcomed: ServiceUnderTest, route_id: Any, source: str, code: str
) -> None:
    before = everything(welcomed)
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        welcomed.hear(route_opened(route_id=route_id), source=source)
    assert_nothing_changed(welcomed, before)


def test_a_household_that_left_may_be_welcomed_again(welcomed: ServiceUnderTest) -> None:
    welcomed.hear(route_left(), source=SENDER)
    again = welcomed.hear(route_opened(route_id=uuid7()), source=SENDER)
    assert status(again).state is State.WELCOMED


# -- on the way -------------------------------------------------------------------------------------------------------


def test_each_step_leads_to_its_state_under_the_next_number(welcomed: ServiceUnderTest) -> None:
    steps = (
        (route_assessed(2), State.CHARACTERISED),
        (route_planned(WORK, HEALTH), State.PLANNED),
        (track_moved(WORK, UNDER_WAY), State.PLANNED),
        (route_assessed(3, assessed_at=NOW + DAY), State.FOLLOWED_UP),
        (route_left(), State.LEFT),
    )
    told = [welcomed.hear(said, source=SENDER) for said, _ in steps]
    assert [status(one).state for one in told] == [state for _, state in steps]
    assert [one[0].sequence for one in told] == [2, 3, 4, 5, 6]
    assert status(told[-1]).leave_reason is codes.LeaveReason.MOVED_AWAY


def test_an_assessment_that_becomes_known_late_has_its_place_by_when_it_was_made(planned: ServiceUnderTest) -> None:
    for track in (WORK, HEALTH):
        planned.hear(track_moved(track, DONE), source=SENDER)
    planned.hear(route_assessed(4, assessed_at=NOW + 20 * DAY), source=SENDER)
    late = planned.hear(route_assessed(2, assessed_at=NOW + 10 * DAY), source=SENDER)
    assert (status(late).state, len(status(late).missing)) == (State.FOLLOWED_UP, 12)
    better = planned.hear(route_assessed(3, assessed_at=NOW + 30 * DAY), source=SENDER)
    assert status(better).state is State.GRADUATED


@pytest.mark.parametrize(
    ("again", "code"),
    [
        (route_planned(LEGAL), "already_planned"),
        (route_planned(LEGAL, planned_at=NOW - DAY), "superseded"),
        (track_moved(LEGAL, DONE), "track_not_planned"),
        (track_moved(HEALTH, DONE), "already_moved"),
        (track_moved(HEALTH, UNDER_WAY), "track_ended"),
    ],
)
def test_a_repeat_an_older_plan_and_a_track_without_one_change_nothing(
    planned: ServiceUnderTest, again: Any, code: str
) -> None:
    planned.hear(track_moved(HEALTH, DONE), source=SENDER)
    before = everything(planned)
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        planned.hear(again, source=SENDER)
    assert_nothing_changed(planned, before)


EVERY_WORD = (route_assessed(3), route_planned(LEGAL, planned_at=NOW + DAY), track_moved(WORK, DONE), route_left())


@pytest.mark.parametrize("said", EVERY_WORD, ids=lambda said: type(said).__name__)
def test_nobody_speaks_of_a_route_but_who_follows_the_household(planned: ServiceUnderTest, said: Any) -> None:
    before = everything(planned)
    for other in (ANOTHER, COORDINATOR):
        with pytest.raises(rules.Refused, match=r"^followed_by_another$"):
            planned.hear(said, source=other)
    assert_nothing_changed(planned, before)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (route_assessed(3, assessed_at=NOW + DAY), "route_ended"),
        (route_planned(LEGAL, planned_at=NOW + DAY), "route_ended"),
        (track_moved(WORK, DONE), "route_ended"),
        (route_left(), "already_left"),
    ],
    ids=lambda said: said if isinstance(said, str) else type(said).__name__,
)
def test_a_route_that_has_ended_goes_no_further(planned: ServiceUnderTest, said: Any, code: str) -> None:
    planned.hear(route_left(), source=SENDER)
    before = everything(planned)
    with pytest.raises(rules.Refused, match=rf"^{code}$"):
        planned.hear(said, source=SENDER)
    assert_nothing_changed(planned, before)


# -- a referral meets a need -------------------------------------------------------------------------------------------


def test_a_placement_through_a_referral_ends_the_track_and_the_household_graduates(planned: ServiceUnderTest) -> None:
    planned.hear(track_moved(HEALTH, DONE), source=SENDER)
    for month in (8, 11):
        assessed = planned.hear(route_assessed(4, assessed_at=NOW + 30 * month * DAY), source=SENDER)
    assert (status(assessed).state, status(assessed).missing) == (State.FOLLOWED_UP, ("track_open_employment",))
    told = status(planned.hear(referral_recorded(), source="hub"))
    assert (told.state, tracks(told), told.missing, told.rule_id) == (
        State.GRADUATED,
        {WORK: DONE, HEALTH: DONE},
        (),
        FIRST_RULE_ID,
    )


def test_the_same_referral_closed_after_it_was_completed_moves_nothing_again(planned: ServiceUnderTest) -> None:
    planned.hear(referral_recorded(), source="hub")
    planned.hear(route_planned(HEALTH, planned_at=NOW + DAY), source=SENDER)
    assert planned.hear(referral_recorded(state=codes.ReferralState.CLOSED), source="hub") == []
    moved = planned.rows("select what from route_history where referral_id = %s", REFERRAL_ID)
    assert moved == [{"what": "need_met"}]


@pytest.mark.parametrize(
    "fact",
    [
        referral_recorded(outcome=codes.Outcome.PARTLY_MET),
        referral_recorded(state=codes.ReferralState.IN_SERVICE, outcome=None),
        referral_recorded(need_code="protection.legal_advice"),
        referral_recorded(need_code="health.consultation"),
        referral_recorded(person_id=uuid7()),
        referral_recorded(need_code="gbv.case_management", person_id=None, need_id=None),
    ],
    ids=["partly met", "still going on", "a track not planned", "no track", "a stranger", "a confidential case"],
)
def test_what_concerns_no_track_of_the_plan_moves_nothing(planned: ServiceUnderTest, fact: Any) -> None:
    before = everything(planned)
    assert planned.hear(fact, source="hub") == []
    assert_nothing_changed(planned, before)


def test_a_need_of_any_member_is_the_households(planned: ServiceUnderTest) -> None:
    told = status(planned.hear(referral_recorded(person_id=CHILD_ID, need_code="health.affiliation"), source="hub"))
    assert tracks(told) == {WORK: "planned", HEALTH: DONE}


def test_who_has_left_the_household_moves_its_route_no_more(planned: ServiceUnderTest) -> None:
    stays = contracts.Member(person_id=CHILD_ID, role=codes.HouseholdRole.HEAD)
    planned.hear(household_recorded(members=(stays,), recorded_at=NOW + DAY), source=SENDER)
    assert planned.hear(referral_recorded(), source="hub") == []


@pytest.mark.parametrize("until", [None, NOW + DAY], ids=["was never given", "is over"])
def test_who_may_not_follow_a_person_hears_nothing_of_their_need(
    intake: ServiceUnderTest, hub_key: sealing.Key, until: datetime | None
) -> None:
    """Also where such a household stands there from before it was asked who may name whom."""
    key = sealing.public_part(hub_key)
    intake.hear(person_registered(key), source=RECIPIENT)
    shared = {"purposes": (codes.ConsentPurpose.FOLLOW_UP,), "recipients": (SENDER,), "valid_until": NOW + DAY}
    intake.hear(consent_granted(**shared), source=RECIPIENT)
    head = contracts.Member(person_id=PERSON_ID, role=codes.HouseholdRole.HEAD)
    intake.hear(household_recorded(members=(head,)), source=SENDER)
    for said in (route_opened(), route_assessed(2), route_planned(WORK)):
        intake.hear(said, source=SENDER)

    if until is None:
        intake.rows("delete from consent")
        intake.tx.load_again(consents.SHARING)
    else:
        intake.clock.now = until
    assert intake.hear(referral_recorded(), source="hub") == []

    intake.hear(consent_granted(**shared | {"consent_id": uuid7(), "valid_until": None}), source=RECIPIENT)
    assert tracks(status(intake.hear(referral_recorded(), source="hub"))) == {WORK: DONE}


# -- the rule ----------------------------------------------------------------------------------------------------------


def test_a_newer_rule_decides_from_then_on_and_the_decision_names_it(planned: ServiceUnderTest) -> None:
    easier = rule_set()
    assert planned.hear(easier, source=COORDINATOR) == []
    assert planned.rows("select state from route") == [{"state": "planned"}]  # until something happens
    told = status(planned.hear(track_moved(WORK, UNDER_WAY), source=SENDER))
    assert (told.state, told.rule_id) == (State.GRADUATED, easier.rule_id)
    history = planned.rows("select what, rule_id from route_history order by sequence")
    assert [(row["what"], row["rule_id"]) for row in history] == [
        ("opened", FIRST_RULE_ID),
        ("assessed", FIRST_RULE_ID),
        ("planned", FIRST_RULE_ID),
        ("track_moved", easier.rule_id),
    ]


def test_the_same_rule_again_and_an_older_one_are_refused(intake: ServiceUnderTest) -> None:
    newest = rule_set()
    intake.hear(newest, source=COORDINATOR)
    for rule, code in ((newest, "already_set"), (rule_set(set_at=NOW - DAY), "superseded")):
        with pytest.raises(rules.Refused, match=rf"^{code}$"):
            intake.hear(rule, source=COORDINATOR)
    assert len(intake.rows("select 1 from graduation_rule")) == 2


def test_every_need_that_moves_a_route_is_a_known_one_and_leads_to_a_track(intake: ServiceUnderTest) -> None:
    rows = intake.rows("select need_code, track from track_of_need")
    assert {row["need_code"] for row in rows} <= set(codes.NeedCode)
    assert {row["track"] for row in rows} == set(codes.Track)


def test_the_first_rule_asks_for_points_in_every_domain(intake: ServiceUnderTest) -> None:
    (rule,) = intake.rows("select thresholds from graduation_rule")
    assert rule["thresholds"].keys() == set(codes.Domain)
