"""How often a connection has waited for its server: the round trips that decide where others crowd the processors.

    with waits(connection) as counted:
        ...
    assert counted.number == 3

psycopg runs everything it does with a connection as a generator, which its `wait` brings to an end: where all that was
to be sent is out and the answer is not there, the generator asks for the socket to become readable. A call in which it
did so is one wait. Where a pipeline owes results, the call that fetches them all is: sending one more statement on is
none, and the answer may be there before anybody asks. Counting costs two or three microseconds for a statement.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.waiting import Wait

Connection = psycopg.Connection[Any]


@dataclass
class Waits:
    """The waits counted so far."""

    number: int = 0


@contextmanager
def waits(connection: Connection) -> Iterator[Waits]:
    """Count the waits of one connection while the block runs."""
    counted = Waits()
    wait = connection.wait

    def counting(gen: PQGen[RV], *settings: Any, **more: Any) -> RV:
        pipeline = connection._pipeline  # noqa: SLF001 - psycopg tells it nowhere else
        if pipeline is not None and pipeline.result_queue:
            try:
                return wait(gen, *settings, **more)
            finally:
                counted.number += not pipeline.result_queue
        look = _Look()
        try:
            return wait(look.at(gen), *settings, **more)
        finally:
            counted.number += look.waited

    connection.wait = counting  # type: ignore[method-assign]  # its own, in place of the class's
    try:
        yield counted
    finally:
        del connection.wait


class _Look:
    """Looks at what a generator asks for."""

    waited = False

    def at(self, gen: PQGen[RV]) -> PQGen[RV]:
        """Do as `gen` does."""
        try:
            wanted = next(gen)
            while True:
                self.waited = self.waited or wanted == Wait.R
                wanted = gen.send((yield wanted))
        except StopIteration as end:
            result: RV = end.value
            return result
