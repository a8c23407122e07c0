"""`./ruta test`: every check of the project, the suite, and once more what failed in it; closing lines come last."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from deploy.local.process import with_parent_death_signal
from deploy.local.state import ROOT

# One line each: what it is called, and the module of ours or of the environment that does it. A short demo is part of
# the suite (tests/journeys/test_demo.py).
CHECKS = {
    "mypy --strict": ["mypy"],
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "contracts check": ["contracts", "check"],
    "the suite is read": ["pytest", "--collect-only", "-q"],
}

# mypy takes longest and one processor. What is beside it on the other compiles each test, which in a new checkout the
# suite's processes would all do at once, each for itself.
AT_ONCE = 2

# Most of the suite waits for servers: two of these leave two processors idle for more than half of the time. Each has
# servers of its own, and a file's tests stay together.
SIDE_BY_SIDE = ["--numprocesses=4", "--dist=loadfile", "--no-loadscope-reorder"]
SECOND_TRY = ["--verbose", "--last-failed", "--last-failed-no-failures=none", "--exitfirst"]

# With `--sequences N` only this is run: so many sequences of messages for each service, two services at a time.
OF_SEQUENCES = ["--numprocesses=2", "--dist=load", "tests/services/sequences/test_any_sequence.py"]

# With `--faults` only this: every fault, those too that take longer than the suite can wait for, one after the other.
OF_FAULTS = ["--verbose", "tests/faults"]

# With this alone everything is run, and every page of the console is looked at in both languages and widths.
ALL = "--all"


def run(arguments: Sequence[str] = ()) -> int:
    """Run everything, or only pytest with these arguments; returns the exit code, 0 only when nothing failed."""
    failed = []
    everything = [*arguments] in ([], [ALL])
    if everything:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for name, one in zip(CHECKS, pool.map(_check, CHECKS.values()), strict=True):
                print(one.said if one.failed else "", end="")
                print(f"{'FAILED' if one.failed else 'ok    '}  {name} ({one.seconds:.1f} s)", flush=True)
                failed += [name] if one.failed else []
    if any(one.partition("=")[0] == "--sequences" for one in arguments):
        arguments = [*OF_SEQUENCES, *arguments]
    if "--faults" in arguments:
        arguments = [*OF_FAULTS, *arguments]
    suite = suite_and_second_try(ROOT, arguments) if everything else _run(["pytest", *arguments])
    if failed:
        print(f"FAILED before the suite: {', '.join(failed)}", flush=True)
    return suite or (1 if failed else 0)


def suite_and_second_try(root: Path = ROOT, options: Sequence[str] = ()) -> int:
    """Run the suite of the checkout at `root`, and whatever failed once more; returns the exit code of what came last.

    A broken promise fails twice, and the first that does ends the second try. What passes then is unsteady: it is
    named with its failure above, to be mended, and keeps nobody's work back.
    """
    first = _run(["pytest", *SIDE_BY_SIDE, *options], root)
    if first != pytest.ExitCode.TESTS_FAILED:
        return first
    print("Once more, what failed; what passes now is UNSTEADY and has to be mended:", flush=True)
    return _run(["pytest", *SECOND_TRY, *options], root)


@dataclass(frozen=True)
class _Checked:
    failed: bool
    said: str
    seconds: float


def _check(command: Sequence[str]) -> _Checked:
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        failed = _run(command, said=said) != 0
        seconds = time.monotonic() - began
        said.seek(0)
        return _Checked(failed, said.read().decode(errors="replace"), seconds)


def _run(command: Sequence[str], root: Path = ROOT, said: IO[bytes] | None = None) -> int:
    """Run a module; what it says goes where we say ours, or into a file."""
    words = with_parent_death_signal([sys.executable, "-P", "-m", *command])
    return subprocess.run(words, cwd=root, stdout=said, stderr=said, check=False).returncode
