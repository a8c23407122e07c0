"""The hub's processes on a started stack: provisioned, running, watched.

with Stack(directory) as stack, Network(stack) as network:
    network["referrals"].kill()
    network.wait_ready()
"""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local import changes
from deploy.local.beside import amqp_urls, databases
from deploy.local.process import Process, Program
from deploy.local.processes import ForkServers, hub_programs, programs_of_hosted
from deploy.local.stack import Stack
from deploy.local.supervisor import Supervisor
from messaging import topology

# Where messages come in and go out, and staff do.
ENTRANCES = (topology.GATEWAY, topology.GATEWAY_HTTP, topology.COURIER, topology.CONSOLE_WEB)

log = logging.getLogger("ruta.up")


@contextlib.contextmanager
def running(
    directory: Path | None = None,
    before: Callable[[Stack], None] = lambda _: None,
    *,
    declared: topology.DeclaredNetwork | None = None,
    also: Callable[[Stack], Sequence[Program]] = lambda _: (),
) -> Iterator["Network"]:
    """The whole network with its servers below it; what takes long to start begins first.

    `before` is called when there are databases, and nobody has been handed anything yet. `declared` is another network
    than that of the file; `also` names programs that run beside the hub's, and are no part of it.
    """
    stack, declared = Stack(directory), declared or topology.read()
    stack.state.make()
    forks = ForkServers(stack.state, declared)
    with contextlib.ExitStack() as ending:
        ending.callback(forks.stop)
        forks.start()

        def meanwhile() -> None:
            _provision_databases(stack, declared)
            before(stack)

        stack.start(meanwhile)
        ending.callback(stack.stop)
        _provision_broker(stack, declared)
        yield ending.enter_context(Network(stack, forks=forks, also=also))


# What provisioning imports takes as long as half of the broker's start: it is imported while that starts.


def _provision_databases(stack: Stack, declared: topology.DeclaredNetwork) -> None:
    from deploy.local.provision import provision_databases

    log.info("bringing databases up to date")
    provision_databases(stack, declared)


def _provision_broker(stack: Stack, declared: topology.DeclaredNetwork) -> None:
    from deploy.local.provision import provision_broker

    log.info("bringing queues and users up to date")
    provision_broker(stack, declared)


def _registered(stack: Stack) -> topology.DeclaredNetwork:
    """The network with the organisations that take part, and the names that their queues have."""
    from deploy.local.organisations import network_of

    return network_of(stack.state)


class Network:
    """All processes of the hub, by name, with the embedded servers below them; a context manager.

    While it runs, each process that dies is brought back, the embedded servers too.
    """

    def __init__(
        self,
        stack: Stack,
        declared: topology.DeclaredNetwork | None = None,
        forks: ForkServers | None = None,
        also: Callable[[Stack], Sequence[Program]] = lambda _: (),
    ) -> None:
        """`declared` is another network than that of the file, and those who take part in it.

        `forks` is given where it has been started already, and the servers are provisioned; `also` is as in `running`.
        """
        self.stack = stack
        self._given = declared
        self.declared = declared or _registered(stack)
        self._ready_made = forks is not None
        self._forks = forks or ForkServers(stack.state, self.declared)
        self.processes: dict[str, Process] = {}
        self._also = also
        self._known: tuple[int, int] | None = None  # of the file of who takes part: what its last version is known by
        self._supervisor: Supervisor | None = None
        self._restarts: dict[str, int] = {}  # that have been noted

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    def __getitem__(self, name: str) -> Process:
        """A process of the hub (`gateway`, `referrals`, `relay`, …) or a server (`postgres`, `rabbitmq`)."""
        return self.processes[name]

    def start(self) -> None:
        """Provision the servers, start every process, and return when all are ready; OperatorError when one is not."""
        self._forks.start()
        programs = [*hub_programs(self.stack, self.declared), *self._also(self.stack)]
        hub = [self._forks.process(program) for program in programs]
        self.processes = {process.name: process for process in (*self.stack.servers, *self._forks.all, *hub)}
        try:
            if not self._ready_made:
                _provision_databases(self.stack, self.declared)
                _provision_broker(self.stack, self.declared)
                self.declared = self._given or _registered(self.stack)
            log.info("starting %s", ", ".join(process.name for process in hub))
            for process in hub:
                process.start()
            self.wait_ready()
        except BaseException:
            self._stop_processes()
            raise
        self._say_what_runs()
        changes.note_start(self.stack.state, os.environ)
        self._supervisor = Supervisor(list(self.processes.values()), self._say_what_has_changed, self._of_newly_hosted)
        self._supervisor.start()

    def _of_newly_hosted(self) -> Sequence[Process]:
        """The processes that somebody needs who has begun to use the hub's screens while all the others run."""
        try:
            found = self.stack.state.organisations_file.stat()
        except FileNotFoundError:
            return ()
        known = found.st_ino, found.st_mtime_ns
        if known == self._known:
            return ()
        self._known = known
        try:
            programs = [*programs_of_hosted(self.stack, self.declared)]
        except topology.TopologyError as error:
            log.warning("nobody can be told to use the hub's screens: %s", error)
            return ()
        new = {one.name: self._forks.process(one) for one in programs if one.name not in self.processes}
        self.processes = {**self.processes, **new}  # others go through it at this moment
        return [*new.values()]

    def wait_ready(self, names: Iterable[str] | None = None) -> None:
        """Return when these processes (by default all) run and are ready; raises OperatorError when one does not."""
        for process in [self.processes[name] for name in names] if names is not None else self.processes.values():
            # One that has just died is still to be brought back.
            deadline = time.monotonic() + process.program.ready_within
            while self._supervisor is not None and process.pid is None and time.monotonic() < deadline:
                time.sleep(0.02)
            process.wait_ready()

    def stop(self) -> None:
        """Stop the hub's processes in order: where messages come in, services, the relay; the servers stay."""
        if self._supervisor is not None:
            self._supervisor.stop()
            self._supervisor = None
        self._stop_processes()

    def _stop_processes(self) -> None:
        hub = [one for one in self.processes.values() if one not in self.stack.servers and one not in self._forks.all]
        entrances = [one for one in hub if one.name in ENTRANCES]
        services = [one for one in hub if one.name not in (*ENTRANCES, "relay")]
        with ThreadPoolExecutor() as at_once:  # each takes up to a second to come to its end
            for group in (entrances, services, [one for one in hub if one.name == "relay"]):
                list(at_once.map(Process.stop, group))
        self._forks.stop()

    def _say_what_has_changed(self) -> None:
        for name, process in self.processes.items():
            if process.restarts > self._restarts.get(name, 0):
                changes.note_restart(self.stack.state, name, process.last_words)
                self._restarts[name] = process.restarts
        self._say_what_runs()

    def _say_what_runs(self) -> None:
        with contextlib.suppress(OSError):  # a full disk must not end the supervisor
            self.stack.state.write_targets(self.stack.metrics_targets)
            self.stack.state.write_running(
                {
                    "pid": os.getpid(),
                    "management_url": self.stack.management_url,
                    "amqp_urls": amqp_urls(self.stack),
                    "databases": databases(self.stack, self.declared),
                    "log": self.stack.service_database_url(topology.MONITOR),
                    "http_url": self.stack.http_url,
                    "console_url": self.stack.console_url,
                    "processes": {
                        name: {"pid": process.pid, "restarts": process.restarts, "last_words": process.last_words}
                        for name, process in self.processes.items()
                    },
                }
            )
