"""`./ruta test`: every check of the project, then the suite; the suite's closing lines come last."""

import subprocess
import sys
import time
from collections.abc import Sequence

from deploy.local.process import leashed
from deploy.local.state import ROOT

# One line each: what it is called, and the module of ours or of the environment that does it. A short demo is part of
# the suite (tests/journeys/test_demo.py).
CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy --strict": ["mypy"],
    "contracts check": ["contracts", "check"],
}


def run(arguments: Sequence[str] = ()) -> int:
    """Run everything, or only pytest with these arguments; returns the exit code, 0 only when nothing failed."""
    failed = []
    if not arguments:
        for name, command in CHECKS.items():
            began = time.monotonic()
            good = _run(command) == 0
            print(f"{'ok    ' if good else 'FAILED'}  {name} ({time.monotonic() - began:.1f} s)", flush=True)
            failed += [] if good else [name]
    suite = _run(["pytest", *arguments])
    if failed:
        print(f"FAILED before the suite: {', '.join(failed)}", flush=True)
    return suite or (1 if failed else 0)


def _run(command: Sequence[str]) -> int:
    return subprocess.run(leashed([sys.executable, "-P", "-m", *command]), cwd=ROOT, check=False).returncode
