"""What organisations tell intake of the integration route of the examples' household."""

from datetime import datetime
from typing import Any
from uuid import UUID

import contracts
from contracts import codes, uuid7
from tests.examples import NEED_ID, NOW, PERSON_ID, RECIPIENT, REFERRAL_ID, SENDER, SERVICE_ID
from tests.examples_intake import HOUSEHOLD_ID

ROUTE_ID = UUID("01950000-0000-7000-8000-000000000021")
FIRST_RULE_ID = UUID("01900000-0000-7000-8000-000000000001")


def route_opened(**overrides: Any) -> contracts.RouteOpened:
    return contracts.RouteOpened(**{"route_id": ROUTE_ID, "household_id": HOUSEHOLD_ID, "opened_at": NOW, **overrides})


def route_assessed(points: int, *, assessed_at: datetime = NOW, **overrides: Any) -> contracts.RouteAssessed:
    """The same points in every domain, unless `overrides` names others for one."""
    scores = tuple(
        contracts.Score(domain=domain, points=overrides.pop(domain.value, points)) for domain in codes.Domain
    )
    return contracts.RouteAssessed(
        **{
            "route_id": ROUTE_ID,
            "assessment_id": uuid7(),
            "assessed_at": assessed_at,
            "scores": scores,
            **overrides,
        }
    )


def route_planned(*tracks: codes.Track, **overrides: Any) -> contracts.RoutePlanned:
    return contracts.RoutePlanned(**{"route_id": ROUTE_ID, "planned_at": NOW, "tracks": tracks, **overrides})


def track_moved(track: codes.Track, state: codes.TrackState, **overrides: Any) -> contracts.RouteTrackMoved:
    return contracts.RouteTrackMoved(
        **{"route_id": ROUTE_ID, "track": track, "state": state, "moved_at": NOW, **overrides}
    )


def route_left(**overrides: Any) -> contracts.RouteLeft:
    return contracts.RouteLeft(
        **{"route_id": ROUTE_ID, "reason": codes.LeaveReason.MOVED_AWAY, "left_at": NOW, **overrides}
    )


def rule_set(**overrides: Any) -> contracts.RouteRuleSet:
    """Less than the first rule: one assessment with a roof over one's head, whatever the plan."""
    return contracts.RouteRuleSet(
        **{
            "rule_id": uuid7(),
            "set_at": NOW,
            "thresholds": (contracts.Threshold(domain=codes.Domain.HOUSING, points=2),),
            "assessments": 1,
            "tracks_ended": False,
            **overrides,
        }
    )


def referral_recorded(**overrides: Any) -> contracts.ReferralRecorded:
    """The referral of the examples' person for work, completed."""
    return contracts.ReferralRecorded(
        **{
            "referral_id": REFERRAL_ID,
            "state": codes.ReferralState.COMPLETED,
            "changed_at": NOW,
            "changed_by": RECIPIENT,
            "sender": SENDER,
            "recipient": RECIPIENT,
            "service_id": SERVICE_ID,
            "person_id": PERSON_ID,
            "need_id": NEED_ID,
            "need_code": "integration.employment",
            "urgency": codes.Urgency.NORMAL,
            "sent_at": NOW,
            "outcome": codes.Outcome.NEED_MET,
            **overrides,
        }
    )
