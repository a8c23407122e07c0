"""How processes of hosted organisations that come to the entrance by HTTP begin and end: where all is, and their loop.

CONSOLE_DATABASE_URL is the console's; CONSOLE_CREDENTIALS is the folder with a folder for each organisation, and its
`credentials.json` in it; CONSOLE_GATEWAY_URL is where the entrance by HTTP is, where that is not what those say;
RUTA_NETWORK_FILE and RUTA_ORGANISATIONS_FILE say who takes part.
"""

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hub.console.hosting import Organisations
from hub.console.presence import Presence
from hub.gateway.settings import SettingError, setting
from messaging import register
from messaging.health import health, say_ready
from messaging.stopping import AskedToStop
from messaging.topology import TopologyError


@dataclass(frozen=True)
class Places:
    """Where all is that such a process needs."""

    database_url: str
    organisations: Organisations
    folder: Path
    url: str | None
    """The entrance, where it is not as the credentials say."""

    def credentials(self, organisation: str) -> Path:
        """Where an organisation's are."""
        return self.folder / organisation / "credentials.json"


def places() -> Places:
    """What the environment says; ends the process, with a sentence, where that is not enough."""
    try:
        _, organisations = register.of_environment()
        folder = Path(setting("CONSOLE_CREDENTIALS"))
        url = os.environ.get("CONSOLE_GATEWAY_URL") or None
        return Places(setting("CONSOLE_DATABASE_URL"), organisations, folder, url)
    except (SettingError, TopologyError) as error:
        sys.exit(str(error))


def go_on(
    name: str, part: str, where: Places, look: Callable[[threading.Event], None], stop: Callable[[], None]
) -> int:
    """Look again and again until SIGTERM or SIGINT, then stop; 1 if it ends before that. `look` waits between looks."""
    asked, stopping = AskedToStop(), threading.Event()
    health.begin(name)

    def run() -> None:
        while not stopping.is_set():
            health.comes_round(part)
            look(stopping)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    here = Presence(name)
    threading.Thread(target=here.go_on, args=(where.database_url, where.organisations, stopping), daemon=True).start()
    say_ready(name)
    asked.wait(lambda: not thread.is_alive())
    stopping.set()
    stop()
    if not asked:
        return 1
    health.end()
    return 0
