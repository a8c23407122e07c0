"""The organisations' own keys: each is made by its organisation, in its own folder, and only the public part leaves it.

So the hub of the demo never has the key of anybody but itself, and its directory of public keys shows no custody.
"""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from demo.organisations import passed_on
from deploy.local import OperatorError, Stack, partner
from deploy.local.state import ROOT, State
from messaging.topology import GATEWAY, read

PRIVATE, PUBLIC = "private.jwk", "public.jwk"


def homes(state: State) -> Path:
    """Where each organisation has its folder, which is none of the hub's."""
    return state.directory / "partners"


def bring(stack: Stack) -> None:
    """Let every organisation make a key, unless it has one, and an operator put in the public part that it sends.

    Raises OperatorError.
    """
    organisations = [*read().organisations]
    making = {name: _make(homes(stack.state) / name) for name in organisations}
    for name, process in making.items():
        if process.wait():
            raise OperatorError(f"{name} could not make a key in {homes(stack.state) / name}.")
        with partner.opened(stack.state, stack.service_database_url(GATEWAY), name) as one:
            # Of an earlier run on the same database nobody has the private key any more.
            one.rotate(homes(stack.state) / name / PUBLIC, overlap=timedelta())


def _make(home: Path) -> "subprocess.Popen[bytes]":
    """Start what a partner types (docs/partners.md); it prints the public part."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    what = "public" if (home / PRIVATE).exists() else "new"
    with (home / PUBLIC).open("wb") as printed:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "contracts", "key", what, str(home / PRIVATE)],
            stdout=printed,
            env=passed_on() | {"PYTHONPATH": str(ROOT)},
        )
