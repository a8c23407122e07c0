"""`./ruta rebuild`: the tables of a service that only reads are filled anew, and how far that is."""

import contextlib
import time
from collections.abc import Iterator
from typing import Final

import psycopg

from deploy.local.operator_error import OperatorError
from messaging import database, rebuilding
from messaging.database import Connection, Row

LOOK_EVERY: Final = 1.0  # seconds


class Tables:
    """The tables of one service, and what is known of filling them."""

    def __init__(self, connection: Connection) -> None:
        """`connection` commits by itself."""
        self._connection = connection

    def begin(self, *, afresh: bool) -> str:
        """Have it done. Raises OperatorError where something else is under way than is wanted."""
        if rebuilding.begin(self._connection, afresh=afresh):
            return "Each service is asked to say its facts again."
        last = rebuilding.last(self._connection)
        if last is not None and afresh and not last["afresh"] and last["ended_at"] is None:
            raise OperatorError("One is under way that empties nothing: let it end, or give it up with `--stop`.")
        return "One is under way already."

    def give_up(self) -> str:
        """End what is under way."""
        return "It is given up; what has come stays." if rebuilding.give_up(self._connection) else "None is under way."

    def follow(self) -> Iterator[str]:
        """Say how far it is whenever that is news, until it is done. Raises OperatorError where it is given up."""
        said = ""
        while (last := rebuilding.last(self._connection)) is not None:
            if (line := as_text(last)) != said:
                said = line
                yield line
            if last["ended_at"] is not None:
                if not last["is_whole"]:
                    raise OperatorError("It was given up: what the tables show is not whole.")
                return
            time.sleep(LOOK_EVERY)


def as_text(last: Row) -> str:
    """Say in a line how far it is, and what holds it up."""
    if not last["parts"]:
        return "Not begun yet: the service has to run."
    parts = "; ".join(_part(one) for one in last["parts"])
    if last["ended_at"] is not None:
        return f"{'Done' if last['is_whole'] else 'Given up'}: {parts}."
    if last["holds"]:
        parts += f"; a page is held up ({last['holds']['state']}, {last['holds']['reason']}): `./ruta status`"
    return f"{parts}."


def _part(one: Row) -> str:
    if one["ended_at"] is not None:
        return f"{one['service']} has said {one['facts']:,} facts, all kept"
    of = "" if one["total"] is None else f" of at least {one['total']:,}"
    return f"{one['service']} has said {one['facts']:,}{of}"


@contextlib.contextmanager
def opened(database_url: str) -> Iterator[Tables]:
    """The tables of the service with this database. Raises OperatorError."""
    try:
        with database.connect(database_url) as connection:
            connection.autocommit = True
            yield Tables(connection)
    except psycopg.Error as error:
        raise OperatorError(f"The database cannot be used: {str(error).splitlines()[0]}") from None
