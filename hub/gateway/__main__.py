"""Runs the AMQP gateway.

    python -m hub.gateway       (GATEWAY_NETWORK_AMQP_URL, GATEWAY_HUB_AMQP_URL, RUTA_NETWORK_FILE)

Two bridges: what organisations submit goes to the hub, and what the hub has for them goes to their inboxes.
"""

import logging
import os
import sys
import threading
import time
from pathlib import Path

from hub.gateway import amqp
from hub.gateway.admission import members
from messaging import clock, tracing
from messaging import log as logs
from messaging.bridge import Arrival, Bridge
from messaging.broker import Publication
from messaging.clocks import Clocks
from messaging.health import health, say_ready
from messaging.log import fields
from messaging.stopping import AskedToStop
from messaging.topology import NETWORK_FILE, read

log = logging.getLogger("ruta.gateway")


def main() -> int:
    """Carry messages in and out until SIGTERM or SIGINT; 1 if either direction ends before that."""
    logs.set_up("gateway")
    tracing.set_up("gateway")
    network_url, hub_url = os.environ["GATEWAY_NETWORK_AMQP_URL"], os.environ["GATEWAY_HUB_AMQP_URL"]
    known = members(read(Path(os.environ.get("RUTA_NETWORK_FILE", NETWORK_FILE))), None)
    organisations = known.organisations

    def decide(arrival: Arrival) -> Publication:
        return amqp.decide(arrival, known, clock.now())

    def deliver(arrival: Arrival) -> Publication:
        return amqp.deliver(arrival, organisations)

    bridges = [
        Bridge("inward", network_url, hub_url, [f"submit.{name}" for name in organisations], decide),
        Bridge("outward", hub_url, network_url, [f"deliver.{name}" for name in organisations], deliver),
    ]
    asked, ended = AskedToStop(), threading.Event()
    health.begin("gateway")

    def run(bridge: Bridge) -> None:
        try:
            bridge.run()
        finally:
            ended.set()

    threads = [threading.Thread(target=run, args=(bridge,), daemon=True) for bridge in bridges]
    for thread in threads:
        thread.start()
    threading.Thread(target=watch_clocks, daemon=True).start()
    asked.wait(lambda: ended.is_set() or all(bridge.ready.is_set() for bridge in bridges))
    if not (asked or ended.is_set()):
        say_ready("gateway")
    asked.wait(ended.is_set)
    failed = ended.is_set()
    for bridge in bridges:
        bridge.stop()
    for thread in threads:
        thread.join(20)
    if failed:
        log.error("a direction ended by itself", extra=fields(count=len(bridges)))
    else:
        health.end()
    tracing.shut_down()
    return int(failed)


def watch_clocks() -> None:
    """Say where this machine's clock and the broker's are apart: nothing is refused here for its time."""
    clocks = Clocks.from_environment()
    while True:
        if clocks.is_due():
            clocks.compare(None)
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
