"""Where tests take processes of ours from: forked, as `./ruta up` forks them, from ones that have imported everything.

Importing takes each of them one to two seconds of processor. Services are forked from one with eventlet, all others
from one without, as they are when they are run by themselves.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.local.forking import SERVER, Adopted, ForkServer
from deploy.local.process import Program

ROOT = Path(__file__).parents[2]
PACKAGES = {name: f"{name}.__main__" for name in ("hub.gateway", "hub.gateway.http", "hub.console.web")}
TAMPERED = "tests.messaging.tampered"
STANDIN, LIMITED = "tests.hub.http.standin", "tests.hub.http.limited"
SERVICES = ("messaging.run", "tests.messaging.probe.service")  # messaging.run has to be the first
OTHERS = ("messaging.relay", "hub.gateway.courier", *PACKAGES.values(), STANDIN, LIMITED)
READ_WHEN_IMPORTED = {"RUTA_CLOCK_FILE"}  # who has one of these is run by itself


class Patient(ForkServer):
    """One that nobody else waits for, and that may take its time on a crowded machine."""

    def _ask(self, words: Sequence[str], environment: dict[str, str], *files: int) -> Adopted:
        self._has_forked = False
        return super()._ask(words, environment, *files)


_servers: dict[tuple[str, ...], ForkServer] = {}


def fork(words: Sequence[str], environment: Mapping[str, str], log: Path) -> Adopted | None:
    """Fork `python -m words …` with this environment; None where that is not one of those that can be forked."""
    module, *arguments = words
    runs = arguments[0] if module == TAMPERED else module
    of = SERVICES if runs in SERVICES else OTHERS
    module = PACKAGES.get(module, module)
    if PACKAGES.get(runs, runs) not in of or READ_WHEN_IMPORTED & environment.keys():
        return None
    program = Program(f"forked {runs}", [], environment, log)
    return server(of).fork([module, *arguments], program)


def server(modules: tuple[str, ...]) -> ForkServer:
    """What has imported these modules, and forks what runs one of them."""
    if modules not in _servers:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        _servers[modules] = Patient(Program(SERVER, [], environment, Path(os.devnull)), modules)
    one = _servers[modules]
    if one.pid is None:
        one.start()
    return one


def stop(*_: Any) -> None:
    """End those that have been started."""
    for one in _servers.values():
        one.stop()
    _servers.clear()
