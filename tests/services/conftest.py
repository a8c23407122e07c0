"""The services on a real PostgreSQL, without a broker: a message goes in, the messages that follow come out."""

import inspect
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import contracts
from contracts import Message, sealing
from contracts.codes import Power
from deploy.local import Stack
from messaging import clock, database
from messaging.database import Connection, Row
from messaging.transaction import Transaction, transaction
from services.events import service as events_service
from services.intake import service as intake_service
from services.referrals import service as referrals_service
from services.referrals import store
from tests.examples import NOW, RECIPIENT, a_consent, a_service, organisation_recorded, say
from tests.services.databases import make_tables

SERVICES = Path(__file__).parents[2] / "services"


class Clock:
    """The hub's clock, standing still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW


class ServiceUnderTest:
    """One service and an open transaction on its database; nothing of a test is ever committed."""

    def __init__(self, service: object, connection: Connection, clock: Clock) -> None:
        self.service = service
        self.tx = Transaction(connection)
        self.clock = clock
        self._handlers = {
            method.handles: method
            for _, method in inspect.getmembers(service, inspect.ismethod)
            if hasattr(method, "handles")
        }

    def hear(self, data: Any, *, source: str = "redcross", said_at: datetime | None = None) -> list[Message[Any]]:
        """Let the service have a message, as the runtime would; return what it says then, as it would be published.

        What it refuses, or what is out of order, leaves nothing behind.
        """
        message = say(data, source=source, time=said_at or self.clock.now)
        try:
            drafts = self._handlers[type(message.data)](self.tx, message)
        except Exception:
            self.tx.undo()
            raise
        self.tx.keep()
        return [
            contracts.stamp(draft, source=draft.source or "hub", time=self.clock.now, cause=message) for draft in drafts
        ]

    def tick(self, handler: str = "run_deadlines") -> list[Message[Any]]:
        """Run a timed handler once."""
        drafts = getattr(self.service, handler)(self.tx, self.clock.now)
        self.tx.keep()
        return [contracts.stamp(draft, source=draft.source or "hub", time=self.clock.now) for draft in drafts]

    def check_constraints(self) -> None:
        """Have the database check what it would check at the commit."""
        self.tx.flush()
        self.tx.fetch("set constraints all immediate")

    def rows(self, sql: str, *params: Any) -> list[Row]:
        """Read what the service has kept."""
        return self.tx.fetch(sql, params)


class ReferralsUnderTest(ServiceUnderTest):
    """Referrals: `hear` answers what organisations are told; `facts` keeps what the hub's own services are told."""

    def __init__(self, service: object, connection: Connection, clock: Clock) -> None:
        super().__init__(service, connection, clock)
        self.facts: list[Message[Any]] = []

    def hear(self, data: Any, *, source: str = "redcross", said_at: datetime | None = None) -> list[Message[Any]]:
        return self._told(super().hear(data, source=source, said_at=said_at))

    def tick(self, handler: str = "run_deadlines") -> list[Message[Any]]:
        return self._told(super().tick(handler))

    def _told(self, messages: list[Message[Any]]) -> list[Message[Any]]:
        self.facts += [message for message in messages if message.recipient is None]
        return [message for message in messages if message.recipient is not None]


@pytest.fixture(scope="session")
def database_of(stack: Stack) -> Callable[[str], str]:
    """Make a database with a service's tables; return its address."""

    def make(service: str) -> str:
        url = stack.create_database(f"test_{service}")
        make_tables(url, SERVICES / service)
        return url

    return make


@pytest.fixture(scope="session")
def referrals_database(database_of: Callable[[str], str]) -> str:
    return database_of("referrals")


@pytest.fixture(scope="session")
def intake_database(database_of: Callable[[str], str]) -> str:
    return database_of("intake")


@pytest.fixture
def hub_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Set the hub's clock to the examples' NOW."""
    standing = Clock()
    monkeypatch.setattr(clock, "now", lambda: standing.now)
    return standing


@pytest.fixture
def referrals(referrals_database: str, hub_clock: Clock) -> Iterator[ReferralsUnderTest]:
    with database.connect(referrals_database) as connection:
        referrals = ReferralsUnderTest(referrals_service.ReferralsService(), connection, hub_clock)
        referrals.hear(organisation_recorded(RECIPIENT, powers=(Power.RUN_PROGRAMMES,)), source="hub")
        yield referrals
        connection.rollback()


@pytest.fixture
def committed(referrals_database: str) -> Iterator[str]:
    """A database of referrals in which every connection sees a service and a consent; empty again afterwards."""
    with database.connect(referrals_database) as connection:
        with transaction(connection) as tx:
            store.publish_service(tx, a_service(), {})
            store.record_consent(tx, a_consent())
        yield referrals_database
        connection.execute("truncate referral, history, service, capacity, decision, place_in_line, consent")
        connection.commit()


@pytest.fixture(scope="session")
def events_database(database_of: Callable[[str], str]) -> str:
    return database_of("events")


@pytest.fixture
def events(events_database: str, hub_clock: Clock) -> Iterator[ServiceUnderTest]:
    with database.connect(events_database) as connection:
        yield ServiceUnderTest(events_service.EventsService(), connection, hub_clock)
        connection.rollback()


@pytest.fixture(scope="session")
def hub_key() -> sealing.Key:
    return sealing.new_key()


@pytest.fixture
def intake(
    intake_database: str, hub_clock: Clock, hub_key: sealing.Key, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ServiceUnderTest]:
    monkeypatch.setattr(intake_service, "hub_key", lambda: hub_key)
    monkeypatch.setattr(intake_service, "receipt_secret", lambda: b"a secret of the tests")
    with database.connect(intake_database) as connection:
        intake = ServiceUnderTest(intake_service.IntakeService(), connection, hub_clock)
        yield intake
        intake.check_constraints()
        connection.rollback()
