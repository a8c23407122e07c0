"""How old the oldest message of each service's queue is: the message log held against the service's inbox.

What nobody knows is not there: of an empty queue, of one that the broker has not counted, of those that are not
services', and of all of them while the log, or its word that nothing waits for it, is away (hub/monitor/log/ages.py).
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from deploy.local import beside
from deploy.local.beside import Beside
from deploy.local.state import State
from hub.monitor import queues
from hub.monitor.log import ages
from hub.monitor.mending.databases import ask
from hub.monitor.queues import Queue
from messaging.database import Connection
from messaging.topology import HUB, MONITOR, DeclaredNetwork, Service

LEAST: Final = 0.1  # seconds: 0 is of an empty queue


def probe(state: State, place: Beside, declared: DeclaredNetwork) -> dict[str, float]:
    """The same for alerts, of what the broker has now. Raises TopologyError, and as below."""
    return read(state, place, declared, queues.read(place.management))


def read(state: State, place: Beside, declared: DeclaredNetwork, known: Iterable[Queue]) -> dict[str, float]:
    """By `vhost/name`, the seconds for which the oldest message of a queue has waited.

    Raises OperatorError where nothing was made for it yet, psycopg.Error where a database is away.
    """
    waiting = {one.name for one in known if one.vhost == HUB and one.messages}
    services = [one for one in declared.services.values() if one.queue in waiting]
    if not services:
        return {}
    databases = beside.all_databases(state, place)
    return ask(databases[MONITOR], partial(_ages, databases, services))


def _ages(databases: Mapping[str, str], services: Iterable[Service], log: Connection) -> dict[str, float]:
    found = {}
    for one in services:
        age = ask(databases[one.name], partial(ages.oldest, log, one))
        if age is not None:
            found[f"{HUB}/{one.queue}"] = max(round(age.total_seconds(), 1), LEAST)
    return found
