"""The table of the hub's processes: what is run, with which addresses. The one place to add a process."""

import os
import sys
from collections.abc import Iterator

from deploy.local.process import Program
from deploy.local.stack import Stack
from deploy.local.state import ROOT, State
from messaging.topology import GATEWAY, HUB, NETWORK, NETWORK_FILE, DeclaredNetwork

# How the administrator reaches real servers (deploy/local/stack.py): no business of the hub's processes.
ADMINISTRATORS = {"RUTA_DATABASE_URL", "RUTA_AMQP_URL", "RUTA_MANAGEMENT_URL"}


def hub_programs(stack: Stack, network: DeclaredNetwork) -> Iterator[Program]:
    """Every process of the hub, in the order in which they start; they stop in the opposite one."""
    for service in network.services.values():
        own = {
            "SERVICE_NAME": service.name,
            "SERVICE_DATABASE_URL": stack.service_database_url(service.name),
            "SERVICE_AMQP_URL": stack.amqp_url(service.name, HUB),
            **({"SERVICE_PARALLEL": "true"} if service.parallel else {}),
        }
        keys = {
            "HUB_PRIVATE_KEY_FILE": str(stack.state.organisations / "hub" / "private.jwk"),
            "RUTA_DIRECTORY_FILE": str(stack.state.directory_file),  # to seal what it refers for an organisation
        }
        yield program(stack.state, f"{service.name}-relay", ["messaging.relay"], own)
        module = f"{service.package}.service"
        yield program(
            stack.state, service.name, ["messaging.run", module], own | (keys if service.name == "intake" else {})
        )
    doors = {
        "GATEWAY_NETWORK_AMQP_URL": stack.amqp_url(GATEWAY, NETWORK),
        "GATEWAY_HUB_AMQP_URL": stack.amqp_url(GATEWAY, HUB),
        "RUTA_NETWORK_FILE": str(NETWORK_FILE),
    }
    yield program(stack.state, GATEWAY, ["hub.gateway"], doors)


def program(state: State, name: str, module: list[str], addresses: dict[str, str]) -> Program:
    """A process that runs one of our modules, with its addresses in its environment and its log in the state."""
    return Program(
        name=name,
        command=[sys.executable, "-P", "-m", *module],
        environment={
            **{variable: value for variable, value in os.environ.items() if variable not in ADMINISTRATORS},
            **addresses,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "RUTA_STATE": str(state.directory),
        },
        log=state.logs / f"{name}.log",
    )
