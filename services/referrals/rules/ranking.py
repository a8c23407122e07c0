"""Which services could meet a need, the best first, and why: nothing that is offered is left out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.referrals.rules.directory import Capacity, CapacityState, Service
from services.referrals.rules.eligibility import Seeker, Verdict, check_eligibility
from services.referrals.rules.lines import Line, capacity_with_line
from services.referrals.rules.referrals import Referral
from services.referrals.rules.weights import (
    DECISION_COUNTS,
    DECISIONS_THAT_TELL,
    FAST,
    LONG_LIST,
    LONG_LIST_LOSES,
    SLOW,
    STALE_COUNTS,
    WEIGHTS,
)

SUGGESTED_AT_MOST = 50
ALTERNATIVES_AT_MOST = 10


@dataclass(frozen=True, slots=True)
class Candidate:
    """A service that offers what is needed, and what is known of how it goes there."""

    service: Service
    capacity: Capacity | None = None  # as stated
    line: Line | None = None  # its waiting list, as the hub keeps it
    answers_within: timedelta | None = None  # the median of its last decisions
    decisions: int = 0  # how many those are


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate in its place: the reasons for it, the weightiest kind first, and what they count together."""

    candidate: Candidate
    verdict: Verdict
    capacity: Capacity | None
    capacity_is_stale: bool
    in_zone: bool | None
    speaks_language: bool | None
    reasons: tuple[str, ...]
    points: float


def rank(
    candidates: Iterable[Candidate], seeker: Seeker, *, now: datetime, weights: Mapping[str, float] = WEIGHTS
) -> list[Ranked]:
    """Put candidates in order: those that the person is not eligible for last, the others by what they count.

    A service that is full stays in the list, at the end of those that are open: tomorrow it may have a place, and who
    sees nothing but full services sees that the need goes unmet.
    """
    ranked = [_weigh(candidate, seeker, now=now, weights=weights) for candidate in candidates]
    return sorted(ranked, key=_order)


def alternatives(referral: Referral, candidates: Iterable[Candidate], *, now: datetime) -> list[Service]:
    """The best service of each organisation that is not party to a referral, the best first."""
    seeker = Seeker(referral.need_code, referral.urgency, zone=referral.zone, language=referral.language)
    best: dict[str, Service] = {}
    for one in rank(candidates, seeker, now=now):
        service = one.candidate.service
        if service.organisation not in referral.parties:
            best.setdefault(service.organisation, service)
    return list(best.values())[:ALTERNATIVES_AT_MOST]


def _order(one: Ranked) -> tuple[bool, float, str, str]:
    service = one.candidate.service
    return (one.verdict.eligible is False, -one.points, service.organisation, str(service.service_id))


def _weigh(candidate: Candidate, seeker: Seeker, *, now: datetime, weights: Mapping[str, float]) -> Ranked:
    service = candidate.service
    capacity = capacity_with_line(candidate.capacity, candidate.line, service_id=service.service_id, now=now)
    verdict = check_eligibility(service.eligibility, seeker)
    stale = capacity is not None and capacity.is_stale(now=now)
    in_zone = None if seeker.zone is None or not service.zones else seeker.zone in service.zones
    speaks = None if seeker.language is None or not service.languages else seeker.language in service.languages

    eligibility = {True: "eligible", False: "not_eligible", None: "eligibility_unknown"}[verdict.eligible]
    state = "capacity_unknown" if capacity is None else f"capacity_{capacity.state}"
    zone = {True: "in_zone", False: "outside_zone", None: "zone_unknown"}[in_zone]
    pace = _pace(candidate)
    reasons, points = [eligibility, state], weights[eligibility]
    points += _of_capacity(capacity, stale=stale, weights=weights)
    if stale:
        reasons.append("capacity_stale")
    reasons += [zone, pace]
    points += weights[zone] + weights[pace] * DECISION_COUNTS[seeker.urgency]
    if seeker.language is not None:
        tongue = {True: "speaks_language", False: "another_language", None: "language_unknown"}[speaks]
        reasons.append(tongue)
        points += weights[tongue]
    return Ranked(candidate, verdict, capacity, stale, in_zone, speaks, tuple(reasons), points)


def _of_capacity(capacity: Capacity | None, *, stale: bool, weights: Mapping[str, float]) -> float:
    unknown = weights["capacity_unknown"]
    if capacity is None:
        return unknown
    points = weights[f"capacity_{capacity.state}"]
    if capacity.state is CapacityState.WAITING_LIST:
        points -= LONG_LIST_LOSES * min(1.0, _takes(capacity) / LONG_LIST)
    return unknown + (points - unknown) * STALE_COUNTS if stale else points


def _takes(capacity: Capacity) -> timedelta:
    """How long a waiting list takes: as long as is estimated, or a day for each who waits, or half of a long list."""
    if capacity.estimate_days is not None:
        return timedelta(days=capacity.estimate_days)
    return LONG_LIST / 2 if capacity.waiting is None else timedelta(days=capacity.waiting)


def _pace(candidate: Candidate) -> str:
    within = candidate.answers_within
    if within is None or candidate.decisions < DECISIONS_THAT_TELL:
        return "answers_unknown"
    if within <= FAST:
        return "answers_fast"
    return "answers_in_days" if within <= SLOW else "answers_slow"
