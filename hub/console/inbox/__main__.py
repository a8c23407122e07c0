"""Runs the reader of hosted organisations' inboxes.

    python -m hub.console.inbox

CONSOLE_DATABASE_URL is the console's; CONSOLE_CREDENTIALS is the folder with a folder for each organisation, and
its `credentials.json` in it; CONSOLE_GATEWAY_URL is where the entrance by HTTP is, where that is not what those say;
RUTA_NETWORK_FILE and RUTA_ORGANISATIONS_FILE say who takes part.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Final

from hub.console.inbox.reader import LOOK_EVERY, Readers
from hub.gateway.settings import SettingError, setting
from messaging import log as logs
from messaging import register
from messaging.health import health, say_ready
from messaging.stopping import AskedToStop
from messaging.topology import TopologyError

NAME: Final = "console-inbox"
PART: Final = "readers"


def main() -> int:
    """Read until SIGTERM or SIGINT; 1 if it ends before that."""
    logs.set_up(NAME)
    try:
        _, organisations = register.of_environment()
        folder = Path(setting("CONSOLE_CREDENTIALS"))
        url = os.environ.get("CONSOLE_GATEWAY_URL") or None
        database_url = setting("CONSOLE_DATABASE_URL")
    except (SettingError, TopologyError) as error:
        sys.exit(str(error))
    readers = Readers(database_url, organisations, lambda who: folder / who / "credentials.json", url)
    asked, stopping = AskedToStop(), threading.Event()
    health.begin(NAME)

    def run() -> None:
        while not stopping.is_set():
            health.comes_round(PART)
            readers.look()
            time.sleep(LOOK_EVERY)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    say_ready(NAME)
    asked.wait(lambda: not thread.is_alive())
    stopping.set()
    readers.stop()
    if not asked:
        return 1
    health.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
