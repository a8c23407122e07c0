"""The ground that contenders run on: one PostgreSQL, one RabbitMQ; a fresh database and virtual host for each run."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import quote

import amqp
import psycopg

from bench import task, wire
from bench.messages import Sent
from deploy.local import OperatorError, Stack
from deploy.local.state import ROOT, default_directory
from messaging import topology
from messaging.migrate import migrate

HERE = Path(__file__).parent
ORGANISATIONS = f"{task.VHOST}-organisations"  # the virtual host of the organisations, where there is one
LOCK = HERE / "requirements.lock"
PUBLISH_AT_ONCE = 250  # messages to a system call
ON_THE_WAY = 2_000  # messages published and not yet confirmed, or delivered and not yet acknowledged
ANSWER_WITHIN = 10  # seconds for the broker to go on


class Ground:
    """The servers, and what stands on them during one run. Not for use from two threads."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._network = topology.read()

    @property
    def database_url(self) -> str:
        return self.stack.service_database_url(task.VHOST)

    @property
    def amqp_url(self) -> str:
        return self.stack.amqp_url(task.VHOST, task.VHOST)

    @property
    def organisations_url(self) -> str:
        return self.stack.amqp_url(task.VHOST, ORGANISATIONS)

    @contextlib.contextmanager
    def fresh(self, service: Path | None) -> Iterator[None]:
        """An empty virtual host, declared as the hub's is, and a database with its tables and nothing in them.

        `service` is the folder of a service on Ruta's runtime; None stands for the tables of everybody else.
        """
        self._clear()
        self.stack.create_database(task.VHOST)
        if service is None:
            with psycopg.connect(self.database_url) as connection:
                for file in (HERE / "schema.sql", *sorted((HERE / "ruta" / "migrations").glob("*.sql"))):
                    connection.execute(file.read_bytes())
        else:
            migrate(self.database_url, service)
        self._declare(task.VHOST, topology.HUB)
        with self.stack.connect_as_administrator() as connection:
            connection.execute("checkpoint")  # nobody pays for what the one before has written
        try:
            yield
        finally:
            self._clear()

    @contextlib.contextmanager
    def organisations(self) -> Iterator[None]:
        """Beside `fresh`: an empty virtual host for the organisations, declared as the network's is.

        One user may speak for all of them there: theirs, on a server that is not our own, are left alone.
        """
        self._forget(ORGANISATIONS)
        self._declare(ORGANISATIONS, topology.NETWORK)
        try:
            yield
        finally:
            self._forget(ORGANISATIONS)

    def _declare(self, vhost: str, as_is: str) -> None:
        """Make a virtual host with all that another has in the declared network."""
        password = self.stack.state.password(task.VHOST)
        declared = topology.definitions(self._network, dict.fromkeys(self._network.users, password))
        document: dict[str, list[dict[str, Any]]] = {
            kind: [{**one, "vhost": vhost} for one in declared[kind] if one["vhost"] == as_is]
            for kind in ("exchanges", "queues", "bindings", "policies")
        }
        for policy in document["policies"]:
            # RabbitMQ 3.10 loses the supervisor of all dead lettering when a queue is deleted whose worker is just
            # starting, and this virtual host comes and goes. Nothing is dead lettered here.
            said = policy["definition"].items()
            policy["definition"] = {name: value for name, value in said if not name.startswith("dead-letter")}
        management = self.stack.management
        management.put(f"vhosts/{vhost}", {})
        management.put(f"users/{task.VHOST}", {"password": password, "tags": "impersonator"})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        management.put(f"permissions/{vhost}/{task.VHOST}", everything)
        management.post(f"definitions/{quote(vhost, safe='')}", document)

    def _clear(self) -> None:
        self.stack.drop_database(task.VHOST)
        self._forget(task.VHOST)

    def _forget(self, vhost: str) -> None:
        with contextlib.suppress(topology.TopologyError):  # it was not there
            self.stack.management.delete(f"vhosts/{vhost}")

    def fill(self, messages: Sequence[Sent]) -> None:
        """Put messages into the queues of those who read their contracts; return when all are confirmed."""
        publisher = wire.Publisher(self.amqp_url, task.EXCHANGE)
        try:
            for start in range(0, len(messages), PUBLISH_AT_ONCE):
                publisher.send(messages[start : start + PUBLISH_AT_ONCE])
                publisher.wait_for_confirms(publisher.sent - ON_THE_WAY)
            publisher.wait_for_confirms(publisher.sent)
        finally:
            publisher.close()

    def answers(self, queue: str = task.ANSWERS) -> list[bytes]:
        """Take every answer that has arrived in a queue."""
        with self.looking() as look:
            expected = look.ready(queue)
        consumer = wire.Consumer(self.amqp_url, queue, prefetch=ON_THE_WAY)
        bodies: list[bytes] = []
        while len(bodies) < expected and consumer.readable(ANSWER_WITHIN):
            if arrived := consumer.receive():
                bodies += [delivery.body for delivery in arrived]
                consumer.acknowledge(arrived[-1].tag)
        consumer.close()
        return bodies

    @contextlib.contextmanager
    def looking(self) -> Iterator["Look"]:
        """A connection to look at the queues with."""
        connection = wire.connect(self.amqp_url)
        try:
            yield Look(connection.channel())
        finally:
            connection.close()

    def number(self, query: LiteralString) -> int:
        """The one number that a query of the database asks for."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


class Look:
    """Looks at queues without touching what is in them."""

    def __init__(self, channel: amqp.Channel) -> None:
        self._channel = channel

    def ready(self, queue: str) -> int:
        """How many messages stand in the queue, those with a consumer left out."""
        return int(self._channel.queue_declare(queue, passive=True).message_count)

    def consumers(self, queue: str) -> int:
        return int(self._channel.queue_declare(queue, passive=True).consumer_count)


def peers_python() -> Path:
    """The Python of the peers' environment, made from their lock on first use."""
    venv = default_directory() / "bench-venv"
    python, finished = venv / "bin" / "python", venv / ".finished"
    if not finished.exists() or finished.read_text() != LOCK.read_text():
        finished.unlink(missing_ok=True)
        install = [*("install", "--disable-pip-version-check", "--no-input", "--require-hashes", "--no-deps")]
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(venv)],
            [str(python), "-m", "pip", *install, "--only-binary", ":all:", "-r", str(LOCK)],
        ):
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode != 0:
                last = (made.stderr.strip() or made.stdout.strip() or "no reason given").splitlines()[-1]
                raise OperatorError(f"The peers' environment could not be made: {last}")
        finished.write_text(LOCK.read_text())
    return python


def environment(database_url: str, amqp_url: str) -> dict[str, str]:
    """What every contender's process finds in its environment."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "SERVICE_NAME": task.QUEUE,
        "SERVICE_DATABASE_URL": database_url,
        "SERVICE_AMQP_URL": amqp_url,
    }
