"""How a service's process waits for its database: by way of eventlet's hub, and only where there is need to wait.

Before each statement of a pipeline psycopg asks whether its socket is ready, and it nearly always is; to be told so by
the hub costs more than the statement (docs/performance.md).
"""

from typing import TypeVar

from eventlet.patcher import original
from psycopg.abc import PQGen
from psycopg.waiting import Ready, Wait, wait_select

Result = TypeVar("Result")

kernel = original("select")  # as it is without eventlet
EVENTS = {Wait.R: kernel.POLLIN, Wait.W: kernel.POLLOUT, Wait.RW: kernel.POLLIN | kernel.POLLOUT}
READY = {kernel.POLLIN: Ready.R, kernel.POLLOUT: Ready.W, kernel.POLLIN | kernel.POLLOUT: Ready.RW}


def wait(gen: PQGen[Result], fileno: int, interval: float = 0.0, timeout: float | None = None) -> Result:
    """Bring a generator of psycopg's to its end, as psycopg's own functions of this kind do."""
    return wait_select(_while_ready(gen, fileno), fileno, interval, timeout)


def _while_ready(gen: PQGen[Result], fileno: int) -> PQGen[Result]:
    """Let `gen` go on for as long as its socket is ready; ask for a wait where it is not, or has broken."""
    poll = kernel.poll()
    try:
        wanted = next(gen)
        while True:
            poll.register(fileno, EVENTS[wanted])
            events = dict(poll.poll(0)).get(fileno)
            wanted = gen.send(READY[events] if events in READY else (yield wanted))
    except StopIteration as end:
        result: Result = end.value
        return result
