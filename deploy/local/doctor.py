"""What this machine has and lacks."""

import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from deploy.local import problems, status
from deploy.local.entrance import CONSOLE, HTTP, Place
from deploy.local.operator_error import OperatorError
from deploy.local.state import ROOT, State, default_directory
from messaging import topology

NEEDED_DISK = 1_000_000_000  # bytes


@dataclass(frozen=True)
class Finding:
    """One thing looked at, and in words what is there or what to do."""

    healthy: bool
    text: str
    sign: str = "MISSING"  # of one that is not healthy


def examine() -> list[Finding]:
    """Look at everything that Ruta needs; starts nothing and changes nothing outside the state directory."""
    return list(_examine())


def _examine() -> Iterator[Finding]:
    yield Finding(True, f"Python {sys.version.split()[0]}")
    wrong = _packages_not_as_locked()
    yield Finding(
        not wrong,
        f"packages differ from the lock ({', '.join(wrong)}); remove .venv" if wrong else "packages as locked",
    )
    yield _tool("setpriv", "util-linux")
    if os.environ.get("RUTA_AMQP_URL"):
        yield Finding(True, "RabbitMQ is the one that RUTA_AMQP_URL names")
    else:
        from deploy.local.rabbitmq import scripts

        there = (scripts() / "rabbitmq-server").exists()
        yield Finding(there, "rabbitmq-server" if there else "rabbitmq-server: sudo apt-get install -y rabbitmq-server")
        yield _tool("erl", "erlang-base")
    state = State(default_directory())
    try:
        state.make()
        yield Finding(True, f"state directory {state.directory}")
        yield _postgres(state)
        free = shutil.disk_usage(state.directory).free
        yield Finding(free > NEEDED_DISK, f"{free / 1e9:.1f} GB free disk, {NEEDED_DISK / 1e9:.0f} GB needed")
        yield _served("HTTP", HTTP, state, os.environ)
        yield _served("the console", CONSOLE, state, os.environ)
    except OperatorError as error:
        yield Finding(False, str(error))
    try:
        network = topology.read()
        yield Finding(
            True, f"network file: {len(network.organisations)} organisations, {len(network.services)} services"
        )
    except topology.TopologyError as error:
        yield Finding(False, str(error))
    else:
        yield from _network(state)


def _network(state: State) -> Iterator[Finding]:
    """What is wrong with the network that runs beside, or on the servers that RUTA_* names; nothing without either."""
    now = status.read(state)
    found = problems.find(now)
    yield from (Finding(False, f"{one.text} -> {one.first}", sign="PROBLEM") for one in found)
    if len(now) > 1 and not found:
        yield Finding(True, "the network: nothing is wrong")


def _postgres(state: State) -> Finding:
    if os.environ.get("RUTA_DATABASE_URL"):
        return Finding(True, "PostgreSQL is the one that RUTA_DATABASE_URL names")
    from deploy.local.postgres import binaries, privileges

    try:
        privileges(state.directory)
    except OperatorError as error:
        return Finding(False, str(error))
    return Finding(
        True, f"PostgreSQL in {binaries().relative_to(ROOT)}" if binaries().is_relative_to(ROOT) else "PostgreSQL"
    )


def _served(what: str, place: Place, state: State, environment: Mapping[str, str]) -> Finding:
    """Whether what RUTA_<prefix>_* say can be served; the address is not tried while the network runs, which has it."""
    from hub.gateway.http.listening import Unusable, listen, names, read_address
    from hub.gateway.http.serving import certificate_of

    try:
        certificate = certificate_of(environment, place.prefix)
        if listens := environment.get(f"RUTA_{place.prefix}_LISTEN"):
            address = read_address(listens)
            names(address, environment.get(f"RUTA_{place.prefix}_URL"), place.prefix)
            if state.running_pid() is None:
                listen(address, encrypted=certificate is not None, prefix=place.prefix).close()
    except Unusable as error:
        return Finding(False, str(error), sign="PROBLEM")
    if certificate is not None and certificate.has_expired:
        named = environment[f"RUTA_{place.prefix}_CERTIFICATE"]
        return Finding(
            False, f"The certificate {named} has expired: whoever checks it does not come in", sign="PROBLEM"
        )
    served = "with TLS" if certificate is not None else "on this machine only, without TLS"
    return Finding(True, f"{what[:1].upper()}{what[1:]} can be served, {served}")


def _tool(name: str, package: str) -> Finding:
    found = shutil.which(name)
    return Finding(found is not None, name if found else f"{name}: sudo apt-get install -y {package}")


def _packages_not_as_locked() -> list[str]:
    wrong = []
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if not (locked := re.match(r"([a-z0-9-]+)==(\S+) (;.*)?", line)) or "win32" in line:
            continue
        name, version = locked[1], locked[2]
        try:
            if importlib.metadata.version(name) != version:
                wrong.append(name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(name)
    return wrong
