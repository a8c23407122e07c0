"""Integration routes in PostgreSQL, as functions that take the transaction."""

from datetime import datetime
from typing import Final
from uuid import UUID

from messaging.database import Row, Transaction, row_as_json
from services.intake.rules.answers import Refused
from services.intake.rules.route import Assessment, Route, Rule, State, TrackState
from services.intake.store.cause import Cause

_ROUTE: Final = """
    route_id, household_id, organisation, opened_at, state, sequence, changed_at, rule_id, planned_at, leave_reason
"""

LOCK: Final = f"select {_ROUTE} from route where route_id = any(%s) order by route_id for update"
TRACKS: Final = "select route_id, track, state from route_track where route_id = any(%s)"
ASSESSMENTS: Final = "select route_id, assessment_id, assessed_at, points from assessment where route_id = any(%s)"

INSERT: Final = f"""
    insert into route ({_ROUTE}) select {_ROUTE} from jsonb_populate_record(null::route, %s::jsonb)
    on conflict do nothing
    returning route_id
"""

IS_OPENED: Final = "select 1 from route where route_id = %s"

SAVE: Final = """
    update route
    set state = new.state, sequence = new.sequence, changed_at = new.changed_at, rule_id = new.rule_id,
        planned_at = new.planned_at, leave_reason = new.leave_reason
    from jsonb_populate_recordset(null::route, %s::jsonb) as new
    where route.route_id = new.route_id
"""

REMOVE_TRACKS: Final = """
    delete from route_track using jsonb_to_recordset(%s::jsonb) as new(route_id uuid, tracks jsonb)
    where route_track.route_id = new.route_id and not new.tracks ? route_track.track
"""

SAVE_TRACKS: Final = """
    insert into route_track (route_id, track, state)
    select route_id, planned.key, planned.value
    from jsonb_to_recordset(%s::jsonb) as new(route_id uuid, tracks jsonb), jsonb_each_text(tracks) as planned
    on conflict (route_id, track) do update set state = excluded.state
"""

SAVE_ASSESSMENTS: Final = """
    insert into assessment (route_id, assessment_id, assessed_at, points)
    select route_id, assessment_id, assessed_at, points from jsonb_populate_recordset(null::assessment, %s::jsonb)
    on conflict do nothing
"""

ADD_HISTORY: Final = """
    insert into route_history (route_id, sequence, what, state, rule_id, organisation, referral_id, message_id,
                               recorded_at)
    select route_id, sequence, what, state, rule_id, organisation, referral_id, message_id, recorded_at
    from jsonb_populate_recordset(null::route_history, %s::jsonb)
"""

# The open routes of the households that a person lives in, with the track that a need belongs to there.
CONCERNED: Final = """
    select route.route_id, track_of_need.track
    from household_member
    join route using (household_id)
    join track_of_need on track_of_need.need_code = %(need_code)s
    where household_member.person_id = %(person_id)s
      and route.state not in ('graduated', 'left')
      and not exists (
          select from route_history as moved
          where moved.route_id = route.route_id and moved.referral_id = %(referral_id)s
      )
    order by route.route_id
"""

RULE: Final = """
    select rule_id, set_at, thresholds, assessments, tracks_ended from graduation_rule order by set_at desc limit 1
"""

INSERT_RULE: Final = """
    insert into graduation_rule (rule_id, set_at, set_by, thresholds, assessments, tracks_ended, message_id)
    select rule_id, set_at, set_by, thresholds, assessments, tracks_ended, message_id
    from jsonb_populate_record(null::graduation_rule, %s::jsonb)
    on conflict do nothing
    returning rule_id
"""


def lock_route(tx: Transaction, route_id: UUID) -> Route | None:
    """Return a route that nobody else can change before the transaction ends; None while nobody has opened it."""
    return next(iter(_lock(tx, [route_id])), None)


def lock_concerned(tx: Transaction, person_id: UUID, need_code: str, referral_id: UUID) -> list[tuple[Route, str]]:
    """Lock the open routes of a person's households, each with the track that a need belongs to on it.

    None of which this referral has moved before, nor any when the need belongs to no track.
    """
    rows = tx.fetch(CONCERNED, {"person_id": person_id, "need_code": need_code, "referral_id": referral_id})
    tracks = {row["route_id"]: row["track"] for row in rows}
    return [(route, tracks[route.route_id]) for route in _lock(tx, list(tracks))] if tracks else []


def insert_route(tx: Transaction, route: Route, cause: Cause, *, at: datetime) -> None:
    """Keep a route that has been opened; refuse what the database does not let in: an id or a household twice."""
    if not tx.fetch(INSERT, (row_as_json(_to_row(route)),)):
        raise Refused("already_opened" if tx.fetch(IS_OPENED, (route.route_id,)) else "open_route_exists")
    _add_history(tx, route, "opened", cause, at=at)


def save_route(
    tx: Transaction, route: Route, what: str, cause: Cause, *, at: datetime, referral_id: UUID | None = None
) -> None:
    """Keep what has become of a route since it was locked, and what brought that about."""
    key = route.route_id
    tx.write(SAVE, _to_row(route), key)
    tx.write(REMOVE_TRACKS, {"route_id": key, "tracks": route.tracks}, key)
    tx.write(SAVE_TRACKS, {"route_id": key, "tracks": route.tracks}, key)
    for one in route.assessments:
        row = {name: getattr(one, name) for name in one.__slots__}
        tx.write(SAVE_ASSESSMENTS, row | {"route_id": key})
    _add_history(tx, route, what, cause, at=at, referral_id=referral_id)


def newest_rule(tx: Transaction) -> Rule:
    """Return the rule by which households graduate now."""
    (row,) = tx.fetch(RULE)  # a migration has put the first one there
    return Rule(**row)


def insert_rule(tx: Transaction, rule: Rule, cause: Cause) -> None:
    """Keep a rule that a coordinator has set; refuse one whose id or time is taken."""
    row = {name: getattr(rule, name) for name in rule.__slots__}
    if not tx.fetch(INSERT_RULE, (row_as_json(row | {"set_by": cause.source, "message_id": cause.id}),)):
        raise Refused("already_set")


def _lock(tx: Transaction, ids: list[UUID]) -> list[Route]:
    rows = tx.fetch(LOCK, (ids,))
    tracks: dict[UUID, dict[str, TrackState]] = {one: {} for one in ids}
    assessments: dict[UUID, list[Assessment]] = {one: [] for one in ids}
    for row in tx.fetch(TRACKS, (ids,)):
        tracks[row["route_id"]][row["track"]] = TrackState(row["state"])
    for row in tx.fetch(ASSESSMENTS, (ids,)):
        assessments[row.pop("route_id")].append(Assessment(**row))
    return [_route(row, tracks[row["route_id"]], assessments[row["route_id"]]) for row in rows]


def _route(row: Row, tracks: dict[str, TrackState], assessments: list[Assessment]) -> Route:
    return Route(**{**row, "state": State(row["state"])}, tracks=tracks, assessments=assessments)


def _to_row(route: Route) -> Row:
    kept = (name for name in route.__slots__ if name not in ("tracks", "assessments", "missing"))
    return {name: getattr(route, name) for name in kept}


def _add_history(
    tx: Transaction, route: Route, what: str, cause: Cause, *, at: datetime, referral_id: UUID | None = None
) -> None:
    tx.write(
        ADD_HISTORY,
        {
            "route_id": route.route_id,
            "sequence": route.sequence,
            "what": what,
            "state": route.state,
            "rule_id": route.rule_id,
            "organisation": cause.source,
            "referral_id": referral_id,
            "message_id": cause.id,
            "recorded_at": at,
        },
    )
