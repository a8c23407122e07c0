"""Employment on a real PostgreSQL, without a broker; what is numbered reaches it with its number."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

import contracts
from contracts import Draft, Message
from messaging import database
from messaging.database import Connection
from messaging.transaction import Transaction
from services.employment.service import EmploymentService
from tests.services.conftest import Clock, ServiceUnderTest


class EmploymentUnderTest(ServiceUnderTest):
    """The service, with the shortest words for what the tests ask of it."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        super().__init__(EmploymentService(), connection, clock)
        self.connection = connection

    def be_told(self, data: Any, *, sequence: int | None = None) -> list[Message[Any]]:
        """Let the service have what the hub says; return what it says then."""
        contract = contracts.contract_of(data)
        subject = str(getattr(data, contract.about or ""))
        draft = Draft(data, subject, sequence=sequence)
        message = contracts.stamp(draft, source="hub", time=self.clock.now)
        message = contracts.upcast(contracts.parse(message.to_json()))
        drafts = self._handlers[type(message.data)](self.tx, message)
        self.tx.keep()
        return self._published(drafts)

    def tick(self, handler: str = "tell_follow_ups") -> list[Message[Any]]:
        """Tell the follow-ups that are due, once."""
        return super().tick(handler)

    def commit(self) -> None:
        """Let other connections see what the service has kept."""
        self.tx.flush()
        self.connection.commit()
        self.tx = Transaction(self.connection)

    def roll_back(self) -> None:
        """Keep nothing of it."""
        self.connection.rollback()
        self.tx = Transaction(self.connection)

    def _published(self, drafts: Sequence[Draft]) -> list[Message[Any]]:
        return [contracts.stamp(draft, source=draft.source or "hub", time=self.clock.now) for draft in drafts]


@pytest.fixture(scope="session")
def employment_database(database_of: Callable[[str], str]) -> str:
    return database_of("employment")


@pytest.fixture
def employment(employment_database: str, hub_clock: Clock) -> Iterator[EmploymentUnderTest]:
    with database.connect(employment_database) as connection:
        service = EmploymentUnderTest(connection, hub_clock)
        yield service
        service.check_constraints()
        connection.rollback()


@pytest.fixture
def committed(
    employment_database: str, hub_clock: Clock, employment: EmploymentUnderTest
) -> Iterator[EmploymentUnderTest]:
    """The service once more, in a process that commits; what it has kept is gone afterwards."""
    with database.connect(employment_database) as connection:
        yield EmploymentUnderTest(connection, hub_clock)
        connection.rollback()
        employment.roll_back()  # it holds locks
        connection.execute(
            "truncate employer, agreement, vacancy, participation, delivery, candidacy, follow_up, entrepreneur, "
            "mentoring_session, seed_grant, business_follow_up, referral"
        )
        connection.commit()
