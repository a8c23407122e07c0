"""What a command reads and runs: the network that runs or ran last, with the addresses of its databases."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NoReturn

from deploy.local.operator_error import OperatorError
from deploy.local.state import State, default_directory


@contextlib.contextmanager
def reading(
    service: str, arguments: Sequence[str], *, commands: Sequence[str] | None = None
) -> Iterator[dict[str, str]]:
    """The address of a service's database, for those `commands` that read it (None: all); which network it is is said.

    No address where there has been no network yet: what reads says so.
    """
    if (commands is not None and not set(arguments) & set(commands)) or set(arguments) & {"--help", "-h"}:
        yield {}
        return
    with network_with(service) as (state, address):
        yield _variables(service, address, state) if address else {}


@contextlib.contextmanager
def network_with(service: str) -> Iterator[tuple[State, str | None]]:
    """The state of a network, and the address of a service's database in it; which network it is is said.

    It is the one that runs, and otherwise the one that ran last, whose database is started for the while. No address
    where there has been no network yet.
    """
    from deploy.local import Stack
    from messaging.topology import MONITOR

    states = sorted(
        (State(default_directory()), State(default_directory() / "demo")), key=State.last_used, reverse=True
    )
    for state in states:
        if (running := state.read_running()) is not None:
            print(f"ruta: reading the network in {state.directory}, which runs", file=sys.stderr)
            known = {**running["databases"], MONITOR: running.get("log")}
            yield state, known.get(service)  # none in a network that an older version has started
            return
    for state in states:
        if not (state.has_database() or "RUTA_DATABASE_URL" in os.environ):
            continue
        with Stack(state.directory, database_only=True) as stack:
            if stack.has_database(service):
                real = "RUTA_DATABASE_URL" in os.environ
                which = "at RUTA_DATABASE_URL" if real else f"in {state.directory}, which ran last"
                print(f"ruta: reading the network {which}", file=sys.stderr)
                yield state, stack.service_database_url(service)
                return
    yield states[0], None


@contextlib.contextmanager
def tables_of(service: str) -> Iterator[tuple[State, str]]:
    """The same, where the service has to have tables already. Raises OperatorError."""
    with network_with(service) as (state, address):
        if address is None:
            raise OperatorError("There is no network yet: `./ruta up`, or `./ruta provision`, makes one.")
        yield state, address


def _variables(service: str, address: str, state: State) -> dict[str, str]:
    more: dict[str, str] = {}
    if service == "gateway":
        more["GATEWAY_AUDIT_DIRECTORY"] = str(state.audit)
        if url := _beside(address, "console", state):
            more |= {"CONSOLE_DATABASE_URL": url, "CONSOLE_AUDIT_DIRECTORY": str(state.console_audit)}
        if url := _beside(address, "monitor", state):
            more["LOG_DATABASE_URL"] = url
        if urls := _of_operators(address, state):
            more["OPERATORS_DATABASE_URLS"] = json.dumps(urls)
    if service == "monitor" and (url := _beside(address, "gateway", state)):
        from deploy.local.trail import actor

        more |= {"AUDIT_DATABASE_URL": url, "GATEWAY_AUDIT_DIRECTORY": str(state.audit), "AUDIT_ACTOR": actor()}
    if state.organisations_file.exists():
        more["RUTA_ORGANISATIONS_FILE"] = str(state.organisations_file)
    return {"SERVICE_DATABASE_URL": address} | more


def _beside(address: str, service: str, state: State) -> str | None:
    """The address of another service's database on the same server; None where none was made."""
    from messaging import addresses

    password = state.known_passwords().get(f"postgres {service}")
    if password is None:
        return None
    return replace(addresses.read(address, addresses.DATABASE), user=service, password=password, path=service).url


def _of_operators(address: str, state: State) -> dict[str, str]:
    """The databases in which messages may be parked, by name, as operators log in there; those made so far."""
    from deploy.local.stack import operator_role
    from messaging import addresses, topology

    passwords = state.known_passwords()
    known = {
        name: password
        for name in (*topology.read().services, topology.GATEWAY, topology.CONSOLE)
        if (password := passwords.get(f"postgres {operator_role(name)}")) is not None
    }
    if not known:
        return {}
    server = replace(addresses.read(address, addresses.DATABASE), scheme="postgresql")
    return {
        name: replace(server, user=operator_role(name), password=password, path=name).url
        for name, password in known.items()
    }


def run(module: str, arguments: tuple[str, ...], variables: dict[str, str]) -> int:
    """Run a module with these variables beside the environment; its exit code is returned."""
    command = [sys.executable, "-P", "-m", module, *arguments]
    return subprocess.run(command, env=os.environ | variables, check=False).returncode


def become(module: str, arguments: tuple[str, ...]) -> NoReturn:
    """Run a module in this one's place."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments])
