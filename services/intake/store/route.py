"""Integration routes in PostgreSQL, as functions that take the transaction."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

from messaging.answers import Refused
from messaging.database import Row
from messaging.transaction import Transaction
from services.intake.rules.route import ENDED, Assessment, Route, Rule, State, TrackState
from services.intake.store import households
from services.intake.store.cause import Cause

_ROUTE: Final = """
    route_id, household_id, organisation, opened_at, state, sequence, changed_at, rule_id, planned_at, leave_reason
"""

LOCK: Final = f"""
    select route_id as key, {_ROUTE} from route where route_id = any(%b::uuid[]) order by route_id for no key update
"""

_ASSESSMENTS: Final = "from assessment where assessment.route_id = route.route_id order by assessment_id"

# What belongs to routes, once these are locked.
PARTS: Final = f"""
    select route_id as key,
           (select coalesce(jsonb_object_agg(track, state), '{{}}') from route_track
            where route_track.route_id = route.route_id) as tracks,
           array(select assessment_id {_ASSESSMENTS}) as assessment_ids,
           array(select assessed_at {_ASSESSMENTS}) as assessed_at,
           array(select points {_ASSESSMENTS}) as points,
           array(select referral_id from route_history
                 where route_history.route_id = route.route_id and referral_id is not null) as moved_by
    from route where route_id = any(%b::uuid[])
"""

INSERT: Final = f"""
    insert into route ({_ROUTE}) select {_ROUTE} from jsonb_populate_recordset(null::route, %s::jsonb)
    on conflict do nothing
    returning route_id
"""

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

INSERT_ASSESSMENT: Final = """
    insert into assessment (route_id, assessment_id, assessed_at, points)
    select route_id, assessment_id, assessed_at, points from jsonb_populate_recordset(null::assessment, %s::jsonb)
"""

ADD_HISTORY: Final = """
    insert into route_history (route_id, sequence, what, state, rule_id, organisation, referral_id, message_id,
                               staff, recorded_at)
    select route_id, sequence, what, state, rule_id, organisation, referral_id, message_id, staff,
           recorded_at
    from jsonb_populate_recordset(null::route_history, %s::jsonb)
"""

# By what is decided about routes: the newest rule, and the track that each need belongs to.
STANDARD: Final = """
    select asked.key, rule_id, set_at, thresholds, assessments, tracks_ended,
           (select jsonb_object_agg(need_code, track) from track_of_need) as track_of_need
    from unnest(%b::text[]) as asked(key)
    cross join lateral (select * from graduation_rule order by set_at desc limit 1) as newest
"""
THE_ONE: Final = "the one"  # there is

INSERT_RULE: Final = """
    insert into graduation_rule (rule_id, set_at, set_by, thresholds, assessments, tracks_ended, message_id, staff)
    select rule_id, set_at, set_by, thresholds, assessments, tracks_ended, message_id, staff
    from jsonb_populate_recordset(null::graduation_rule, %s::jsonb)
    on conflict do nothing
    returning rule_id
"""


class Standard(NamedTuple):
    """By what is decided about routes: the rule by which households graduate, and the track that each need ends."""

    rule: Rule
    track_of_need: Mapping[str, str]


class Parts(NamedTuple):
    """What belongs to a route, and the referrals that have met a need of its household."""

    tracks: Mapping[str, TrackState] = MappingProxyType({})
    assessments: Sequence[Assessment] = ()
    moved_by: Set[UUID] = frozenset()


def lock_route(tx: Transaction, route_id: UUID) -> Route | None:
    """Return a route that nobody else can change before the transaction ends; None while nobody has opened it."""
    route = tx.load(LOCK, route_id, _route)
    if route is None:
        return None
    parts = _parts(tx, route_id)
    return replace(route, tracks=parts.tracks, assessments=parts.assessments)


def lock_concerned(tx: Transaction, person_id: UUID, need_code: str, referral_id: UUID) -> list[tuple[Route, str]]:
    """Lock the open routes of a person's households, each with the track that a need belongs to on it.

    None of which this referral has moved before, nor any when the need belongs to no track.
    """
    track, home = _standard(tx).track_of_need.get(need_code), households.find_home(tx, person_id)
    if track is None or home is None:
        return []
    open_routes = sorted(one for one in home.open_routes.values() if one is not None)
    locked = [route for one in open_routes if (route := lock_route(tx, one))]
    return [(route, track) for route in locked if referral_id not in _parts(tx, route.route_id).moved_by]


def insert_route(tx: Transaction, route: Route, cause: Cause, *, at: datetime) -> None:
    """Keep a route that has been opened; refuse what the database does not let in: an id or a household twice."""
    if tx.load(LOCK, route.route_id, _route) is not None:
        raise Refused("already_opened")
    if not tx.insert(INSERT, _to_row(route)):
        raise Refused("open_route_exists")
    _add_history(tx, route, "opened", cause, at=at)
    _put(tx, route, Parts())
    households.put_open_route(tx, route.household_id, route.route_id)


def save_route(
    tx: Transaction, route: Route, what: str, cause: Cause, *, at: datetime, referral_id: UUID | None = None
) -> None:
    """Keep what has become of a route since it was locked, and what brought that about."""
    key, known = route.route_id, _parts(tx, route.route_id)
    moved_by = frozenset[UUID]() if referral_id is None else {referral_id}
    tx.write(SAVE, _to_row(route))
    if route.tracks != known.tracks:
        tx.write(REMOVE_TRACKS, {"route_id": key, "tracks": route.tracks})
        tx.write(SAVE_TRACKS, {"route_id": key, "tracks": route.tracks})
    for one in route.assessments:
        if one not in known.assessments:
            tx.write(INSERT_ASSESSMENT, {name: getattr(one, name) for name in one.__slots__} | {"route_id": key})
    _add_history(tx, route, what, cause, at=at, referral_id=referral_id)
    _put(tx, route, Parts(route.tracks, route.assessments, known.moved_by | moved_by))
    if route.state in ENDED:
        households.put_open_route(tx, route.household_id, None)


def newest_rule(tx: Transaction) -> Rule:
    """Return the rule by which households graduate now."""
    return _standard(tx).rule


def insert_rule(tx: Transaction, rule: Rule, cause: Cause) -> None:
    """Keep a rule that a coordinator has set; refuse one whose id or time is taken."""
    row = {name: getattr(rule, name) for name in rule.__slots__}
    if not tx.insert(INSERT_RULE, row | {"set_by": cause.source, "message_id": cause.id, "staff": cause.staff}):
        raise Refused("already_set")
    tx.amend(STANDARD, THE_ONE, lambda known: known._replace(rule=rule))


def _standard(tx: Transaction) -> Standard:
    standard = tx.load(STANDARD, THE_ONE, _read_standard)
    assert standard is not None, "a migration has put it there"
    return standard


def _parts(tx: Transaction, route_id: UUID) -> Parts:
    return tx.load(PARTS, route_id, _read_parts, lock=LOCK) or Parts()


def _put(tx: Transaction, route: Route, parts: Parts) -> None:
    tx.put(LOCK, route.route_id, replace(route, missing=()))  # as it would be read
    tx.put(PARTS, route.route_id, parts)


def _route(row: Row) -> Route:
    return Route(**{**row, "state": State(row["state"])})


def _read_standard(row: Row) -> Standard:
    return Standard(track_of_need=row.pop("track_of_need"), rule=Rule(**row))


def _read_parts(row: Row) -> Parts:
    tracks = {track: TrackState(state) for track, state in row["tracks"].items()}
    assessments = map(Assessment, row["assessment_ids"], row["assessed_at"], row["points"])
    return Parts(tracks, list(assessments), frozenset(row["moved_by"]))


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
            "staff": cause.staff,
            "recorded_at": at,
        },
    )
