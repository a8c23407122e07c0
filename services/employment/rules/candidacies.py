"""From a vacancy to work, and how people fare there: pure decisions; time is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from messaging.answers import MissingPrerequisite, Refused
from messaging.plausible import check_planned
from services.employment.rules.employers import Vacancy, check_takes_candidates
from services.employment.rules.participations import Participation, Step, check_reached, check_under_way

FOLLOW_UP_DAYS: Final = (30, 90, 180)  # after the first day at work


class State(StrEnum):
    """How far a candidacy is."""

    PUT_FORWARD = "put_forward"
    INTERVIEWED = "interviewed"
    PLACED = "placed"
    REJECTED = "rejected"
    STRUCK_OUT = "struck_out"


@dataclass(frozen=True, slots=True)
class Candidacy:
    """A participant for a vacancy; once placed, somebody who is followed up."""

    candidacy_id: UUID
    organisation: str
    participation_id: UUID
    vacancy_id: UUID
    put_forward_at: datetime
    state: State = State.PUT_FORWARD
    interviewed_at: datetime | None = None
    rejected_at: datetime | None = None
    by_employer: bool | None = None  # who did not want, when it was rejected
    starts_on: date | None = None
    contract_signed: str | None = None
    next_day: int | None = None  # of FOLLOW_UP_DAYS: the one whose time has not been told yet
    due_on: date | None = None  # when it will be
    follow_ups: Mapping[int, str] = field(default_factory=dict)  # what was found, by day
    sequence: int = 0  # of what is said of the placement


def put_forward(participation: Participation, vacancy: Vacancy, *, candidacy_id: UUID, at: datetime) -> Candidacy:
    """A participant who has been shortlisted is put forward for a vacancy that takes candidates."""
    check_under_way(participation, at=at)
    check_reached(participation, Step.SHORTLISTED)
    check_takes_candidates(vacancy, at=at)
    return Candidacy(
        candidacy_id, participation.organisation, participation.participation_id, vacancy.vacancy_id, put_forward_at=at
    )


def interview(candidacy: Candidacy, *, at: datetime) -> Candidacy:
    """The employer has met the candidate; that may be heard of after the rejection that followed."""
    if candidacy.interviewed_at is not None:
        raise Refused("already_interviewed")
    if candidacy.rejected_at is not None and at <= candidacy.rejected_at:
        return replace(candidacy, interviewed_at=at)
    if candidacy.state != State.PUT_FORWARD:
        raise Refused(f"not_while_{candidacy.state}")
    return replace(candidacy, state=State.INTERVIEWED, interviewed_at=at)


def reject(candidacy: Candidacy, *, by_employer: bool, at: datetime) -> Candidacy:
    """The employer hires somebody else, or the candidate does not want the work; also without an interview."""
    if candidacy.state == State.REJECTED:
        raise Refused("already_rejected")
    if candidacy.state not in (State.PUT_FORWARD, State.INTERVIEWED):
        raise Refused(f"not_while_{candidacy.state}")
    return replace(candidacy, state=State.REJECTED, rejected_at=at, by_employer=by_employer)


def place(candidacy: Candidacy, *, starts_on: date, contract_signed: str, at: datetime) -> Candidacy:
    """The candidate is hired; from the first day at work the follow-ups are counted."""
    if candidacy.state == State.PLACED:
        raise Refused("already_placed")
    if candidacy.state == State.PUT_FORWARD:
        raise MissingPrerequisite("candidacy", str(candidacy.candidacy_id), code="not_interviewed")
    if candidacy.state != State.INTERVIEWED:
        raise Refused(f"not_while_{candidacy.state}")
    check_planned(starts_on, now=at)
    placed = replace(candidacy, state=State.PLACED, starts_on=starts_on, contract_signed=contract_signed, sequence=1)
    return _wait_for_follow_up(placed, after=0)


def strike_out(candidacy: Candidacy) -> Candidacy:
    """The participation should never have been recorded, and so should this not."""
    return stop_follow_ups(replace(candidacy, state=State.STRUCK_OUT))


# ---------------------------------------------------------------------------------------------------------------------
# Following up
# ---------------------------------------------------------------------------------------------------------------------


def follow_up(candidacy: Candidacy, day: int, result: str) -> Candidacy:
    """Somebody has asked how they are doing: before the day came, after it, or with days left out."""
    if day not in FOLLOW_UP_DAYS:
        raise Refused("not_a_follow_up_day")
    if candidacy.state in (State.PUT_FORWARD, State.INTERVIEWED):
        raise MissingPrerequisite("candidacy", str(candidacy.candidacy_id), code="not_placed")
    if candidacy.state != State.PLACED:
        raise Refused(f"not_while_{candidacy.state}")
    if day in candidacy.follow_ups:
        raise Refused("already_followed_up")
    followed_up = replace(candidacy, follow_ups={**candidacy.follow_ups, day: result}, sequence=candidacy.sequence + 1)
    if candidacy.next_day is None or day < candidacy.next_day:
        return followed_up
    return _wait_for_follow_up(followed_up, after=day)


def tell_follow_up(candidacy: Candidacy) -> Candidacy:
    """Its organisation has been told that the next follow-up is due: it hears of that day no more."""
    assert candidacy.next_day is not None
    return _wait_for_follow_up(candidacy, after=candidacy.next_day)


def stop_follow_ups(candidacy: Candidacy) -> Candidacy:
    """Nobody is to ask any more."""
    return replace(candidacy, next_day=None, due_on=None)


def last_follow_up(candidacy: Candidacy) -> tuple[int, str] | None:
    """Return the day and the result of the latest follow-up, whatever the order in which we heard of them."""
    return max(candidacy.follow_ups.items(), default=None)


def _wait_for_follow_up(candidacy: Candidacy, *, after: int) -> Candidacy:
    assert candidacy.starts_on is not None
    later = [day for day in FOLLOW_UP_DAYS if day > after and day not in candidacy.follow_ups]
    if not later:
        return stop_follow_ups(candidacy)
    return replace(candidacy, next_day=later[0], due_on=candidacy.starts_on + timedelta(days=later[0]))


# ---------------------------------------------------------------------------------------------------------------------
# Erasing
# ---------------------------------------------------------------------------------------------------------------------


def erase(candidacy: Candidacy) -> Candidacy:
    """Keep what is counted, that somebody was placed and when; nobody asks after them any more."""
    return replace(
        stop_follow_ups(candidacy), interviewed_at=None, rejected_at=None, by_employer=None, contract_signed=None
    )
