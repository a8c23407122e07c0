"""The process `alerts`: looks at the network every few seconds, and tells whoever is to be told.

    python -m deploy.local.watching              (RUTA_STATE; RUTA_ALERTS_FILE, RUTA_SMTP_URL and RUTA_SMTP_FROM)

It says what it sees as metrics, too, where RUTA_METRICS_LISTEN says.
"""

import ipaddress
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Final

from deploy.local import alerts
from deploy.local.alerting import mail_of, settings_of
from deploy.local.operator_error import OperatorError
from deploy.local.state import State, default_directory
from hub.monitor.alerts.keeping import Keeper
from hub.monitor.exposing import Exposed, serve
from messaging import log as logs
from messaging.health import health, say_ready
from messaging.log import describe, fields
from messaging.stopping import AskedToStop

NAME: Final = "alerts"
LOOK_EVERY: Final = 15.0  # seconds
AUDIT_EVERY: Final = 60.0  # between looks whether it is due

log = logging.getLogger("ruta.alerts")


def main() -> int:
    """Look until SIGTERM or SIGINT; 1 if it ends before that."""
    logs.set_up(NAME)
    state = State(default_directory())
    try:
        settings = settings_of(os.environ)
        mail_of(os.environ, settings)
        host, _, port = os.environ["RUTA_METRICS_LISTEN"].rpartition(":")
        if not ipaddress.ip_address(host.strip("[]")).is_loopback:
            raise OperatorError("RUTA_METRICS_LISTEN has to be an address of this machine's loopback.")
    except (OperatorError, KeyError, ValueError) as error:
        sys.exit(str(error))
    asked, stopping, exposed = AskedToStop(), threading.Event(), Exposed(settings)
    keeper = Keeper(alerts.book_of(state))
    health.begin(NAME)

    def look() -> None:
        seen = alerts.tell(state, settings, os.environ, keeper)
        exposed.show(seen.now, seen.alerts, seen.at)

    def audit() -> None:
        alerts.check_audit(state, os.environ, keeper)

    def again(part: str, do: Callable[[], None], pause: float, *, watched: bool) -> None:
        """Do it again and again; what fails is said, and tried again."""
        while not stopping.is_set():
            if watched:
                health.comes_round(part)
            try:
                do()
                health.over(part)
            except Exception as error:
                log.warning("this failed, and is tried again", extra=fields(what=part, error=describe(error)))
                health.say(part, "failed", describe(error))
            stopping.wait(pause)

    with serve(exposed, host.strip("[]"), int(port)):
        threads = [
            threading.Thread(target=again, args=("looking", look, LOOK_EVERY), kwargs={"watched": True}, daemon=True),
            # It may take long, and nothing waits for it.
            threading.Thread(target=again, args=("audit", audit, AUDIT_EVERY), kwargs={"watched": False}, daemon=True),
        ]
        for one in threads:
            one.start()
        say_ready(NAME)
        asked.wait()
        stopping.set()
    health.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
