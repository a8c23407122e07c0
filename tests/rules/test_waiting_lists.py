"""Who stands where on a waiting list once somebody has left it, and what the list says of a service's capacity."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts import uuid7
from services.referrals.rules import Capacity, CapacityState, Line, Place, Refused, State, close_ranks, move_up
from services.referrals.rules.lines import capacity_with_line
from tests.examples import NOW, SERVICE_ID, a_sent_referral

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
A, B, C, D = (UUID(int=number) for number in range(1, 5))


def at(referral_id: UUID, place: int, *, joined: float = 0, left: float | None = None) -> Place:
    return Place(referral_id, place, NOW + joined * HOUR, None if left is None else NOW + left * HOUR)


@pytest.mark.parametrize(
    ("line", "after"),
    [
        # nobody has left
        ([at(A, 1), at(B, 2)], {A: 1, B: 2}),
        # who stands behind moves up, who stands before does not
        ([at(A, 1), at(B, 2, left=1), at(C, 3), at(D, 7)], {A: 1, C: 2, D: 6}),
        # several at once
        ([at(A, 1, left=1), at(B, 2, left=2), at(C, 3)], {C: 1}),
        ([at(A, 2, left=2), at(B, 3, left=1), at(C, 4)], {C: 2}),
        # who was given a place afterwards was told one without those who had left
        ([at(A, 1, left=1), at(B, 2), at(C, 2, joined=2)], {B: 1, C: 2}),
        # B had moved up to the first place before it left, and so makes room for C too
        ([at(A, 1, left=1), at(B, 2, left=3), at(C, 2, joined=2)], {C: 1}),
        # everybody has left
        ([at(A, 1, left=1), at(B, 2, left=1)], {}),
        # two that were told the same place stay side by side
        ([at(A, 4), at(B, 4), at(C, 1, left=1)], {A: 3, B: 3}),
    ],
)
def test_those_behind_move_up(line: list[Place], after: dict[UUID, int]) -> None:
    assert {one.referral_id: one.place for one in close_ranks(line)} == after


def test_closing_the_ranks_again_changes_nothing() -> None:
    after = close_ranks([at(A, 1, left=1), at(B, 2), at(C, 3)])
    assert close_ranks(after) == after


def test_who_moves_up_has_a_new_number_and_the_same_clock() -> None:
    waiting = a_sent_referral(state=State.WAITLISTED)
    moved = move_up(waiting, place=2, at=NOW + DAY)
    assert (moved.state, moved.sequence, moved.deadline) == (State.WAITLISTED, waiting.sequence + 1, waiting.deadline)
    assert (moved.steps[-1].by, moved.steps[-1].details) == ("hub", {"place_in_line": "2"})


@pytest.mark.parametrize("state", [State.RECEIVED, State.ACCEPTED, State.EXPIRED])
def test_only_who_waits_moves_up(state: State) -> None:
    with pytest.raises(Refused):
        move_up(a_sent_referral(state=state), place=2, at=NOW)


# -- capacity ---------------------------------------------------------------------------------------------------------


def stated(state: str, *, at: timedelta = -DAY, valid_for: timedelta = DAY, **said: Any) -> Capacity:
    figures = {"waiting": None, "estimate_days": None, **said}
    return Capacity(SERVICE_ID, CapacityState(state), stated_at=NOW + at, valid_until=NOW + valid_for, **figures)


def shown(capacity: Capacity | None, line: Line | None) -> tuple[Any, ...] | None:
    known = capacity_with_line(capacity, line, service_id=SERVICE_ID, now=NOW)
    return None if known is None else (str(known.state), known.waiting, known.estimate_days, known.is_stale(now=NOW))


NEWER, OLDER = Line(8, 20, NOW - HOUR), Line(8, 20, NOW - 2 * DAY)


@pytest.mark.parametrize(
    ("capacity", "line", "expected"),
    [
        (None, None, None),
        (None, NEWER, ("waiting_list", 8, 20, False)),
        (None, Line(8, None, NOW - 31 * DAY), ("waiting_list", 8, None, True)),
        (stated("open"), NEWER, ("open", None, None, False)),
        (stated("full"), NEWER, ("full", None, None, False)),
        (stated("waiting_list", waiting=3), None, ("waiting_list", 3, None, False)),
        (stated("waiting_list", waiting=3), OLDER, ("waiting_list", 3, 20, False)),
        (stated("waiting_list", waiting=3, estimate_days=5), NEWER, ("waiting_list", 8, 20, False)),
        (stated("waiting_list"), OLDER, ("waiting_list", 8, 20, False)),
        (stated("open", valid_for=-HOUR), NEWER, ("waiting_list", 8, 20, False)),
        (stated("open", valid_for=-HOUR), OLDER, ("open", None, None, True)),
    ],
)
def test_the_list_fills_in_what_was_not_stated_or_is_older(
    capacity: Capacity | None, line: Line | None, expected: tuple[Any, ...] | None
) -> None:
    assert shown(capacity, line) == expected


def test_a_long_line_of_which_many_leave_is_closed_quickly() -> None:
    line = [at(uuid7(), place, left=place if place % 2 else None) for place in range(1, 1001)]
    assert [one.place for one in close_ranks(line)] == list(range(1, 501))
