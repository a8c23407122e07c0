"""The table of the hub's processes: what is run, with which addresses. The one place to add a process."""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence

from deploy.local.alerting import ALERTS_FILE
from deploy.local.alerting import settings_of as alert_settings
from deploy.local.entrance import OF_CONSOLE, OF_MAIL, OF_METRICS, SETTINGS
from deploy.local.forking import SERVER, ForkedProcess, ForkServer
from deploy.local.process import Process, Program
from deploy.local.stack import Stack
from deploy.local.state import ROOT, State
from hub.console.hosting import hosted
from messaging import register
from messaging.topology import (
    CONSOLE,
    CONSOLE_WEB,
    COURIER,
    GATEWAY,
    GATEWAY_HTTP,
    HUB,
    MONITOR,
    NETWORK,
    NETWORK_FILE,
    DeclaredNetwork,
)

# How the administrator reaches real servers (deploy/local/stack.py): no business of the hub's processes.
ADMINISTRATORS = {"RUTA_DATABASE_URL", "RUTA_AMQP_URL", "RUTA_MANAGEMENT_URL"}
BY_HTTP = "hub.gateway.http.__main__"
PAGES = "hub.console.web.__main__"
LOGGING = "hub.monitor.log.__main__"
WATCHES = "deploy.local.watching"
CUSTODY, INBOX, ACTING, NOTICES = (f"hub.console.{part}.__main__" for part in ("custody", "inbox", "acting", "notices"))
WITHOUT_EVENTLET = (BY_HTTP, PAGES, WATCHES, CUSTODY, INBOX, ACTING, NOTICES)
OF_THE_LOG = ("RUTA_MONITOR_KEEP_DAYS", "RUTA_MONITOR_KEEP_BYTES", "RUTA_MONITOR_FREE_PERCENT")
NOT_THEIRS = ADMINISTRATORS | set(SETTINGS) | set(OF_CONSOLE) | set(OF_MAIL) | {OF_METRICS, ALERTS_FILE}


def hub_programs(stack: Stack, network: DeclaredNetwork) -> Iterator[Program]:
    """Every process of the hub, in the order in which they start; how they stop, `Network.stop` says."""
    outboxes = [
        {
            "service": service.name,
            "database_url": stack.service_database_url(service.name),
            "amqp_url": stack.amqp_url(service.name, HUB),
        }
        for service in network.services.values()
    ]
    outboxes.append(
        {
            "service": GATEWAY,
            "database_url": stack.service_database_url(GATEWAY),
            "amqp_url": stack.amqp_url(GATEWAY_HTTP, HUB),
        }
    )
    yield program(stack.state, "relay", ["messaging.relay"], {"RELAY_OUTBOXES": json.dumps(outboxes)})
    directory = {"RUTA_DIRECTORY_FILE": str(stack.state.directory_file)}
    hub_key = {"HUB_PRIVATE_KEY_FILE": str(stack.state.organisations / "hub" / "private.jwk")}
    # Who seals what it refers for an organisation, and who asks whom others have sealed something to.
    keys = {"intake": hub_key | directory, "referrals": directory}
    for service in network.services.values():
        own = {
            "SERVICE_NAME": service.name,
            "SERVICE_DATABASE_URL": stack.service_database_url(service.name),
            "SERVICE_AMQP_URL": stack.amqp_url(service.name, HUB),
            "RUTA_BROKER_CLOCK_URL": without_users(stack.management_url),
            **({"SERVICE_PARALLEL": "true"} if service.parallel else {}),
        }
        addresses = own | keys.get(service.name, {})
        for name in service.process_names:
            module = ["messaging.run", f"{service.package}.service"]
            yield program(stack.state, name, module, addresses | {"SERVICE_NAME": name})
    yield from programs_of_hosted(stack, network)
    who = {"RUTA_NETWORK_FILE": str(NETWORK_FILE), "RUTA_ORGANISATIONS_FILE": str(stack.state.organisations_file)}
    addresses = {
        "GATEWAY_NETWORK_AMQP_URL": stack.amqp_url(GATEWAY, NETWORK),
        "GATEWAY_HUB_AMQP_URL": stack.amqp_url(GATEWAY, HUB),
        "RUTA_BROKER_CLOCK_URL": without_users(stack.management_url),
        **who,
        **directory,
    }
    yield program(stack.state, GATEWAY, ["hub.gateway.__main__"], addresses)
    tables = {"GATEWAY_DATABASE_URL": stack.service_database_url(GATEWAY), **who}
    addresses = tables | {
        "GATEWAY_HUB_AMQP_URL": stack.amqp_url(COURIER, HUB),
        "GATEWAY_AUDIT_DIRECTORY": str(stack.state.audit),
    }
    yield program(stack.state, COURIER, ["hub.gateway.courier"], addresses)
    yield program(stack.state, MONITOR, [LOGGING], _of_the_log(stack))
    addresses = tables | {
        "GATEWAY_HUB_AMQP_URL": stack.amqp_url(GATEWAY_HTTP, HUB),
        "GATEWAY_HTTP_LISTEN": stack.http_listens,
        "RUTA_DIRECTORY_FILE": str(stack.state.directory_file),
        **{name: stack.environment[name] for name in SETTINGS if name in stack.environment},
    }
    yield program(stack.state, GATEWAY_HTTP, [BY_HTTP], addresses)
    addresses = {
        "CONSOLE_DATABASE_URL": stack.service_database_url(CONSOLE),
        "CONSOLE_LISTEN": stack.console_listens,
        "CONSOLE_KEY_FILE": str(stack.state.console_key_file),
        "CONSOLE_AUDIT_DIRECTORY": str(stack.state.console_audit),
        "CONSOLE_CUSTODY_SOCKET": str(stack.state.custody_socket),
        "CONSOLE_ALERTS_BOOK": str(stack.state.alerts_book),
        "MONITOR_DATABASE_URL": stack.log_reader_database_url(MONITOR),
        "CONSOLE_OPERATORS": json.dumps(
            {name: stack.operator_database_url(name) for name in (*network.services, GATEWAY, CONSOLE, MONITOR)}
        ),
        **who,
        **directory,
        **{name: stack.environment[name] for name in OF_CONSOLE if name in stack.environment},
        **({"RUTA_SMTP_FROM": stack.environment["RUTA_SMTP_FROM"]} if sends_mail(stack) else {}),
    }
    yield program(stack.state, CONSOLE_WEB, [PAGES], addresses)
    yield program(stack.state, "alerts", [WATCHES], addresses_of_alerts(stack))
    if sends_mail(stack):
        addresses = {
            "CONSOLE_DATABASE_URL": stack.service_database_url(CONSOLE),
            "CONSOLE_KEY_FILE": str(stack.state.console_key_file),
            "RUTA_CONSOLE_URL": stack.console_url,
            **who,
            **{name: stack.environment[name] for name in OF_MAIL},
        }
        yield program(stack.state, "console-notices", [NOTICES], addresses)


def addresses_of_alerts(stack: Stack) -> dict[str, str]:
    """What tells of alerts has: where it says what it sees, and by which mail server it tells, where it is to.

    Everything else it reads as `./ruta status` does, from the state directory.
    """
    environment = stack.environment
    tells_by_mail = bool(alert_settings(environment).notify.mail)
    return {
        OF_METRICS: stack.metrics_listen,
        **({ALERTS_FILE: environment[ALERTS_FILE]} if environment.get(ALERTS_FILE) else {}),
        **{name: environment[name] for name in OF_MAIL if tells_by_mail and name in environment},
    }


def _of_the_log(stack: Stack) -> dict[str, str]:
    return {
        "MONITOR_DATABASE_URL": stack.service_database_url(MONITOR),
        "MONITOR_HUB_AMQP_URL": stack.amqp_url(MONITOR, HUB),
        "MONITOR_GATEWAY_DATABASE_URL": stack.refusals_database_url(GATEWAY),
        # The disk of a server that is not our own nobody sees from here.
        **({"MONITOR_DATA_DIRECTORY": str(stack.postgres.data)} if stack.postgres is not None else {}),
        **{name: stack.environment[name] for name in OF_THE_LOG if name in stack.environment},
    }


def sends_mail(stack: Stack) -> bool:
    """Whether the operator has said by which server, and from whom."""
    return all(stack.environment.get(name) for name in OF_MAIL)


def programs_of_hosted(stack: Stack, network: DeclaredNetwork) -> Iterator[Program]:
    """The processes of organisations that use the hub's screens; none where nobody does.

    Custody is forked as the others are: it shares with them what was imported, and reads its keys after that.
    """
    state = stack.state
    known = register.read(state.organisations_file, network) if state.organisations_file.exists() else network
    if not hosted(known.organisations):
        return
    own = {
        "CONSOLE_DATABASE_URL": stack.service_database_url(CONSOLE),
        "RUTA_NETWORK_FILE": str(NETWORK_FILE),
        "RUTA_ORGANISATIONS_FILE": str(state.organisations_file),
    }
    custody = own | {
        "CONSOLE_KEY_FILE": str(state.console_key_file),
        "CONSOLE_AUDIT_DIRECTORY": str(state.console_audit),
        "CONSOLE_CUSTODY_SOCKET": str(state.custody_socket),
        "CONSOLE_CUSTODY_KEYS": str(state.organisations),
        "RUTA_DIRECTORY_FILE": str(state.directory_file),
    }
    by_http = own | {"CONSOLE_CREDENTIALS": str(state.organisations)}
    yield program(state, "console-custody", [CUSTODY], custody)
    yield program(state, "console-inbox", [INBOX], by_http)
    yield program(state, "console-acting", [ACTING], by_http)


def without_users(urls: str) -> str:
    """Addresses, by commas, without who is to come there: `http://user:password@host:port` is `http://host:port`."""
    return ",".join(re.sub("//.*@", "//", url) for url in urls.split(","))


class ForkServers:
    """What the hub's processes are forked from, which has no addresses: one has eventlet in it, the other has not."""

    def __init__(self, state: State, network: DeclaredNetwork) -> None:
        services = [f"{service.package}.service" for service in network.services.values()]
        of_the_hub = ["messaging.relay", "hub.gateway.__main__", "hub.gateway.courier", LOGGING]
        modules = {
            "forkserver": ["messaging.run", *of_the_hub, *services],  # messaging.run has to be the first
            "forkserver-http": [*WITHOUT_EVENTLET],
        }
        self.all = [
            ForkServer(program(state, name, [SERVER], {}, beats=False), imported) for name, imported in modules.items()
        ]

    def start(self) -> None:
        """Start those that do not run, without waiting until they are ready."""
        for server in self.all:
            server.start()

    def stop(self) -> None:
        """End them; what they have forked goes on."""
        for server in self.all:
            server.stop()

    def process(self, program: Program) -> Process:
        """A process, not started yet; what names a module is forked from the one that it is for."""
        if not program.module:
            return Process(program)
        of_eventlet, without = self.all
        return ForkedProcess(program, without if program.module[0] in WITHOUT_EVENTLET else of_eventlet)


def program(
    state: State, name: str, module: Sequence[str], addresses: Mapping[str, str], *, beats: bool = True
) -> Program:
    """A process that runs one of our modules, with its addresses in its environment and its log in the state.

    `beats`: it says that it goes on (messaging/health.py).
    """
    health = state.health / f"{name}.json" if beats else None
    return Program(
        name=name,
        command=[sys.executable, "-P", "-m", *module],
        module=module,
        environment={
            **{variable: value for variable, value in os.environ.items() if variable not in NOT_THEIRS},
            **addresses,
            **({"RUTA_HEALTH_FILE": str(health)} if health else {}),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "RUTA_STATE": str(state.directory),
        },
        log=state.logs / f"{name}.log",
        health=health,
    )
