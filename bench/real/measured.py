"""All of the real work in one run: requests and their floor in turn with the contenders, then the rest, once each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.ground import Ground
from bench.measure import Throughput
from bench.messages import Sent
from bench.real import same
from bench.real.attendance import measure_attendance
from bench.real.employment import MESSAGES_EACH, measure_employment
from bench.real.figures import figure
from bench.real.lives import IN_FLIGHT, measure_lives
from bench.real.registrations import measure_registrations
from bench.real.requests import measure_floor, measure_service, measure_with_doubles

TURNS: Final = ("requests_floor", "requests", "requests_with_doubles")


@dataclass(frozen=True)
class Plan:
    """How much of each is measured."""

    requests: int
    requests_floor: int
    lives: int
    warm_up: int  # lives before them
    registrations: int
    attendance: int
    employment: int  # people, each with several messages


FULL: Final = Plan(
    requests=5_000,
    requests_floor=10_000,
    lives=2_000,
    warm_up=400,
    registrations=25_000,
    attendance=10_000,
    employment=3_000,
)
QUICK: Final = Plan(
    requests=2_000,
    requests_floor=4_000,
    lives=400,
    warm_up=100,
    registrations=3_000,
    attendance=2_000,
    employment=600,
)


class RealWork:
    """One run."""

    def __init__(self, ground: Ground, plan: Plan, asked: Sequence[Sent], say: Callable[[str], None]) -> None:
        """`asked` are requests, as many as any turn needs."""
        self._ground, self._plan, self._asked, self._say = ground, plan, asked, say
        self._turns: dict[str, list[Throughput]] = {name: [] for name in TURNS}

    def take_turn(self, number: int) -> None:
        """Measure requests, and with doubles, and their floor; OperatorError when the floor has not done the same."""
        floor, by_floor = measure_floor(self._ground, self._asked[: self._plan.requests_floor])
        service, by_service = measure_service(self._ground, self._asked[: self._plan.requests])
        doubled = measure_with_doubles(self._ground, self._asked[: self._plan.requests])
        for name, one in zip(TURNS, (floor, service, doubled), strict=True):
            self._turns[name].append(one)
            self._say(
                f"round {number}  {name:<22}{one.messages_per_s:8,.0f} messages/s"
                f"  lost {one.lost}  repeated {one.repeated}"
            )
        if not (service.lost or floor.lost):
            same.check(by_service, by_floor)

    def figures(self) -> dict[str, Any]:
        """Measure the rest, and say what all of it has shown."""
        return {
            "requests": self._over_the_rounds("requests", self._plan.requests),
            "lives": self._lives(),
            "registrations": self._registrations(),
            "attendance": self._attendance(),
            "employment": self._employment(),
            "requests_floor": self._over_the_rounds("requests_floor", self._plan.requests_floor),
            "requests_with_doubles": self._over_the_rounds("requests_with_doubles", self._plan.requests),
        }

    def _over_the_rounds(self, name: str, messages: int) -> dict[str, Any]:
        runs = self._turns[name]
        return {**figure(runs), "messages": messages, "rounds": [round(one.messages_per_s, 1) for one in runs]}

    def _lives(self) -> dict[str, Any]:
        lived = measure_lives(self._ground, self._plan.lives, warm_up=self._plan.warm_up)
        self._say(f"lives                   {lived.lives_per_s:8,.1f} lives/s, {IN_FLIGHT} at a time")
        return {**figure([lived]), "lives": self._plan.lives, "in_flight": IN_FLIGHT}

    def _registrations(self) -> dict[str, Any]:
        found = measure_registrations(self._ground, self._plan.registrations)
        said = self._once("registrations", found.throughput, self._plan.registrations)
        return {**said, "proposed": found.proposed}

    def _attendance(self) -> dict[str, Any]:
        one = measure_attendance(self._ground, self._plan.attendance)
        return self._once("attendance", one, self._plan.attendance)

    def _employment(self) -> dict[str, Any]:
        one = measure_employment(self._ground, self._plan.employment)
        return self._once("employment", one, self._plan.employment * MESSAGES_EACH)

    def _once(self, name: str, one: Throughput, messages: int) -> dict[str, Any]:
        self._say(f"{name:<24}{one.messages_per_s:8,.0f} messages/s")
        return {**figure([one]), "messages": messages}
