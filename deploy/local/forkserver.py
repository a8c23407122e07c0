"""The process that the hub's processes are forked from: it has imported all of them once, and knows nobody's secrets.

    python -m deploy.local.forkserver SOCKET MODULE …          (deploy/local/forking.py runs it)

A request comes by the socket: which module to run, and open files. One of them holds the environment that the process
is to have; only the new process reads it, so that what is forked later has none of its passwords.
"""

# ruff: noqa: I001 - messaging.run patches what is imported after it
from messaging import run
from messaging.health import say_ready

import contextlib
import ctypes
import gc
import importlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

import eventlet.hubs
from eventlet.patcher import original

# As they are without eventlet: this process has no hub to wait with, and its children are not to share one.
posix, socket, time = original("os"), original("socket"), original("time")

ADOPTED_WITHIN = 5.0  # seconds
SET_PARENT_DEATH_SIGNAL = 1  # of prctl


def main(number: str, *modules: str) -> None:
    """Import `modules`, then fork whatever is asked for by the socket with this number, until its other end is gone."""
    supervisor = os.getppid()
    assert run.__name__ in sys.modules  # imported before all others, as it has to be
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # the process that runs it will say why; the others can do without it
            with contextlib.suppress(OSError):  # a full disk
                print(f"{name} cannot be imported ({type(error).__name__})", file=sys.stderr, flush=True)
    gc.collect()
    gc.freeze()  # a collector that looks through what is shared would make it everybody's own
    gc.disable()
    say_ready("forkserver")
    serve(socket.socket(fileno=int(number)), supervisor)


def serve(requests: Any, supervisor: int) -> None:
    """Fork for each request, a JSON list of words: a module, and what its `main` is called with."""
    while True:
        request, files, _, _ = socket.recv_fds(requests, 65536, 4)
        if not request:
            return
        between = os.fork()
        if between == 0:
            # The parent of what is forked here ends at once, so that the supervisor becomes the parent.
            if os.fork() == 0:
                requests.close()
                _become(json.loads(request), files, supervisor)
            os._exit(0)
        posix.waitpid(between, 0)
        for file in files:
            posix.close(file)


def _become(words: Sequence[str], files: Sequence[int], supervisor: int) -> None:
    """Run as a process of its own; never returns."""
    code = 1
    try:
        environment, log, number, *others = files
        _stand_alone(supervisor, log)
        os.environ.clear()
        os.environ.update(json.loads(_read(environment)))
        posix.write(number, str(os.getpid()).encode())
        for file in (environment, log, number):
            posix.close(file)
        if words[0] == __spec__.name:
            serve(socket.socket(fileno=others[0]), supervisor)  # another like this one
        else:
            gc.enable()
            module, *arguments = words
            code = importlib.import_module(module).main(*arguments) or 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if isinstance(end.code, str):
            with contextlib.suppress(OSError):
                print(end.code, file=sys.stderr)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        for said in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                said.flush()
        os._exit(code)


def _stand_alone(supervisor: int, log: int) -> None:
    """Have a session, a log and an eventlet hub of one's own, and end when the supervisor ends."""
    posix.setsid()
    nothing = posix.open(os.devnull, os.O_RDONLY)
    for file, place in ((nothing, 0), (log, 1), (log, 2)):
        posix.dup2(file, place)
    posix.close(nothing)
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, signal.SIG_DFL)
    eventlet.hubs.use_hub()
    deadline = time.monotonic() + ADOPTED_WITHIN
    while os.getppid() != supervisor:  # only then: else it would end with the process in between
        if time.monotonic() > deadline:
            os._exit(1)
        time.sleep(0.001)
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != supervisor:
        os._exit(1)


def _read(file: int) -> bytes:
    pieces, at = [], 0
    while piece := posix.pread(file, 65536, at):
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)


if __name__ == "__main__":
    main(*sys.argv[1:])
