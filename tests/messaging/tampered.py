"""Runs one of our processes changed from outside: killed at a named point, with other constants, or with a fault.

    python -m tests.messaging.tampered messaging.run tests.messaging.probe.service

    KILL_FILE            a file that holds the name of a point (see POINTS): the process kills itself when it comes
                         there, and removes the file, so that the process that is started next lives
    CONSTANTS            {"messaging.on.BATCH_WITHIN": 1}
    SLOW_PUBLISHING      seconds that each publishing takes longer
    ACKNOWLEDGE_FIRST    the planted fault: what has arrived is acknowledged before it is committed
    ANSWER_FIRST         the same by HTTP: a request is answered before what it brings is committed

Nothing in the code under test knows of this.
"""

# ruff: noqa: E402 - messaging.run patches what is imported after it
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

PACKAGES = ("hub.gateway", "hub.gateway.http")
# messaging.run patches what is imported after it.
if __name__ == "__main__":
    import_module(f"{sys.argv[1]}.__main__" if sys.argv[1] in PACKAGES else sys.argv[1])

from messaging import bridge, broker, database, relay, transaction

POINTS = (
    "before_commit",
    "after_commit",  # and before anything of it is published
    "before_publish",
    "after_publish",  # and before any of it is confirmed
    "after_confirm",  # and before it is marked or acknowledged
    "before_mark",  # the relay's
    "after_mark",
    "before_acknowledge",
    "after_acknowledge",
)

KILL_FILE = Path(os.environ.get("KILL_FILE", "/nowhere"))


def die_at(point: str) -> None:
    """Die here, by a signal that nothing can catch, if it was asked for."""
    if KILL_FILE.exists() and KILL_FILE.read_text() == point:
        KILL_FILE.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def wrap(module: Any, name: str, before: str | None = None, after: str | None = None) -> None:
    """Put points before and after a function."""
    original: Callable[..., Any] = getattr(module, name)

    def wrapped(*args: Any, **named: Any) -> Any:
        if before is not None:
            die_at(before)
        result = original(*args, **named)
        if after is not None:
            die_at(after)
        return result

    setattr(module, name, wrapped)


def wrap_commit() -> None:
    """Commits that write messages out are those that count: a timed handler commits several times a second."""
    original = transaction.commit

    def commit(connection: database.Connection) -> None:
        mine = connection.execute("select 1 from outbox where xmin = pg_current_xact_id()::xid limit 1").fetchone()
        if mine:
            die_at("before_commit")
        original(connection)
        if mine:
            die_at("after_commit")

    transaction.commit = commit


def slow_publishing(seconds: float) -> None:
    original = broker.Publisher._send

    def send(self: broker.Publisher, channel: Any, batch: Sequence[broker.Publication]) -> None:
        time.sleep(seconds)
        original(self, channel, batch)

    broker.Publisher._send = send  # type: ignore[method-assign]


def acknowledge_first() -> None:
    from messaging import on

    original = on._Batches._take

    def take(self: Any) -> None:
        delivered = self._connection.delivered[-1:]
        original(self)
        for last in delivered:
            self._channel.basic_ack(last.tag, multiple=True)

    on._Batches._take = take  # type: ignore[method-assign]
    on.acknowledge = lambda channel, tag: None


def courier_acknowledges_first() -> None:
    from messaging import batch_writer

    original = batch_writer.BatchWriter._write

    def write(self: Any, connection: Any) -> None:
        if self._arrived:
            self._channel.basic_ack(self._arrived[-1].tag, multiple=True)
            # Answered when the broker has dealt with what was said before: killed now, it is too late.
            self._channel.queue_declare("ledger", passive=True)
        original(self, connection)

    batch_writer.BatchWriter._write = write  # type: ignore[method-assign]
    batch_writer.acknowledge = lambda channel, tag: None


def answer_first() -> None:
    from datetime import UTC, datetime

    from hub.gateway.http.accepting import Accepting
    from hub.gateway.http.submissions import Taken

    commit, answer = Accepting._commit, Accepting._answer

    def commit_later(self: Any, connection: Any, writer: Any, gathered: Any) -> None:
        accepted = Taken("accepted", datetime.now(UTC))
        answer(self, gathered, [one.request.answering([accepted for _ in one.request.submissions]) for one in gathered])
        time.sleep(0.5)
        commit(self, connection, writer, gathered)

    Accepting._commit = commit_later  # type: ignore[method-assign]
    Accepting._answer = lambda *_: None  # type: ignore[method-assign]


def main(name: str, *arguments: str) -> Any:
    """Run a module's `main`, or a package's, with what the environment asks to be changed."""
    process = import_module(f"{name}.__main__" if name in PACKAGES else name)
    for changed, value in json.loads(os.environ.get("CONSTANTS", "{}")).items():
        module, _, constant = changed.rpartition(".")
        assert hasattr(import_module(module), constant), changed
        setattr(import_module(module), constant, value)

    if "SLOW_PUBLISHING" in os.environ:
        slow_publishing(float(os.environ["SLOW_PUBLISHING"]))
    wrap(broker.Publisher, "_send", before="before_publish")
    wrap(broker.Publisher, "_await_confirms", before="after_publish", after="after_confirm")
    wrap(relay, "mark", before="before_mark", after="after_mark")
    wrap(relay, "mark_replayed", before="before_mark", after="after_mark")
    wrap(bridge, "acknowledge", before="before_acknowledge", after="after_acknowledge")
    if name == "hub.gateway.courier":
        from messaging import batch_writer

        wrap(process, "commit", before="before_commit", after="after_commit")
        wrap(batch_writer, "acknowledge", before="before_acknowledge", after="after_acknowledge")
        if "ACKNOWLEDGE_FIRST" in os.environ:
            courier_acknowledges_first()
    if name == "messaging.run":
        from messaging import on

        wrap_commit()
        wrap(on, "acknowledge", before="before_acknowledge", after="after_acknowledge")
        if "ACKNOWLEDGE_FIRST" in os.environ:
            acknowledge_first()
    if name == "hub.gateway.http":
        from hub.gateway.http import submissions
        from messaging import outbox

        wrap(submissions, "commit", before="before_commit")
        wrap(submissions, "write", after="after_commit")
        wrap(outbox, "mark", before="before_mark", after="after_mark")
        if "ANSWER_FIRST" in os.environ:
            answer_first()

    return process.main(*arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
