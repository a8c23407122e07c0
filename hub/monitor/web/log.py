"""The message log for pages: by a login that only reads, with an end to every wait, and words for what is not seen."""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar

import psycopg

from hub.console.web.settings import Settings
from messaging import pool
from messaging.database import Connection

Found = TypeVar("Found")

CONNECTS_WITHIN: Final = 2.0  # seconds
ANSWERS_WITHIN: Final = 2.5  # seconds for each answer
AT_ONCE: Final = 4  # pages that ask the log at a time
# A connection's first look at a log of ninety days takes the server a quarter of a second, and some megabytes for as
# long as the connection lasts.
UNUSED_FOR: Final = 60.0  # seconds


class LogAway(Exception):
    """The log cannot be read."""


def ask(settings: Settings, look: Callable[[Connection], Found]) -> Found:
    """Return what `look` finds in the log. Raises LogAway."""
    if settings.log_database_url is None:
        raise LogAway
    try:
        with connections(settings.log_database_url).connection() as connection:
            return look(connection)
    except psycopg.Error:
        raise LogAway from None


@cache
def connections(url: str) -> Any:
    """Return the pool of this process's connections to the log, made when the first page asks: after any fork."""
    return pool.make(url, within=CONNECTS_WITHIN, answer_within=ANSWERS_WITHIN, at_most=AT_ONCE, unused_for=UNUSED_FOR)
