"""The servers that a network stands on: embedded ones, or real ones that the environment names.

with Stack(directory) as stack:
    stack.create_database("referrals"), stack.amqp_url("redcross", "network"), stack.management
"""

import contextlib
import hashlib
import ipaddress
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Final, LiteralString, Self

import psycopg
from psycopg import sql

from deploy.local import entrance
from deploy.local.operator_error import OperatorError
from deploy.local.postgres import PostgresProcess
from deploy.local.process import Process
from deploy.local.rabbitmq import BrokerProcess
from deploy.local.state import State, default_directory, free_ports
from messaging import addresses, database
from messaging.addresses import Address, AddressError, Host
from messaging.topology import GATEWAY, REPAIRER, DeclaredNetwork, Management, TopologyError
from messaging.topology import provision as provision_broker

log = logging.getLogger("ruta.up")

OF_ADMINISTRATOR = {"user", "password", "dbname"}
ADMINISTERED_WITHIN = 60.0  # seconds for a database or a role to be made or removed
START_ATTEMPTS = 3  # a port may be taken between the choice and the start
OPERATORS_SEE: Final[list[LiteralString]] = [
    "grant connect on database {database} to {role}",
    "grant usage on schema operators to {role}",
    "grant select on all tables in schema operators to {role}",
    "grant execute on function operators.may_be(text, text, text, text) to {role}",
    "grant execute on function operators.is_of_the_runtime(text) to {role}",
    "grant execute on function operators.say_again(bigint[]) to {role}",
    "grant execute on function operators.contract_of(text) to {role}",
    "grant execute on function operators.organisation_of(text, text) to {role}",
]
# Of the message log what pages show: of confidential cases no more than that there is something, but for a reason.
READERS_SEE: Final[list[LiteralString]] = [
    "grant connect on database {database} to {role}",
    "grant select on message, outcome, failure, flow, flow_hour, flow_failed, counted to {role}",
    "grant select on refused_beyond to {role}",
    "grant execute on function ask_to_open(uuid, uuid[], text, text), open_once(uuid), vouch(uuid[]) to {role}",
]
# Of the gateway's database what the message log has of refusals by HTTP.
LOG_SEES: Final[list[LiteralString]] = [
    "grant connect on database {database} to {role}",
    "grant usage on schema operators to {role}",
    "grant select on operators.refused to {role}",
]
# Whose a message of a confidential case is, and whom it is for, the log hides: operators are not to read that by the id
# in what outboxes and inboxes are compared by, nor in what the log alone reads.
OPERATORS_DO_NOT_SEE: Final[list[LiteralString]] = ["revoke select on operators.outbox, operators.inbox from {role}"]
OF_THE_GATEWAY: Final[list[LiteralString]] = [
    "revoke select on operators.refused, operators.delivery from {role}",
    "grant execute on function operators.deliveries_of(uuid[], bytea[]) to {role}",
]
# By which the gateway knows what the log shows: in the databases of both.
HAVE_KEY: Final = "insert into vouching (key) values (%s) on conflict (id) do update set key = excluded.key"
OPERATORS_ACT: Final[list[LiteralString]] = ["grant execute on all functions in schema operators to {role}"]


class Stack:
    """PostgreSQL and RabbitMQ, ready to use between `start` and `stop`.

    `RUTA_DATABASE_URL` and `RUTA_AMQP_URL` (with `RUTA_MANAGEMENT_URL`) in `environment` name real servers, which are
    then neither started nor stopped; their users must be allowed to make databases, roles, virtual hosts and users.
    Each may name several hosts, as messaging/addresses.py has it.
    """

    def __init__(
        self,
        directory: Path | None = None,
        environment: Mapping[str, str] = os.environ,
        *,
        database_only: bool = False,
    ) -> None:
        """`database_only`: no broker and nothing of one, for a service that reaches somebody else's.

        Raises OperatorError when an address in the environment cannot be read.
        """
        self.state = State(directory or default_directory())
        self.postgres: PostgresProcess | None = None  # None: a real one
        self.broker: BrokerProcess | None = None
        self._database_address = _read(environment, "RUTA_DATABASE_URL", addresses.DATABASE)  # None: an embedded server
        self._broker_address = _read(environment, "RUTA_AMQP_URL", addresses.BROKER)
        self._management_address = _read(environment, "RUTA_MANAGEMENT_URL", addresses.MANAGEMENT)
        self._database_only = database_only
        self.environment = environment
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def servers(self) -> list[Process]:
        """The embedded servers' processes, in the order in which they start."""
        return [server for server in (self.postgres, self.broker) if server is not None]

    def start(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Take the state directory and start what is not there already; raises OperatorError when that cannot be.

        `meanwhile` is called when the database is there and the broker perhaps not yet, which takes longer.
        """
        self._held.enter_context(self.state.held())
        try:
            for attempt in range(1, START_ATTEMPTS + 1):
                try:
                    self._start_servers(meanwhile)
                    break
                except OperatorError:
                    if attempt == START_ATTEMPTS or all(server.exit_code is None for server in self.servers):
                        raise
                    self._stop_servers()
        except BaseException as error:
            self.stop()
            if isinstance(error, OSError):  # a full disk, or somebody else's files
                where = f" ({error.filename})" if error.filename else ""
                raise OperatorError(
                    f"The servers below {self.state.directory} cannot start: {error.strerror}{where}."
                ) from None
            raise

    def _start_servers(self, meanwhile: Callable[[], None]) -> None:
        ports = free_ports(6)
        if self._database_address is None:
            self.postgres = PostgresProcess(self.state, ports[0])
        if self._broker_address is None and not self._database_only:
            self.broker = BrokerProcess(self.state, (ports[1], ports[2], ports[3], ports[4], ports[5]))
        for server in reversed(self.servers):  # the broker takes longer to come up
            log.info("starting %s", server.name)
            server.start()
        if self.postgres is not None:
            self.postgres.wait_ready()
        else:
            self._check_real_database()
        meanwhile()
        if self.broker is not None:
            self.broker.wait_ready()
        elif not self._database_only:
            self._check_real_broker()

    def _check_real_database(self) -> None:
        try:
            with self.connect_as_administrator():
                pass
        except psycopg.Error as error:
            raise OperatorError(f"PostgreSQL at RUTA_DATABASE_URL does not answer: {_first_line(error)}") from None

    def _check_real_broker(self) -> None:
        try:
            self.management.get("overview")
        except TopologyError as error:
            raise OperatorError(f"{error} (RUTA_AMQP_URL, RUTA_MANAGEMENT_URL)") from None

    def stop(self) -> None:
        """Stop what was started, and let go of the state directory."""
        with self._held:
            self._stop_servers()

    def _stop_servers(self) -> None:
        for server in reversed(self.servers):
            server.stop()

    @property
    def postgres_admin_url(self) -> str:
        """PostgreSQL as a user who may make databases and roles."""
        if self._database_address is not None:
            return self._database_address.url
        if self.postgres is None:
            raise OperatorError("The stack has not been started.")
        return self.postgres.url

    @property
    def management_url(self) -> str:
        """RabbitMQ's management interface as an administrator, `http://user:password@host:port`.

        Where no address of it is given it is on each of the broker's hosts, at its usual port.
        """
        if self._broker_address is None:
            if self.broker is None:
                raise OperatorError("The stack has not been started.")
            return self.broker.management_url
        if self._management_address is not None:
            return self._management_address.url
        scheme = "https" if self._broker_address.scheme == "amqps" else "http"
        port = addresses.MANAGEMENT[scheme]
        hosts = tuple(dict.fromkeys(host._replace(port=port) for host in self._broker_address.hosts))
        return replace(self._broker_address, scheme=scheme, hosts=hosts, path=None, query=None).url

    @property
    def management(self) -> Management:
        """RabbitMQ's management interface."""
        return Management(self.management_url)

    def amqp_url(self, user: str, vhost: str) -> str:
        """The broker as one of the declared users, with all of its hosts in one address."""
        return self._amqp_address(user, vhost).url

    def amqp_urls(self, user: str, vhost: str) -> list[str]:
        """The same as an address for each host, for clients that know no address with several."""
        return self._amqp_address(user, vhost).urls

    def _amqp_address(self, user: str, vhost: str) -> Address:
        if self._broker_address is not None:
            server = self._broker_address
        else:
            server = Address("amqp", (Host("127.0.0.1", self.broker.amqp_port),) if self.broker is not None else ())
        return replace(server, user=user, password=self.state.password(user), path=vhost, query=None)

    @cached_property
    def http_listens(self) -> str:
        """`host:port` where the entrance by HTTP listens as long as this stack is there. Raises OperatorError."""
        return entrance.listen_address(self.state, self.environment)

    @property
    def http_url(self) -> str:
        """The address by which partners reach it."""
        return entrance.url(self.http_listens, self.environment)

    @cached_property
    def console_listens(self) -> str:
        """`host:port` where the console listens as long as this stack is there. Raises OperatorError."""
        return entrance.listen_address(self.state, self.environment, entrance.CONSOLE)

    @cached_property
    def metrics_listen(self) -> str:
        """`host:port` where metrics are told as long as this stack is there, on loopback. Raises OperatorError."""
        listens = entrance.listen_address(self.state, self.environment, entrance.METRICS)
        if not ipaddress.ip_address(listens.rpartition(":")[0].strip("[]")).is_loopback:
            raise OperatorError("RUTA_METRICS_LISTEN has to be an address of this machine's loopback.")
        return listens

    @property
    def metrics_targets(self) -> list[dict[str, Any]]:
        """Where Prometheus collects metrics, as its `file_sd_configs` has it."""
        targets = [{"targets": [self.metrics_listen], "labels": {"job": "ruta"}}]
        if self.broker is not None:
            at = f"127.0.0.1:{self.broker.metrics_port}"
            targets.append({"targets": [at], "labels": {"job": "rabbitmq"}})
        return targets

    @property
    def console_url(self) -> str:
        """The address by which staff reach it."""
        return entrance.url(self.console_listens, self.environment, entrance.CONSOLE)

    def service_database_url(self, service: str) -> str:
        """The database of a service, as the service's own role; its hosts and settings are the administrator's."""
        server = addresses.read(self.postgres_admin_url, addresses.DATABASE)
        # libpq takes a user and a database from the query, too; these are the administrator's.
        settings = [one for one in (server.query or "").split("&") if one.partition("=")[0] not in OF_ADMINISTRATOR]
        password = self.state.password(f"postgres {service}")
        return replace(
            server, scheme="postgresql", user=service, password=password, path=service, query="&".join(settings)
        ).url

    def operator_database_url(self, service: str) -> str:
        """The same as the login of who mends there (`provide_operator`)."""
        return self._database_url_as(operator_role(service), service)

    def log_reader_database_url(self, log: str) -> str:
        """The same of the message log, as the login of who shows it (`provide_log_reader`)."""
        return self._database_url_as(reader_role(log), log)

    def refusals_database_url(self, gateway: str) -> str:
        """The same of the gateway, as the login of who logs what was refused by HTTP (`provide_refusals_reader`)."""
        return self._database_url_as(reader_role(gateway), gateway)

    def _database_url_as(self, role: str, service: str) -> str:
        server = addresses.read(self.service_database_url(service), addresses.DATABASE)
        return replace(server, scheme="postgresql", user=role, password=self.state.password(f"postgres {role}")).url

    def connect_as_administrator(self) -> database.Connection:
        """A connection that may make databases and roles, in autocommit; it waits for nothing without an end."""
        connection = database.connect(self.postgres_admin_url, answer_within=ADMINISTERED_WITHIN)
        connection.autocommit = True
        return connection

    @contextlib.contextmanager
    def _administering(self, service: str) -> Iterator[database.Connection]:
        """Such a connection, for the database of a service; what fails on it is a OperatorError."""
        try:
            with self.connect_as_administrator() as connection:
                yield connection
        except psycopg.Error as error:
            raise OperatorError(
                f"PostgreSQL could not look after the database of {service}: {_first_line(error)}."
            ) from None

    def create_database(self, service: str) -> str:
        """Make the database and role of a service unless they are there; returns `service_database_url(service)`.

        Raises OperatorError.
        """
        name, password = sql.Identifier(service), sql.Literal(self.state.password(f"postgres {service}"))
        with self._administering(service) as connection:
            if connection.execute("select from pg_roles where rolname = %s", [service]).fetchone() is None:
                connection.execute(sql.SQL("create role {}").format(name))
            connection.execute(sql.SQL("alter role {} login password {}").format(name, password))
            if connection.execute("select from pg_database where datname = %s", [service]).fetchone() is None:
                connection.execute(sql.SQL("create database {}").format(name))
            # Only who may act as the new owner may hand a database over; a superuser may anyway.
            connection.execute(sql.SQL("grant {} to current_user").format(name))
            connection.execute(sql.SQL("alter database {} owner to {}").format(name, name))
            connection.execute(sql.SQL("revoke all on database {} from public").format(name))
        return self.service_database_url(service)

    def provide_operator(self, service: str, *, acts: bool) -> str:
        """Make the login of who mends what is parked in a database that is up to date; its address is returned.

        It sees the views of the schema `operators` but those that say of each message whose it is, and nothing else,
        has what was published said again, and calls the other functions there where it `acts`. Raises OperatorError.
        """
        of_its_own = OPERATORS_DO_NOT_SEE + (OF_THE_GATEWAY if service == GATEWAY else [])
        grants = OPERATORS_SEE + (OPERATORS_ACT if acts else []) + of_its_own
        self._provide_login(service, operator_role(service), grants, vouches=service == GATEWAY)
        return self.operator_database_url(service)

    def provide_log_reader(self, log: str) -> str:
        """Make the login of who shows the message log in a database that is up to date; its address is returned.

        It reads what every operator may see, and writes nothing but why it has something opened; for what it reads the
        log vouches to the gateway. Raises OperatorError.
        """
        self._provide_login(log, reader_role(log), READERS_SEE, vouches=True)
        return self.log_reader_database_url(log)

    def provide_refusals_reader(self, gateway: str) -> str:
        """Make the login of who logs what was refused by HTTP in the gateway's database, if that is up to date.

        Its address is returned. It reads that, and writes nothing. Raises OperatorError.
        """
        self._provide_login(gateway, reader_role(gateway), LOG_SEES)
        return self.refusals_database_url(gateway)

    def _provide_login(self, service: str, name: str, grants: list[LiteralString], *, vouches: bool = False) -> None:
        role, password = sql.Identifier(name), sql.Literal(self.state.password(f"postgres {name}"))
        with self._administering(service) as connection:
            if connection.execute("select from pg_roles where rolname = %s", [name]).fetchone() is None:
                connection.execute(sql.SQL("create role {}").format(role))
            connection.execute(sql.SQL("alter role {} login password {}").format(role, password))
        try:
            with database.connect(self.service_database_url(service)) as connection:  # the owner of what is granted
                for grant in grants:
                    connection.execute(sql.SQL(grant).format(role=role, database=sql.Identifier(service)))
                if vouches:
                    key = hashlib.sha256(self.state.password("vouching key").encode()).digest()
                    connection.execute(HAVE_KEY, (key,))
        except psycopg.Error as error:
            raise OperatorError(f"{name} cannot be let into the database of {service}: {_first_line(error)}.") from None

    def has_database(self, service: str) -> bool:
        """Whether the database of a service has been made. Raises OperatorError."""
        with self._administering(service) as connection:
            return connection.execute("select from pg_database where datname = %s", [service]).fetchone() is not None

    def drop_database(self, service: str) -> None:
        """Remove the database and role of a service, and whoever is connected to it. Raises OperatorError."""
        with self._administering(service) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(service)))
            for role in (operator_role(service), reader_role(service), service):
                connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(role)))

    def provision_broker(self, network: DeclaredNetwork) -> None:
        """Make the broker agree with the declared network; doing it again changes nothing.

        The user that a killed repair has left, which may speak under any name, is removed.
        """
        provision_broker(self.management, network, {user: self.state.password(user) for user in network.users})
        if not self.state.is_being_repaired() and REPAIRER in {one["name"] for one in self.management.get("users")}:
            self.management.delete(f"users/{REPAIRER}")


def operator_role(service: str) -> str:
    """The role that operators log in with at the database of a service."""
    return f"{service}_operator"


def reader_role(name: str) -> str:
    """The role that reads the message log for pages, or the gateway's refusals for the message log."""
    return f"{name}_reader"


def _first_line(error: psycopg.Error) -> str:
    """What follows it may quote a statement, and a password in it."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _read(environment: Mapping[str, str], variable: str, ports: Mapping[str, int]) -> Address | None:
    """The address that a variable names; None when it is not set."""
    if not environment.get(variable):
        return None
    try:
        return addresses.read(environment[variable], ports)
    except AddressError as error:
        raise OperatorError(f"{variable} cannot be read: {error}.") from None
