"""One child process: bound to ours, watched until ready, stopped, killed, paused.

A child has the kernel's parent-death signal before its program begins, so whatever ends the command that started it,
`kill -9` included, ends the child at the same moment. Linux binds it to the thread that started the child; one thread,
which lives as long as the interpreter, starts them all.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from deploy.local.operator_error import OperatorError
from deploy.local.reasons import end_of_log, reason

if TYPE_CHECKING:
    from deploy.local.forking import Adopted

LOG_LIMIT = 20 * 1024 * 1024  # bytes; a longer log is moved away when its process starts again
POLL = 0.02  # seconds between looks at what a process has become

_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")


def with_parent_death_signal(
    command: Sequence[str], parent_death_signal: str = "KILL", privileges: Sequence[str] = ()
) -> list[str]:
    """The command that runs `command` so that it gets the `parent_death_signal` at the moment this process dies."""
    # The shell ends it when this process died before the signal was set.
    unless_orphaned = ("sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"', str(os.getpid()))
    return ["setpriv", "--pdeathsig", parent_death_signal, *privileges, "--", *unless_orphaned, *command]


def start_child(command: Sequence[str], **settings: Any) -> "subprocess.Popen[bytes]":
    """Start a command from the one thread that starts them all; `settings` are those of subprocess.Popen."""
    return _starter.submit(lambda: subprocess.Popen(command, **settings)).result()


@dataclass(frozen=True)
class Program:
    """What to run, and how to know and to end it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    is_ready: Callable[["Process"], bool] | None = None  # None: it prints the line `ready <name>`
    ready_within: float = 90.0  # seconds
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within: float = 15.0  # seconds, then SIGKILL
    parent_death_signal: str = "KILL"  # the signal it gets when this process dies
    privileges: Sequence[str] = field(default_factory=tuple)  # options of setpriv, to run as another user
    directory: Path | None = None  # where it works, and leaves what it dumps when it crashes; None: where we are
    module: Sequence[str] = ()  # of one of ours: the module and its arguments, for who forks it instead
    health: Path | None = None  # where it says that it goes on (messaging/health.py)


@contextlib.contextmanager
def log_of(program: Program) -> Iterator[IO[bytes]]:
    """Open the program's log to write on; one that has become long is moved away first."""
    if program.log.exists() and program.log.stat().st_size > LOG_LIMIT:
        program.log.replace(program.log.with_suffix(".log.1"))
    with program.log.open("ab") as log:
        yield log


class Process:
    """A running program. Every method may be called at any time, from any thread."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.restarts = 0
        self.wanted = False  # whether a supervisor should bring it back when it dies
        self.last_words: str | None = None  # while it is dead: why, as its supervisor has noted it
        self._child: subprocess.Popen[bytes] | Adopted | None = None
        self._log_start = 0
        self._changing = threading.RLock()  # a supervisor may start what somebody else is stopping

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended: its exit code, or minus the signal that ended it."""
        return self._child.poll() if self._child is not None else None

    def start(self) -> None:
        """Start it without waiting until it is ready."""
        with self._changing:
            self.wanted = True
            if self.pid is None:
                if self.program.health is not None:
                    # What it says is another's. It is emptied and not removed: on a full disk a file that is there can
                    # still be touched, and no other made.
                    with contextlib.suppress(OSError):
                        self.program.health.write_text("")
                self.last_words = None
                self._child = self._spawn()

    def bring_back(self) -> None:
        """Start it again after it died, unless it was stopped on purpose meanwhile."""
        with self._changing:
            if self.wanted:
                self.start()

    def _spawn(self) -> "subprocess.Popen[bytes] | Adopted":
        program = self.program
        with log_of(program) as log:
            self._log_start = log.tell()
            return start_child(
                with_parent_death_signal(program.command, program.parent_death_signal, program.privileges),
                env=dict(program.environment),
                cwd=program.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C in the terminal is for us to pass on, in order
            )

    def wait_ready(self) -> None:
        """Return when it is ready; raises OperatorError when it ends first or takes too long."""
        deadline = time.monotonic() + self.program.ready_within
        while not self.is_ready():
            if self.pid is None:
                raise OperatorError(f"{self.name} ended before it was ready: {self.why()}")
            if time.monotonic() > deadline:
                raise OperatorError(f"{self.name} was not ready within {self.program.ready_within:.0f} s: {self.why()}")
            time.sleep(POLL)

    def is_ready(self) -> bool:
        """Whether it works, as far as it says or shows."""
        if self.program.is_ready is not None:
            return self.program.is_ready(self)
        return f"ready {self.name}".encode() in self.output().splitlines()

    def output(self) -> bytes:
        """What it has printed since it was last started."""
        with contextlib.suppress(FileNotFoundError), self.program.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read()
        return b""

    def why(self) -> str:
        """Why it ended, as it says itself, or else the end of its log; for a message of one line."""
        lines = [line for line in end_of_log(self.program.log, self._log_start).splitlines() if line.strip()]
        last = lines[-1].strip()[:300] if lines else "it said nothing"
        return f"{self.reason() or last} (see {self.program.log})"

    def reason(self) -> str | None:
        """Why it has just ended, as it says itself; None where it has not said so, and was killed without a word."""
        if self.exit_code == -signal.SIGKILL:
            return None
        return reason(end_of_log(self.program.log, self._log_start), time.time())

    def stop(self) -> None:
        """End it politely, then not; returns when it is gone."""
        with self._changing:
            self.wanted = False
            if self._child is None:
                return
            self.signal(self.program.stop_signal)
            self.signal(signal.SIGCONT)  # a paused process hears nothing else
            try:
                self._child.wait(self.program.stop_within)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self._child.wait()
            if self.program.health is not None:
                with contextlib.suppress(OSError):
                    self.program.health.unlink()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. A supervisor brings it back, as after any death."""
        self.signal(signal.SIGKILL)
        if self._child is not None:
            self._child.wait()

    def pause(self) -> None:
        """SIGSTOP: it is there and does nothing."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        self.signal(signal.SIGCONT)

    def signal(self, which: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self._child is not None:
            self._child.send_signal(which)  # does nothing when it has ended
