"""The organisations' systems as processes of their own: started, given plan and days, killed, started again."""

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from demo.day import SPEAKS_VERSION_1
from demo.plan import Step

ROOT = Path(__file__).resolve().parents[1]
HTTP, BOTH = "http", "both"
ENTRANCES = {"iom": HTTP, "redcross": BOTH}  # the others use AMQP
WINDOW = 50  # how many of the referrals that an organisation opened may be under way at once
STOP_WITHIN = 15  # seconds

# What an organisation's process may see of this machine: no address of any database or of the hub.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")


def passed_on() -> dict[str, str]:
    """That part of our own environment."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


class Organisation:
    """One organisation's process, and what it last said of its progress."""

    def __init__(
        self,
        name: str,
        home: Path,
        directory: Path,
        log: Path,
        steps: list[Step],
        *,
        module: str | None = None,
        also: dict[str, Any] | None = None,
    ) -> None:
        """`module` is the program that it runs in place of its own, `also` what that is told beside its steps."""
        self.name = name
        self.home = home
        self.progress = {"confirmed": 0, "received": 0, "due": len(steps)}
        self.ready = threading.Event()
        said = {"organisation": name, "window": WINDOW, "entrance": ENTRANCES.get(name), **(also or {})}
        self._plan = json.dumps(said | {"steps": steps})
        self._today: str | None = None
        self._command, self._python_path = _command(name, home, directory, module)
        self._log = log
        self._child: subprocess.Popen[str] | None = None
        self._orders: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._before = {"confirmed": 0, "received": 0}  # what it had done before it was killed

    def start(self) -> None:
        """Start it, and give it its plan."""
        setpriv = shutil.which("setpriv")
        with_death_signal = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                [*with_death_signal, *self._command],
                env=passed_on() | self._python_path,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # a Ctrl-C in the terminal is for us to pass on
            )
        self._orders = queue.SimpleQueue()
        self._orders.put(self._plan)
        if self._today is not None:
            self._orders.put(self._today)
        threading.Thread(target=_give, args=(self._child, self._orders), daemon=True).start()
        threading.Thread(target=self._listen, args=(self._child,), daemon=True).start()

    def turn_to(self, day: int, clock_offset: float) -> None:
        """Say that a new day has come, `clock_offset` seconds from the machine's time."""
        self._today = json.dumps({"day": day, "clock_offset": clock_offset})
        self._orders.put(self._today)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        assert self._child is not None
        self._child.kill()
        self._child.wait()
        self._orders.put(None)
        self.ready.clear()
        self._before = {name: self.progress[name] for name in self._before}

    def stop(self) -> None:
        """End its orders, so that it finishes; then not so politely."""
        if self._child is None:
            return
        self._orders.put(None)
        try:
            self._child.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return None if self._child is None else self._child.poll()

    def _listen(self, child: "subprocess.Popen[str]") -> None:
        assert child.stdout is not None
        with child.stdout as said:
            for line in said:
                if line.startswith("ready "):
                    self.ready.set()
                elif child is self._child and line.endswith("\n"):
                    here: dict[str, int] = json.loads(line)
                    self.progress = here | {name: here[name] + self._before[name] for name in self._before}


def _give(child: "subprocess.Popen[str]", orders: "queue.SimpleQueue[str | None]") -> None:
    assert child.stdin is not None
    # A pipe that breaks is that of a child that was killed; whoever starts it again gives it the plan anew.
    with contextlib.suppress(BrokenPipeError), child.stdin as told:
        while (order := orders.get()) is not None:
            told.write(order + "\n")
            told.flush()


def _command(name: str, home: Path, directory: Path, module: str | None) -> tuple[list[str], dict[str, str]]:
    """How an organisation's system is run, and where it finds code of ours: FUVADIS's does not."""
    if module is None and name == SPEAKS_VERSION_1:
        schemas = ROOT / "contracts" / "schemas"
        return [sys.executable, "-P", str(ROOT / "demo" / "fuvadis.py"), str(home), str(directory), str(schemas)], {}
    module = module or ("demo.partner_http" if name in ENTRANCES else "demo.partner")
    return [sys.executable, "-P", "-m", module, str(home), str(directory)], {"PYTHONPATH": str(ROOT)}
