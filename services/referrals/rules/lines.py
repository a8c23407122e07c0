"""The waiting lists of services: who stands where, and who moves up when somebody leaves."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from contracts.deadlines import PLACE_WITHIN
from contracts.transitions import HUB, WAITLISTED
from services.referrals.rules.directory import Capacity, CapacityState
from services.referrals.rules.referrals import Referral, Step, note
from services.referrals.rules.states import check_move

TOLD_AGAIN_AFTER = timedelta(minutes=1)  # many who leave at once are one move up for those behind them


@dataclass(frozen=True, slots=True)
class Place:
    """A place on the waiting list of a service, as the recipient said it and the hub has counted since."""

    referral_id: UUID
    place: int
    joined_at: datetime
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """The waiting list of a service: the last place on it, the newest estimate, and since when that is known."""

    length: int
    estimate_days: int | None
    known_at: datetime


def close_ranks(line: Iterable[Place]) -> list[Place]:
    """Return where those stand who have not left: one place further up for each who left from before them.

    A place counts from when it was given: who joined after somebody had left was told a place without them. The order
    in which people left matters as well, since who leaves may have moved up before.
    """
    places = {one.referral_id: one for one in line}
    leaving = sorted((one.left_at, one.referral_id) for one in places.values() if one.left_at is not None)
    for left_at, referral_id in leaving:
        left = places.pop(referral_id)
        for other in places.values():
            if other.joined_at < left_at and other.place > left.place:
                places[other.referral_id] = replace(other, place=other.place - 1)
    return list(places.values())


def move_up(referral: Referral, *, place: int, at: datetime) -> Referral:
    """Somebody before it has left the waiting list: it stays there, under a new number, and its deadline goes on."""
    check_move(referral.state, WAITLISTED, HUB)
    moved = replace(referral, sequence=referral.sequence + 1)
    details = {"place_in_line": str(place)}
    return note(moved, Step(WAITLISTED, "hub", HUB, at, moved.sequence, details=details, came_from=WAITLISTED))


def left_line(referral: Referral) -> bool:
    """Whether it has just left the waiting list of its service."""
    return any(step.came_from is WAITLISTED and step.what != WAITLISTED for step in referral.steps)


def capacity_with_line(
    stated: Capacity | None, line: Line | None, *, service_id: UUID, now: datetime
) -> Capacity | None:
    """Return what is known of a service's capacity, with the waiting list that the hub keeps.

    Where nothing that holds was stated, that people wait is what is known. Where a waiting list was stated, its figures
    are those of the newer of both. What was stated as open or full is the organisation's to say.
    """
    if line is None:
        return stated
    if stated is None or (stated.is_stale(now=now) and stated.stated_at < line.known_at):
        return Capacity(
            service_id=service_id,
            state=CapacityState.WAITING_LIST,
            waiting=line.length,
            estimate_days=line.estimate_days,
            stated_at=line.known_at,
            valid_until=line.known_at + PLACE_WITHIN,
        )
    if stated.state is not CapacityState.WAITING_LIST:
        return stated
    if stated.stated_at < line.known_at:
        return replace(
            stated,
            waiting=line.length,
            estimate_days=stated.estimate_days if line.estimate_days is None else line.estimate_days,
        )
    return replace(
        stated,
        waiting=line.length if stated.waiting is None else stated.waiting,
        estimate_days=line.estimate_days if stated.estimate_days is None else stated.estimate_days,
    )
