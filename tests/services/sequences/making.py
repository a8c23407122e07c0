"""Makes sequences: outcome cases of a service, played out in scenes that share ids, shuffled, repeated and split.

Everything is drawn from one generator of random numbers, so the same seed and number make the same sequence anywhere.
"""

import enum
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any
from uuid import UUID

import contracts
from contracts import Message
from tests.examples import DAY
from tests.services.outcomes.cases import Case, KnownAs, NeverRefused, Refused, Said
from tests.services.outcomes.stage import message_of

LENGTH = range(6, 21)  # messages of a sequence, before what is repeated
SCENES_AT_MOST = 6
LATER = (timedelta(), timedelta(), timedelta(), timedelta(seconds=1), timedelta(hours=1), -DAY)

Scene = list[tuple[Said, KnownAs]]
Batch = tuple[Message[Any], ...]
Batches = tuple[Batch, ...]


class Fault(enum.StrEnum):
    """What goes wrong in a sequence besides what its messages say."""

    NONE = "nothing"
    ONCE = "a handler fails once"
    PARKED = "a handler fails until its message is tried again"
    PARKED_TWICE = "a handler fails until its message is tried again for the second time"
    LOST_BEFORE = "the database goes away before a commit"
    LOST_AFTER = "the database goes away after a commit"


@dataclass(frozen=True)
class Sequenced:
    """A sequence: messages in batches, what goes wrong meanwhile, and when what is parked is tried again."""

    batches: Batches
    fault: Fault = Fault.NONE
    faulty: UUID | None = None  # the message whose handler fails, or at whose batch the database goes away
    retries_wait: bool = False  # parked messages are tried again at the end only, all together

    @property
    def messages(self) -> list[Message[Any]]:
        """All messages in the order in which they arrive."""
        return [message for batch in self.batches for message in batch]


def make(service: str, cases: Sequence[Case], *, seed: int, number: int) -> Sequenced:
    """Make a sequence."""
    rng = random.Random(f"{seed} {service} {number}")  # noqa: S311 - no secret
    return _Maker(rng, cases, cases[number % len(cases)]).make()


@dataclass
class _Maker:
    """Draws one sequence."""

    rng: random.Random
    cases: Sequence[Case]
    case: Case  # whose turn it is
    known: dict[tuple[int, UUID], UUID] = field(default_factory=dict)
    made: int = 0

    @cached_property
    def senders(self) -> list[str]:
        return sorted({case.done.by for case in self.cases} - {"hub"})

    @cached_property
    def shared(self) -> float:
        """How often an id of the examples is the same in two scenes."""
        return self.rng.choice((0.3, 0.6, 0.6, 0.85, 1.0))

    def make(self) -> Sequenced:
        fault = self.rng.choices(list(Fault), weights=(70, 8, 8, 4, 5, 5))[0]
        together = self.rng.random() < 0.15
        messages = self.parked_together() if together else self.shuffled()
        messages = self.with_repeats(messages)
        batches = self.split(messages, in_the_end=len(messages) // 2 if together else 0)
        faulty = None if fault is Fault.NONE else self.rng.choice(messages).id
        return Sequenced(batches, fault, faulty, retries_wait=together or self.rng.random() < 0.2)

    # -- the order -----------------------------------------------------------------------------------------------------

    def shuffled(self) -> list[Message[Any]]:
        """Several scenes at once, each in its order, or almost, or wildly."""
        messages = self.messages(self.merged(self.scenes()))
        match self.rng.choices(("in order", "almost", "wildly"), weights=(60, 25, 15))[0]:
            case "almost":
                for _ in range(self.rng.randint(1, 3)):
                    messages.insert(self.rng.randrange(len(messages)), messages.pop(self.rng.randrange(len(messages))))
            case "wildly":
                self.rng.shuffle(messages)
        return messages

    def parked_together(self) -> list[Message[Any]]:
        """What has to come before comes last, all of it."""
        scenes = self.scenes()
        ends, beginnings = [scene[-2:] for scene in scenes], [scene[:-2] for scene in scenes]
        return self.messages([*self.merged(ends), *self.merged(beginnings)])

    def merged(self, scenes: Sequence[Scene]) -> Scene:
        """Let one scene go on after the other, each for a while."""
        left, merged = [list(scene) for scene in scenes if scene], []
        while left:
            scene = self.rng.choice(left)
            for _ in range(self.rng.randint(1, 3)):
                if scene:
                    merged.append(scene.pop(0))
            left = [one for one in left if one]
        return merged

    def with_repeats(self, messages: list[Message[Any]]) -> list[Message[Any]]:
        """Some are delivered twice, and some ids are used again for other words."""
        messages = list(messages)
        for _ in range(self.rng.choice((0, 0, 0, 1, 2))):
            place = self.rng.randrange(len(messages))
            one = messages[place]
            if self.rng.random() < 0.4:
                one = one.model_copy(update={"time": one.time + timedelta(seconds=1)})
            messages.insert(self.rng.randint(place + 1, len(messages)), one)
        return messages

    def split(self, messages: Sequence[Message[Any]], *, in_the_end: int) -> Batches:
        """Split a sequence in any way, mostly into few; the last so many stay together."""
        places = range(1, len(messages) - in_the_end + 1)
        cuts = {self.rng.choice(places) for _ in range(self.rng.choice((0, 1, 1, 2, 2, 3, len(messages) // 2)))}
        edges = [0, *sorted(cuts), len(messages)]
        batches = (tuple(messages[start:end]) for start, end in pairwise(edges))
        return tuple(batch for batch in batches if batch)

    # -- what is said --------------------------------------------------------------------------------------------------

    def scenes(self) -> list[Scene]:
        """Outcomes of one case, or of a few, so that the same is often done to different things."""
        cases = [self.case, *self.rng.choices(self.cases, k=self.rng.choice((0, 0, 1, 1, 2)))]
        length, scenes = self.rng.choice(LENGTH), list[Scene]()
        while sum(map(len, scenes)) < length and len(scenes) < SCENES_AT_MOST:
            scenes.append(self.scene(self.rng.choice(cases), home=len(scenes) + 1))
        return scenes

    def scene(self, case: Case, home: int) -> Scene:
        """One of a case's outcomes, with ids of its own and ids that it shares with other scenes."""
        slots: dict[UUID, int] = {}

        def known_as(one: UUID) -> UUID:
            slot = slots.setdefault(one, 0 if self.rng.random() < self.shared else home)
            return self.known.setdefault((slot, one), self.new_id())

        return [(said, known_as) for said in self.story(case)]

    def messages(self, scene: Scene) -> list[Message[Any]]:
        """Make the messages of what is said; what has been said already is mostly not said again."""
        messages, said = list[Message[Any]](), list[tuple[Any, str]]()
        for one, known_as in scene:
            message = self.message(one, known_as)
            words = message.data, message.source
            if words not in said or self.rng.random() < 0.25:
                said.append(words)
                messages.append(message)
        return messages

    def story(self, case: Case) -> list[Said]:
        what, refused = self.rng.choices(("done", "again", "refused", "alone"), (45, 20, 25, 10))[0], case.refused
        if what == "alone":
            return [case.done]
        if what == "refused" and isinstance(refused, Refused):
            return [*refused.before, refused.said]
        if what == "refused" and isinstance(refused, NeverRefused):
            return [*case.before, case.done, refused.closest]
        return [*case.before, case.done, *([case.done] if what == "again" else [])]

    def message(self, said: Said, known_as: KnownAs) -> Message[Any]:
        """What is said, as a message with an id of its own; now and then in other words, or by another."""
        if said.by != "hub" and self.rng.random() < 0.06:
            said = replace(said, by=self.rng.choice(self.senders))
        if self.rng.random() < 0.1:
            said = replace(said, number=said.number + self.rng.randint(1, 3))
        self.made += 1
        message = message_of(
            replace(said, time=said.time + self.rng.choice(LATER)),
            known_as,
            id=UUID(f"0195f000-{self.made:04x}-7000-8000-{self.rng.getrandbits(48):012x}"),
        )
        if message.source != "hub":
            message = message.model_copy(update={"staff": f"S-{self.made}"})
        return self.reworded(message) if self.rng.random() < 0.15 else message

    def reworded(self, message: Message[Any]) -> Message[Any]:
        """The same with one time, number or code changed, where there is one and its contract allows it."""
        values = {name: getattr(message.data, name) for name in type(message.data).model_fields}
        others = [(name, other) for name, value in values.items() if (other := self.other(value)) is not None]
        if not others:
            return message
        name, other = self.rng.choice(others)
        try:
            return contracts.parse(message.model_copy(update={"data": self.with_field(message, name, other)}).to_json())
        except contracts.Invalid:
            return message

    def with_field(self, message: Message[Any], name: str, value: Any) -> Any:
        return message.data.model_copy(update={name: value})

    def other(self, value: Any) -> Any:
        """Another value of the same kind; None for what is no time, number or code."""
        match value:
            case enum.Enum():
                return self.rng.choice(list(type(value)))
            case bool():
                return not value
            case datetime():
                return value + self.rng.choice((-1, 1, 2)) * self.rng.choice((DAY, timedelta(hours=1)))
            case int():
                return value + self.rng.randint(1, 3)
        return None

    def new_id(self) -> UUID:
        """An id like those that organisations make; of two, either may be the smaller."""
        return UUID(f"{self.rng.getrandbits(32):08x}-5e90-7000-8000-{len(self.known):012x}")
