"""Says what staff of hosted organisations have decided.

python -m hub.console.acting     (the environment of hub/console/beginning.py)
"""

import logging
import sys
import threading
from typing import Final

import psycopg

from hub.console import beginning
from hub.console.acting.speaker import Speaker
from messaging import database
from messaging import log as logs
from messaging.health import health
from messaging.log import describe, fields

log = logging.getLogger("ruta.acting")

NAME: Final = "console-acting"
PART: Final = "acts"
LOOK_EVERY: Final = 0.25  # seconds between looks at what is due: somebody is waiting before a screen
AWAY_FOR: Final = 1.0  # seconds more while the database is away


def main() -> int:
    """Speak until SIGTERM or SIGINT; 1 if it ends before that."""
    logs.set_up(NAME)
    where = beginning.places()
    speaker = Speaker(where.database_url, where.organisations, where.credentials, where.url)

    def look(stopping: threading.Event) -> None:
        try:
            speaker.look()
        except psycopg.Error as error:
            log.warning("the database did not do it", extra=fields(error=describe(error)))
            health.say(PART, f"database_{database.problem(error)}")
            stopping.wait(AWAY_FOR)
        else:
            health.over(PART)
        stopping.wait(LOOK_EVERY)

    return beginning.go_on(NAME, PART, where, look, speaker.stop)


if __name__ == "__main__":
    sys.exit(main())
