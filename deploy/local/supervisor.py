"""Keeps processes running: brings back one that died, later and later while it keeps dying, and ends one that froze."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence

from deploy.local.operator_error import OperatorError
from deploy.local.process import Process

LOOK_EVERY = 0.1  # seconds
FIRST_DELAY, LONGEST_DELAY = 0.2, 10.0  # seconds before a dead process is started again; doubles with every death
STEADY_AFTER = 30.0  # seconds of life after which an earlier death is forgotten
FROZEN_AFTER = 30.0  # seconds without a heartbeat, of a process that has one
STOOD_AFTER = 5.0  # seconds between two looks: then it is this process that stood, and says nothing of the others

log = logging.getLogger("ruta.supervisor")


class Supervisor:
    """Watches processes from a thread of its own. A process that was stopped on purpose stays stopped."""

    def __init__(
        self,
        processes: Sequence[Process],
        changed: Callable[[], None] = lambda: None,
        more: Callable[[], Sequence[Process]] = lambda: (),
    ) -> None:
        """`more` is asked at each look, and returns processes that are to run from now on, beside the others."""
        self._processes = [*processes]
        self._more = more
        self._changed = changed  # called when a process has ended, and when it has come back with another id
        self._delays = dict.fromkeys((process.name for process in processes), FIRST_DELAY)
        self._due: dict[str, float] = {}
        self._started = {process.name: time.monotonic() for process in processes}
        self._beats: dict[str, tuple[tuple[int | None, int], float]] = {}  # whose and which, and when first seen
        self._looked_at = time.monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; the processes are left as they are."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """Look after every process once; `now` is by time.monotonic()."""
        if now - self._looked_at > STOOD_AFTER:
            self._beats.clear()
        self._looked_at = now
        for process in self._more():
            self._begin(process, now)
        for process in self._processes:
            self._look_after(process, now)

    def _begin(self, process: Process, now: float) -> None:
        self._processes.append(process)
        self._delays[process.name], self._started[process.name] = FIRST_DELAY, now
        log.info("starting %s", process.name)
        try:
            process.start()
        except (OSError, OperatorError) as error:  # it is brought back, as one that died
            log.warning("%s could not be started: %s", process.name, error)
        self._changed()

    def _look_after(self, process: Process, now: float) -> None:
        name = process.name
        if process.pid is not None:
            if now - self._started[name] > STEADY_AFTER:
                self._delays[name] = FIRST_DELAY
            if self._is_frozen(process, now):
                log.warning("%s has had no heartbeat for %.0f s; ending it", name, FROZEN_AFTER)
                process.signal(signal.SIGKILL)
        elif not process.wanted:
            self._due.pop(name, None)
        elif name not in self._due:
            process.last_words = process.reason()
            self._changed()
            why = f" ({process.last_words}; see {process.program.log})" if process.last_words else ""
            log.warning(
                "%s ended with %s%s; starting it again in %.1f s", name, process.exit_code, why, self._delays[name]
            )
            self._due[name] = time.monotonic() + self._delays[name]  # after it was seen to be dead
            self._delays[name] = min(self._delays[name] * 2, LONGEST_DELAY)
        elif now >= self._due[name]:
            del self._due[name]
            self._started[name] = now
            process.restarts += 1
            try:
                process.bring_back()
            except (OSError, OperatorError) as error:
                log.warning("%s could not be started: %s", name, error)
            else:
                self._changed()

    def _is_frozen(self, process: Process, now: float) -> bool:
        """Whether a process that is there has given no sign of life for too long."""
        file = process.program.health
        if file is None:
            return False
        try:
            found = file.stat()
        except OSError:  # it is ending, or the disk has no room for a file: nothing can be said of it
            return False
        beat = process.pid, found.st_mtime_ns
        known, since = self._beats.get(process.name, (None, now))
        if beat != known:
            self._beats[process.name] = (beat, since := now)
        # Empty: it has not begun yet, or the disk is full, and then it is touched with each beat.
        patience = FROZEN_AFTER if found.st_size else process.program.ready_within
        return now - since > patience
