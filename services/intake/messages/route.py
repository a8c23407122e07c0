"""Integration routes, and what is notified of them."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

from typing import Any

import contracts
from contracts import Draft, Message, codes
from services.intake.rules.route import Assessment, Route, Rule


def opening(message: Message[contracts.RouteOpened]) -> Route:
    """Read the route that a household is welcomed to."""
    said = message.data
    return Route(said.route_id, said.household_id, organisation=message.source, opened_at=said.opened_at)


def assessment(said: contracts.RouteAssessed) -> Assessment:
    """Read the points of a household in each domain."""
    points = {str(score.domain): score.points for score in said.scores}
    return Assessment(said.assessment_id, said.assessed_at, points)


def rule(said: contracts.RouteRuleSet) -> Rule:
    """Read by what households graduate."""
    thresholds = {str(one.domain): one.points for one in said.thresholds}
    return Rule(said.rule_id, said.set_at, thresholds, said.assessments, said.tracks_ended)


def notices(route: Route) -> list[Draft]:
    """Tell the organisation that follows the household where it is on its route now, and the hub's services."""
    status = _status(route)
    subject = str(route.route_id)
    return [
        Draft(contracts.RouteStatus(**status), subject, recipient=route.organisation, sequence=route.sequence),
        Draft(contracts.RouteRecorded(**status), subject, sequence=route.sequence),
    ]


def _status(route: Route) -> dict[str, Any]:
    return {
        "route_id": route.route_id,
        "household_id": route.household_id,
        "organisation": route.organisation,
        "state": codes.RouteState(route.state),
        "changed_at": route.changed_at,
        "tracks": tuple(
            contracts.TrackStatus(track=codes.Track(track), state=codes.TrackState(state))
            for track, state in sorted(route.tracks.items())
        ),
        "missing": tuple(route.missing),
        "rule_id": route.rule_id,
        "leave_reason": None if route.leave_reason is None else codes.LeaveReason(route.leave_reason),
    }
