"""What the messaging tests do over and over: run the probe service as a real process, send to it, look at it."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

import contracts
from deploy.local.forking import Adopted
from deploy.local.process import with_parent_death_signal
from deploy.local.rabbitmq import NODE, scripts
from deploy.local.stack import Stack
from messaging import broker, database, frames
from messaging.broker import Publication, Publisher
from messaging.topology import Service, read
from tests.databases import fresh
from tests.messaging.forked import fork
from tests.waiting import eventually

PROBE = Path(__file__).parent / "probe"
ROOT = Path(__file__).parents[2]
WITHIN = 90.0  # seconds: no deadline is reached but where something is broken, however slow the machine
HURRIED = {"messaging.broker.RECONNECT_WITHIN": 0.5}  # for tests that wait until a server is back
QUEUES = ("probe", "deliver.redcross", "deliver.iom", "referrals", "unrouted", "dead")  # of the virtual host hub


def wait_until(what: Callable[[], Any], *, within: float = WITHIN) -> Any:
    """Return what the condition returns once that is true; fail when it is not within so many seconds."""
    return eventually(what, within=within)


def take_all(connection: frames.Connection, channel: Any, queue: str) -> list[bytes]:
    """Take what stands in a queue that this channel consumes, until it is empty and nothing has come for a moment.

    A moment alone proves nothing: a busy broker may pause for longer. What comes later, while nobody takes it, stays in
    the queue.
    """
    taken: list[bytes] = []
    while True:
        with suppress(TimeoutError):
            while True:
                connection.drain_events(timeout=0.1)
        # What has left the queue by the broker's first answer has arrived here by its second.
        left = [channel.queue_declare(queue, passive=True).message_count for _ in range(2)]
        if connection.delivered:
            channel.basic_ack(connection.delivered[-1].tag, multiple=True)
        taken += [one.body for one in connection.delivered]
        connection.delivered.clear()
        if not any(left):
            return taken


def service_published(
    name: str = "note", *, message_id: UUID | None = None, about: UUID | None = None, source: str = "redcross"
) -> contracts.Message:
    """A message for the probe; its name is the probe's instruction."""
    service = about or contracts.uuid7()
    data = contracts.ServicePublished(
        service_id=service, name=name, need_codes=("health.general_medicine",), active=True, zones=("08001",)
    )
    draft = contracts.Draft(data, subject=str(service))
    return contracts.stamp(draft, source=source, time=datetime.now(UTC), id=message_id)


def conversation(messages: int, subjects: int = 10) -> list[contracts.Message]:
    """Messages about a few subjects in turn."""
    about = [contracts.uuid7() for _ in range(subjects)]
    return [service_published(about=about[place % subjects]) for place in range(messages)]


@dataclass
class Process:
    """A process under test, with what it has said."""

    command: Sequence[str]  # `python -m …`
    environment: dict[str, str]
    log_file: Path
    process: subprocess.Popen[bytes] | Adopted = field(init=False)

    def start(self) -> "Process":
        """Start it and wait until it says that it is ready."""
        return self.launch().wait_ready()

    def wait_ready(self) -> "Process":
        wait_until(self.is_ready)
        return self

    def launch(self) -> "Process":
        """Start it without waiting."""
        environment = os.environ | self.environment
        with self.log_file.open("ab") as output:
            self._said_before = output.tell()
            forked = fork(self.command[2:], environment, self.log_file)
            self.process = forked or subprocess.Popen(
                with_parent_death_signal(self.command),
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
            )
        return self

    def is_ready(self) -> bool:
        assert self.process.poll() is None, f"exited with {self.process.returncode}: {self.log()[-2000:]}"
        return b"\nready " in b"\n" + self.log_file.read_bytes()[self._said_before :]

    def log(self) -> str:
        return self.log_file.read_text()

    def said(self, what: str) -> bool:
        """Whether it has logged a line with these words since it was last started."""
        return what.encode() in self.log_file.read_bytes()[self._said_before :]

    def exit_code(self) -> int:
        """Wait until it ends by itself."""
        return self.process.wait(WITHIN)

    def send_signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Ask it to finish; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WITHIN)


@dataclass
class Probe:
    """The probe service on the real servers: its queue, its database, its processes."""

    stack: Stack
    folder: Path
    processes: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.database_url = fresh(self.stack, "probe", PROBE)
        self.amqp_url = self.stack.amqp_url("probe", "hub")
        self._publisher = Publisher(self.amqp_url)
        self.empty(*QUEUES)

    def environment(self) -> dict[str, str]:
        return {
            "SERVICE_NAME": "probe", "SERVICE_DATABASE_URL": self.database_url, "SERVICE_AMQP_URL": self.amqp_url,
            "SERVICE_PARALLEL": "true",
        }  # fmt: skip

    @staticmethod
    def provision(stack: Stack, *, parallel: bool = True) -> None:
        """Make the declared network on the broker, with one service more."""
        declared, probe = read(), Service("probe", ("service.published",), parallel=parallel)
        network = replace(declared, services={**declared.services, "probe": probe})
        stack.provision_broker(network)
        # the tests put messages straight into queues and take them out of any
        stack.management.put("permissions/hub/probe", {"configure": "", "write": ".*", "read": ".*"})

    def empty(self, *queues: str) -> None:
        """Throw away what stands in these queues."""
        connection = broker.connect(self.amqp_url)
        channel = connection.channel()
        for queue in queues:
            channel.queue_purge(queue)
        connection.close()

    def service(self, *, tampered: Mapping[str, str] | None = None, **environment: str) -> Process:
        """A process of the probe service, not started yet; `tampered` is for tests/messaging/tampered.py."""
        return self.process(["messaging.run", "tests.messaging.probe.service"], tampered, environment)

    def relay(self, *, tampered: Mapping[str, str] | None = None) -> Process:
        """A process of the probe's relay, not started yet, that does not wait as long as the real one."""
        hurried = {"CONSTANTS": json.dumps({"messaging.relay.PATIENCE": "1 second", **HURRIED})}
        return self.process(["messaging.relay"], hurried | dict(tampered or {}), {})

    def process(
        self, module: Sequence[str], tampered: Mapping[str, str] | None, environment: Mapping[str, str]
    ) -> Process:
        """A process of any module of ours, not started yet."""
        log_file = self.folder / f"{len(self.processes)}-{module[0]}.log"
        runner = [] if tampered is None else ["tests.messaging.tampered"]
        command = [sys.executable, "-m", *runner, *module]
        process = Process(command, {**self.environment(), **(tampered or {}), **environment}, log_file)
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            if hasattr(process, "process") and process.process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            print(process.log())  # shown when the test has failed
        self._publisher.drop()

    def send(self, *messages: contracts.Message) -> None:
        self.send_raw(*((message.to_json(), str(message.id)) for message in messages))

    def send_raw(self, *bodies: tuple[bytes, str]) -> None:
        """Put bodies into the probe's queue as they are, each with its message id."""
        batch = [Publication("", "probe", body, message_id) for body, message_id in bodies]
        assert self._publisher.publish(batch) == set()

    def send_to(self, queue: str, *messages: contracts.Message) -> None:
        """Put messages into another queue of the virtual host hub."""
        batch = [Publication("", queue, message.to_json(), str(message.id)) for message in messages]
        assert self._publisher.publish(batch) == set()

    def query(self, sql: Any, *params: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.database_url, row_factory=dict_row, autocommit=True) as connection:
            cursor = connection.execute(sql, params)
            return database.rows(cursor)

    def notes(self) -> list[UUID]:
        """The ids of the messages that were applied, in the order in which they were."""
        return [row["message_id"] for row in self.query("select message_id from note order by position")]

    def parked(self) -> list[dict[str, Any]]:
        return self.query("select * from parked order by parked_id")

    def log_lines(self) -> list[dict[str, Any]]:
        """What its processes have logged, in no order among them."""
        said = "".join(process.log() for process in self.processes).splitlines()
        return [json.loads(line) for line in said if line.startswith("{")]

    def counted(self, name: str) -> int:
        """A sum over all writers: received, redelivered, repeated, applied, refused or parked."""
        (row,) = self.query("select to_jsonb(sum(x.value::bigint)) as sum from outbox_writer w, "
                            "jsonb_each_text(to_jsonb(w)) x where x.key = %s", name)  # fmt: skip
        return int(row["sum"] or 0)

    def answers(self, atleast: int = 0, *, queue: str = "deliver.redcross") -> list[contracts.Message]:
        """Take what stands in the Red Cross's delivery queue, waiting until so much is there."""
        return [contracts.parse(body) for body in self.bodies(queue, atleast)]

    def answers_to(self, *messages: contracts.Message) -> list[contracts.Message]:
        """Take answers, repeats included, until there is one to each of these messages, and until no more come.

        For a message that is named twice, two different answers are waited for.
        """
        wanted, taken = Counter(message.id for message in messages), list[contracts.Message]()
        known: set[UUID] = set()
        with self.reading("deliver.redcross") as read:

            def all_there() -> bool:
                for body in read():
                    answer = contracts.parse(body)
                    taken.append(answer)
                    if answer.causationid is not None and answer.id not in known:
                        wanted[answer.causationid] -= 1
                    known.add(answer.id)
                return max(wanted.values(), default=0) <= 0

            wait_until(all_there)
        return taken

    def bodies(self, queue: str, atleast: int = 0) -> list[bytes]:
        """Take everything out of a queue, waiting until so much has come."""
        taken: list[bytes] = []
        with self.reading(queue) as read:

            def all_there() -> bool:
                taken.extend(read())
                return len(taken) >= atleast

            wait_until(all_there)
        return taken

    @contextmanager
    def reading(self, queue: str) -> Iterator[Callable[[], list[bytes]]]:
        """Read a queue; what is yielded takes all that stands in it (see `take_all`)."""
        connection = broker.connect(self.amqp_url)
        channel = connection.channel()
        channel.basic_consume(queue)
        try:
            yield lambda: take_all(connection, channel, queue)
        finally:
            connection.close()

    def close_all_connections(self) -> None:
        """Have the broker close every connection."""
        self._rabbitmqctl("close_all_connections", "--global", "a test")

    @contextmanager
    def memory_alarm(self) -> Iterator[None]:
        """Have the broker believe that its memory is full."""
        self._rabbitmqctl("set_vm_memory_high_watermark", "0.0000001")
        try:
            yield
        finally:
            self._rabbitmqctl("set_vm_memory_high_watermark", "0.4")

    def _rabbitmqctl(self, *arguments: str) -> None:
        server = self.stack.broker
        assert server is not None
        command = [str(scripts() / "rabbitmqctl"), "-n", NODE, *arguments]
        subprocess.run(command, env=server.program.environment, check=True, capture_output=True, timeout=WITHIN)

    def end_sessions(self) -> None:
        """Have the database end every session of the probe's processes."""
        with self.stack.connect_as_administrator() as administrator:
            administrator.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'probe'")

    def length(self, queue: str) -> int:
        """How many messages are ready in a queue."""
        connection = broker.connect(self.amqp_url)
        try:
            return int(connection.channel().queue_declare(queue, passive=True).message_count)
        finally:
            connection.close()
