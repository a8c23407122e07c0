"""Runs one nameko service as a process.

python -m messaging.run services.referrals.service          (SERVICE_DATABASE_URL, SERVICE_AMQP_URL)
"""

# ruff: noqa: E402 - the order of imports is the point of this file
import os
import sys
import warnings

# psycopg waits in C unless told otherwise before it is imported, and then no other greenlet runs meanwhile.
os.environ["PSYCOPG_WAIT_FUNC"] = "wait_select"
if "psycopg" in sys.modules or "amqp" in sys.modules:
    raise SystemExit("messaging.run must be imported before psycopg and amqp")

# Known: nameko stands on eventlet, and nothing but this file, messaging/on.py and messaging/waiting.py does.
warnings.filterwarnings("ignore", message="\\s*Eventlet is deprecated")

import eventlet
import eventlet.debug

eventlet.monkey_patch()

import gc
import importlib
import inspect
import logging
import signal
from types import ModuleType
from typing import Any

import psycopg.waiting
from eventlet.patcher import is_monkey_patched
from nameko.runners import ServiceRunner

from messaging import log as logs
from messaging import tracing, waiting
from messaging.health import BEAT_EVERY, health, say_ready
from messaging.log import describe, fields

ALARM_AFTER = 60  # seconds in which the hub did not come round; then the kernel ends the process
STOP_WITHIN = 13  # seconds for a graceful stop, before the last spans; a server that is away must not make it longer

log = logging.getLogger("ruta.run")

psycopg.waiting.wait = waiting.wait


def main(module_name: str) -> None:
    """Run the service class in `module_name` until SIGTERM or SIGINT, then let it finish what it has."""
    if psycopg.waiting.wait is not waiting.wait or not is_monkey_patched("select"):
        raise SystemExit("psycopg would block every greenlet of this process while it waits")
    service_class = find_service(importlib.import_module(module_name))
    name = os.environ.get("SERVICE_NAME", service_class.name)  # an organisation's own copy has a name of its own
    logs.set_up(name)
    tracing.set_up(name)
    health.begin(name)
    eventlet.debug.hub_exceptions(False)  # it would print what they say; whoever waits for the thread logs them

    asked_to_stop = eventlet.event.Event()
    failures: list[BaseException] = []

    def stop(*_: object) -> None:
        # A signal may come while any greenlet runs, so the hub delivers it.
        eventlet.hubs.get_hub().schedule_call_global(0, lambda: asked_to_stop.ready() or asked_to_stop.send())

    def stop_if_failed(thread: Any) -> None:
        try:
            thread.wait()
        except BaseException as error:
            failures.append(error)
            stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)

    spare_the_garbage_collector()
    eventlet.spawn(watch)
    runner = ServiceRunner(config={})
    runner.add_service(service_class)
    # Beside each other: starting takes as long as the broker is away, and it may be asked to stop before that.
    starting, running = eventlet.spawn(start, runner, name), eventlet.spawn(runner.wait)
    starting.link(stop_if_failed)
    running.link(stop_if_failed)
    asked_to_stop.wait()
    finished = not failures
    if failures:
        log.critical("the service ended by itself", extra=fields(error=describe(failures[0])))
    elif starting.dead:
        finished = False
        with eventlet.Timeout(STOP_WITHIN, False):
            runner.stop()
            finished = True
        if not finished:
            log.error("stopped before all was finished; the broker delivers the rest again")
    if not failures:
        health.end()
    tracing.shut_down()
    if not finished:
        raise SystemExit(1)


def watch() -> None:
    """Let the heart beat, and the kernel end this process when it does not.

    A handler that never waits keeps the hub from coming round, and freezes them all.
    """
    while True:
        signal.alarm(ALARM_AFTER)
        health.beat()
        eventlet.sleep(BEAT_EVERY)


def start(runner: ServiceRunner, name: str) -> None:
    """Start what the runner has, and say so."""
    runner.start()
    say_ready(name)


def spare_the_garbage_collector() -> None:
    """Let the collector pass over what lives as long as the process, and come round less often.

    Reading a message makes hundreds of short-lived objects; looking through all modules for garbage each time cost more
    than the reading itself (docs/performance.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def find_service(module: ModuleType) -> Any:
    """Return the nameko service class that the module defines."""
    classes = [
        one for _, one in inspect.getmembers(module, inspect.isclass)
        if one.__module__ == module.__name__ and isinstance(getattr(one, "name", None), str)
    ]  # fmt: skip
    if len(classes) != 1:
        raise SystemExit(f"{module.__name__} should define one service class")
    return classes[0]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m messaging.run services.NAME.service")
    main(sys.argv[1])
