"""Who runs: the command of each contender, and where it keeps what it has not published yet."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

from bench import batches
from bench.ground import HERE, Ground, environment, peers_python
from deploy.local.process import Process, Program
from deploy.local.state import ROOT

NAMEKO_CONFIG = str(HERE / "peers" / "nameko.yaml")
RUNTIME_UNPUBLISHED: LiteralString = """
    select count(*) from outbox join outbox_writer using (writer) where position > published
"""
PEER_UNPUBLISHED: LiteralString = "select count(*) from outbox"
FLOOR_UNPUBLISHED: LiteralString = "select count(*) from outbox, published where position > up_to"


@dataclass(frozen=True)
class Contender:
    """One way of doing the task."""

    name: str
    command: Sequence[str]
    unpublished: LiteralString  # counts what its outbox holds as not published
    service: Path | None = None  # its folder, when it is a service on Ruta's runtime
    relay: Sequence[str] = ()  # a second process, beside any number of the first
    settings: dict[str, str] = field(default_factory=dict)

    def processes(self, ground: Ground, count: int) -> list[Process]:
        """The processes of a run, the relay last; none of them started."""
        commands = [(f"{self.name}-{number}", self.command) for number in range(1, count + 1)]
        if self.relay:
            commands.append((f"{self.name}-relay", self.relay))
        logs = ground.stack.state.logs
        file = self.batches_file(ground)
        file.unlink(missing_ok=True)
        variables = environment(ground.database_url, ground.amqp_url) | {batches.VARIABLE: str(file)} | self.settings
        return [
            Process(Program(name, command, variables, log=logs / f"bench-{name}.log", is_ready=_runs))
            for name, command in commands
        ]

    def batches_file(self, ground: Ground) -> Path:
        """Where a contender that counts its batches writes them."""
        return ground.stack.state.logs / f"bench-{self.name}.batches"


def _runs(process: Process) -> bool:
    return process.pid is not None  # that it works shows in the broker, as a consumer


OWN = (sys.executable, "-P", "-m")


def contenders() -> dict[str, Contender]:
    """Everything that can be measured, by name; makes the peers' environment where it is not there yet."""
    peers = peers_python()
    every = (
        Contender(
            "nameko",
            [*_tool(peers, "nameko"), "run", "--config", NAMEKO_CONFIG, "bench.peers.nameko_service"],
            PEER_UNPUBLISHED,
            # Without it every wait for the database would stop all ten workers.
            settings={"PSYCOPG_WAIT_FUNC": "wait_select"},
        ),
        Contender(
            "faststream",
            [*_tool(peers, "faststream"), "run", "bench.peers.faststream_service:app"],
            PEER_UNPUBLISHED,
        ),
    )
    return ours() | {contender.name: contender for contender in every}


def ours() -> dict[str, Contender]:
    """Ruta and the floor, which need no environment but Ruta's."""
    # It has no order to keep: two processes of it work side by side.
    side_by_side = {"SERVICE_PARALLEL": "true"}
    return {
        "floor": floor(),
        "ruta": on_the_runtime("ruta", "bench.ruta.service", HERE / "ruta", settings=side_by_side),
    }


def on_the_runtime(
    name: str,
    module: str,
    folder: Path,
    *,
    runner: str = "messaging.run",
    settings: dict[str, str] | None = None,
) -> Contender:
    """A service on Ruta's runtime, and its relay."""
    return Contender(
        name,
        [*OWN, runner, module],
        RUNTIME_UNPUBLISHED,
        service=folder,
        relay=[*OWN, "messaging.relay"],
        settings=settings or {},
    )


def of_the_hub(service: str, name: str | None = None, *, runner: str = "bench.counted", **settings: str) -> Contender:
    """One of the hub's real services and its relay; by default it counts its batches and their waits."""
    return on_the_runtime(
        name or service,
        f"services.{service}.service",
        ROOT / "services" / service,
        runner=runner,
        settings={"SERVICE_NAME": service, **settings},
    )


def floor() -> Contender:
    """The loop by hand."""
    return Contender("floor", [*OWN, "bench.floor"], FLOOR_UNPUBLISHED)


def _tool(python: Path, name: str) -> list[str]:
    return [str(python), str(python.parent / name)]
