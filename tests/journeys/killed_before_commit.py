"""Runs a service that is killed, once, just before it commits a batch; and, when asked to, has acknowledged it already.

    python -m tests.journeys.killed_before_commit MODULE MARKER [acknowledge-first]

The mistake that this plants is the one that the network must never make: a message that is acknowledged before its
effects are committed is lost when the process dies in between. MARKER is a file that says, once it has died, how many
messages it had in hand: delivered, applied, and not committed.
"""

from messaging import run  # isort: skip - before anything that it patches

import os
import signal
import sys
from pathlib import Path
from typing import Any

from messaging import on, outbox, transaction

DIES_AFTER = 200  # messages applied


def die_before_a_commit(marker: Path) -> None:
    """Let the process kill itself in place of the commit of a batch, once enough has been applied."""
    write, commit = outbox.write, transaction.commit
    applied, in_hand, its_turn = 0, 0, False

    def write_and_count(connection: Any, writer: Any, publications: Any, tally: Any) -> Any:
        nonlocal applied, in_hand, its_turn
        applied += tally.applied
        # Parked messages that are tried again are applied, too; but they are in the database, and not in hand.
        in_hand = tally.applied if tally.received else 0
        its_turn = applied >= DIES_AFTER and in_hand > 0 and not marker.exists()
        return write(connection, writer, publications, tally)

    def commit_or_die(connection: Any) -> None:
        if its_turn:
            marker.write_text(str(in_hand))
            os.kill(os.getpid(), signal.SIGKILL)
        commit(connection)

    outbox.write = write_and_count
    transaction.commit = commit_or_die


def acknowledge_on_arrival() -> None:
    """Acknowledge everything as soon as it has arrived, and nothing afterwards."""
    batches_class: Any = on._Batches
    take = batches_class._take

    def take_and_acknowledge(batches: Any) -> None:
        while arrived := list(batches._connection.delivered):
            take(batches)
            on.acknowledge(batches._channel, arrived[-1].tag)
            # Answered when the broker has dealt with the acknowledgement: no death can take that back.
            batches._channel.queue_declare(batches.queue, passive=True)

    def finish_without_acknowledging(batches: Any, last: Any) -> None:
        batches._unacknowledged -= 1

    batches_class._take = take_and_acknowledge
    batches_class._finish = finish_without_acknowledging


if __name__ == "__main__":
    module, marker, *first = sys.argv[1:]
    die_before_a_commit(Path(marker))
    if first == ["acknowledge-first"]:
        acknowledge_on_arrival()
    run.main(module)
