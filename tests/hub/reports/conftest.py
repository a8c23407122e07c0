"""The reports service on a real PostgreSQL: batches of facts go in as the runtime applies them; reports come out."""

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import contracts
from contracts import Message
from deploy.local import Stack
from hub.reports import report
from hub.reports.rules.asked import Asked
from hub.reports.rules.sheets import Sheet
from hub.reports.service import ReportsService
from messaging import clock, database
from messaging.migrate import migrate
from messaging.runtime import Delivery, Runtime
from tests.examples_reports import says

FOLDER = Path(report.__file__).parent
TODAY = datetime(2023, 3, 2, 9, 0, tzinfo=UTC)


class Reports:
    """The service, its database, and the reports that are read from it."""

    def __init__(self, url: str) -> None:
        self.url = url
        handlers = {
            method.handles: method
            for _, method in inspect.getmembers(ReportsService, inspect.isfunction)
            if hasattr(method, "handles")
        }
        self._runtime = Runtime("reports-test", url, handlers)

    def hear(self, *facts: Any, **how: Any) -> list[str]:
        """Let the service have facts, as one batch; return the codes that it refuses with."""
        messages = [fact if isinstance(fact, Message) else says(fact, **how) for fact in facts]
        deliveries = [Delivery(tag, one.to_json(), redelivered=False) for tag, one in enumerate(messages, 1)]
        committed = self._runtime.apply(ReportsService(), deliveries)
        while self._runtime.waiting_may_go_on:
            committed += self._runtime.retry(ReportsService())
        return [contracts.parse(one.body).data.code for part in committed for one in part.publications]

    def waiting(self) -> list[tuple[str, str]]:
        """Why messages wait, and for what."""
        with database.connect(self.url) as connection:
            rows = connection.execute("select reason, waiting_for from parked where state = 'waiting'").fetchall()
        return [(row["reason"], row["waiting_for"]) for row in rows]

    def ask(self, make: Callable[..., Any], **asked: str) -> Any:
        """Make one report."""
        with database.connect(self.url) as connection:
            return make(connection, Asked(**asked))

    def counted(self, label: str) -> Any:
        """What the accountability report counts of the figure whose label holds these words."""
        result = self.ask(report.accountability)
        (figure,) = [one for one in result.figures if label in one.figure.label]
        return figure.counted

    def rows(self, make: Callable[..., Sheet], *columns: str, **asked: str) -> list[tuple[Any, ...]]:
        """These columns of a report's rows."""
        sheet = self.ask(make, **asked)
        places = [[column.name for column in sheet.columns].index(name) for name in columns]
        return [tuple(row[place] for place in places) for row in sheet.rows]

    def tables(self) -> dict[str, list[database.Row]]:
        """Everything that the service has kept, by table."""
        with database.connect(self.url) as connection:
            return {name: connection.execute(f"select * from {name}").fetchall() for name in own_tables(connection)}

    def close(self) -> None:
        self._runtime.close()


def own_tables(connection: database.Connection) -> list[str]:
    """The service's tables, without the runtime's."""
    sql = "".join(file.read_text() for file in (FOLDER / "migrations").glob("*.sql"))
    rows = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
    return [row["tablename"] for row in rows if f"create table {row['tablename']} (" in sql]


@pytest.fixture(scope="session")
def service(stack: Stack) -> Iterator[Reports]:
    url = stack.create_database("test_reports")
    migrate(url, FOLDER)
    service = Reports(url)
    yield service
    service.close()


@pytest.fixture
def reports(service: Reports, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reports]:
    """The service with nothing in its tables, on the second of March 2023."""
    monkeypatch.setattr(clock, "now", lambda: TODAY)
    yield service
    with database.connect(service.url) as connection:
        for table in (*own_tables(connection), "inbox", "parked"):  # quicker than to truncate so many
            connection.execute(f"delete from {table}")
