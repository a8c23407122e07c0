"""The hub's services with their real runtimes on real databases; messages are carried between them without a broker."""

import inspect
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

import contracts
from contracts import Message
from deploy.local import Stack
from hub.reports.service import ReportsService
from messaging import database, erasure, outbox, topology
from messaging.migrate import migrate
from messaging.outbox import Committed
from messaging.runtime import Delivery, Runtime
from services.employment.service import EmploymentService
from services.events.service import EventsService
from services.intake.service import IntakeService
from services.referrals.service import ReferralsService
from tests.examples import say

ROOT = Path(__file__).parents[2]

SERVICES: Mapping[str, type] = {
    "intake": IntakeService,
    "referrals": ReferralsService,
    "events": EventsService,
    "employment": EmploymentService,
    "reports": ReportsService,
}
TIMED = (("intake", "propose_matches"), ("intake", "remind_of_requests"), ("referrals", "run_deadlines"))


class Node:
    """One service, its runtime and its database."""

    def __init__(self, name: str, url: str) -> None:
        service_class = SERVICES[name]
        handlers = {
            method.handles: method
            for _, method in inspect.getmembers(service_class, inspect.isfunction)
            if hasattr(method, "handles")
        }
        self.url = url
        self.service = service_class()
        self.runtime = Runtime(f"{name}-test", url, handlers)

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


class WholeNetwork:
    """The five services, and what each organisation has been sent."""

    def __init__(self, stack: Stack, name: str) -> None:
        """`name` tells its databases from those of another."""
        declared = topology.read().services
        self._reads = {name: set(declared[name].reads) for name in SERVICES}
        self.inboxes: dict[str, list[Message[Any]]] = defaultdict(list)
        self.nodes: dict[str, Node] = {}
        for service in SERVICES:
            stack.drop_database(f"{name}_{service}")  # should it have been told before
            url = stack.create_database(f"{name}_{service}")
            migrate(url, ROOT / ("hub" if service == "reports" else "services") / service)
            self.nodes[service] = Node(service, url)

    def says(self, source: str, *data: Any) -> None:
        """Let an organisation say something, and everything that follows from it happen."""
        for one in data:
            message = say(one, source=source)
            self._route(f"{message.type}", message.to_json())

    def hand_over(self, name: str, *bodies: bytes) -> None:
        """Put bytes into a service's queue as they are."""
        node = self.nodes[name]
        deliveries = [Delivery(tag, body, redelivered=False) for tag, body in enumerate(bodies, 1)]
        self._carry(node, node.runtime.apply(node.service, deliveries))

    def tick(self) -> None:
        """Run every timed handler, and try what is parked and due."""
        for name, handler in TIMED:
            node = self.nodes[name]
            committed = node.runtime.tick(getattr(node.service, handler))
            self._carry(node, [] if committed is None else [committed])
        for node in self.nodes.values():
            self._carry(node, node.runtime.retry(node.service))

    def keep_house(self) -> None:
        """Do what each service's relay does when it keeps house."""
        for node in self.nodes.values():
            with database.connect(node.url) as connection:
                erasure.carry_out(connection)

    def close(self) -> None:
        for node in self.nodes.values():
            node.runtime.close()

    def _carry(self, node: Node, committed: list[Committed]) -> None:
        for one in committed:
            for publication in one.publications:
                self._route(publication.routing_key, publication.body)
            with database.connect(node.url) as connection:
                outbox.mark(connection, one.writer, one.position)

    def _route(self, key: str, body: bytes) -> None:
        if key.startswith("to."):
            self.inboxes[key.split(".")[1]].append(contracts.parse(body))
            return
        for name, reads in self._reads.items():
            if key.rpartition(".v")[0] in reads:
                self.hand_over(name, body)
