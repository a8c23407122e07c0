"""Makes servers ready for the network: databases, queues, users, and what each organisation is handed."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from contracts import sealing, thumbprint
from contracts.codes import OrganisationStatus, Power
from deploy.local import entrance, issuing, keys, organisations
from deploy.local.operator_error import OperatorError
from deploy.local.stack import Stack
from deploy.local.state import ROOT, State, write_private
from deploy.local.trail import Trail, record, trail
from hub.console import keyring
from hub.gateway.audit import keys as audit_keys
from messaging import clock, database, reading_since
from messaging.migrate import migrate
from messaging.topology import (
    CONSOLE,
    GATEWAY,
    MONITOR,
    NETWORK,
    DeclaredNetwork,
    Organisation,
    TopologyError,
    submit_exchange,
)

OF_THE_HUB = {
    GATEWAY: "hub.gateway",
    CONSOLE: "hub.console",
    MONITOR: "hub.monitor",
}  # whose databases are no service's
HUB = "hub"  # the hub as an organisation: registrations are sealed to it


def provision(stack: Stack, network: DeclaredNetwork) -> None:
    """Bring the servers of a started stack up to date with the declared network; doing it again changes nothing.

    Raises OperatorError, naming what could not be done.
    """
    provision_databases(stack, network)
    provision_broker(stack, network)


def provision_databases(stack: Stack, network: DeclaredNetwork) -> None:
    """The part of `provision` that needs no broker."""
    _check_names(stack, network)
    packages = {service.name: service.package for service in network.services.values()}
    for name, package in (packages | OF_THE_HUB).items():
        try:
            migrate(stack.create_database(name), ROOT / package.replace(".", "/"))
            # Where no service tries again what is parked, there is nothing to be done by an operator, either.
            stack.provide_operator(name, acts=name in network.services)
            if name == MONITOR:
                stack.provide_log_reader(name)
            elif name == GATEWAY:
                stack.provide_refusals_reader(name)
        except psycopg.Error as error:
            raise OperatorError(
                f"The database of {name} could not be brought up to date: {str(error).splitlines()[0]}"
            ) from None
    _have_keys_of_the_console(stack.state)
    _take_over_organisations(stack, network)


def _check_names(stack: Stack, network: DeclaredNetwork) -> None:
    """Before anything is changed: whether an organisation has a name that has become one of the hub's own since.

    It would have that user's password, and what that one may. Raises OperatorError.
    """
    try:
        with contextlib.closing(database.connect(stack.create_database(GATEWAY))) as connection:
            taken = organisations.with_reserved_names(connection, network)
    except psycopg.Error as error:
        raise OperatorError(f"Organisations cannot be read: {str(error).splitlines()[0]}") from None
    if taken:
        raise OperatorError(
            f"name_reserved: {', '.join(taken)} takes part as an organisation, and that is a name of the hub's own. "
            "Nothing was changed: with the version that ran until now, let it in again under another name, then "
            f"`./ruta partner suspend {taken[0]}` and `./ruta partner remove {taken[0]}`."
        )


def _have_keys_of_the_console(state: State) -> None:
    """See to it that the console has its keys, before it runs."""
    try:
        keyring.make(state.console_key_file)
        audit_keys.make(state.console_audit)
    except OSError as error:
        raise OperatorError(f"The console's keys cannot be made: {error.filename} ({error.strerror}).") from None
    except audit_keys.UnusableKey as error:
        raise OperatorError(f"The console's keys cannot be used: {error}.") from None


def _take_over_organisations(stack: Stack, network: DeclaredNetwork) -> None:
    """Enter organisations that are new in the network file; have every service know all, before it runs."""
    try:
        with contextlib.closing(database.connect(stack.service_database_url(GATEWAY))) as connection:
            with keys.alone(connection):
                organisations.take_over(connection, network, stack.state)
                connection.commit()
            entries = organisations.known(connection)
        said = [organisations.recorded(one, network) for one in entries.values()]
        for service in network.services.values():
            if organisations.RECORDED in service.reads:
                with contextlib.closing(database.connect(stack.service_database_url(service.name))) as connection:
                    organisations.record_in(connection, said)
    except psycopg.Error as error:
        raise OperatorError(f"Organisations could not be entered: {str(error).splitlines()[0]}") from None


def registered(stack: Stack, network: DeclaredNetwork) -> DeclaredNetwork:
    """The network with the organisations that its database knows. Raises OperatorError."""
    try:
        with contextlib.closing(database.connect(stack.service_database_url(GATEWAY))) as connection:
            return organisations.network_with(organisations.known(connection), network)
    except psycopg.Error as error:
        raise OperatorError(f"Organisations cannot be read: {str(error).splitlines()[0]}") from None


def provision_broker(stack: Stack, network: DeclaredNetwork) -> None:
    """The rest of it: queues and users, and what each organisation is handed. It is recorded before it is done."""
    network = registered(stack, network)
    record(
        stack.service_database_url(GATEWAY),
        stack.state,
        "network_provisioned",
        "network",
        organisations=len(network.organisations),
        services=sorted(network.services),
    )
    try:
        stack.provision_broker(network)
    except TopologyError as error:
        raise OperatorError(str(error)) from None
    _note_what_is_read(stack, network)
    hand_out(stack, network)


def _note_what_is_read(stack: Stack, network: DeclaredNetwork) -> None:
    """Have each service's database know since when its queue takes what: what came before was not lost."""
    for service in network.services.values():
        try:
            with contextlib.closing(database.connect(stack.service_database_url(service.name))) as connection:
                reading_since.note(connection, service.reads)
        except psycopg.Error as error:
            raise OperatorError(
                f"What {service.name} reads could not be noted in its database: {str(error).splitlines()[0]}"
            ) from None


def hand_out(stack: Stack, network: DeclaredNetwork) -> None:
    """Write what each organisation is handed: its credentials, and the directory of public keys.

    Who has brought no key of its own, and may have it in custody, has one made here, and is handed its private part.
    """
    try:
        with trail(stack.service_database_url(GATEWAY), stack.state) as noted, keys.alone(noted.connection):
            noted.note_organisations({one.id: as_audited(one) for one in network.organisations.values()})
            _have_a_key(noted, stack.state, HUB)
            for one in network.organisations.values():
                hand_to(
                    one, noted, stack.state, network.environment,
                    amqp_urls=stack.amqp_urls(one.id, NETWORK), http_url=stack.http_url,
                )  # fmt: skip
            entrance.revoke_undeclared(noted, network.organisations.values())
            write_directory(noted.connection, stack.state)
            organisations.write_register(organisations.known(noted.connection), stack.state)
    except psycopg.Error as error:
        raise OperatorError(f"Keys could not be handed out: {str(error).splitlines()[0]}") from None


def hand_to(
    organisation: Organisation,
    noted: Trail,
    state: State,
    environment: str,
    *,
    amqp_urls: Sequence[str],
    http_url: str,
) -> None:
    """Write what one organisation is handed; in custody, see to it that something can be sealed to it."""
    (state.organisations / organisation.id).mkdir(mode=0o700, exist_ok=True)
    if Power.KEYS_IN_CUSTODY in organisation.powers:
        _have_a_key(noted, state, organisation.id)
    file = state.organisations / organisation.id / "credentials.json"
    api_keys = entrance.api_keys(noted, organisation, file, environment)
    said = _credentials(organisation, api_keys, issuing.public_key(state), amqp_urls, http_url)
    write_private(file, json.dumps({**said, "environment": environment}, indent=1))


def write_directory(connection: database.Connection, state: State) -> None:
    """Write the directory of public keys, for every organisation and service to read."""
    entries = organisations.known(connection).values()
    names = {HUB: "Ruta", **{one.id: one.name for one in entries if one.status is not OrganisationStatus.REMOVED}}
    now = clock.now()
    issuing.issue(connection, state, keys.directory(connection, names, now), now)


def as_audited(organisation: Organisation) -> dict[str, Any]:
    """What the audit has of an organisation: its name, and what it may."""
    return {
        "name": organisation.name,
        "may_send": [*organisation.may_send],
        "powers": sorted(organisation.powers),
        "refers_to": [*organisation.refers_to],
        "amqp": organisation.amqp,
        **({"limits": organisation.limits} if organisation.limits else {}),
        "systems": {
            system.name: {
                "reads": [*system.reads],
                "sends": [*system.sends],
                "runs": system.runs,
                # As before there were such: else an upgrade would be told as a change of everybody.
                **({"copies": [*system.copies]} if system.copies else {}),
                **({} if system.amqp else {"amqp": False}),
            }
            for system in organisation.systems
        },
    }


def _credentials(
    organisation: Organisation,
    api_keys: Mapping[str | None, str | None],
    directory_key: Mapping[str, str],
    amqp_urls: Sequence[str],
    http_url: str,
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "organisation": organisation.id,
        "http_url": http_url,
        "api_key": api_keys[None],
        "directory_key": directory_key,
        "systems": {
            system.name: {
                "reads": system.reads,
                "sends": system.sends,
                "copies": system.copies,
                "runs": system.runs,
                "api_key": api_keys[system.name],
            }
            for system in organisation.systems
        },
    }
    if organisation.amqp:
        said |= {
            "amqp_url": amqp_urls[0],  # for clients that know one host
            "amqp_urls": [*amqp_urls],
            "user": organisation.id,
            "exchange": submit_exchange(organisation.id),
            "queue": organisation.inbox(),
        }
        for system in filter(lambda system: system.amqp, organisation.systems):
            said["systems"][system.name]["queue"] = organisation.inbox(system.name)
    return said


def _have_a_key(noted: Trail, state: State, organisation: str) -> None:
    """See to it that something can be sealed to an organisation: by its own key, or one whose private part is here."""
    home = state.organisations / organisation
    home.mkdir(mode=0o700, exist_ok=True)
    now, path = clock.now(), home / "private.jwk"
    theirs = keys.known(noted.connection, organisation)
    if any(keys.is_in_force(one, now) and not one["custody"] for one in theirs):
        return
    of_file = _public_part(path)
    known = next((one for one in theirs if one["key_id"] == thumbprint(of_file)), None)
    if known is not None and known["revoked_at"] is not None:
        path.rename(home / f"private-{known['key_id']}.jwk")  # what was sealed to it before may still have to be read
        of_file, known = _public_part(path), None
    if known is None:
        # Of those in custody before the private parts are lost: nothing more is to be sealed to them.
        keys.add(noted.connection, organisation, of_file, now, custody=True, overlap=timedelta())
        noted.note("public_key_added", organisation, key=thumbprint(of_file), custody=True)
    elif known["valid_until"] is not None:  # it was lost, and has been found
        keys.put_back(noted.connection, organisation, known["key_id"], now)
        noted.note("public_key_added", organisation, key=known["key_id"], custody=True)


def _public_part(path: Path) -> sealing.Key:
    """The public part of the private key in a file, which is made where there is none."""
    if not path.exists():
        sealing.save_key(sealing.new_key(), path)
    try:
        return sealing.public_part(sealing.load_key(path))
    except sealing.SealingError as error:
        raise OperatorError(f"The key file {path} cannot be used ({error.code}).") from None
