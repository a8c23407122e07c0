"""Runs the gateway's entrance by HTTP.

python -m hub.gateway.http     (GATEWAY_HTTP_LISTEN, GATEWAY_DATABASE_URL, GATEWAY_HUB_AMQP_URL, RUTA_NETWORK_FILE,
                                RUTA_DIRECTORY_FILE, RUTA_HTTP_*)
"""

import sys

from starlette.applications import Starlette

from hub.gateway.http.app import Settings, make_app
from hub.gateway.http.listening import Unusable
from hub.gateway.http.serving import run
from hub.gateway.settings import SettingError, setting
from messaging.public_keys import DirectoryError
from messaging.topology import GATEWAY_HTTP, TopologyError


def main() -> int:
    """Serve until SIGTERM or SIGINT; 1 if that cannot be."""
    try:
        return run(GATEWAY_HTTP, _app, setting("GATEWAY_HTTP_LISTEN"))
    except SettingError as error:
        sys.exit(str(error))


def _app() -> Starlette:
    try:
        return make_app(Settings.from_environment())
    except (ValueError, SettingError, TopologyError, DirectoryError) as error:
        raise Unusable(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
