"""Real processes, killed where it hurts most: nothing is lost, nothing happens twice, the order is kept."""

import signal
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from uuid import UUID

import pytest

import contracts
from tests.messaging.checker import check
from tests.messaging.harness import Probe, Process, conversation, wait_until

MESSAGES = 600  # more than two batches
KILLED = -signal.SIGKILL

Dying = Callable[[str], dict[str, str]]


@pytest.fixture
def dying(tmp_path: Path) -> Dying:
    """How to tamper with a process so that it dies at a point."""
    kill_file = tmp_path / "die"

    def at(point: str) -> dict[str, str]:
        kill_file.write_text(point)
        return {"KILL_FILE": str(kill_file)}

    return at


def repeats(answers: Sequence[contracts.Message], to: Collection[UUID]) -> int:
    """How many answers to these came again.

    The others' may, too: the relay of these tests takes whoever has no heartbeat for a second for dead.
    """
    ids = [answer.id for answer in answers if answer.causationid in to]
    return len(ids) - len(set(ids))


def run_until_killed(process: Process) -> None:
    assert process.launch().exit_code() == KILLED


@pytest.mark.parametrize(
    "point",
    ["before_commit", "after_commit", "before_publish", "after_publish", "after_confirm", "before_acknowledge"],
)
def test_a_service_killed_before_it_acknowledges_loses_nothing_and_does_nothing_twice(
    probe: Probe, dying: Dying, point: str
) -> None:
    sent = conversation(MESSAGES)
    probe.send(*sent)
    run_until_killed(probe.service(tampered=dying(point)))

    committed = probe.notes()

    probe.relay().launch()
    probe.service().launch()
    answers = probe.answers_to(*sent)
    redelivered = wait_until(lambda: probe.counted("redelivered"))

    known, again = probe.counted("repeated"), repeats(answers, committed)
    print(f"{point}: redelivered {redelivered}, known already {known}, answered again {again}")
    assert check(sent, probe.notes(), answers).faultless
    assert (known > 0) == (len(committed) > 0) == (point != "before_commit")
    assert (again > 0) == (point in ("after_publish", "after_confirm"))


def test_a_service_killed_after_it_acknowledged_gets_nothing_of_that_again(probe: Probe, dying: Dying) -> None:
    sent = conversation(MESSAGES)
    # One alone is one batch for certain; and while nothing else is under way, its acknowledgement reaches the broker.
    probe.send(sent[0])
    run_until_killed(probe.service(tampered=dying("after_acknowledge")))
    probe.send(*sent[1:])

    probe.relay().launch()
    probe.service().launch()
    answers = probe.answers_to(*sent)

    assert check(sent, probe.notes(), answers).faultless
    assert (probe.counted("redelivered"), probe.counted("repeated")) == (0, 0)


@pytest.mark.parametrize("point", ["before_publish", "after_publish", "after_confirm", "before_mark", "after_mark"])
def test_a_relay_killed_anywhere_leaves_the_rest_to_the_next(probe: Probe, dying: Dying, point: str) -> None:
    sent = conversation(MESSAGES)
    probe.send(*sent)
    run_until_killed(probe.service(tampered=dying("after_commit")))  # leaves what it committed to the relay
    committed = probe.notes()
    run_until_killed(probe.relay(tampered=dying(point)))

    probe.relay().launch()
    probe.service().launch()
    answers = probe.answers_to(*sent)

    again = repeats(answers, committed)
    print(f"{point}: answered again {again}")
    assert check(sent, probe.notes(), answers).faultless
    assert (again > 0) == (point in ("after_publish", "after_confirm", "before_mark"))


def test_acknowledging_before_the_commit_is_caught_by_the_checker(probe: Probe, dying: Dying) -> None:
    sent = conversation(MESSAGES)
    probe.send(*sent)
    run_until_killed(probe.service(tampered={"ACKNOWLEDGE_FIRST": "yes", **dying("before_commit")}))

    service = probe.service().start()
    service.stop()  # when it has applied what there is

    verdict = check(sent, probe.notes(), probe.answers())
    print(f"lost {len(verdict.lost)} of {len(sent)}")
    assert verdict.lost
    assert not verdict.faultless
