"""Sends staff who have asked for it a digest at 7:00, and emergencies at once.

    python -m hub.console.notices

CONSOLE_DATABASE_URL is the console's; CONSOLE_KEY_FILE the key of what is encrypted in it; RUTA_CONSOLE_URL is where
its pages are; RUTA_SMTP_URL and RUTA_SMTP_FROM say by which server and from whom; RUTA_NETWORK_FILE and
RUTA_ORGANISATIONS_FILE say who takes part.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg

from hub.console.keyring import Keyring, UnusableKeyring
from hub.console.notices.mailer import Mailer
from hub.console.notices.smtp import Server, UnusableServer, is_address
from hub.console.store import notices
from hub.gateway.settings import SettingError, setting
from messaging import database, register
from messaging import log as logs
from messaging.health import health, say_ready
from messaging.log import describe, fields
from messaging.stopping import AskedToStop
from messaging.topology import TopologyError

log = logging.getLogger("ruta.notices")

NAME: Final = "console-notices"
AT_ONCE: Final = 3  # mails: a server that is slow for one keeps no other waiting
LOOK_EVERY: Final = 5.0  # seconds
SEND_EVERY: Final = 1.0
FORGET_EVERY: Final = 600.0


def main() -> int:
    """Send until SIGTERM or SIGINT; 1 if it ends before that."""
    logs.set_up(NAME)
    try:
        _, organisations = register.of_environment()
        keyring = Keyring.read(Path(setting("CONSOLE_KEY_FILE")))
        server, sender = Server.read(setting("RUTA_SMTP_URL")), setting("RUTA_SMTP_FROM")
        if not is_address(sender):
            raise UnusableServer("RUTA_SMTP_FROM has to be an address of e-mail, as `ruta@example.org`.")
        mailer = Mailer(
            keyring, organisations, server, sender=sender, console=setting("RUTA_CONSOLE_URL").rstrip("/")
        )  # fmt: skip
        url = setting("CONSOLE_DATABASE_URL")
    except (SettingError, TopologyError, UnusableKeyring, UnusableServer) as error:
        sys.exit(str(error))
    asked, stopping = AskedToStop(), threading.Event()
    health.begin(NAME)
    forgets_at = 0.0

    def look(tx: database.Connection) -> bool:
        nonlocal forgets_at
        if notices.is_being_filled_anew(tx):
            return False  # what waits for whom is not known at the moment, nor what was told of it
        mailer.look(tx)
        if time.monotonic() >= forgets_at:
            mailer.forget(tx)
            forgets_at = time.monotonic() + FORGET_EVERY
        return False

    def again(part: str, do: Callable[[database.Connection], bool], pause: float) -> None:
        """Do it, at once where it says that there is more; what fails is tried again."""
        while not stopping.is_set():
            try:
                with database.connect(url) as tx:
                    while not stopping.is_set():
                        health.comes_round(part)
                        has_more = do(tx)
                        tx.commit()
                        health.over(part)
                        stopping.wait(0 if has_more else pause)
            except Exception as error:
                log.warning("this failed, and is tried again", extra=fields(what=part, error=describe(error)))
                health.say(
                    part, f"database_{database.problem(error)}" if isinstance(error, psycopg.Error) else "failed"
                )
                stopping.wait(pause)

    threads = [threading.Thread(target=again, args=("looking", look, LOOK_EVERY), daemon=True)]
    for number in range(AT_ONCE):
        arguments = (f"sending {number + 1}", mailer.send_one, SEND_EVERY)
        threads.append(threading.Thread(target=again, args=arguments, daemon=True))
    for one in threads:
        one.start()
    say_ready(NAME)
    asked.wait(lambda: not all(one.is_alive() for one in threads))
    stopping.set()
    for one in threads:
        one.join(10)
    if not asked:
        return 1
    health.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
