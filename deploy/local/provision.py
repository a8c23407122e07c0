"""Makes servers ready for the network: databases, queues, users, and what each organisation is handed."""

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import psycopg

from contracts import sealing
from deploy.local.entrance import api_keys, revoke_undeclared
from deploy.local.operator_error import OperatorError
from deploy.local.stack import Stack
from deploy.local.state import ROOT, State, write_private
from messaging import database
from messaging.migrate import migrate
from messaging.topology import GATEWAY, NETWORK, DeclaredNetwork, Organisation, TopologyError, submit_exchange

HUB = "hub"  # the hub as an organisation: registrations are sealed to it


def provision(stack: Stack, network: DeclaredNetwork) -> None:
    """Bring the servers of a started stack up to date with the declared network; doing it again changes nothing.

    Raises OperatorError, naming what could not be done.
    """
    provision_databases(stack, network)
    provision_broker(stack, network)


def provision_databases(stack: Stack, network: DeclaredNetwork) -> None:
    """The part of `provision` that needs no broker."""
    packages = {service.name: service.package for service in network.services.values()}
    for name, package in (packages | {GATEWAY: "hub.gateway"}).items():
        try:
            migrate(stack.create_database(name), ROOT / package.replace(".", "/"))
        except psycopg.Error as error:
            raise OperatorError(
                f"The database of {name} could not be brought up to date: {str(error).splitlines()[0]}"
            ) from None


def provision_broker(stack: Stack, network: DeclaredNetwork) -> None:
    """The rest of it: queues and users, and what each organisation is handed."""
    try:
        stack.provision_broker(network)
    except TopologyError as error:
        raise OperatorError(str(error)) from None
    hand_out(stack, network)


def hand_out(stack: Stack, network: DeclaredNetwork) -> None:
    """Write what each organisation is handed: its credentials and private key, and the directory of public keys."""
    public = {HUB: {"name": "Ruta", "public_key": _public_key(stack.state, HUB)}}
    try:
        with contextlib.closing(database.connect(stack.service_database_url(GATEWAY))) as connection:
            for one in network.organisations.values():
                public[one.id] = {"name": one.name, "public_key": _public_key(stack.state, one.id)}
                file = stack.state.organisations / one.id / "credentials.json"
                write_private(file, _credentials(stack, one, api_keys(connection, one, file)))
            revoke_undeclared(connection, network.organisations.values())
    except psycopg.Error as error:
        raise OperatorError(f"API keys could not be handed out: {str(error).splitlines()[0]}") from None
    write_private(stack.state.directory_file, json.dumps({"organisations": public}, indent=1, ensure_ascii=False))
    stack.state.directory_file.chmod(0o644)  # public keys, for every organisation to read


def _credentials(stack: Stack, organisation: Organisation, keys: Mapping[str | None, str]) -> str:
    urls = stack.amqp_urls(organisation.id, NETWORK)
    return json.dumps(
        {
            "organisation": organisation.id,
            "http_url": stack.http_url,
            "api_key": keys[None],
            "amqp_url": urls[0],  # for clients that know one host
            "amqp_urls": urls,
            "user": organisation.id,
            "exchange": submit_exchange(organisation.id),
            "queue": f"inbox.{organisation.id}",
            "systems": {
                system.name: {
                    "queue": system.queue,
                    "reads": system.reads,
                    "sends": system.sends,
                    "runs": system.runs,
                    "api_key": keys[system.name],
                }
                for system in organisation.systems
            },
        },
        indent=1,
    )


def _public_key(state: State, organisation: str) -> dict[str, Any]:
    home = state.organisations / organisation
    home.mkdir(mode=0o700, exist_ok=True)
    path = home / "private.jwk"
    if not path.exists():
        sealing.save_key(sealing.new_key(), path)
    try:
        return sealing.public_part(sealing.load_key(path))
    except sealing.SealingError as error:
        raise OperatorError(f"The key file {path} cannot be used ({error.code}).") from None
