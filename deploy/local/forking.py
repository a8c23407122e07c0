"""Processes that are forked from one that has imported everything, instead of importing it each by itself.

    forks = fork_server(state, network)          # deploy/local/processes.py
    forks.start()
    process = ForkedProcess(program, forks)

The fork server is a process like the others. What it forks is a child of ours, not of its own: it may be killed, and
nobody else notices. A spare, forked from it, takes its place then, since importing anew takes seconds.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from deploy.local.operator_error import OperatorError
from deploy.local.process import Process, Program, log_of, start_child, with_parent_death_signal

IMPORTED_WITHIN = 30.0  # seconds for the first fork, of a server that may still be importing
FORKED_WITHIN = 5.0  # seconds for each later one: meanwhile the supervisor looks after nobody else
SET_CHILD_SUBREAPER = 36  # of prctl: whose parent has ended becomes our child
SERVER = "deploy.local.forkserver"

_adoption = threading.RLock()


class Adopted:
    """A child that somebody else has forked and left to us; as much of `subprocess.Popen` as `Process` needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._looking = threading.Lock()

    def poll(self) -> int | None:
        """Its exit code, or minus the signal that ended it, or None while it runs."""
        with self._looking:
            if self.returncode is None:
                pid, ended = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(ended)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return when it has ended; raises subprocess.TimeoutExpired as Popen does."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired([str(self.pid)], timeout or 0)
            time.sleep(0.005)
        return code

    def send_signal(self, which: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, which)


class ForkServer(Process):
    """The process that the hub's processes are forked from, and a spare of it."""

    def __init__(self, program: Program, modules: Sequence[str]) -> None:
        """`program` gives its name, its log and its environment, which has no secrets in it."""
        super().__init__(program)
        self._modules = modules
        self._socket: socket.socket | None = None
        self._spare: tuple[Adopted, socket.socket] | None = None
        self._asking = threading.RLock()  # whoever needs both takes `_changing` before it
        self._has_forked = False

    @property
    def pids(self) -> list[int]:
        """Its process, and its spare's."""
        spare = self._spare[0] if self._spare is not None else None
        return [pid for pid in (self.pid, spare.pid if spare and spare.poll() is None else None) if pid is not None]

    def fork(self, words: Sequence[str], program: Program) -> Adopted:
        """Fork a process that runs a module with `words`, and `program`'s environment and log.

        Raises OperatorError where the server is away or does not answer; who does not answer is ended.
        """
        with self._asking, log_of(program) as log:
            child = self._ask(words, dict(program.environment), log.fileno())
            if words[0] != SERVER and not (self._spare and self._spare[0].poll() is None):
                with contextlib.suppress(OperatorError):  # it can be made later, too
                    self._make_spare()
            return child

    def stop(self) -> None:
        """End it and its spare; what they have forked goes on."""
        with self._changing:
            super().stop()
            with self._asking:  # whoever is being forked for hears now that it has ended
                if self._spare is not None:
                    spare, requests = self._spare
                    spare.send_signal(signal.SIGKILL)
                    spare.wait()
                    requests.close()
                    self._spare = None
                self._hang_up()

    def _spawn(self) -> Any:
        with self._asking:
            return self._take_spare_or_start()

    def _take_spare_or_start(self) -> Any:
        spare, self._spare = self._spare, None
        self._hang_up()
        if spare is not None:
            self._child, self._socket = spare
            if self._child.poll() is None:
                with contextlib.suppress(OperatorError):
                    self._make_spare()
                return self._child
            self._hang_up()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._has_forked = False
        program = self.program
        command = [sys.executable, "-P", "-m", SERVER, str(theirs.fileno()), self.name, *self._modules]
        with theirs, log_of(program) as log:
            self._log_start = log.tell()
            return start_child(
                with_parent_death_signal(command),
                env=dict(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _make_spare(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs, log_of(self.program) as log:
                child = self._ask([SERVER], dict(self.program.environment), log.fileno(), theirs.fileno())
        except OperatorError:
            ours.close()
            raise
        if self._spare is not None:
            self._spare[1].close()
        self._spare = (child, ours)

    def _ask(self, words: Sequence[str], environment: dict[str, str], *files: int) -> Adopted:
        if self._socket is None:
            raise OperatorError("the fork server has not been started")
        number, written = os.pipe()
        private = os.memfd_create("environment")
        try:
            os.write(private, json.dumps(environment).encode())
            log, *others = files
            with _adopting():
                try:
                    socket.send_fds(self._socket, [json.dumps(words).encode()], [private, log, written, *others])
                except OSError as error:
                    raise OperatorError(f"the fork server is away ({error.strerror})") from None
                os.close(written)
                written = -1
                within = FORKED_WITHIN if self._has_forked else IMPORTED_WITHIN
                if not select.select([number], [], [], within)[0]:
                    self.signal(signal.SIGKILL)  # it stands; a supervisor brings another
                    raise OperatorError("the fork server did not answer")
                said = os.read(number, 32)
            if not said:
                raise OperatorError("the fork server ended before it had forked")
            self._has_forked = True
            return Adopted(int(said))
        finally:
            for file in (number, private, *([written] if written >= 0 else [])):
                os.close(file)


class ForkedProcess(Process):
    """A process of ours that is forked instead of started."""

    def __init__(self, program: Program, forks: ForkServer) -> None:
        super().__init__(program)
        self._forks = forks

    def _spawn(self) -> Any:
        with log_of(self.program) as log:
            self._log_start = log.tell()
        return self._forks.fork(self.program.module, self.program)


@contextlib.contextmanager
def _adopting() -> Iterator[None]:
    """Be the parent of those among our descendants whose own parent ends within the block.

    No longer than that: a server's helpers that survive it are not ours to bury.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with _adoption:
        try:
            if libc.prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
                raise OperatorError(f"prctl: {os.strerror(ctypes.get_errno())}")
            yield
        finally:
            libc.prctl(SET_CHILD_SUBREAPER, 0, 0, 0, 0)
