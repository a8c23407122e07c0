"""The table of the hub's processes: what is run, with which addresses. The one place to add a process."""

import os
import sys
from collections.abc import Iterator

from deploy.local.process import Program
from deploy.local.stack import Stack
from deploy.local.state import ROOT
from messaging.topology import GATEWAY, HUB, NETWORK, NETWORK_FILE, DeclaredNetwork

# How the administrator reaches real servers (deploy/local/stack.py): no business of the hub's processes.
ADMINISTRATORS = {"RUTA_DATABASE_URL", "RUTA_AMQP_URL", "RUTA_MANAGEMENT_URL"}


def hub_programs(stack: Stack, network: DeclaredNetwork) -> Iterator[Program]:
    """Every process of the hub, in the order in which they start; they stop in the opposite one."""
    for service in network.services:
        own = {
            "SERVICE_NAME": service,
            "SERVICE_DATABASE_URL": stack.service_database_url(service),
            "SERVICE_AMQP_URL": stack.amqp_url(service, HUB),
        }
        keys = (
            {"HUB_PRIVATE_KEY_FILE": str(stack.state.organisations / "hub" / "private.jwk")}
            if service == "intake"
            else {}
        )
        yield _program(stack, f"{service}-relay", ["messaging.relay"], own)
        yield _program(stack, service, ["messaging.run", f"services.{service}.service"], own | keys)
    doors = {
        "GATEWAY_NETWORK_AMQP_URL": stack.amqp_url(GATEWAY, NETWORK),
        "GATEWAY_HUB_AMQP_URL": stack.amqp_url(GATEWAY, HUB),
        "RUTA_NETWORK_FILE": str(NETWORK_FILE),
    }
    yield _program(stack, GATEWAY, ["hub.gateway"], doors)


def _program(stack: Stack, name: str, module: list[str], addresses: dict[str, str]) -> Program:
    return Program(
        name=name,
        command=[sys.executable, "-P", "-m", *module],
        environment={
            **{variable: value for variable, value in os.environ.items() if variable not in ADMINISTRATORS},
            **addresses,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "RUTA_STATE": str(stack.state.directory),
        },
        log=stack.state.logs / f"{name}.log",
    )
