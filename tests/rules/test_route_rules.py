"""How far a household is on its route, and by what rule it graduates."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.intake import rules
from services.intake.rules.route import Assessment, Route, Rule, State, TrackState
from tests.examples import DAY, NOW, SENDER

HOUSING, WORK = "housing", "employment"
RULE = Rule(UUID(int=1), NOW, {HOUSING: 3, WORK: 4}, assessments=2, tracks_ended=True)
ROUTE = Route(UUID(int=2), UUID(int=3), SENDER, NOW)


def scored(*, on: int, housing: int = 3, employment: int = 4) -> Assessment:
    """An assessment so many days after the beginning."""
    return Assessment(UUID(int=100 + on), NOW + on * DAY, {HOUSING: housing, WORK: employment})


def a_route(*assessments: Assessment, tracks: dict[str, TrackState] | None = None, **overrides: Any) -> Route:
    planned_at = None if tracks is None else NOW
    return replace(ROUTE, assessments=assessments, tracks=tracks or {}, planned_at=planned_at, **overrides)


def missing(route: Route, rule: Rule = RULE) -> Sequence[str]:
    return tuple(rules.route.missing(route, rule))


# -- states -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "state"),
    [
        (a_route(), State.WELCOMED),
        (a_route(scored(on=0, housing=1)), State.CHARACTERISED),
        (a_route(scored(on=0, housing=1), scored(on=9, housing=1)), State.CHARACTERISED),
        (a_route(scored(on=0, housing=1), tracks={WORK: TrackState.PLANNED}), State.PLANNED),
        (a_route(scored(on=0), scored(on=9), tracks={WORK: TrackState.PLANNED}), State.FOLLOWED_UP),
        (a_route(scored(on=0), scored(on=9), tracks={WORK: TrackState.DONE}), State.GRADUATED),
    ],
)
def test_what_is_known_of_a_route_says_how_far_it_is(route: Route, state: State) -> None:
    recomputed = rules.route.recompute(route, RULE, at=NOW)
    assert (recomputed.state, recomputed.sequence, recomputed.changed_at, recomputed.rule_id) == (
        state,
        1,
        NOW,
        RULE.rule_id,
    )


def test_who_has_graduated_stays_so_by_the_rule_that_decided() -> None:
    graduated = a_route(scored(on=0), state=State.GRADUATED, changed_at=NOW, rule_id=UUID(int=9), sequence=7)
    recomputed = rules.route.recompute(graduated, RULE, at=NOW + DAY)
    assert (recomputed.state, recomputed.rule_id, recomputed.changed_at, recomputed.sequence) == (
        State.GRADUATED,
        UUID(int=9),
        NOW,
        8,
    )


# -- graduation -------------------------------------------------------------------------------------------------------


def test_what_a_rule_still_asks_for_is_named() -> None:
    assert missing(a_route()) == ("assessments_below_2", "employment_below_4", "housing_below_3", "no_plan")
    open_track = a_route(scored(on=0), scored(on=9), tracks={WORK: TrackState.UNDER_WAY, HOUSING: TrackState.DROPPED})
    assert missing(open_track) == ("track_open_employment",)


def test_the_latest_assessments_count_in_the_order_in_which_they_were_made() -> None:
    better = (scored(on=20), scored(on=10), scored(on=0, housing=1))
    assert missing(a_route(*better, tracks={})) == ()
    late = scored(on=15, housing=2)  # made in between, and known last
    assert missing(a_route(*better, late, tracks={})) == ("housing_below_3",)


def test_one_of_the_assessments_below_is_not_enough() -> None:
    assert missing(a_route(scored(on=0, employment=3), scored(on=9), tracks={})) == ("employment_below_4",)


def test_a_rule_may_leave_the_plan_out() -> None:
    easy = replace(RULE, assessments=1, tracks_ended=False)
    assert missing(a_route(scored(on=0)), easy) == ()


def test_only_a_newer_rule_takes_the_place_of_another() -> None:
    newer = replace(RULE, rule_id=UUID(int=8), set_at=NOW + DAY)
    rules.route.check_rule(newer, RULE)
    with pytest.raises(rules.Refused, match=r"^superseded$"):
        rules.route.check_rule(RULE, newer)
    with pytest.raises(rules.Refused, match=r"^already_set$"):
        rules.route.check_rule(RULE, RULE)


# -- plans and tracks -------------------------------------------------------------------------------------------------


def test_a_later_plan_keeps_what_is_done_and_what_it_still_plans() -> None:
    tracks = {
        "legal_advice": TrackState.DONE,
        WORK: TrackState.UNDER_WAY,
        "psychosocial": TrackState.UNDER_WAY,
        HOUSING: TrackState.DROPPED,
    }
    route = a_route(scored(on=0), tracks=tracks)
    replanned = rules.route.plan(route, (WORK, HOUSING, "school_place"), planned_at=NOW + DAY)
    assert replanned.tracks == {
        "legal_advice": TrackState.DONE,
        WORK: TrackState.UNDER_WAY,
        HOUSING: TrackState.PLANNED,
        "school_place": TrackState.PLANNED,
    }


@pytest.mark.parametrize("before", TrackState)
@pytest.mark.parametrize("after", [TrackState.UNDER_WAY, TrackState.DONE, TrackState.DROPPED])
def test_a_track_goes_on_until_it_ends(before: TrackState, after: TrackState) -> None:
    route = a_route(scored(on=0), tracks={WORK: before})
    if before is after or before in (TrackState.DONE, TrackState.DROPPED):
        code = "already_moved" if before is after else "track_ended"
        with pytest.raises(rules.Refused, match=rf"^{code}$"):
            rules.route.move_track(route, WORK, after)
    else:
        assert rules.route.move_track(route, WORK, after).tracks == {WORK: after}


@pytest.mark.parametrize(
    ("state", "outcome", "met"),
    [
        ("completed", "need_met", True),
        ("closed", "need_met", True),
        ("closed", "partly_met", False),
        ("completed", None, False),
        ("in_service", "need_met", False),
    ],
)
def test_a_need_is_met_when_a_referral_ends_with_that_outcome(state: str, outcome: str | None, met: bool) -> None:
    assert rules.route.is_met(state, outcome) is met


def test_a_need_that_is_met_ends_its_track_and_no_other() -> None:
    route = a_route(scored(on=0), tracks={WORK: TrackState.PLANNED, HOUSING: TrackState.PLANNED})
    moved = rules.route.meet_track(route, WORK)
    assert moved is not None
    assert moved.tracks == {WORK: TrackState.DONE, HOUSING: TrackState.PLANNED}
    assert rules.route.meet_track(moved, WORK) is None
    assert rules.route.meet_track(route, "legal_advice") is None
    assert rules.route.meet_track(replace(route, state=State.LEFT), WORK) is None


# -- when a route has ended -------------------------------------------------------------------------------------------


def test_of_a_route_that_has_ended_only_what_was_assessed_before_is_still_kept() -> None:
    ended = a_route(scored(on=0), state=State.GRADUATED, changed_at=NOW + 10 * DAY, rule_id=UUID(int=9))
    assert len(rules.route.assess(ended, scored(on=5)).assessments) == 2
    with pytest.raises(rules.Refused, match=r"^route_ended$"):
        rules.route.assess(ended, scored(on=11))


def test_who_left_is_told_so_and_when() -> None:
    left = rules.route.leave(a_route(changed_at=NOW - timedelta(days=3)), reason="moved_away")
    recomputed = rules.route.recompute(left, RULE, at=NOW)
    assert (recomputed.state, recomputed.changed_at, recomputed.leave_reason) == (State.LEFT, NOW, "moved_away")
    with pytest.raises(rules.Refused, match=r"^already_left$"):
        rules.route.leave(recomputed, reason="moved_away")
