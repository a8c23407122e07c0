"""Between the directory of services and the contracts."""

from __future__ import annotations  # Message[…] is only for the reader: pydantic would build a model of each

from collections.abc import Sequence
from typing import Any

import contracts
from contracts import Draft, Message, codes
from services.referrals.rules import SUGGESTED_AT_MOST, Capacity, CapacityState, Eligibility, Ranked, Seeker, Service


def service(message: Message[contracts.ServicePublished]) -> Service:
    """Read what an organisation says of a service of its own."""
    said = message.data
    return Service(
        service_id=said.service_id,
        organisation=message.source,
        need_codes=frozenset(said.need_codes),
        active=said.active,
        published_at=message.time,
        name=said.name,
        zones=frozenset(said.zones),
        languages=frozenset(said.languages),
        eligibility=_eligibility(said.eligibility),
        answered_by_hub=said.answered_by == "hub",
    )


def zones(said: contracts.ServicePublished) -> set[str]:
    """Return every municipality that is named of a service."""
    return {*said.zones, *said.eligibility.zones, *(location.zone for location in said.locations)}


def listing(said: contracts.ServicePublished) -> dict[str, Any]:
    """Write down what was said of a service, as it travels: what the directory exports, and no place that is hidden."""
    hidden = {"locations", "opening_hours", "description", "url"} if said.hides_its_place else None
    return said.model_dump(mode="json", exclude_none=True, exclude=hidden)


def capacity(said: contracts.CapacityStated) -> Capacity:
    """Read whether a service can take people on."""
    return Capacity(
        service_id=said.service_id,
        state=CapacityState(said.state),
        waiting=said.waiting,
        estimate_days=said.estimate_days,
        stated_at=said.stated_at,
        valid_until=said.valid_until,
    )


def recorded(service: Service, capacity: Capacity | None) -> Draft:
    """Tell the hub's other services what is known of a service now."""
    stated: dict[str, Any] = {} if capacity is None else {
        "capacity": codes.CapacityState(capacity.state),
        "waiting": capacity.waiting,
        "estimate_days": capacity.estimate_days,
        "stated_at": capacity.stated_at,
        "valid_until": capacity.valid_until,
    }  # fmt: skip
    said = contracts.ServiceRecorded(
        service_id=service.service_id,
        organisation=service.organisation,
        name=service.name,
        need_codes=tuple(sorted(service.need_codes)),
        active=service.active,
        zones=tuple(sorted(service.zones)),
        published_at=service.published_at,
        **stated,
    )
    return Draft(said, subject=str(service.service_id))


def seeker(said: contracts.ServicesSought) -> Seeker:
    """Read what is known of the person that a service is sought for."""
    return Seeker(
        need_code=said.need_code,
        urgency=said.urgency,
        zone=said.zone,
        age=said.age,
        sex=said.sex,
        profile=said.profile,
        nationality=said.nationality,
        documents=frozenset(said.documents),
        language=said.language,
    )


def suggestions(message: Message[contracts.ServicesSought], ranked: Sequence[Ranked]) -> list[Draft]:
    """Answer whoever sought services, the best first, with the reasons for each one's place."""
    suggested = contracts.ServicesSuggested(
        search_id=message.data.search_id, services=tuple(_suggested(one) for one in ranked[:SUGGESTED_AT_MOST])
    )
    return [Draft(suggested, subject=message.subject, recipient=message.source)]


def _suggested(one: Ranked) -> contracts.RankedService:
    candidate, capacity, within = one.candidate, one.capacity, one.candidate.answers_within
    return contracts.RankedService(
        organisation=candidate.service.organisation,
        service_id=candidate.service.service_id,
        name=candidate.service.name,
        eligible=one.verdict.eligible,
        not_met=one.verdict.not_met,
        unknown=one.verdict.unknown,
        capacity=None if capacity is None else codes.CapacityState(capacity.state),
        capacity_is_stale=one.capacity_is_stale,
        waiting=None if capacity is None else capacity.waiting,
        estimate_days=None if capacity is None else capacity.estimate_days,
        answers_within_hours=None if within is None else round(within.total_seconds() / 3600, 1),
        decisions=candidate.decisions,
        in_zone=bool(one.in_zone),
        speaks_language=one.speaks_language,
        reasons=one.reasons,
    )


def _eligibility(said: contracts.Eligibility) -> Eligibility:
    return Eligibility(
        minimum_age=said.minimum_age,
        maximum_age=said.maximum_age,
        sexes=frozenset(said.sexes),
        profiles=frozenset(said.profiles),
        nationalities=frozenset(said.nationalities),
        documents=frozenset(said.documents),
        zones=frozenset(said.zones),
    )
