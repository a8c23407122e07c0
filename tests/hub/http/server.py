"""Runs the application under uvicorn as a process of its own, for tests: `python -m tests.hub.http.server PORT`.

The real process (hub/gateway/http/__main__.py) adds TLS and strictness about the protocol: they have their own tests.
"""

import sys

import uvicorn

from hub.gateway.http.app import Settings, make_app
from messaging import log as logs
from messaging import tracing
from messaging.health import say_ready


class Server(uvicorn.Server):
    """Says when it serves."""

    async def startup(self, sockets: object = None) -> None:
        await super().startup(sockets=sockets)  # type: ignore[arg-type]
        say_ready("gateway-http")


def main(port: str) -> int:
    """Serve until SIGTERM."""
    logs.set_up("gateway-http")
    tracing.set_up("gateway-http")
    app = make_app(Settings.from_environment())
    config = uvicorn.Config(
        app, host="127.0.0.1", port=int(port), loop="uvloop", http="httptools", access_log=False, log_config=None
    )
    Server(config).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
