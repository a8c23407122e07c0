"""An organisation's plan for the day: the messages it will send, and which of them is due."""

from collections import defaultdict, deque
from typing import Any, NotRequired, TypedDict

Number = tuple[str, int]  # a referral's id and the number of one of its messages


class Seal(TypedDict):
    """A block to be sealed to `to` just before sending, as the field `sealed`."""

    to: str
    clear: dict[str, Any]


class Raw(TypedDict):
    """Bytes that are sent as they are, because something is wrong with them or with how they are sent."""

    body: str  # base64
    content_type: str
    user_id: str
    routing_key: str


class Step(TypedDict):
    """One message to send."""

    step: str  # its name in this plan
    type: str
    subject: str
    data: dict[str, Any]
    after: Number | None  # None: an opening, sent when its turn comes; openings stand in the order of their days
    expects: Number | None  # of an opening: what ends its being under way
    day: int  # not before this day
    copies: int  # 2: sent twice, as a nervous system does
    seal: NotRequired[Seal]
    raw: NotRequired[Raw]
    message_id: NotRequired[str]  # of raw bytes that have one


class Plan:
    """Which steps are due: answers as soon as what they answer has come, openings a few at a time."""

    def __init__(self, steps: list[Step], window: int, first_day: int = 1) -> None:
        self.steps: dict[str, Step] = {step["step"]: step for step in steps}
        self._day = first_day
        self._window = window  # how many of the referrals it opened may be under way at once
        self._openings: deque[Step] = deque()
        self._ready: deque[Step] = deque()
        self._after: dict[Number, list[Step]] = defaultdict(list)
        self._tomorrow: list[Step] = []
        self._awaited: set[Number] = set()

    def begin(self, done: set[str], seen: set[Number]) -> None:
        """Take up the plan where it was left: the steps done, and the numbers seen, before a crash."""
        for step in self.steps.values():
            after = number(step["after"])
            if step["step"] in done:
                self._await(step, seen)
            elif after is None:
                self._openings.append(step)
            elif after in seen:
                self._release(step)
            else:
                self._after[after].append(step)

    def turn_to(self, day: int) -> None:
        """A new day begins: what was left for it is due."""
        self._day = day
        waiting, self._tomorrow = self._tomorrow, []
        for step in waiting:
            self._release(step)

    def saw(self, seen: Number) -> None:
        """A numbered message has come: what waited for it is due."""
        self._awaited.discard(seen)
        for step in self._after.pop(seen, ()):
            self._release(step)

    def take_due(self, most: int) -> list[Step]:
        """Take up to `most` steps to do now: answers first, then openings as long as few of ours are under way."""
        due: list[Step] = []
        while len(due) < most:
            if self._ready:
                due.append(self._ready.popleft())
            elif self._may_open and len(self._awaited) < self._window:
                due.append(self._openings.popleft())
                self._await(due[-1], set())
            else:
                break
        return due

    @property
    def due(self) -> int:
        """At least how many steps could be taken today; 0 when there is none."""
        return len(self._ready) + self._may_open

    def add(self, step: Step) -> None:
        """Take up a step that nobody could foresee; it is due at once."""
        self.steps[step["step"]] = step
        self._ready.append(step)

    @property
    def _may_open(self) -> bool:
        return bool(self._openings) and self._openings[0]["day"] <= self._day

    def _release(self, step: Step) -> None:
        if step["day"] > self._day:
            self._tomorrow.append(step)
        else:
            self._ready.append(step)

    def _await(self, step: Step, seen: set[Number]) -> None:
        expected = number(step["expects"])
        if step["after"] is None and expected is not None and expected not in seen:
            self._awaited.add(expected)


def number(pair: Any) -> Number | None:
    """A number as JSON has it, a list of two."""
    return None if pair is None else (pair[0], pair[1])
