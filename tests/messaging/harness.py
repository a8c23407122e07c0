"""What the messaging tests do over and over: run the probe service as a real process, send to it, look at it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

import contracts
from deploy.local.stack import Stack
from messaging import broker
from messaging.broker import Publication, Publisher
from messaging.migrate import migrate
from messaging.topology import Service, read

PROBE = Path(__file__).parent / "probe"
ROOT = Path(__file__).parents[2]
READY_WITHIN = 20.0


def wait_until(what: Callable[[], Any], *, within: float = 20.0) -> Any:
    """Return what the condition returns once that is true; fail when it is not within so many seconds."""
    deadline = time.monotonic() + within
    while not (value := what()):
        assert time.monotonic() < deadline, f"{what} did not come true within {within} s"
        time.sleep(0.02)
    return value


def service_published(
    name: str = "note", *, message_id: UUID | None = None, about: UUID | None = None
) -> contracts.Message:
    """A message for the probe; its name is the probe's instruction."""
    service = about or contracts.uuid7()
    data = contracts.ServicePublished(
        service_id=service, name=name, need_codes=("health.general_medicine",), active=True, zone="08001"
    )
    draft = contracts.Draft(data, subject=str(service))
    return contracts.stamp(draft, source="redcross", time=datetime.now(UTC), id=message_id)


@dataclass
class Process:
    """A process under test, with what it has said."""

    command: Sequence[str]
    environment: dict[str, str]
    log_file: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> "Process":
        """Start it and wait until it says that it is ready."""
        self.launch()
        wait_until(self.is_ready, within=READY_WITHIN)
        return self

    def launch(self) -> "Process":
        """Start it without waiting."""
        with self.log_file.open("ab") as output:
            self._said_before = output.tell()
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=os.environ | self.environment, stdout=output, stderr=output
            )
        return self

    def is_ready(self) -> bool:
        assert self.process.poll() is None, f"exited with {self.process.returncode}: {self.log()[-2000:]}"
        return b"\nready " in b"\n" + self.log_file.read_bytes()[self._said_before :]

    def log(self) -> str:
        return self.log_file.read_text()

    def send_signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to finish; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@dataclass
class Probe:
    """The probe service on the real servers: its queue, its database, its processes."""

    stack: Stack
    folder: Path
    processes: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        declared = read()
        network = replace(declared, services={**declared.services, "probe": Service("probe", ("service.published",))})
        self.stack.provision_broker(network)
        self.stack.drop_database("probe")
        self.database_url = self.stack.create_database("probe")
        migrate(self.database_url, PROBE)
        self.amqp_url = self.stack.amqp_url("probe", "hub")
        # the tests put messages straight into queues and take them out of any
        self.stack.management.put("permissions/hub/probe", {"configure": "", "write": ".*", "read": ".*"})
        self._publisher = Publisher(self.amqp_url)

    def environment(self) -> dict[str, str]:
        return {
            "SERVICE_NAME": "probe", "SERVICE_DATABASE_URL": self.database_url, "SERVICE_AMQP_URL": self.amqp_url,
        }  # fmt: skip

    def service(self, *, runner: str = "messaging.run", **environment: str) -> Process:
        """A process of the probe service, not started yet."""
        return self._process([runner, "tests.messaging.probe.service"], environment)

    def relay(self, *, runner: str = "messaging.relay", **environment: str) -> Process:
        return self._process([runner], environment)

    def _process(self, module: list[str], environment: dict[str, str]) -> Process:
        log_file = self.folder / f"{module[0]}-{len(self.processes)}.log"
        process = Process([sys.executable, "-m", *module], self.environment() | environment, log_file)
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            if hasattr(process, "process") and process.process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
        self._publisher.drop()

    def send(self, *messages: contracts.Message) -> None:
        self.send_raw(*((message.to_json(), str(message.id)) for message in messages))

    def send_raw(self, *bodies: tuple[bytes, str]) -> None:
        """Put bodies into the probe's queue as they are, each with its message id."""
        batch = [Publication("", "probe", body, message_id) for body, message_id in bodies]
        assert self._publisher.publish(batch) == set()

    def query(self, sql: Any, *params: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.database_url, row_factory=dict_row, autocommit=True) as connection:
            return connection.execute(sql, params).fetchall()

    def notes(self) -> list[UUID]:
        """The ids of the messages that were applied, in the order in which they were."""
        return [row["message_id"] for row in self.query("select message_id from note order by position")]

    def parked(self) -> list[dict[str, Any]]:
        return self.query("select * from parked order by parked_id")

    def counted(self, name: str) -> int:
        """A sum over all writers: received, redelivered, repeated, applied, refused or parked."""
        (row,) = self.query("select to_jsonb(sum(x.value::bigint)) as sum from outbox_writer w, "
                            "jsonb_each_text(to_jsonb(w)) x where x.key = %s", name)  # fmt: skip
        return int(row["sum"] or 0)

    def answers(self, atleast: int = 0) -> list[contracts.Message]:
        """Take what stands in the Red Cross's delivery queue, waiting until so much is there."""
        return [contracts.parse(body) for body in self.bodies("deliver.redcross", atleast)]

    def bodies(self, queue: str, atleast: int = 0) -> Iterable[bytes]:
        connection = broker.connect(self.amqp_url)
        try:
            channel, taken = connection.channel(), []

            def take() -> bool:
                while message := channel.basic_get(queue, no_ack=True):
                    taken.append(message.body if isinstance(message.body, bytes) else message.body.encode())
                return len(taken) >= atleast

            wait_until(take)
            return taken
        finally:
            connection.close()
