"""The integration route of a household, until it graduates by a rule that is data: pure decisions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from messaging.answers import MissingPrerequisite, Refused


class State(StrEnum):
    """Where a household is on its route."""

    WELCOMED = "welcomed"
    CHARACTERISED = "characterised"  # scored for the first time
    PLANNED = "planned"
    FOLLOWED_UP = "followed_up"  # scored again, with a plan
    GRADUATED = "graduated"
    LEFT = "left"


class TrackState(StrEnum):
    """How far a household is on one track of its plan."""

    PLANNED = "planned"
    UNDER_WAY = "under_way"
    DONE = "done"
    DROPPED = "dropped"


ENDED: Final = frozenset({State.GRADUATED, State.LEFT})
TRACK_ENDED: Final = frozenset({TrackState.DONE, TrackState.DROPPED})
MET: Final = frozenset({("completed", "need_met"), ("closed", "need_met")})  # the state and outcome of a referral


@dataclass(frozen=True, slots=True)
class Rule:
    """By what a household graduates."""

    rule_id: UUID
    set_at: datetime
    thresholds: Mapping[str, int]  # the points that a domain has to have reached
    assessments: int  # in how many assessments in a row
    tracks_ended: bool  # whether there has to be a plan, with every track of it done or dropped


@dataclass(frozen=True, slots=True)
class Assessment:
    """The points of a household in each domain, from 1 (in crisis) to 5 (thriving)."""

    assessment_id: UUID
    assessed_at: datetime
    points: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Route:
    """A household's way, and the organisation that follows it."""

    route_id: UUID
    household_id: UUID
    organisation: str
    opened_at: datetime
    state: State = State.WELCOMED
    sequence: int = 0  # of its last change
    changed_at: datetime | None = None  # by the hub's clock; None: it is changing
    rule_id: UUID | None = None  # the rule that decided then
    missing: Sequence[str] = ()  # what that rule still asks for
    planned_at: datetime | None = None
    tracks: Mapping[str, TrackState] = field(default_factory=dict)
    assessments: Sequence[Assessment] = ()  # in no order
    leave_reason: str | None = None


# -- what an organisation says ----------------------------------------------------------------------------------------


def check_opening(route: Route, *, recorded_by: str | None) -> None:
    """Let the organisation that has registered a household welcome it; None: nobody has, which may be on its way."""
    if recorded_by is None:
        raise MissingPrerequisite("household", str(route.household_id))
    if recorded_by != route.organisation:
        raise Refused("recorded_by_another")


def check_follower(route: Route | None, route_id: UUID, *, by: str) -> Route:
    """Let nobody speak of a route but the organisation that follows the household."""
    if route is None:
        raise MissingPrerequisite("route", str(route_id))
    if route.organisation != by:
        raise Refused("followed_by_another")
    return route


def assess(route: Route, assessment: Assessment) -> Route:
    """Add an assessment, in its place by when it was made; of a route that has ended, only what was assessed before."""
    if any(known.assessment_id == assessment.assessment_id for known in route.assessments):
        raise Refused("already_assessed")
    if route.state in ENDED and route.changed_at is not None and assessment.assessed_at > route.changed_at:
        raise Refused("route_ended")
    return replace(route, assessments=(*route.assessments, assessment))


def plan(route: Route, tracks: Sequence[str], *, planned_at: datetime) -> Route:
    """Take a plan in place of the one before: what is done stays done, and what is under way goes on if still planned.

    A household is planned for when it has been assessed; a plan that comes before may have overtaken the assessment.
    """
    _check_open(route)
    if not route.assessments:
        raise MissingPrerequisite("assessment", str(route.route_id))
    if route.planned_at is not None and planned_at == route.planned_at:
        raise Refused("already_planned")
    if route.planned_at is not None and planned_at < route.planned_at:
        raise Refused("superseded")
    done = {track: state for track, state in route.tracks.items() if state is TrackState.DONE}
    going_on = {track: state for track, state in route.tracks.items() if state is TrackState.UNDER_WAY}
    planned = {track: going_on.get(track, TrackState.PLANNED) for track in tracks}
    return replace(route, planned_at=planned_at, tracks=planned | done)


def move_track(route: Route, track: str, state: TrackState) -> Route:
    """Take a track of the plan further, or drop it; what has ended is begun again only by a new plan."""
    _check_open(route)
    if route.planned_at is None:
        raise MissingPrerequisite("plan", str(route.route_id))
    if track not in route.tracks:
        raise Refused("track_not_planned")
    if route.tracks[track] is state:
        raise Refused("already_moved")
    if route.tracks[track] in TRACK_ENDED:
        raise Refused("track_ended")
    return replace(route, tracks={**route.tracks, track: state})


def leave(route: Route, *, reason: str) -> Route:
    """End a route before the household has graduated."""
    if route.state is State.LEFT:
        raise Refused("already_left")
    _check_open(route)
    return replace(route, state=State.LEFT, leave_reason=reason, changed_at=None)


def _check_open(route: Route) -> None:
    if route.state in ENDED:
        raise Refused("route_ended")


# -- what a referral brings -------------------------------------------------------------------------------------------


def is_met(state: str, outcome: str | None) -> bool:
    """Tell whether a referral that has reached a state has met the need it was for."""
    return (state, outcome) in MET


def meet_track(route: Route, track: str) -> Route | None:
    """Have a need that was met end the track it belongs to; None where that has ended, or was never planned."""
    if route.state in ENDED or route.tracks.get(track, TrackState.DONE) in TRACK_ENDED:
        return None
    return replace(route, tracks={**route.tracks, track: TrackState.DONE})


# -- what follows -----------------------------------------------------------------------------------------------------


def check_rule(rule: Rule, newest: Rule) -> None:
    """Let only a newer rule take the place of the one by which households graduate."""
    if rule.rule_id == newest.rule_id:
        raise Refused("already_set")
    if rule.set_at <= newest.set_at:
        raise Refused("superseded")


def recompute(route: Route, rule: Rule, *, at: datetime) -> Route:
    """Return a route that has just been changed with the state it has come to by a rule, and its next number.

    Who has graduated stays so, by the rule that decided then, and who has left is not decided about.
    """
    route = replace(route, sequence=route.sequence + 1)
    if route.state in ENDED:
        return replace(route, changed_at=route.changed_at or at)
    lacks = tuple(missing(route, rule))
    state = _stage(route) if lacks else State.GRADUATED
    return replace(route, state=state, changed_at=at, rule_id=rule.rule_id, missing=lacks)


def missing(route: Route, rule: Rule) -> Iterator[str]:
    """Name, as codes, what a rule still asks of a household; nothing when it graduates."""
    in_order = sorted(route.assessments, key=lambda one: (one.assessed_at, one.assessment_id))
    latest = in_order[-rule.assessments :]
    if len(latest) < rule.assessments:
        yield f"assessments_below_{rule.assessments}"
    for domain, points in sorted(rule.thresholds.items()):
        if not latest or min(one.points[domain] for one in latest) < points:
            yield f"{domain}_below_{points}"
    if rule.tracks_ended:
        if route.planned_at is None:
            yield "no_plan"
        for track, state in sorted(route.tracks.items()):
            if state not in TRACK_ENDED:
                yield f"track_open_{track}"


def _stage(route: Route) -> State:
    """How far a household is that is still on its way."""
    if route.planned_at is None:
        return State.CHARACTERISED if route.assessments else State.WELCOMED
    return State.FOLLOWED_UP if len(route.assessments) > 1 else State.PLANNED
