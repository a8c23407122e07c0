"""Of several processes of a service one has its transaction at a time, so that what it has loaded nobody changes."""

from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest

from messaging import database
from messaging.database import NotOurTurnError
from messaging.runtime import Delivery, Runtime
from messaging.transaction import transaction
from tests.messaging.harness import Probe, service_published, wait_until
from tests.messaging.probe.service import NOTE, ProbeService
from tests.services.outcomes.cases import handlers_of

BLOCKED = "select 1 from pg_stat_activity where datname = 'probe' and wait_event_type = 'Lock'"


def runtime(probe: Probe, *, parallel: bool = False) -> Runtime:
    return Runtime("turns", probe.database_url, handlers_of(ProbeService), parallel=parallel)


@pytest.fixture
def other(probe: Probe) -> Iterator[database.Connection]:
    """The connection of another process."""
    with database.connect(probe.database_url) as connection:
        yield connection


def apply(runtime: Runtime) -> Any:
    return runtime.apply(ProbeService(), [Delivery(1, service_published().to_json(), redelivered=False)])


def test_a_batch_waits_until_another_process_has_committed(probe: Probe, other: database.Connection) -> None:
    ours, seen = runtime(probe), []

    def second() -> None:
        apply(ours)
        seen.append(len(probe.notes()))

    thread = Thread(target=second)
    with transaction(other, in_turn=True) as tx:
        tx.write(NOTE, {"message_id": service_published().id, "subject": "s"})
        tx.flush()
        thread.start()
        wait_until(lambda: probe.query(BLOCKED))
        assert probe.notes() == []
    thread.join()
    ours.close()
    assert seen == [2]


def test_whoever_waits_too_long_for_its_turn_tries_again_and_parks_nothing(
    probe: Probe, other: database.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_WITHIN", "100ms")
    ours = runtime(probe)
    with transaction(other, in_turn=True) as tx:
        tx.fetch("select 1")
        for attempt in (lambda: apply(ours), lambda: ours.retry(ProbeService()), lambda: ours.tick(lambda tx, now: [])):
            with pytest.raises(NotOurTurnError):
                attempt()
    assert (probe.notes(), probe.parked()) == ([], [])
    apply(ours)
    ours.close()
    assert len(probe.notes()) == 1


def test_processes_of_a_parallel_service_wait_for_nobody(probe: Probe, other: database.Connection) -> None:
    side_by_side = runtime(probe, parallel=True)
    with transaction(other, in_turn=True) as tx:
        tx.fetch("select 1")
        apply(side_by_side)
        assert len(probe.notes()) == 1
    side_by_side.close()
