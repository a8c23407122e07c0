"""The process that others are forked from: it has imported what they run once, and knows nobody's secrets.

    python -m deploy.local.forkserver SOCKET NAME MODULE …          (deploy/local/forking.py runs it)

A request comes by the socket: which module to run, and open files. One of them holds the environment that the process
is to have; only the new process reads it, so that what is forked later has none of its passwords.

Where the first module is `messaging.run`, what follows and all that is forked has eventlet in it; else nothing has.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import signal
import sys
from collections.abc import Sequence

# Bound before eventlet changes them: this process has no hub to wait with, and its children are not to share one.
from os import close, dup2, fork, pread, waitpid, write
from socket import recv_fds
from socket import socket as plain_socket
from time import monotonic, sleep

ADOPTED_WITHIN = 5.0  # seconds
SET_PARENT_DEATH_SIGNAL, SET_NAME = 1, 15  # of prctl


def main(number: str, called: str, *modules: str) -> None:
    """Import `modules`, say `ready CALLED`, and fork what is asked for by the socket until its other end is gone."""
    supervisor = os.getppid()
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # the process that runs it will say why; the others can do without it
            with contextlib.suppress(OSError):  # a full disk
                print(f"{name} cannot be imported ({type(error).__name__})", file=sys.stderr, flush=True)
    gc.collect()
    gc.freeze()  # a collector that looks through what is shared would make it everybody's own
    gc.disable()
    from messaging.health import say_ready

    say_ready(called)
    serve(plain_socket(fileno=int(number)), supervisor)


def serve(requests: plain_socket, supervisor: int) -> None:
    """Fork for each request, a JSON list of words: a module, and what its `main` is called with."""
    while True:
        request, files, _, _ = recv_fds(requests, 65536, 4)
        if not request:
            return
        between = fork()
        if between == 0:
            # The parent of what is forked here ends at once, so that the supervisor becomes the parent.
            if fork() == 0:
                requests.close()
                _become(json.loads(request), files, supervisor)
            os._exit(0)
        waitpid(between, 0)
        for file in files:
            close(file)


def _become(words: Sequence[str], files: Sequence[int], supervisor: int) -> None:
    """Run as a process of its own; never returns."""
    code = 1
    try:
        environment, log, number, *others = files
        _stand_alone(supervisor, log)
        os.environ.clear()
        os.environ.update(json.loads(_read(environment)))
        write(number, str(os.getpid()).encode())
        for file in (environment, log, number):
            close(file)
        if words[0] == __spec__.name:
            serve(plain_socket(fileno=others[0]), supervisor)  # another like this one
        else:
            gc.enable()
            module, *arguments = words
            _be_called(".".join(words))
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
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for file, place in ((nothing, 0), (log, 1), (log, 2)):
        dup2(file, place)
    close(nothing)
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, signal.SIG_DFL)
    if "eventlet" in sys.modules:
        importlib.import_module("eventlet.hubs").use_hub()
    deadline = monotonic() + ADOPTED_WITHIN
    while os.getppid() != supervisor:  # only then: else it would end with the process in between
        if monotonic() > deadline:
            os._exit(1)
        sleep(0.001)
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != supervisor:
        os._exit(1)


def _be_called(what: str) -> None:
    """Show in `top`, which would name all that is forked alike, what this one runs: `ruta-intake`, `ruta-courier`."""
    name = what.removesuffix(".service").removesuffix(".__main__").rpartition(".")[2]
    ctypes.CDLL(None).prctl(SET_NAME, f"ruta-{name}".encode(), 0, 0, 0)


def _read(file: int) -> bytes:
    pieces, at = [], 0
    while piece := pread(file, 65536, at):
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)


if __name__ == "__main__":
    main(*sys.argv[1:])
