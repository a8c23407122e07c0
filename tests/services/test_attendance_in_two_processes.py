"""One process takes over attendance while the other still commits: neither misses what the other does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import contracts
from contracts import uuid7
from messaging import database
from messaging.database import Row
from messaging.transaction import transaction
from services.events import rules
from services.events.service import EventsService
from tests.examples import NOW, PERSON_ID
from tests.examples_events import (
    JORNADA_ID,
    ORGANISER,
    PARTNER,
    attendance_recorded,
    jornada_cancelled,
    jornada_confirmed,
    jornada_planned,
)
from tests.services.conftest import Clock, ServiceUnderTest
from tests.waiting import eventually

ERASED = contracts.PersonErased(person_id=PERSON_ID, erased_at=NOW)
ANOTHER_JORNADA = uuid7()


class TwoProcesses:
    """The service twice, on one database in which two jornadas are confirmed."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url, self._clock = url, clock

    @contextmanager
    def process(self) -> Iterator[ServiceUnderTest]:
        """A process that commits at the end; it waits for its turn, as the runtime does, here as long as it takes."""
        with database.connect(self._url) as connection:
            connection.execute("set lock_timeout = 0")
            connection.execute("set statement_timeout = 0")
            connection.commit()
            with transaction(connection, in_turn=True) as tx:
                process = ServiceUnderTest(EventsService(), connection, self._clock)
                process.tx = tx
                yield process

    def hear(self, *said: tuple[Any, str]) -> None:
        """Commit what was said."""
        with self.process() as process:
            for data, source in said:
                process.hear(data, source=source)

    def rows(self, sql: str) -> list[Row]:
        """Read what is committed."""
        with database.connect(self._url) as connection:
            return connection.execute(sql).fetchall()

    def blocked(self) -> bool:
        """Whether one waits for the other."""
        return bool(
            self.rows("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
        )

    def meanwhile(self, data: Any, source: str) -> Callable[[], str | None]:
        """Begin to say something in another process, which has to wait; what is returned ends that, with the code."""
        codes: list[str | None] = []

        def say() -> None:
            try:
                self.hear((data, source))
                codes.append(None)
            except rules.Refused as refused:
                codes.append(refused.code)

        def end() -> str | None:
            thread.join()
            return codes[0]

        thread = threading.Thread(target=say)
        thread.start()
        eventually(self.blocked)
        return end


@pytest.fixture
def two(events_database: str, hub_clock: Clock) -> Iterator[TwoProcesses]:
    two = TwoProcesses(events_database, hub_clock)
    for jornada_id in (JORNADA_ID, ANOTHER_JORNADA):
        two.hear((jornada_planned(jornada_id=jornada_id), ORGANISER))
        two.hear((jornada_confirmed(jornada_id=jornada_id), ORGANISER))
    yield two
    with database.connect(events_database) as connection:
        connection.execute("truncate jornada, attendance, erased_person, history, forgotten")


def test_who_is_being_erased_is_not_recorded(two: TwoProcesses) -> None:
    with two.process() as erasing:
        erasing.hear(ERASED, source="hub")
        end = two.meanwhile(attendance_recorded(), PARTNER)
    assert end() == "person_erased"
    assert two.rows("select 1 from attendance") == []


def test_of_who_is_being_recorded_nothing_but_the_presence_outlives_the_erasure(two: TwoProcesses) -> None:
    with two.process() as recording:
        recording.hear(attendance_recorded(), source=PARTNER)  # gathered: nothing of it is in the database yet
        end = two.meanwhile(ERASED, "hub")
    assert end() is None
    assert two.rows("select present, need_ids, erased from attendance") == [
        {"present": True, "need_ids": [], "erased": True}
    ]


def test_nobody_is_present_twice(two: TwoProcesses) -> None:
    with two.process() as recording:
        recording.hear(attendance_recorded(), source=PARTNER)
        end = two.meanwhile(attendance_recorded(attendance_id=uuid7()), ORGANISER)
    assert end() == "already_present"


def test_no_jornada_is_cancelled_at_which_somebody_is_being_recorded(two: TwoProcesses) -> None:
    with two.process() as recording:
        recording.hear(attendance_recorded(), source=PARTNER)
        end = two.meanwhile(jornada_cancelled(), ORGANISER)
    assert end() == "has_attendance"
