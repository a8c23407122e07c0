"""The services that organisations offer, and whether each can take people on."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from messaging.database import Row, Transaction, row_as_json
from services.referrals import rules
from services.referrals.rules import Candidate, Capacity, CapacityState, Eligibility, Line, Service

OF_EACH_ORGANISATION: Final = 5
LAST_DECISIONS: Final = 20

_COLUMNS: Final = """
    service_id, organisation, need_codes, active, published_at, name, zones, languages, eligibility, answered_by_hub
"""

PUBLISH_SERVICE: Final = f"""
    insert into service ({_COLUMNS}, listing)
    select {_COLUMNS}, listing
    from jsonb_populate_record(null::service, %s::jsonb)
    on conflict (service_id) do update
        set need_codes = excluded.need_codes, active = excluded.active, published_at = excluded.published_at,
            name = excluded.name, zones = excluded.zones, languages = excluded.languages,
            eligibility = excluded.eligibility, answered_by_hub = excluded.answered_by_hub, listing = excluded.listing
        where service.organisation = excluded.organisation and service.published_at < excluded.published_at
    returning service_id
"""

SERVICES: Final = f"""
    select service_id as key, {_COLUMNS} from service where service_id = any(%b::uuid[])
"""

STATE_CAPACITY: Final = """
    insert into capacity (service_id, state, waiting, estimate_days, stated_at, valid_until)
    select service_id, state, waiting, estimate_days, stated_at, valid_until
    from jsonb_populate_record(null::capacity, %s::jsonb)
    on conflict (service_id) do update
        set state = excluded.state, waiting = excluded.waiting, estimate_days = excluded.estimate_days,
            stated_at = excluded.stated_at, valid_until = excluded.valid_until
        where capacity.stated_at < excluded.stated_at
    returning service_id
"""


def publish_service(tx: Transaction, service: Service, listing: Row) -> None:
    """Keep what an organisation says of a service of its own, unless it has said something newer.

    `listing` is all that it said, as JSON has it.
    """
    row = {
        "service_id": service.service_id,
        "organisation": service.organisation,
        "need_codes": sorted(service.need_codes),
        "active": service.active,
        "published_at": service.published_at,
        "name": service.name,
        "zones": sorted(service.zones),
        "languages": sorted(service.languages),
        "eligibility": _eligibility_as_json(service.eligibility),
        "answered_by_hub": service.answered_by_hub,
        "listing": listing,
    }
    if not tx.fetch(PUBLISH_SERVICE, (row_as_json(row),)):
        known = find_service(tx, service.service_id)
        raise rules.Refused("superseded" if known.organisation == service.organisation else "service_of_another")
    tx.put(SERVICES, service.service_id, service)


def find_service(tx: Transaction, service_id: UUID) -> Service:
    """Return a service; raise TooEarly while its organisation has not published it."""
    service = tx.load(SERVICES, service_id, _to_service)
    if service is None:
        raise rules.TooEarly("service", str(service_id))
    return service


def state_capacity(tx: Transaction, capacity: Capacity) -> None:
    """Keep whether a service can take people on, unless something newer is known."""
    row = {name: getattr(capacity, name) for name in Capacity.__dataclass_fields__}
    if not tx.fetch(STATE_CAPACITY, (row_as_json(row),)):
        raise rules.Refused("superseded")


def _to_service(row: Row) -> Service:
    sets = {name: frozenset(row[name]) for name in ("need_codes", "zones", "languages")}
    return Service(**{**row, **sets, "eligibility": _eligibility_of_json(row["eligibility"])})


def _eligibility_as_json(eligibility: Eligibility) -> Row:
    said = {name: getattr(eligibility, name) for name in Eligibility.__dataclass_fields__}
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in said.items()}


def _eligibility_of_json(said: Row) -> Eligibility:
    fields: Row = {name: frozenset(value) if isinstance(value, list) else value for name, value in said.items()}
    return Eligibility(**fields)


# The services of each organisation that it spoke of last: one that publishes hundreds leaves room for the others.
CANDIDATES: Final = f"""
    with offered as (
        select need, service.*,
               row_number() over (partition by need, organisation order by published_at desc, service_id) as nth
        from unnest(%s::text[]) as need join service on service.need_codes @> array[need]
        where service.active
    )
    select need, {_COLUMNS}, capacity.state, capacity.waiting, capacity.estimate_days, capacity.stated_at,
           capacity.valid_until, decided.answers_within, decided.decisions, line.length, line.estimates, line.known_at
    from offered left join capacity using (service_id) cross join lateral (
        select percentile_cont(0.5) within group (order by took) as answers_within, count(*) as decisions
        from (
            select took from decision
            where decision.service_id = offered.service_id
            order by decided_at desc limit {LAST_DECISIONS}
        ) as last
    ) as decided cross join lateral (
        select max(place) as length, array_agg(place_in_line.estimate_days order by joined_at desc) as estimates,
               max(joined_at) as known_at
        from place_in_line
        where place_in_line.service_id = offered.service_id and left_at is null
    ) as line
    where nth <= {OF_EACH_ORGANISATION}
"""


def find_candidates(tx: Transaction, needs: Iterable[str]) -> dict[str, list[Candidate]]:
    """Return, for each need, the active services that meet it, with what is known of how it goes there."""
    found: dict[str, list[Candidate]] = {need: [] for need in needs}
    for row in tx.fetch(CANDIDATES, (sorted(found),)) if found else ():
        found[row.pop("need")].append(_to_candidate(row))
    return found


def _to_candidate(row: Row) -> Candidate:
    capacity = {name: row.pop(name) for name in ("state", "waiting", "estimate_days", "stated_at", "valid_until")}
    answers_within, decisions = row.pop("answers_within"), row.pop("decisions")
    length, estimates, known_at = row.pop("length"), row.pop("estimates"), row.pop("known_at")
    return Candidate(
        service=_to_service(row),
        capacity=_to_capacity(row["service_id"], capacity),
        line=None if length is None else Line(length, estimates[0], known_at),
        answers_within=answers_within,
        decisions=decisions,
    )


def _to_capacity(service_id: UUID, row: Row) -> Capacity | None:
    if row["state"] is None:
        return None
    return Capacity(**{**row, "service_id": service_id, "state": CapacityState(row["state"])})
