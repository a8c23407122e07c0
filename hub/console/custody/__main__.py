"""Runs custody.

    python -m hub.console.custody

CONSOLE_DATABASE_URL, CONSOLE_KEY_FILE and CONSOLE_AUDIT_DIRECTORY are those of the console; CONSOLE_CUSTODY_SOCKET is
where it listens, CONSOLE_CUSTODY_KEYS the folder with a folder for each organisation; RUTA_NETWORK_FILE and
RUTA_ORGANISATIONS_FILE say who takes part, RUTA_DIRECTORY_FILE has everybody's public keys.
"""

import asyncio
import ctypes
import logging
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import Final

from hub.console.custody.desk import Desk
from hub.console.custody.indexing import Indexing
from hub.console.custody.keys import Keys
from hub.console.custody.recording import Recording
from hub.console.custody.server import Server
from hub.console.presence import Presence
from hub.gateway.settings import SettingError, setting
from messaging import log as logs
from messaging import register
from messaging.health import BEAT_EVERY, health, say_ready
from messaging.log import describe, fields
from messaging.topology import TopologyError

NAME: Final = "console-custody"
SET_DUMPABLE: Final = 4  # of prctl

log = logging.getLogger("ruta.custody")


def main() -> int:
    """Serve until SIGTERM or SIGINT; 1 if that cannot be."""
    logs.set_up(NAME)
    try:
        _, organisations = register.of_environment()
        database_url = setting("CONSOLE_DATABASE_URL")
        recording = Recording(database_url, Path(setting("CONSOLE_KEY_FILE")), Path(setting("CONSOLE_AUDIT_DIRECTORY")))
        keys = Keys(Path(setting("CONSOLE_CUSTODY_KEYS")))
        socket = Path(setting("CONSOLE_CUSTODY_SOCKET"))
        directory = Path(setting("RUTA_DIRECTORY_FILE"))
    except (SettingError, TopologyError) as error:
        sys.exit(str(error))
    keep_to_ourselves()
    health.begin(NAME)
    stopping = threading.Event()
    indexing = Indexing(recording, keys, organisations)
    for part in (indexing.run, recording.copy_checkpoints):
        threading.Thread(target=part, args=(stopping,), daemon=True).start()
    here = Presence(NAME)
    threading.Thread(target=here.go_on, args=(database_url, organisations, stopping), daemon=True).start()
    try:
        asyncio.run(_serve(Server(socket, Desk(recording, keys, organisations, directory).answer)))
    except OSError as error:
        log.critical("the socket cannot be listened on", extra=fields(error=describe(error)))
        return 1
    finally:
        stopping.set()  # nobody waits for those parts: what they have not committed is done the next time
    recording.close()
    health.end()
    return 0


async def _serve(server: Server) -> None:
    stopping = asyncio.Event()
    for asked in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(asked, stopping.set)
    beating = asyncio.create_task(_beat())
    await server.run(stopping, lambda: say_ready(NAME))
    beating.cancel()


async def _beat() -> None:
    while True:
        await asyncio.to_thread(health.beat)  # a slow disk keeps nobody waiting
        await asyncio.sleep(BEAT_EVERY)


def keep_to_ourselves() -> None:
    """Leave nothing of our memory in a core file, nor let another process of our user read it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(SET_DUMPABLE, 0, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
