"""Says what staff of hosted organisations have decided.

    python -m hub.console.acting

CONSOLE_DATABASE_URL is the console's; CONSOLE_CREDENTIALS is the folder with a folder for each organisation, and its
`credentials.json` in it; CONSOLE_GATEWAY_URL is where the entrance by HTTP is, where that is not what those say;
RUTA_NETWORK_FILE and RUTA_ORGANISATIONS_FILE say who takes part.
"""

import logging
import os
import sys
import threading
from pathlib import Path
from typing import Final

import psycopg

from hub.console.acting.speaker import Speaker
from hub.gateway.settings import SettingError, setting
from messaging import database, register
from messaging import log as logs
from messaging.health import health, say_ready
from messaging.log import describe, fields
from messaging.stopping import AskedToStop
from messaging.topology import TopologyError

log = logging.getLogger("ruta.acting")

NAME: Final = "console-acting"
PART: Final = "acts"
LOOK_EVERY: Final = 0.25  # seconds between looks at what is due: somebody is waiting before a screen


def main() -> int:
    """Speak until SIGTERM or SIGINT; 1 if it ends before that."""
    logs.set_up(NAME)
    try:
        _, organisations = register.of_environment()
        folder = Path(setting("CONSOLE_CREDENTIALS"))
        url = os.environ.get("CONSOLE_GATEWAY_URL") or None
        database_url = setting("CONSOLE_DATABASE_URL")
    except (SettingError, TopologyError) as error:
        sys.exit(str(error))
    speaker = Speaker(database_url, organisations, lambda who: folder / who / "credentials.json", url)
    asked, stopping = AskedToStop(), threading.Event()
    health.begin(NAME)

    def run() -> None:
        while not stopping.is_set():
            health.comes_round(PART)
            try:
                speaker.look()
            except psycopg.Error as error:
                log.warning("the database did not do it", extra=fields(error=describe(error)))
                health.say(PART, f"database_{database.problem(error)}")
                stopping.wait(1.0)
            else:
                health.over(PART)
            stopping.wait(LOOK_EVERY)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    say_ready(NAME)
    asked.wait(lambda: not thread.is_alive())
    stopping.set()
    speaker.stop()
    if not asked:
        return 1
    health.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
