"""Has a network begin as the sample, run its organisations' systems, and says when it is there."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from demo.organisations import passed_on
from demo.sample import accounts
from demo.sample.__main__ import MADE, NAME
from demo.sample.accounts import Account
from demo.sample.cast import ADDED, CENTRE, CONSOLE
from deploy.local import Network, OperatorError, Stack, running
from deploy.local.process import Program
from deploy.local.processes import program
from deploy.local.state import ROOT, State, default_directory
from messaging import topology
from messaging.topology import CONSOLE as CONSOLE_DATABASE
from messaging.topology import DeclaredNetwork

MADE_WITHIN: Final = 180.0  # seconds, on a machine that has much else to do
LOOK_EVERY: Final = 0.1  # seconds


@dataclass(frozen=True)
class Sample:
    """The sample on a network that runs."""

    network: Network
    accounts: Sequence[Account]
    seconds: float
    """From when the hub was ready to when each state had its referrals; as it was when the sample was made."""
    is_new: bool

    def said(self) -> str:
        """What whoever has started it is to know."""
        state = self.network.stack.state
        where = "" if state.directory == default_directory() else f"RUTA_STATE={state.directory} "
        made = f"made in {self.seconds:.0f} s, by messages alone" if self.is_new else "there since before"
        return (
            f"The sample is {made}. Come in at {self.network.stack.console_url} as one of these:\n"
            f"{accounts.table(self.accounts)}\n"
            f"The code of the authenticator: `{where}./ruta staff code NAME`. Everybody in it is invented."
        )


def check_place(state: State, environment: dict[str, str]) -> None:
    """Let nothing but a new network, or the sample's own, become the sample. Raises OperatorError."""
    if {"RUTA_DATABASE_URL", "RUTA_AMQP_URL"} & environment.keys():
        raise OperatorError(
            "The sample is for servers of its own: its accounts are known to whoever reads this terminal. "
            "Leave out RUTA_DATABASE_URL and RUTA_AMQP_URL."
        )
    if state.has_database() and not state.sample.is_dir():
        raise OperatorError(
            f"In {state.directory} there is a network already, which the sample leaves alone: "
            "RUTA_STATE names another place, as in `RUTA_STATE=/tmp/sample ./ruta up --sample`."
        )


def declared() -> DeclaredNetwork:
    """The network of the file, with the organisations of the sample, of which two have the console alone."""
    network = topology.read()
    centre = network.seeds[CENTRE]
    hosted = {**centre, "systems": {**centre.get("systems", {}), "console": CONSOLE}}
    return replace(network, seeds={**network.seeds, CENTRE: hosted, **ADDED})


@contextmanager
def sample_on(directory: Path, environment: dict[str, str]) -> Iterator[tuple[Network, Sample]]:
    """Run the network of the sample, and make the sample where it is not made. Raises OperatorError."""
    state = State(directory)
    check_place(state, environment)
    state.make()
    state.sample.mkdir(mode=0o700, exist_ok=True)
    with running(directory, declared=declared(), also=programs) as network:
        yield network, _wait(network)


def programs(stack: Stack) -> Sequence[Program]:
    """The process that is the organisations of the sample. It knows their credentials, and no server of the hub."""
    state = stack.state
    own = {
        "SAMPLE_DIRECTORY": str(state.sample),
        "SAMPLE_ORGANISATIONS": str(state.organisations),
        "SAMPLE_PUBLIC_KEYS": str(state.directory_file),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }
    usual = program(state, NAME, ["demo.sample"], {}, beats=False)
    return [replace(usual, module=(), environment=passed_on() | own)]


def _wait(network: Network) -> Sample:
    """Have the accounts, and wait until every round has been said. Raises OperatorError."""
    stack = network.stack
    folder = stack.state.sample
    made = folder / MADE
    began, is_new = time.monotonic(), not made.exists()
    known = accounts.make(stack.state, folder, stack.service_database_url(CONSOLE_DATABASE))
    while not made.exists():
        if time.monotonic() > began + MADE_WITHIN:
            raise OperatorError(f"The sample was not made within {MADE_WITHIN:.0f} s: {network[NAME].why()}")
        if network[NAME].restarts > 2:
            raise OperatorError(f"The sample cannot be made: {network[NAME].why()}")
        time.sleep(LOOK_EVERY)
    seconds = time.monotonic() - began if is_new else json.loads(made.read_text())["seconds"]
    return Sample(network, known, seconds, is_new)
