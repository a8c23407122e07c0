"""A service that only reads, on a real PostgreSQL: batches of facts go in as the runtime applies them."""

import inspect
from pathlib import Path
from typing import Any

import contracts
from contracts import Message
from messaging import database
from messaging.runtime import Delivery, Runtime
from tests.examples_reports import says


class ReadService:
    """The service and its database."""

    def __init__(self, url: str, service: type, folder: Path) -> None:
        self.url = url
        self._service = service
        self._folder = folder
        handlers = {
            method.handles: method
            for _, method in inspect.getmembers(service, inspect.isfunction)
            if hasattr(method, "handles")
        }
        self._runtime = Runtime(f"{service.name}-test", url, handlers)  # type: ignore[attr-defined]

    def hear(self, *facts: Any, **how: Any) -> list[str]:
        """Let the service have facts, as one batch; return the codes that it refuses with."""
        messages = [fact if isinstance(fact, Message) else says(fact, **how) for fact in facts]
        deliveries = [Delivery(tag, one.to_json(), redelivered=False) for tag, one in enumerate(messages, 1)]
        committed = self._runtime.apply(self._service(), deliveries)
        while self._runtime.waiting_may_go_on:
            committed += self._runtime.retry(self._service())
        return [contracts.parse(one.body).data.code for part in committed for one in part.publications]

    def waiting(self) -> list[tuple[str, str]]:
        """Why messages wait, and for what."""
        with database.connect(self.url) as connection:
            rows = connection.execute("select reason, waiting_for from parked where state = 'waiting'").fetchall()
        return [(row["reason"], row["waiting_for"]) for row in rows]

    def tables(self) -> dict[str, list[database.Row]]:
        """Everything that the service has kept, by table."""
        with database.connect(self.url) as connection:
            return {name: connection.execute(f"select * from {name}").fetchall() for name in self._own(connection)}

    def _own(self, connection: database.Connection) -> list[str]:
        """The service's tables, without the runtime's."""
        sql = "".join(file.read_text() for file in (self._folder / "migrations").glob("*.sql"))
        rows = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        return [row["tablename"] for row in rows if f"create table {row['tablename']} (" in sql]

    def forget(self) -> None:
        """Have nothing in the service's tables any more, or in the runtime's."""
        with database.connect(self.url) as connection:
            for table in (*self._own(connection), "inbox", "parked"):  # quicker than to truncate so many
                connection.execute(f"delete from {table}")
            connection.commit()

    def close(self) -> None:
        self._runtime.close()
