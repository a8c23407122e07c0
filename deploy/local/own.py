"""A service that an organisation runs itself: its own database, and no more of the network than its own credentials.

with Stack(directory, database_only=True) as stack, OwnService(stack, "events", credentials_file):
    ...
"""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from deploy.local.operator_error import OperatorError
from deploy.local.process import Process, Program
from deploy.local.processes import program
from deploy.local.stack import Stack
from deploy.local.state import ROOT
from deploy.local.supervisor import Supervisor
from messaging import addresses, topology
from messaging.migrate import migrate


class OwnService:
    """One of Ruta's services and its relay, run by an organisation; a context manager."""

    def __init__(self, stack: Stack, service: str, credentials: Path) -> None:
        """`credentials` is the file that the network handed the organisation; OperatorError when it is unusable."""
        self._stack = stack
        self._service = service
        self._credentials = _read(credentials)
        self.organisation = str(self._credentials["organisation"])
        self._queue = _queue(self._credentials, service)
        self._supervisor: Supervisor | None = None
        self.processes: dict[str, Process] = {}

    def __enter__(self) -> Self:
        try:
            migrate(self._stack.create_database(self.database), ROOT / _package(self._service).replace(".", "/"))
        except psycopg.Error as error:
            raise OperatorError(f"The database could not be brought up to date: {str(error).splitlines()[0]}") from None
        self.processes = {one.name: Process(one) for one in self._programs()}
        try:
            for process in self.processes.values():
                process.start()
            for process in self.processes.values():
                process.wait_ready()
        except BaseException:
            self._stop_processes()
            raise
        self._supervisor = Supervisor(list(self.processes.values()))
        self._supervisor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._supervisor is not None:
            self._supervisor.stop()
        self._stop_processes()

    @property
    def database(self) -> str:
        return f"{self.organisation}-{self._service}"

    @property
    def database_url(self) -> str:
        return self._stack.service_database_url(self.database)

    def _programs(self) -> list[Program]:
        own = {
            "SERVICE_NAME": self.database,
            "SERVICE_DATABASE_URL": self.database_url,
            "SERVICE_AMQP_URL": addresses.handed_out(self._credentials),
            "SERVICE_QUEUE": self._queue,
            "SERVICE_ORGANISATION": self.organisation,
        }
        state, module = self._stack.state, f"{_package(self._service)}.service"
        return [
            program(state, f"{self.database}-relay", ["messaging.relay"], own),
            program(state, self.database, ["messaging.run", module], own),
        ]

    def _stop_processes(self) -> None:
        for process in reversed([*self.processes.values()]):
            process.stop()


def _read(credentials: Path) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads(credentials.read_text())
        addresses.read(addresses.handed_out(read), addresses.BROKER)
        read["organisation"], read["systems"]
    except OSError as error:
        raise OperatorError(f"Cannot read the credentials {credentials}: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, addresses.AddressError):
        raise OperatorError(f"{credentials} is not a credentials file of the network.") from None
    return read


def _queue(credentials: dict[str, Any], service: str) -> str:
    for system in credentials["systems"].values():
        if system["runs"] == service:
            return str(system["queue"])
    raise OperatorError(
        f"The network does not know that {credentials['organisation']} runs {service} itself: "
        f"its network file has to say so, and its administrators to provision it."
    )


def _package(service: str) -> str:
    services = topology.read().services
    if service not in services:
        raise OperatorError(f"There is no service {service}; there are {', '.join(services)}.")
    return services[service].package
