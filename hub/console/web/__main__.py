"""Serves the console's pages.

python -m hub.console.web     (CONSOLE_LISTEN, CONSOLE_DATABASE_URL, CONSOLE_KEY_FILE, CONSOLE_AUDIT_DIRECTORY,
                               RUTA_NETWORK_FILE, RUTA_ORGANISATIONS_FILE, RUTA_CONSOLE_*)
"""

import ctypes
import sys
from typing import Final

from starlette.applications import Starlette

from hub.console.keyring import UnusableKeyring
from hub.console.web.app import make_app
from hub.console.web.permissions import UndeclaredError
from hub.console.web.settings import Settings
from hub.console.web.shell import LONGEST_FORM
from hub.gateway.audit.keys import UnusableKey
from hub.gateway.http.connection_limits import Limits
from hub.gateway.http.listening import Unusable
from hub.gateway.http.serving import run
from hub.gateway.settings import SettingError, setting
from messaging.topology import CONSOLE_WEB, TopologyError

MMAP_THRESHOLD: Final = -3  # of mallopt
LARGE: Final = 1024 * 1024  # bytes
LIMITS = Limits(body=LONGEST_FORM, batch=LONGEST_FORM, stranger_idle=20.0)  # browsers connect before they are asked to


def main() -> int:
    """Serve until SIGTERM or SIGINT; 1 if that cannot be."""
    give_back_what_is_large()
    try:
        return run(CONSOLE_WEB, _app, setting("CONSOLE_LISTEN"), limits=LIMITS, prefix="CONSOLE")
    except SettingError as error:
        sys.exit(str(error))


def give_back_what_is_large() -> None:
    """Return large memory to the system when it is freed.

    The C library would keep it for the next time: 20 MB, from the first password that is hashed on.
    """
    ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, LARGE)


def _app() -> Starlette:
    try:
        return make_app(Settings.from_environment())
    except (ValueError, SettingError, TopologyError, UnusableKey, UnusableKeyring, UndeclaredError) as error:
        raise Unusable(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
