"""The network that faults happen to: embedded servers below it, or servers that it reaches through proxies."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from chaos.proxy import Proxy
from demo.stage import Ground, network_on
from deploy.local import Stack
from deploy.local.process import Process
from deploy.local.rabbitmq import ADMINISTRATOR, NODE, scripts
from deploy.local.state import ROOT
from messaging.topology import Management

TOOL_WITHIN = 180  # seconds for one command; what says lost messages again waits until they have come


@dataclass
class Place:
    """A running network, and all that a fault may touch."""

    ground: Ground
    servers: Stack
    """What has PostgreSQL and RabbitMQ; of a network behind proxies another stack than its own."""
    database: Proxy | None = None
    brokers: list[Proxy] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    """The lines of the last command."""

    @property
    def management(self) -> Management:
        """The broker's management interface, which no proxy stands before."""
        return self.servers.management

    def pid(self, name: str) -> int:
        """The process id of a process of the hub, or of a server. Raises ProcessLookupError."""
        pid = self.process(name).pid
        if pid is None:
            raise ProcessLookupError(name)
        return pid

    def process(self, name: str) -> Process:
        """A process of the hub, or a server."""
        servers = {server.name: server for server in self.servers.servers}
        return servers.get(name) or self.ground.network[name]

    def rabbitmqctl(self, *arguments: str) -> None:
        """Have the broker's own tool do something. Raises CalledProcessError, TimeoutExpired."""
        assert self.servers.broker is not None
        command = [str(scripts() / "rabbitmqctl"), "-n", NODE, *arguments]
        environment = self.servers.broker.program.environment
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=TOOL_WITHIN)

    def ruta(self, *arguments: str) -> int:
        """What an operator types in another shell; its exit code."""
        environment = os.environ | {"RUTA_STATE": str(self.ground.stack.state.directory), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-P", "-m", "deploy.local", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TOOL_WITHIN)
        self.told = (done.stdout + done.stderr).splitlines()
        return done.returncode

    def in_database(self, statement: str) -> None:
        """Have PostgreSQL's administrator say something, past every proxy. Raises psycopg.Error."""
        with self.servers.connect_as_administrator() as connection:
            connection.execute(statement.encode())


@contextlib.contextmanager
def on_embedded_servers(directory: Path) -> Iterator[Place]:
    """A network whose servers its own supervisor starts again."""
    with network_on(directory) as ground:
        yield Place(ground, ground.stack)


@contextlib.contextmanager
def behind_proxies(directory: Path) -> Iterator[Place]:
    """A network that reaches its servers through proxies, the broker as two hosts."""
    directory.mkdir(parents=True, exist_ok=True)
    with Stack(directory / "servers", environment={}) as servers, contextlib.ExitStack() as ending:
        database = Proxy(servers.postgres_admin_url)
        brokers = [Proxy(servers.amqp_url(ADMINISTRATOR, "/").removesuffix("%2F")) for _ in range(2)]
        for proxy in (database, *brokers):
            ending.callback(proxy.close)
        hosts = ",".join(proxy.url.rpartition("@")[2].rstrip("/") for proxy in brokers)
        before_host = brokers[0].url.rpartition("@")[0]
        given = {
            "RUTA_DATABASE_URL": database.url,
            "RUTA_AMQP_URL": f"{before_host}@{hosts}/",
            "RUTA_MANAGEMENT_URL": servers.management_url,
        }
        ending.enter_context(_environment(given))
        with network_on(directory / "hub") as ground:
            yield Place(ground, servers, database, brokers)


@contextlib.contextmanager
def _environment(given: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
