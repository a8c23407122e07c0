"""Whatever a handler does, it harms its own message alone, and the process goes on or comes back."""

import pytest

from tests.messaging.harness import Probe, service_published, wait_until


def test_a_poisoned_message_harms_only_itself(probe: Probe) -> None:
    batch = [service_published() for _ in range(200)]
    poison = [service_published(wish) for wish in ("fail María", "fail-in-sql x", "fail-at-the-end", "escape", "exit")]
    batch[20:20], batch[120:120] = poison[:3], poison[3:]
    probe.send(*batch)

    probe.service().start()
    healthy = [message for message in batch if message not in poison]
    answers = probe.answers_to(*healthy)

    assert [answer.causationid for answer in answers] == [message.id for message in healthy]
    assert probe.notes() == [message.id for message in healthy]
    assert {row["message_id"]: row["state"] for row in probe.parked()} == {one.id: "retry" for one in poison}


@pytest.mark.parametrize("wish", ["escape", "exit"])
def test_what_except_exception_does_not_catch_is_a_failure_like_any_other(probe: Probe, wish: str) -> None:
    """Trap 5."""
    message, last = service_published(wish), service_published()
    service = probe.service().start()

    probe.send(message, last)
    probe.answers_to(last)

    assert [(row["message_id"], row["state"]) for row in probe.parked()] == [(message.id, "retry")]
    assert service.stop() == 0


@pytest.mark.parametrize("wish", ["hang", "hang-in-sql"])
def test_a_handler_that_hangs_is_interrupted_and_its_message_parked(probe: Probe, wish: str) -> None:
    """Traps 5 and 13: also in the middle of a statement, during which the process is not deaf."""
    message, last = service_published(wish), service_published()
    # The server goes on with an interrupted statement until its own limit, and holds what it has locked.
    constants = '{"messaging.on.BATCH_WITHIN": 1, "messaging.database.STATEMENT_WITHIN": "3s"}'
    service = probe.service(tampered={"CONSTANTS": constants}).start()

    probe.send(message, last)
    probe.answers_to(last)

    # A machine that takes a second over the other, too, has parked that as well, and applied it since.
    (row,) = (row for row in probe.parked() if row["message_id"] == message.id)
    assert row["state"] == "retry"
    assert row["error"].startswith("Timeout at ")
    assert service.stop() == 0
    assert probe.length("probe") == 0  # nothing stayed unacknowledged


@pytest.mark.parametrize("tick", ["fail", "escape", "fail-in-sql"])
def test_a_timed_handler_that_fails_runs_again_and_stops_nothing(probe: Probe, tick: str) -> None:
    message = service_published()
    service = probe.service(TICK=tick).start()
    wait_until(lambda: service.log().count("a timed handler failed") > 1)

    probe.send(message)

    assert [answer.causationid for answer in probe.answers_to(message)] == [message.id]
