"""The real work is measured on the real services, nothing is lost in it, and what is lost is seen."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bench import batches, requests
from bench.ground import Ground
from bench.measure import Throughput
from bench.real import figures, same
from bench.real.attendance import measure_attendance
from bench.real.employment import MESSAGES_EACH, measure_employment
from bench.real.lives import measure_lives
from bench.real.partners import Books, Lived
from bench.real.registrations import make_people, measure_registrations
from bench.real.requests import measure_floor, measure_service, measure_with_doubles, with_doubles
from deploy.local import OperatorError, Stack

FEW = 40


@pytest.fixture
def ground(stack: Stack) -> Ground:
    return Ground(stack)


@pytest.fixture
def one_answer_lost(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The last answer of each run is taken and thrown away."""
    all_answers = Ground.answers
    with monkeypatch.context() as patched:
        patched.setattr(Ground, "answers", lambda self, *queue: all_answers(self, *queue)[:-1])
        yield


def assert_all_is_well(one: Throughput, ground: Ground, name: str) -> None:
    """Nothing is lost or repeated, and there are figures for every process; so few messages cost next to nothing."""
    assert (one.lost, one.repeated) == (0, 0)
    assert one.messages_per_s > 0
    assert one.used.postgres is not None
    assert one.used.broker is not None
    counted = batches.read(ground.stack.state.logs / f"bench-{name}.batches", 0, math.inf)
    assert sum(batch.messages for batch in counted) >= FEW
    assert all(batch.waits >= 2 for batch in counted)


def test_the_floor_of_requests_writes_and_says_what_the_service_does(ground: Ground) -> None:
    asked = requests.make(FEW)
    service, by_service = measure_service(ground, asked)
    floor, by_floor = measure_floor(ground, asked)
    assert_all_is_well(service, ground, "requests")
    assert_all_is_well(floor, ground, "requests_floor")
    same.check(by_service, by_floor)
    assert len(by_service.rows) == same.LOOKED_AT
    assert all(len(rows) == 1 + 1 + 1 + 3 for rows in by_service.rows.values())
    request, rows = next(iter(by_floor.rows.items()))
    for wrong in (rows[1:], [*rows, rows[0]], [{**rows[0], "referral": {}}, *rows[1:]]):
        with pytest.raises(OperatorError, match="no floor"):
            same.check(by_service, replace(by_floor, rows={**by_floor.rows, request: wrong}))
    with pytest.raises(OperatorError, match="writes"):
        same.check(by_service, replace(by_floor, each={**by_floor.each, "outbox": 2.0}))


def test_a_double_is_refused_and_nothing_else_is_lost(ground: Ground) -> None:
    asked = requests.make(FEW)
    assert sum(one not in asked for one in with_doubles(asked)) == FEW // 10
    one = measure_with_doubles(ground, asked)
    assert (one.lost, one.repeated) == (0, 0)


def test_whole_lives_go_through_the_door(ground: Ground) -> None:
    lived = measure_lives(ground, 20, warm_up=10, in_flight=10)
    assert (lived.lost, lived.repeated) == (0, 0)
    assert lived.lives_per_s > 0
    assert lived.used.client > 0
    assert (batches.waits_each(lived.batches) or 0) >= 2


def test_people_are_registered_until_nobody_waits_to_be_compared(ground: Ground) -> None:
    found = measure_registrations(ground, FEW)
    assert_all_is_well(found.throughput, ground, "registrations")
    assert found.proposed > 0


def test_one_registration_in_five_is_of_somebody_who_is_registered_already() -> None:
    people = make_people(100)
    assert len(people) == len({one.person_id for one in people}) == 100
    assert people == make_people(100)


def test_attendance_is_taken_down(ground: Ground) -> None:
    assert_all_is_well(measure_attendance(ground, FEW), ground, "attendance")


def test_steps_to_work_are_taken_down_and_an_answer_that_is_lost_is_seen(ground: Ground, one_answer_lost: None) -> None:
    one = measure_employment(ground, FEW // MESSAGES_EACH)
    assert (one.lost, one.repeated) == (1, 0)
    assert not figures.is_right({"employment": figures.figure([one])})


def test_a_step_that_an_organisation_is_told_twice_or_not_at_all_is_counted() -> None:
    books, lived = Books(), Lived(began=0)
    said = [
        books.read("iom", message(1, None), lived),
        books.read("iom", message(3, "accepted"), lived),
        books.read("iom", message(3, "accepted"), lived),
        books.read("redcross", message(1, "sent"), lived),
    ]
    assert said == ["referral.received.v1", "referral.scheduled.v1", None, None]
    assert (lived.missed, lived.repeated) == (1, 1)


def test_a_life_is_over_when_both_have_read_that_it_is() -> None:
    books, lived = Books(), Lived(began=0)
    assert books.read("redcross", message(1, "completed"), lived) == "referral.closed.v1"
    books.read("redcross", message(2, "closed"), lived)
    assert books.closed == 0
    books.read("iom", message(1, "closed"), lived)
    assert books.closed == 1


def message(number: int, state: str | None) -> dict[str, Any]:
    """A numbered message of the hub's about one referral of redcross's."""
    kind = "referral.offered.v1" if state is None else "referral.status.v1"
    data = {"sender": "redcross"} | ({} if state is None else {"state": state})
    return {"type": kind, "subject": "referral", "sequence": f"{number:010}", "data": data}
