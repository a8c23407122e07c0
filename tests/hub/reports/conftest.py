"""The reports service on a real PostgreSQL: batches of facts go in as the runtime applies them; reports come out."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.local import Stack
from hub.reports import report
from hub.reports.rules.asked import Asked
from hub.reports.rules.sheets import Sheet
from hub.reports.service import ReportsService
from messaging import clock, database
from messaging.migrate import migrate
from tests.hub.read_service import ReadService

FOLDER = Path(report.__file__).parent
TODAY = datetime(2023, 3, 2, 9, 0, tzinfo=UTC)


class Reports(ReadService):
    """The service, its database, and the reports that are read from it."""

    def __init__(self, url: str) -> None:
        super().__init__(url, ReportsService, FOLDER)

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
    service.forget()
