"""Whoever has messages replayed, and the probe's outbox, out of which its relay says them once more."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest

from contracts import uuid7
from hub.gateway.audit.store import Act
from hub.monitor.mending import operations, replays
from hub.monitor.mending.operations import MendingError, Operation
from hub.monitor.mending.replays import Selection
from messaging import database, outbox
from messaging.broker import Publication
from tests.messaging.harness import Probe

STATUS: Final = "referral.status.v1"
TO_REDCROSS: Final = f"to.redcross.{STATUS}"
WHY: Final = "reports was restored"
FIRST, SECOND, ELSEWHERE = "operator:1000", "operator:1001", "staff:abc"


@dataclass
class Replayer:
    """The probe's outbox, its operators, and what they record."""

    probe: Probe
    databases: dict[str, str]
    recorded: list[Act] = field(default_factory=list)

    def publish(
        self, many: int, key: str = TO_REDCROSS, *, about: UUID | None = None, days_ago: float = 0, url: str = ""
    ) -> list[UUID]:
        """Have messages stand in the outbox as if they had been published; their ids."""
        ids = [uuid7() for _ in range(many)]
        said = []
        for id in ids:
            body = json.dumps({"id": str(id), "source": "hub", "about": str(about)}, separators=(",", ":")).encode()
            said.append(Publication("hub", key, body, id))
        with database.connect(url or self.probe.database_url) as connection:
            writer = outbox.open_writer(connection, "test")
            committed = outbox.write(connection, writer, said, outbox.Tally())
            connection.commit()
            outbox.mark(connection, writer, committed().position)
            connection.execute(
                "update outbox set recorded_at = now() - make_interval(secs => %s) where writer = %s",
                (days_ago * 86_400, writer),
            )
        return ids

    def plan(
        self, contract: str = STATUS, organisation: str | None = None, hours: float = 1, by: str = FIRST
    ) -> Operation:
        now = datetime.now(UTC)
        selection = Selection(contract, organisation, now - timedelta(hours=hours), now + timedelta(minutes=1))
        return replays.plan(self.databases, uuid7(), by, selection)

    def start(self, planned: Operation, by: str = FIRST, *, why: str = WHY, rate: int = 1000, **how: Any) -> Operation:
        return replays.start(
            self.databases, planned.operation_id, planned.digest, by, why, rate, self.recorded.append, **how
        )

    def ask(self, planned: Operation, by: str = FIRST, *, rate: int = 1000) -> Operation:
        return replays.ask_second(
            self.databases, planned.operation_id, planned.digest, by, WHY, rate, self.recorded.append
        )

    def stop(self, operation: Operation, by: str = FIRST) -> Operation:
        return operations.stop(self.databases, operation.operation_id, by, self.recorded.append)

    def resume(self, operation: Operation, by: str = FIRST) -> Operation:
        return replays.resume(self.databases, operation.operation_id, by, self.recorded.append)

    def review(self, operation: Operation, by: str) -> Operation:
        return replays.review(self.databases, operation.operation_id, by, self.recorded.append)

    def look(self, operation: Operation) -> Operation:
        return operations.look(self.databases, operation.operation_id)

    def came(self, many: int) -> Counter[UUID]:
        """What has come to the Red Cross, once so much is there; how often each."""
        return Counter(UUID(json.loads(body)["id"]) for body in self.probe.bodies("deliver.redcross", many))


def sums(operation: Operation) -> dict[str, int]:
    """What came of the messages of a replay; they are as many as its dry run has bound."""
    counts = ("said", "erased", "expired", "stopped", "remaining")
    found = {name: operation.sum_of(name) for name in counts if operation.sum_of(name)}
    assert sum(found.values()) == operation.sum_of("selected")
    return found


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(MendingError) as raised:
        call()
    return raised.value.code


@pytest.fixture
def replayer(probe: Probe) -> Replayer:
    return Replayer(probe, {"probe": probe.stack.provide_operator("probe", acts=True)})


def ids(said: Sequence[UUID]) -> Counter[UUID]:
    """Each once."""
    return Counter(said)
