"""Whoever mends, by the commands or by the pages, and the probe's runtime, in this process, whose messages fail."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

import contracts
from contracts import uuid7
from hub.gateway.audit.store import Act
from hub.monitor.mending import operations
from hub.monitor.mending.failures import Cause
from hub.monitor.mending.operations import Operation
from messaging import inbox
from messaging.outbox import Committed
from messaging.runtime import Delivery, Runtime
from tests.messaging.harness import Probe, service_published, wait_until
from tests.messaging.probe.service import ProbeService

WHY = "the handler was mended"


@dataclass
class Mender:
    """The probe's runtime in this process, and whoever mends, in the second service as well that a test may name."""

    probe: Probe
    runtime: Runtime
    databases: dict[str, str]
    recorded: list[Act] = field(default_factory=list)
    published: list[contracts.Message] = field(default_factory=list)

    def send(self, *messages: contracts.Message) -> None:
        self._keep(self.runtime.apply(ProbeService(), [Delivery(1, one.to_json(), False) for one in messages]))

    def retry(self, times: int = 1) -> None:
        """Let what is parked be tried again, without the pauses between attempts."""
        for _ in range(times):
            self.probe.query("update parked set next_attempt_at = '-infinity' where state <> 'quarantined'")
            self._keep(self.runtime.retry(ProbeService()))

    def fail(self, *messages: contracts.Message) -> None:
        """Have messages tried in vain until they are quarantined."""
        self.send(*messages)
        ids = [one.id for one in messages]
        self.probe.query("update parked set attempts = %s where message_id = any(%s)", inbox.RETRIES_AT_MOST - 1, ids)
        self.retry_until(lambda: not self.probe.query("select 1 from parked where state = 'retry'"))

    def retry_until(self, what: Callable[[], bool]) -> None:
        def tried() -> bool:
            self.retry()
            return what()

        wait_until(tried)

    def mend(self) -> None:
        self.probe.query("insert into counter (subject, number) values ('mended', 1) on conflict do nothing")

    def plan(self, act: Any = "retry", cause: Cause | None = None, **others: Any) -> Operation:
        return operations.plan(self.databases, uuid7(), act, "operator:1000", cause or Cause("probe"), **others)

    def start(self, planned: Operation, by: str = "operator:1000", why: str = WHY) -> Operation:
        return operations.start(self.databases, planned.operation_id, planned.digest, by, why, self.recorded.append)

    def look(self, operation: Operation) -> Operation:
        return operations.look(self.databases, operation.operation_id)

    def notes(self) -> list[UUID]:
        return self.probe.notes()

    def refusals(self) -> list[tuple[UUID, str]]:
        found = (one.data for one in self.published if isinstance(one.data, contracts.MessageRefused))
        return [(one.refused_id, one.code) for one in found if one.refused_id]

    def _keep(self, committed: Sequence[Committed]) -> None:
        self.published += [contracts.parse(said.body) for one in committed for said in one.publications]


@pytest.fixture
def mender(probe: Probe) -> Iterator[Mender]:
    handlers: Any = {contracts.ServicePublished: ProbeService.note_service}
    runtime = Runtime("probe", probe.database_url, handlers, service="probe")
    yield Mender(probe, runtime, {"probe": probe.stack.provide_operator("probe", acts=True)})
    runtime.close()


def poisoned(many: int) -> list[contracts.Message]:
    return [service_published("fail-until-mended María") for _ in range(many)]


def sums(operation: Operation) -> dict[str, int]:
    """What an operation says came of its messages; they are as many as were selected."""
    counts = ("applied", "refused", "quarantined", "given_back", "stopped", "remaining")
    found = {name: operation.sum_of(name) for name in counts if operation.sum_of(name)}
    assert sum(found.values()) == operation.sum_of("selected")
    return found
