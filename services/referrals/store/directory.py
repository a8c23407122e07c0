"""The services that organisations offer, whether each can take people on, and what is known of how it goes there."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Final, NamedTuple
from uuid import UUID

from messaging.database import Row
from messaging.transaction import Transaction
from services.referrals import rules
from services.referrals.rules import Candidate, Capacity, CapacityState, Eligibility, Line, Service

OF_EACH_ORGANISATION: Final = 5
LAST_DECISIONS: Final = 20

_COLUMNS: Final = """
    service_id, organisation, need_codes, active, published_at, name, zones, languages, eligibility, answered_by_hub
"""

REMOVED: Final = "select id from recorded_organisation where status = 'removed'"

# So that of two processes that hear of a service the second goes on from what the first has made of it.
LOCK_SERVICES: Final = """
    select from service where service_id = any(%b::uuid[]) order by service_id for no key update
"""

SERVICES: Final = f"""
    select service_id as key, {_COLUMNS}, capacity.state, capacity.waiting, capacity.estimate_days,
           capacity.stated_at, capacity.valid_until, decided.decisions, line.referral_ids, line.places, line.joined,
           line.estimates, organisation in ({REMOVED}) as removed
    from service left join capacity using (service_id)
    cross join lateral (
        select array(
            select took from decision where decision.service_id = service.service_id
            order by decided_at desc limit {LAST_DECISIONS}
        ) as decisions
    ) as decided
    cross join lateral (
        select array_agg(referral_id) as referral_ids, array_agg(place) as places, array_agg(joined_at) as joined,
               array_agg(place_in_line.estimate_days) as estimates
        from place_in_line where place_in_line.service_id = service.service_id and left_at is null
    ) as line
    where service_id = any(%b::uuid[])
"""

# The services of each organisation that it spoke of last: one that publishes hundreds leaves room for the others.
OFFERED: Final = f"""
    select need as key, array_agg(service_id) as service_ids, array_agg(organisation) as organisations,
           array_agg(published_at) as published
    from (
        select need, service_id, organisation, published_at,
               row_number() over (partition by need, organisation order by published_at desc, service_id) as nth
        from unnest(%s::text[]) as need join service on service.need_codes @> array[need]
        where service.active and service.organisation not in ({REMOVED})
    ) as offered
    where nth <= {OF_EACH_ORGANISATION}
    group by need
"""

INSERT_SERVICE: Final = f"""
    insert into service ({_COLUMNS}, listing)
    select {_COLUMNS}, listing from jsonb_populate_recordset(null::service, %s::jsonb)
"""

SAVE_SERVICE: Final = """
    update service
    set need_codes = new.need_codes, active = new.active, published_at = new.published_at, name = new.name,
        zones = new.zones, languages = new.languages, eligibility = new.eligibility,
        answered_by_hub = new.answered_by_hub, listing = new.listing
    from jsonb_populate_recordset(null::service, %s::jsonb) as new
    where service.service_id = new.service_id
"""

STATE_CAPACITY: Final = """
    insert into capacity (service_id, state, waiting, estimate_days, stated_at, valid_until)
    select service_id, state, waiting, estimate_days, stated_at, valid_until
    from jsonb_populate_recordset(null::capacity, %s::jsonb)
    on conflict (service_id) do update
        set state = excluded.state, waiting = excluded.waiting, estimate_days = excluded.estimate_days,
            stated_at = excluded.stated_at, valid_until = excluded.valid_until
"""

ADD_DECISION: Final = """
    insert into decision (service_id, decided_at, took)
    select service_id, decided_at, took from jsonb_populate_recordset(null::decision, %s::jsonb)
"""


class Offer(NamedTuple):
    """That a service meets a need."""

    service_id: UUID
    organisation: str
    published_at: datetime


class PlaceInLine(NamedTuple):
    """Where a referral stands on the waiting list of a service."""

    referral_id: UUID
    place: int
    joined_at: datetime
    estimate_days: int | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a service: what was published, what it last stated, decided, and who waits for it."""

    service: Service
    capacity: Capacity | None = None
    decisions: tuple[timedelta, ...] = ()  # how long each took, the last first
    line: tuple[PlaceInLine, ...] = ()

    def with_decision(self, took: timedelta) -> "Known":
        return replace(self, decisions=(took, *self.decisions)[:LAST_DECISIONS])

    def with_place(self, place: PlaceInLine) -> "Known":
        return replace(self, line=(*self.line, place))

    def without_place_of(self, referral_id: UUID) -> "Known":
        return replace(self, line=tuple(one for one in self.line if one.referral_id != referral_id))

    @property
    def candidate(self) -> Candidate:
        """How the service stands beside others."""
        newest = max(self.line, key=lambda one: (one.joined_at, one.referral_id), default=None)
        return Candidate(
            service=self.service,
            capacity=self.capacity,
            line=newest and Line(max(one.place for one in self.line), newest.estimate_days, newest.joined_at),
            answers_within=_median(self.decisions) if self.decisions else None,
            decisions=len(self.decisions),
        )


def publish_service(tx: Transaction, service: Service, listing: Row) -> None:
    """Keep what an organisation says of a service of its own, unless it has said something newer.

    `listing` is all that it said, as JSON has it.
    """
    known = _load(tx, service.service_id)
    if known is not None:
        rules.check_publication(service, known=known.service)
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
    tx.write(INSERT_SERVICE if known is None else SAVE_SERVICE, row)
    tx.put(SERVICES, service.service_id, Known(service) if known is None else replace(known, service=service))
    _offer(tx, service, None if known is None else known.service)


def organisations_changed(tx: Transaction) -> None:
    """Ask anew who offers what: who does not take part any more offers nothing."""
    tx.load_again(SERVICES)
    tx.load_again(OFFERED)


def find_service(tx: Transaction, service_id: UUID) -> Service:
    """Return a service; raise MissingPrerequisite while its organisation has not published it."""
    return _find(tx, service_id).service


def find_capacity(tx: Transaction, service_id: UUID) -> Capacity | None:
    """Return what was last stated of a service that is known; None while nothing was."""
    return _find(tx, service_id).capacity


def state_capacity(tx: Transaction, capacity: Capacity) -> None:
    """Keep whether a service can take people on; refuse what is older than what is known."""
    known = _find(tx, capacity.service_id)
    rules.check_newer(capacity, known=known.capacity)
    tx.write(STATE_CAPACITY, {name: getattr(capacity, name) for name in Capacity.__dataclass_fields__})
    tx.put(SERVICES, capacity.service_id, replace(known, capacity=capacity))


def add_decision(tx: Transaction, service_id: UUID, *, at: datetime, took: timedelta) -> None:
    """Keep how long a first decision took, as the last one of its service."""
    tx.write(ADD_DECISION, {"service_id": service_id, "decided_at": at, "took": interval(took)})
    tx.amend(SERVICES, service_id, lambda known: known and known.with_decision(took))


def find_candidates(tx: Transaction, needs: Iterable[str]) -> dict[str, list[Candidate]]:
    """Return, for each need, the active services that meet it, with what is known of how it goes there."""
    needs = list(needs)
    tx.mention(needs)
    offered = {need: tx.load(OFFERED, need, _to_offers) or () for need in needs}
    tx.mention(one.service_id for offers in tx.loaded(OFFERED) for one in offers)
    return {need: [_find(tx, one.service_id).candidate for one in offers] for need, offers in offered.items()}


def interval(length: timedelta) -> str:
    """Write a length of time as PostgreSQL reads it: Python writes commas, or exponents."""
    return f"{length.total_seconds():f} seconds"


def _find(tx: Transaction, service_id: UUID) -> Known:
    known = _load(tx, service_id)
    if known is None:
        raise rules.MissingPrerequisite("service", str(service_id))
    return known


def _load(tx: Transaction, service_id: UUID) -> Known | None:
    return tx.load(SERVICES, service_id, _to_known, lock=LOCK_SERVICES)


def _offer(tx: Transaction, service: Service, before: Service | None) -> None:
    """Note which needs a service meets, where it has met others before, or none."""
    if before is not None and before.active and not (service.active and before.need_codes <= service.need_codes):
        tx.load_again(OFFERED)  # another service of its organisation may take its place
    elif service.active:
        offer = Offer(service.service_id, service.organisation, service.published_at)
        for need in service.need_codes:
            tx.amend(OFFERED, need, lambda offers: _with_offer(offers or (), offer))


def _with_offer(offers: Iterable[Offer], new: Offer) -> list[Offer]:
    others = [one for one in offers if one.service_id != new.service_id]
    own = sorted(
        (one for one in (*others, new) if one.organisation == new.organisation), key=lambda one: one.service_id
    )
    own.sort(key=lambda one: one.published_at, reverse=True)
    return [one for one in others if one.organisation != new.organisation] + own[:OF_EACH_ORGANISATION]


def _median(lengths: Iterable[timedelta]) -> timedelta:
    return timedelta(seconds=median(length.total_seconds() for length in lengths))


def _to_offers(row: Row) -> list[Offer]:
    return [Offer(*one) for one in zip(row["service_ids"], row["organisations"], row["published"], strict=True)]


def _to_known(row: Row) -> Known:
    row["active"] &= not row.pop("removed")
    capacity = {name: row.pop(name) for name in ("state", "waiting", "estimate_days", "stated_at", "valid_until")}
    decisions = tuple(row.pop("decisions"))
    line = zip(*(row.pop(name) or () for name in ("referral_ids", "places", "joined", "estimates")), strict=True)
    return Known(
        service=_to_service(row),
        capacity=_to_capacity(row["service_id"], capacity),
        decisions=decisions,
        line=tuple(PlaceInLine(*one) for one in line),
    )


def _to_service(row: Row) -> Service:
    sets = {name: frozenset(row[name]) for name in ("need_codes", "zones", "languages")}
    return Service(**{**row, **sets, "eligibility": _eligibility_of_json(row["eligibility"])})


def _to_capacity(service_id: UUID, row: Row) -> Capacity | None:
    if row["state"] is None:
        return None
    return Capacity(**{**row, "service_id": service_id, "state": CapacityState(row["state"])})


def _eligibility_as_json(eligibility: Eligibility) -> Row:
    said = {name: getattr(eligibility, name) for name in Eligibility.__dataclass_fields__}
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in said.items()}


def _eligibility_of_json(said: Row) -> Eligibility:
    fields: Row = {name: frozenset(value) if isinstance(value, list) else value for name, value in said.items()}
    return Eligibility(**fields)
