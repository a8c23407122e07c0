"""The integration route (Ruta de Integración) of a household, from its welcome until it is self-sustaining."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from .codes import Domain, LeaveReason, RouteState, Track, TrackState
from .fields import Code, Model, OrganisationId, Said, Several, only_when, wrong_field
from .registry import contract

_EACH_DOMAIN: dict[str, Any] = {
    "properties": {
        "scores": {"allOf": [{"contains": {"properties": {"domain": {"const": one.value}}}} for one in Domain]}
    }
}

_EACH_DOMAIN_AT_MOST_ONCE: dict[str, Any] = {
    "properties": {
        "thresholds": {
            "allOf": [
                {"contains": {"properties": {"domain": {"const": one.value}}}, "minContains": 0, "maxContains": 1}
                for one in Domain
            ]
        }
    }
}

Points = Annotated[int, Field(ge=1, le=5)]
"""How self-reliant a household is in a domain: 1 in crisis, 2 vulnerable, 3 safe, 4 stable, 5 thriving."""


class Score(Model):
    """The score of one domain."""

    domain: Domain
    points: Points


class _Route(Model):
    route_id: UUID


@contract("route.opened.v1", sent_by="partner", received_by="hub", personal_data=True, about="route_id")
class RouteOpened(_Route):
    """A household has been welcomed to the integration route."""

    household_id: UUID
    opened_at: Said


@contract("route.assessed.v1", sent_by="partner", received_by="hub", personal_data=True, about="route_id")
class RouteAssessed(_Route):
    """A household has been scored, at its entry or at a follow-up."""

    model_config = ConfigDict(json_schema_extra={"allOf": [_EACH_DOMAIN]})

    assessment_id: UUID
    assessed_at: Said
    scores: Annotated[Several[Score], Field(min_length=12, max_length=12)]
    """Each of the twelve domains once."""

    @model_validator(mode="after")
    def _scores_each_domain(self) -> Self:
        if len({score.domain for score in self.scores}) != len(Domain):
            raise wrong_field("scores", "Each domain is scored once")
        return self


@contract("route.planned.v1", sent_by="partner", received_by="hub", personal_data=True, about="route_id")
class RoutePlanned(_Route):
    """The household's plan: the tracks that it will walk; a later plan replaces it, and what is done stays done."""

    planned_at: Said
    tracks: Annotated[Several[Track], Field(min_length=1, max_length=9)]


@contract("route.track_moved.v1", sent_by="partner", received_by="hub", personal_data=True, about="route_id")
class RouteTrackMoved(_Route):
    """The household has come further on a track of its plan, or dropped it."""

    model_config = ConfigDict(json_schema_extra={"not": {"properties": {"state": {"const": TrackState.PLANNED.value}}}})

    track: Track
    state: TrackState
    """Not `planned`: that is what the plan says."""
    moved_at: Said

    @model_validator(mode="after")
    def _goes_on(self) -> Self:
        if self.state is TrackState.PLANNED:
            raise wrong_field("state", "A track is planned by the plan")
        return self


@contract("route.left.v1", sent_by="partner", received_by="hub", personal_data=True, about="route_id")
class RouteLeft(_Route):
    """The household has left the route before it graduated."""

    reason: LeaveReason
    left_at: Said


class TrackStatus(Model):
    """How far the household is on one track."""

    track: Track
    state: TrackState


class _Status(_Route):
    model_config = ConfigDict(
        json_schema_extra={"allOf": [only_when({"state": {"const": RouteState.LEFT.value}}, "leave_reason")]}
    )

    household_id: UUID
    organisation: OrganisationId
    """Who opened the route, and follows the household."""
    state: RouteState
    changed_at: Said
    tracks: Annotated[Several[TrackStatus], Field(max_length=9)] = ()
    missing: Annotated[Several[Code], Field(max_length=40)] = ()
    """What the rule still asks for before graduation, such as `housing_below_3`, `track_open_employment`."""
    rule_id: UUID
    """The rule that decided: by which the household has graduated, or that still asks for what is missing."""
    leave_reason: LeaveReason | None = None

    @model_validator(mode="after")
    def _leaves_for_a_reason(self) -> Self:
        if (self.state is RouteState.LEFT) != (self.leave_reason is not None):
            raise wrong_field("leave_reason", "Who left, left for a reason, and nobody else has one")
        return self


@contract(
    "route.status.v1", sent_by="hub", received_by="whoever sent it", personal_data=True, about="route_id", numbered=True
)
class RouteStatus(_Status):
    """Where the household is on its route; told to the organisation that follows it."""


@contract(
    "route.recorded.v1", sent_by="hub", received_by="hub services", personal_data=True, about="route_id", numbered=True
)
class RouteRecorded(_Status):
    """The same for the hub's services, which count it."""


class Threshold(Model):
    """The points that a domain has to have reached."""

    domain: Domain
    points: Points


@contract("route.rule_set.v1", sent_by="coordinator", received_by="hub", personal_data=False, about="rule_id")
class RouteRuleSet(Model):
    """A coordinator has set the rule by which households graduate; it decides from then on."""

    model_config = ConfigDict(json_schema_extra={"allOf": [_EACH_DOMAIN_AT_MOST_ONCE]})

    rule_id: UUID
    set_at: Said
    thresholds: Annotated[Several[Threshold], Field(min_length=1, max_length=12)]
    """Each of these domains, named once, has to have reached its points."""
    assessments: Annotated[int, Field(ge=1, le=10)]
    """In how many assessments in a row."""
    tracks_ended: bool
    """Whether every planned track has to be done or dropped."""

    @model_validator(mode="after")
    def _names_each_domain_once(self) -> Self:
        if len({threshold.domain for threshold in self.thresholds}) != len(self.thresholds):
            raise wrong_field("thresholds", "Each domain has one threshold")
        return self
