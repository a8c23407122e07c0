"""The servers of a network that another command keeps running, or that RUTA_* names, for commands that start none."""

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import amqp

from deploy.local import entrance
from deploy.local.operator_error import OperatorError
from deploy.local.stack import Stack
from deploy.local.state import State
from messaging import addresses, broker
from messaging.frames import Connection
from messaging.topology import CONSOLE, GATEWAY, HUB, MONITOR, NETWORK, REPAIRER, DeclaredNetwork, Management


@dataclass(frozen=True)
class Beside:
    """Where everything is."""

    management: Management
    amqp_urls: Mapping[str, Mapping[str, str]]  # by user (the gateway, the repairer), then by virtual host
    databases: Mapping[str, str]  # of each service, the gateway and the console, as its own role
    http_url: str | None  # by which partners reach the entrance by HTTP; None where nobody has said
    running: Mapping[str, Any] | None  # what `./ruta up` says of itself; None where the processes are somebody else's

    def waiting(self, queues: Iterable[tuple[str, str]]) -> int:
        """How many messages wait in queues, each named with its virtual host, at this moment. Raises `BrokerLost`."""
        messages = 0
        for vhost, queue in queues:
            with contextlib.closing(broker.connect(self.amqp_urls[GATEWAY][vhost])) as connection:
                found = look(connection, queue)
                messages += found.message_count if found is not None else 0
        return messages


def look(connection: Connection, queue: str) -> amqp.protocol.queue_declare_ok_t | None:
    """What the broker says of a queue at this moment; None where there is none."""
    channel = connection.channel()
    try:
        found = channel.queue_declare(queue, passive=True)
    except amqp.exceptions.NotFound:
        return None
    channel.close()
    return found


def amqp_urls(stack: Stack) -> dict[str, dict[str, str]]:
    """The broker as the two users that have a place on both virtual hosts."""
    return {user: {vhost: stack.amqp_url(user, vhost) for vhost in (NETWORK, HUB)} for user in (GATEWAY, REPAIRER)}


def databases(stack: Stack, declared: DeclaredNetwork) -> dict[str, str]:
    """The database of each service, the gateway's and the console's."""
    return {name: stack.service_database_url(name) for name in (*declared.services, GATEWAY, CONSOLE)}


def all_databases(state: State, place: Beside) -> dict[str, str]:
    """Each of these and the message log's, as its own role: operators' logins see of no message whose it is.

    Raises OperatorError.
    """
    passwords = state.known_passwords()
    server = addresses.read(place.databases[GATEWAY], addresses.DATABASE)
    found = {}
    for name in (*place.databases, MONITOR):
        password = passwords.get(f"postgres {name}")
        if password is None:
            raise OperatorError(f"Nothing was made in the database of {name} yet: `./ruta provision`.")
        found[name] = replace(server, user=name, password=password, path=name).url
    return found


def find(
    state: State,
    declared: DeclaredNetwork,
    environment: Mapping[str, str] = os.environ,
    *,
    within: float | None = None,
) -> Beside | None:
    """Find the running network of a state directory, else the real servers; None where there is neither.

    Nothing is started, and the lock of the state directory is left to whoever holds it. `within` is as `Management` has
    it.
    """
    running = state.read_running()
    if running is not None:
        management = Management(running["management_url"], within=within)
        return Beside(management, running["amqp_urls"], running["databases"], running["http_url"], running)
    named = [one for one in ("RUTA_AMQP_URL", "RUTA_DATABASE_URL") if environment.get(one)]
    if len(named) == 1:
        raise OperatorError(
            f"{named[0]} alone is set: servers of your own are named by RUTA_AMQP_URL and RUTA_DATABASE_URL."
        )
    if named:
        state.make()
        stack = Stack(state.directory, environment)
        management = Management(stack.management_url, within=within)
        http_url = entrance.known_url(state, environment)
        return Beside(management, amqp_urls(stack), databases(stack, declared), http_url, None)
    return None
