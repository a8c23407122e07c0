"""Whether what was seen of a case is what it promises; each function says what is not so, nothing where all is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from tests.services.outcomes.cases import DONE, Again, Case, NeverOutOfOrder, NeverRefused
from tests.services.outcomes.stage import ACT, AGAIN, OTHER_WORDS, REPEAT, Played, Scene

Complaints = Iterator[str]


def judge_done(case: Case, played: Played) -> Complaints:
    """Done, the message is applied, and something follows of it."""
    yield from played.done.complaints
    seen = played.done.seen[ACT]
    if seen.fate != DONE:
        yield f"is {seen.fate}, not done"
    elif not seen.changed:
        yield "is done without any effect"


def judge_refused(case: Case, played: Played) -> Complaints:
    """Refused, it leaves nothing but the answer; where nothing ever is, what comes closest is done."""
    yield from played.refused.complaints
    seen = played.refused.seen[ACT]
    if isinstance(case.refused, NeverRefused):
        if seen.fate != DONE:
            yield f"is {seen.fate}, though it is said to refuse nothing"
        return
    if seen.fate != f"refused: {case.refused.code}":
        yield f"is {seen.fate}, not refused: {case.refused.code}"
    if seen.changed:
        yield "is refused and leaves something behind"


def judge_repeated(case: Case, played: Played) -> Complaints:
    """Repeated, it does nothing; other words under its id are refused; said anew, it is what the case says."""
    acts = played.done.seen
    if acts[REPEAT].changed or acts[REPEAT].fate != acts[ACT].fate:
        yield f"delivered twice is {acts[REPEAT].fate}, and changes something: {acts[REPEAT].changed}"
    if acts[OTHER_WORDS].changed or acts[OTHER_WORDS].fate != "refused: id_reused":
        yield f"in other words under the same id is {acts[OTHER_WORDS].fate}, not refused: id_reused"
    again = acts[AGAIN]
    fate = DONE if isinstance(case.again, Again) else f"refused: {case.again}"
    if again.fate != fate:
        yield f"said again is {again.fate}, not {fate}"
    if again.changed != (case.again is Again.IS_ANOTHER):
        yield f"said again {'changes something' if again.changed else 'changes nothing'}, but was to be: {case.again}"


def judge_out_of_order(case: Case, played: Played) -> Complaints:
    """Out of order, it leaves nothing and waits for what comes; then it is done. Or nothing has to come before it."""
    if isinstance(case.out_of_order, NeverOutOfOrder):
        fate = case.out_of_order.alone if case.out_of_order.alone == DONE else f"refused: {case.out_of_order.alone}"
        if played.alone.seen[ACT].fate != fate:
            yield f"on its own is {played.alone.seen[ACT].fate}, not {fate}"
    for come, code in case.waits.items():
        yield from _judge_waiting(played.out_of_order[come], code)


def _judge_waiting(scene: Scene, code: str) -> Complaints:
    seen = scene.seen[ACT]
    if seen.fate != f"out of order: {code}":
        yield f"before all that it needs is {seen.fate}, not out of order: {code}"
    elif seen.changed:
        yield "is out of order and leaves something behind"
    elif scene.complaints:
        yield from scene.complaints
    elif seen.waits_for not in scene.awaited:
        yield "waits for what nothing that it needs is about"
    elif scene.in_the_end != DONE:
        yield f"is {scene.in_the_end} when all that it needs has come"


JUDGES: Final[Mapping[str, Callable[[Case, Played], Complaints]]] = {
    "done": judge_done,
    "refused": judge_refused,
    "repeated": judge_repeated,
    "out of order": judge_out_of_order,
}


def judge(cases: Sequence[Case], played: Sequence[Played]) -> list[str]:
    """Say everything that is not as the cases promise."""
    return [
        f"{case.done.of.__name__}, {outcome}: {complaint}"
        for case, one in zip(cases, played, strict=True)
        for outcome, look in JUDGES.items()
        for complaint in look(case, one)
    ]
