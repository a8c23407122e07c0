"""The hub's services with their real runtimes on real databases; messages are carried between them without a broker."""

import inspect
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

import contracts
from contracts import Message
from deploy.local import Stack
from hub.console.inbox import storing
from hub.console.service import ConsoleService
from hub.gateway import courier, keeping, ledger
from hub.reports.service import ReportsService
from messaging import database, erasure, outbox, topology
from messaging.broker import Publication
from messaging.migrate import migrate
from messaging.outbox import Committed
from messaging.runtime import Delivery, Runtime
from services.employment.service import EmploymentService
from services.events.service import EventsService
from services.intake.service import IntakeService
from services.referrals.service import ReferralsService
from tests.examples import say
from tests.services.databases import make_tables

ROOT = Path(__file__).parents[2]

SERVICES: Mapping[str, type] = {
    "intake": IntakeService,
    "referrals": ReferralsService,
    "events": EventsService,
    "employment": EmploymentService,
    "reports": ReportsService,
}
CONSOLE = "console"
TIMED = (("intake", "propose_matches"), ("intake", "remind_of_requests"), ("referrals", "run_deadlines"))


class Database:
    """A database, looked at and changed from outside."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, sql: Any, *params: object) -> list[database.Row]:
        with database.connect(self.url) as connection:
            return connection.execute(sql, params).fetchall()

    def execute(self, sql: Any, *params: object) -> None:
        with database.connect(self.url) as connection:
            connection.execute(sql, params)

    def tables(self) -> Iterator[tuple[str, list[database.Row]]]:
        """Every table with all its rows, the runtime's and the parts of a divided one included."""
        with database.connect(self.url) as connection:
            names = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
            for name in sorted(row["tablename"] for row in names):
                quoted = psycopg.sql.Identifier(name)
                yield name, connection.execute(psycopg.sql.SQL("select * from {}").format(quoted)).fetchall()


class Node(Database):
    """One service, its runtime and its database."""

    def __init__(self, name: str, url: str) -> None:
        service_class = {**SERVICES, CONSOLE: ConsoleService}[name]
        handlers = {
            method.handles: method
            for _, method in inspect.getmembers(service_class, inspect.isfunction)
            if hasattr(method, "handles")
        }
        super().__init__(url)
        self.service = service_class()
        self.runtime = Runtime(f"{name}-test", url, handlers, service=name)


class GatewayDatabase(Database):
    """The gateway's: what comes in by HTTP stands in its outbox, and the courier keeps what goes out."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._organisations = topology.read().organisations

    def submit(self, message: Message[Any]) -> None:
        """Keep a message as one that came by HTTP and has gone out, with its subject in a form of its sender's."""
        body = message.to_json().replace(message.subject.encode(), message.subject.upper().encode())
        with database.connect(self.url) as connection:
            writer = outbox.open_writer(connection, "gateway-http")
            key = topology.submitted_key(message.source, None, message.type)
            out = [Publication("hub", key, body, message.id)]
            written = outbox.write(connection, writer, out, outbox.Tally())
            connection.commit()
            outbox.mark(connection, writer, written().position)

    def keep_house(self) -> None:
        self.execute("update outbox set recorded_at = recorded_at - interval '11 minutes'")
        with database.connect(self.url) as connection:
            keeping.keep(connection, "submitted bodies", topology.read().services)

    def take(self, key: str, body: bytes) -> None:
        """Take what the queue `ledger` is bound to."""
        if key.startswith(("to.", "messages.processed.", "person.erased.")):
            with database.connect(self.url) as connection:
                courier.write(connection, [ledger.Entry(key, body)], self._organisations)


class WholeNetwork:
    """The five services, the gateway's database, and what each organisation has been sent.

    Where there are organisations that have the hub's console, it as well, with their inboxes.
    """

    def __init__(self, stack: Stack, name: str, hosted: Collection[str] = ()) -> None:
        """`name` tells its databases from those of another."""
        declared, services = topology.read().services, [*SERVICES, *([CONSOLE] if hosted else [])]
        self._hosted = frozenset(hosted)
        self._reads = {name: set(declared[name].reads) for name in services}
        self.inboxes: dict[str, list[Message[Any]]] = defaultdict(list)
        self.nodes: dict[str, Node] = {}
        for service in services:
            stack.drop_database(f"{name}_{service}")  # should it have been told before
            url = stack.create_database(f"{name}_{service}")
            make_tables(url, ROOT / ("services" if service not in ("reports", CONSOLE) else "hub") / service)
            self.nodes[service] = Node(service, url)
        stack.drop_database(f"{name}_gateway")
        url = stack.create_database(f"{name}_gateway")
        migrate(url, ROOT / "hub" / "gateway")
        self.gateway = GatewayDatabase(url)

    def says(self, source: str, *data: Any) -> None:
        """Let an organisation say something, and everything that follows from it happen."""
        for one in data:
            message = say(one, source=source)
            self.gateway.submit(message)
            self._route(f"{message.type}", message.to_json())

    def hand_over(self, name: str, *bodies: bytes) -> None:
        """Put bytes into a service's queue as they are."""
        node = self.nodes[name]
        deliveries = [Delivery(tag, body, redelivered=False) for tag, body in enumerate(bodies, 1)]
        self._carry(node, node.runtime.apply(node.service, deliveries))

    def bring(self, organisation: str, body: bytes) -> None:
        """Let the console keep what an organisation that has it is sent."""
        with database.connect(self.nodes[CONSOLE].url) as connection:
            storing.keep(connection, organisation, [body])

    def tick(self) -> None:
        """Run every timed handler, and try what is parked and due."""
        for name, handler in TIMED:
            node = self.nodes[name]
            committed = node.runtime.tick(getattr(node.service, handler))
            self._carry(node, [] if committed is None else [committed])
        for node in self.nodes.values():
            self._carry(node, node.runtime.retry(node.service))

    def keep_house(self) -> None:
        """Do what each service's relay does when it keeps house, and the courier, some time later."""
        for one in self.databases().values():
            with database.connect(one.url) as connection:
                erasure.carry_out(connection)
        self.gateway.keep_house()

    def close(self) -> None:
        for node in self.nodes.values():
            node.runtime.close()

    def _carry(self, node: Node, committed: list[Committed]) -> None:
        for one in committed:
            for publication in one.publications:
                self._route(publication.routing_key, publication.body)
            with database.connect(node.url) as connection:
                outbox.mark(connection, one.writer, one.position)

    def databases(self) -> dict[str, Database]:
        """All of them, by whose they are."""
        return {**self.nodes, "gateway": self.gateway}

    def _route(self, key: str, body: bytes) -> None:
        self.gateway.take(key, body)
        if key.startswith("to."):
            organisation = key.split(".")[1]
            self.inboxes[organisation].append(contracts.parse(body))
            if organisation in self._hosted:
                self.bring(organisation, body)
            return
        for name, reads in self._reads.items():
            if key.rpartition(".v")[0] in reads:
                self.hand_over(name, body)
