"""Two processes of a service handle messages about the same at once: it ends as if one had come after the other.

One has handled its message and not committed yet when the other begins.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from contracts import Message
from messaging import database, transaction
from tests.services.outcomes.cases import Case, NeverRefused, Said
from tests.services.outcomes.stage import message_of
from tests.services.outcomes.surroundings import CASES
from tests.services.sequences.comparing import differences, ids_in
from tests.services.sequences.making import Sequenced
from tests.services.sequences.playing import Player
from tests.waiting import eventually

WITHIN = 30.0  # seconds until either process has come so far

WAITS_FOR_A_LOCK = """
    select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
"""


@contextmanager
def paused_before_its_commit(run: Callable[[], object]) -> Iterator[None]:
    """Run something in a thread, and hold it for the block before it commits, with all that it has written."""
    commit, reached, may_go_on = transaction.commit, threading.Event(), threading.Event()
    paused: list[threading.Thread] = []

    def hold(connection: database.Connection) -> None:
        if threading.current_thread() in paused and not reached.is_set():
            with connection.pipeline():  # which waits until all is written
                pass
            reached.set()
            assert may_go_on.wait(WITHIN)
        commit(connection)

    def run_held() -> None:
        paused.append(threading.current_thread())
        run()

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as executor:
        patch.setattr(transaction, "commit", hold)
        running = executor.submit(run_held)
        try:
            assert reached.wait(WITHIN)
            yield
        finally:
            may_go_on.set()
        running.result(WITHIN)


def at_once(player: Player, before: list[Message[Any]], one: Message[Any], other: Message[Any]) -> list[str]:
    """Let two processes handle a message each, the other before the one has committed; say what is wrong then."""
    first, second = player.another_runtime(), player.another_runtime()
    orders = [[*before, one, other], [*before, other, one]]
    ends = [player.play(Sequenced(tuple((said,) for said in order))) for order in orders]
    player.begin()
    for said in before:
        player.apply((said,))
    with ThreadPoolExecutor(1) as executor:
        with paused_before_its_commit(lambda: player.apply((one,), first)):
            running = executor.submit(player.apply, (other,), second)
            eventually(lambda: running.done() or player.rows(WAITS_FOR_A_LOCK), within=WITHIN)
        running.result(WITHIN)
    player.come_to_rest()
    end = player.end()
    first.close()
    second.close()
    given = ids_in(said.to_json().decode() for said in (*before, one, other))
    different = [differences(end, expected, given, anyhow=True) for expected in ends]
    return [] if [] in different else different[0]


def next_words(case: Case, cases: Sequence[Case]) -> list[Said]:
    """What may be said next about the same: the same again, what is refused then, and what else may be done."""
    words = [case.done]
    if isinstance(case.refused, NeverRefused):
        words.append(case.refused.closest)
    elif [*case.refused.before] in ([*case.before], [*case.before, case.done]):
        words.append(case.refused.said)
    words += [other.done for other in cases if other is not case and [*other.before] == [*case.before]]
    return [one for one in words if about(one) == about(case.done)]


def about(said: Said) -> str:
    """The subject of what is said."""
    return as_message(said).subject


def as_message(said: Said) -> Message[Any]:
    """What is said, by the ids of the examples."""
    return message_of(said, lambda one: one)


@pytest.mark.parametrize(
    ("service", "place"),
    [(service, place) for service, cases in CASES.items() for place in range(len(cases))],
    ids=[f"{service}-{case.done.of.__name__}" for service, cases in CASES.items() for case in cases],
)
def test_two_messages_about_the_same_at_once_end_as_one_after_the_other(
    player_of: Callable[[str], Player], service: str, place: int
) -> None:
    case = CASES[service][place]
    player, before, done = player_of(service), [*map(as_message, case.before)], as_message(case.done)
    for said in next_words(case, CASES[service]):
        assert at_once(player, before, done, as_message(said)) == [], f"with {said.of.__name__}, by {said.by}"
