"""How much of each organisation stands in its queues of the hub, where the gateway has not taken it up yet.

Those queues refuse what is beyond their limit, and what one refuses would keep in all that stands behind it in the
outbox. So it is counted with the backlog of its organisation, which is answered 503 long before.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable

from amqp.exceptions import NotFound

from hub.gateway.http.backlog import Backlog
from messaging import broker
from messaging.broker import BrokerLost, Publication
from messaging.frames import Connection
from messaging.log import describe, fields
from messaging.topology import NO_SYSTEM, submitted_queue

log = logging.getLogger("ruta.gateway")

COUNT_EVERY = 1.0  # seconds


class Standing:
    """Counted up with each publication, and counted anew by asking the broker. Used by one thread."""

    def __init__(self, amqp_url: str, backlog: Backlog) -> None:
        self._url = amqp_url
        self._backlog = backlog
        self._queues: defaultdict[str, set[str]] = defaultdict(set)  # of each organisation, those that are looked at
        self._counted_at = float("-inf")
        self._connection: Connection | None = None

    def note(self, publications: Iterable[Publication]) -> None:
        """Note what is with the broker now."""
        for one in publications:
            _, organisation, system, _ = one.routing_key.split(".", 3)
            self._queues[organisation].add(submitted_queue(organisation, None if system == NO_SYSTEM else system))
            self._backlog.stands(organisation, len(one.body))

    def count(self) -> None:
        """Count anew where it is time to; a queue in which nothing stands is looked at again when something goes in."""
        if not self._queues or time.monotonic() - self._counted_at < COUNT_EVERY:
            return
        self._counted_at = time.monotonic()
        try:
            if self._connection is None:
                self._connection = broker.connect(self._url)
            for organisation, queues in list(self._queues.items()):
                stand = sum(self._length(self._connection, queue) for queue in queues)
                self._backlog.counted(organisation, stand)
                if not stand:
                    del self._queues[organisation]
        except BrokerLost as error:
            log.warning("what stands in queues could not be counted", extra=fields(error=describe(error)))
            self.close()

    def close(self) -> None:
        """Give up the connection."""
        broker.drop(self._connection)
        self._connection = None

    def _length(self, connection: Connection, queue: str) -> int:
        channel = connection.channel()
        try:
            length = int(channel.queue_declare(queue, passive=True).message_count)  # which needs no permission
        except NotFound:
            return 0
        channel.close()
        return length
