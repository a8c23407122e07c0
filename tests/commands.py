"""Commands of ours, as somebody types them in another shell: each a process of its own.

They are forked from one that has imported what they need: to start Python and to import that takes each a second or two
of processor. That `./ruta` itself starts is tried by tests/stack/test_up.py and test_bootstrap.py.
"""

import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deploy.local.process import Program
from deploy.local.state import ROOT, State
from tests.messaging import forked

IMPORTED = (
    *("tests.commands", "deploy.local.cli", "hub.monitor.log.asking"),
    *("tools.attendance.__main__", "tools.directory.__main__"),
    *(
        f"deploy.local.{name}"
        for name in (
            "alerts", "changes", "doctor", "emergency", "mending", "partner", "problems", "provision", "put_back",
            "rebuilt", "reconciled", "repair", "replaying", "staff",
        )
    ),
)  # fmt: skip


def ruta(state: State, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of `./ruta` on the network of a state directory; of our own RUTA_* it has nothing."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUTA_")}
    environment |= {"RUTA_STATE": str(state.directory), "COLUMNS": "120", **variables}
    return run("deploy.local", *words, environment=environment)


def run(
    module: str, *words: str, environment: Mapping[str, str] = os.environ, within: float = 300.0
) -> "subprocess.CompletedProcess[str]":
    """Run `python -P -m module words …` in the project's folder, by default with our own environment.

    Returns its exit code, or minus the signal that ended it, and what it printed; raises subprocess.TimeoutExpired
    after so many seconds.
    """
    with tempfile.TemporaryDirectory(prefix="ruta-command-") as home:
        out, err = Path(home) / "out", Path(home) / "err"
        for printed in (out, err):
            printed.touch()
        program = Program(module, [], {**environment, "PYTHONPATH": str(ROOT)}, Path(os.devnull))
        process = forked.server(IMPORTED).fork(["tests.commands", str(out), str(err), module, *words], program)
        try:
            code = process.wait(within)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            raise
        return subprocess.CompletedProcess([module, *words], code, out.read_text(), err.read_text())


def main(out: str, err: str, module: str, *words: str) -> None:
    """Run a module as `python -m` does, in the process that was forked for it; it prints into two files."""
    for file, place in ((out, sys.stdout), (err, sys.stderr)):
        written = os.open(file, os.O_WRONLY | os.O_APPEND)
        os.dup2(written, place.fileno())
        os.close(written)
    os.chdir(ROOT)
    sys.argv = [module, *words]
    for imported in (module, f"{module}.__main__"):  # what is to run is not to be there
        if not hasattr(sys.modules.get(imported), "__path__"):
            sys.modules.pop(imported, None)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
