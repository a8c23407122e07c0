"""Runs the AMQP gateway.

    python -m hub.gateway       (GATEWAY_NETWORK_AMQP_URL, GATEWAY_HUB_AMQP_URL, RUTA_NETWORK_FILE,
                                 RUTA_ORGANISATIONS_FILE, RUTA_DIRECTORY_FILE)

Three bridges: what organisations submit goes to the hub, by AMQP and by HTTP, as far as there is room for it
(messaging/credits.py); and what the hub has for them goes to their inboxes.
"""

import logging
import os
import sys
import threading
import time
from pathlib import Path

from hub.gateway import amqp
from hub.gateway.admission import Members
from hub.gateway.handing import Handing
from hub.gateway.listening import Listening
from hub.gateway.settings import SettingError, setting
from messaging import clock, register, tracing
from messaging import log as logs
from messaging.bridge import Arrival, Bridge
from messaging.broker import Publication
from messaging.clocks import Clocks
from messaging.credits import Credits, Refusing
from messaging.health import health, say_ready
from messaging.log import fields
from messaging.public_keys import DirectoryError, PublicKeys
from messaging.stopping import AskedToStop
from messaging.topology import TopologyError, owner_of, submitted_queue, submitting_systems

log = logging.getLogger("ruta.gateway")


SWITCHES_AFTER = 0.001  # seconds until Python lets another thread go on: one message waits for no other direction


def main() -> int:
    """Carry messages in and out until SIGTERM or SIGINT; 1 if either direction ends before that.

    Ends with a sentence where what it needs to know of the network cannot be read.
    """
    sys.setswitchinterval(SWITCHES_AFTER)
    logs.set_up("gateway")
    tracing.set_up("gateway")
    try:
        network_url, hub_url = setting("GATEWAY_NETWORK_AMQP_URL"), setting("GATEWAY_HUB_AMQP_URL")
        network, organisations = register.of_environment()
        directory = os.environ.get("RUTA_DIRECTORY_FILE")
        keys = PublicKeys(Path(directory)).ids if directory else dict
    except (SettingError, TopologyError, DirectoryError) as error:
        sys.exit(str(error))

    def decide(arrival: Arrival) -> Publication:
        return amqp.decide(arrival, Members(organisations(), keys()), clock.now())

    def deliver(arrival: Arrival) -> Publication | None:
        return amqp.deliver(arrival, organisations())

    credits = Credits(network.services.values())
    listening, handing = Listening(hub_url, credits), Handing(hub_url, organisations)

    refusing = Refusing()

    def may_go(arrival: Arrival, publication: Publication) -> bool:
        sender = sender_of(arrival.queue)
        if publication.routing_key.startswith(f"to.{sender}.message.refused."):
            return refusing.take(sender)
        return credits.take(sender, publication.routing_key, str(publication.message_id))

    def came_back(arrival: Arrival, publication: Publication) -> None:
        sender = sender_of(arrival.queue)
        credits.give_back(sender, publication.routing_key, str(publication.message_id))

    def by_amqp() -> list[str]:
        return [queue for one in organisations().values() for queue in one.submits]

    def by_http() -> list[str]:
        return [submitted_queue(one.id, name) for one in organisations().values() for name in submitting_systems(one)]

    def outwards() -> list[str]:
        return [queue for one in organisations().values() for queue in one.delivers]

    bridges = [
        Bridge("inward", network_url, hub_url, by_amqp, decide, may_go=may_go, came_back=came_back),
        Bridge("submitted", hub_url, hub_url, by_http, amqp.pass_on, may_go=may_go, came_back=came_back),
        Bridge("outward", hub_url, network_url, outwards, deliver, arrived_there=handing.note),
    ]
    asked, ended = AskedToStop(), threading.Event()
    health.begin("gateway")

    def run(part: Bridge | Listening) -> None:
        try:
            part.run()
        finally:
            ended.set()

    parts: list[Bridge | Listening] = [*bridges, listening]
    threads = [threading.Thread(target=run, args=(part,), daemon=True) for part in parts]
    for thread in threads:
        thread.start()
    threading.Thread(target=watch_clocks, daemon=True).start()
    asked.wait(lambda: ended.is_set() or all(part.ready.is_set() for part in parts))
    if not (asked or ended.is_set()):
        say_ready("gateway")
    asked.wait(ended.is_set)
    failed = ended.is_set()
    for part in parts:
        part.stop()
    for thread in threads:
        thread.join(20)
    if failed:
        log.error("a direction ended by itself", extra=fields(count=len(parts)))
    else:
        health.end()
    tracing.shut_down()
    return int(failed)


def sender_of(queue: str) -> str:
    """Who submits by a queue, as credits know it: an organisation, or by HTTP perhaps one of its systems."""
    return owner_of(queue) if queue.startswith("submit.") else queue.partition(".")[2]


def watch_clocks() -> None:
    """Say where this machine's clock and the broker's are apart: nothing is refused here for its time."""
    clocks = Clocks.from_environment()
    while True:
        if clocks.is_due():
            clocks.compare(None)
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
