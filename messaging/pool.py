"""Connections that are kept for whoever asks next, each tried before it is lent."""

from collections.abc import Callable
from typing import Any

from psycopg_pool import ConnectionPool

from messaging.database import BoundedConnection, parameters


def make(url: str, *, within: float, answer_within: float, at_most: int, unused_for: float) -> Any:
    """Return an open pool of connections as `database.connect` opens them: none at first, `at_most` of them at a time.

    Whoever asks is lent one within as many seconds as `within` says, or told by `psycopg.OperationalError`. What nobody
    has asked for anything for `unused_for` seconds is closed. The pool's threads do not survive a fork.
    """
    return ConnectionPool(
        url,
        connection_class=BoundedConnection,
        min_size=0,
        max_size=at_most,
        timeout=within,
        max_idle=unused_for,
        reconnect_timeout=within,  # it is tried anew by whoever asks; the pool's own pauses double
        check=works(within, answer_within),
        open=True,
        # Prepared plans of partitioned tables are kept by the server for as long as the connection lasts.
        kwargs=parameters(within, answer_within) | {"prepare_threshold": None},
    )


def works(within: float, answer_within: float) -> Callable[[BoundedConnection], None]:
    """Return what raises where a connection's server has gone, or stands for `within` seconds: nobody waits for it.

    What is asked on the connection after that is to be answered within `answer_within` seconds.
    """

    def check(connection: BoundedConnection) -> None:
        connection.answer_within = within
        ConnectionPool.check_connection(connection)
        connection.answer_within = answer_within

    return check
