"""The message log for pages: by a login that only reads, with an end to every wait, and words for what is not seen."""

from collections.abc import Callable
from typing import Final, TypeVar

import psycopg

from hub.console.web.settings import Settings
from messaging import database
from messaging.database import Connection

Found = TypeVar("Found")

CONNECTS_WITHIN: Final = 2.0  # seconds
ANSWERS_WITHIN: Final = 2.5  # seconds for each answer


class LogAway(Exception):
    """The log cannot be read."""


def ask(settings: Settings, look: Callable[[Connection], Found]) -> Found:
    """Return what `look` finds in the log. Raises LogAway."""
    if settings.log_database_url is None:
        raise LogAway
    try:
        with database.connect(
            settings.log_database_url, within=CONNECTS_WITHIN, answer_within=ANSWERS_WITHIN
        ) as connection:
            return look(connection)
    except psycopg.Error:
        raise LogAway from None
