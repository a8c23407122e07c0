"""Compares what was sent with what came of it: the judge of every test that kills something."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import contracts


@dataclass
class Verdict:
    """What is wrong, by the ids of the messages sent; empty when all is well. `repeated` is no fault but a proof."""

    lost: set[UUID] = field(default_factory=set)
    applied_twice: set[UUID] = field(default_factory=set)
    never_sent: set[UUID] = field(default_factory=set)
    unanswered: set[UUID] = field(default_factory=set)
    answered_twice: set[UUID] = field(default_factory=set)  # with two answers of different ids
    out_of_order: set[str] = field(default_factory=set)  # subjects
    repeated: int = 0  # answers that came more than once, to be known by their ids

    @property
    def faultless(self) -> bool:
        return self == Verdict(repeated=self.repeated)


def check(sent: Sequence[contracts.Message], applied: Sequence[UUID], answers: Sequence[contracts.Message]) -> Verdict:
    """Judge: each sent message applied once and answered by one id, the answers of one subject in the order of sending.

    `applied` and `answers` are as they were found, repeats included, in the order in which they came.
    """
    ids = {message.id for message in sent}
    first = {answer.id: answer for answer in reversed(answers)}  # by id, the first to come
    causes = Counter(answer.causationid for answer in first.values())
    return Verdict(
        lost=ids - set(applied),
        applied_twice={id for id, times in Counter(applied).items() if times > 1},
        never_sent=set(applied) - ids,
        unanswered={id for id in ids if not causes[id]},
        answered_twice={id for id in ids if causes[id] > 1},
        out_of_order=_out_of_order(sent, answers),
        repeated=len(answers) - len(first),
    )


def _out_of_order(sent: Sequence[contracts.Message], answers: Sequence[contracts.Message]) -> set[str]:
    place = {message.id: number for number, message in enumerate(sent)}
    seen: dict[str, list[int]] = defaultdict(list)
    known: set[UUID] = set()
    for answer in answers:
        if answer.id not in known and answer.causationid in place:
            known.add(answer.id)
            seen[answer.subject].append(place[answer.causationid])
    return {subject for subject, places in seen.items() if places != sorted(places)}
