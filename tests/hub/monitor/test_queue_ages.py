"""A queue is as old as the first message that the log has for it and its reader's inbox lacks; else nobody knows."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from contracts import uuid7
from deploy.local import Stack
from hub.monitor.log import ages, counting, keeping
from messaging import database
from messaging.database import Connection
from messaging.topology import DeclaredNetwork
from tests.hub.monitor.logging import Log

FACT = "consent.recorded.v1"  # of intake; referrals, reports and the console read it
SECOND = timedelta(seconds=1)


@dataclass
class Waited:
    """The log, and the inbox of the console's service, of which everything is rolled back after a test."""

    log: Log
    network: DeclaredNetwork
    inbox: Connection
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def come(self, ago: timedelta, *, key: str = FACT, source: str = "hub") -> UUID:
        """Have a message be logged so long ago."""
        id = uuid7()
        body = f'{{"specversion":"1.0","id":"{id}","source":"{source}","type":"{FACT}","data":{{}}}}'
        self.log.now = self.now - ago - SECOND  # it is logged a second later
        keeping.make_partitions(self.log.connection, self.now - ago)
        self.log.write_bytes((key, body.encode()))
        return id

    def taken(self, *ids: UUID, ago: timedelta = timedelta()) -> None:
        """Have the service take them."""
        for id in ids:
            self.inbox.execute("insert into inbox values ('hub', %s, '', clock_timestamp() - %s)", (id, ago))

    def is_whole(self, ago: timedelta = timedelta()) -> None:
        """Have the log say, so long ago, that nothing waits for it."""
        counting.say_whole(self.log.connection, self.now - ago)

    @property
    def age(self) -> float | None:
        """How old the queue is, as of when the test began; to a second, as far as that needs."""
        with database.connect(self.log.url) as log:
            age = ages.oldest(log, self.network.services["console"], self.inbox)
        return None if age is None else (age - (datetime.now(UTC) - self.now)).total_seconds()


@pytest.fixture
def waited(log: Log, databases: Stack, declared: DeclaredNetwork) -> Iterator[Waited]:
    with ExitStack() as held:
        inbox = held.enter_context(database.connect(databases.service_database_url("console")))
        held.callback(inbox.rollback)
        for table in ("inbox", "parked", "parked_outcome", "reads_since"):
            inbox.execute(f"delete from {table}")
        yield Waited(log, declared, inbox)


def is_about(age: float | None, seconds: float) -> bool:
    return age is not None and abs(age - seconds) <= 2


@pytest.mark.parametrize("hours", [0, 1, 30, 24 * 20])
def test_it_is_that_of_the_first_that_the_inbox_lacks_however_long_its_reader_stands(
    waited: Waited, hours: int
) -> None:
    stopped = timedelta(hours=hours, seconds=40)
    came = [waited.come(stopped + number * 3 * SECOND) for number in range(60, 0, -1)]
    waited.taken(*came, ago=stopped)
    for number in range(30):
        waited.come(stopped - number * SECOND)
    waited.is_whole()

    assert is_about(waited.age, stopped.total_seconds())


def test_where_the_inbox_has_all_or_the_log_nothing_nobody_knows_it_and_it_is_no_zero(waited: Waited) -> None:
    waited.is_whole()
    assert waited.age is None

    waited.taken(waited.come(40 * SECOND), waited.come(30 * SECOND))
    assert waited.age is None


def test_of_a_reader_that_has_never_taken_anything_it_is_the_first_of_what_its_queue_takes(waited: Waited) -> None:
    waited.inbox.execute(
        "insert into reads_since values ('consent.recorded', %s)", (waited.now - timedelta(minutes=10),)
    )
    waited.come(timedelta(minutes=11))
    waited.come(timedelta(minutes=9))
    waited.is_whole()

    assert is_about(waited.age, 540)


def test_ten_seconds_after_the_log_was_whole_nobody_knows_it(waited: Waited) -> None:
    waited.come(60 * SECOND)
    assert waited.age is None
    waited.is_whole(12 * SECOND)
    assert waited.age is None
    waited.is_whole()
    assert is_about(waited.age, 60)


def test_of_what_came_while_the_log_was_behind_nobody_knows_when_that_was(waited: Waited) -> None:
    waited.is_whole(timedelta(minutes=10))
    first = waited.come(timedelta(minutes=4))
    for seconds in range(180, -1, -30):
        waited.is_whole(seconds * SECOND)
    waited.come(timedelta(minutes=2))
    assert waited.age is None

    waited.taken(first)
    assert is_about(waited.age, 120)


def test_what_was_lost_is_not_the_oldest_once_something_later_was_taken(waited: Waited) -> None:
    waited.come(timedelta(minutes=30))
    waited.taken(waited.come(timedelta(minutes=29)))
    waited.come(timedelta(minutes=5))
    waited.is_whole()

    assert is_about(waited.age, 300)


def test_what_its_reader_has_put_aside_does_not_wait(waited: Waited) -> None:
    aside = waited.come(timedelta(minutes=6))
    waited.inbox.execute(
        "insert into parked (state, reason, source, message_id, raw) values ('quarantined', 'invalid', 'hub', %s, '')",
        (aside,),
    )
    waited.come(timedelta(minutes=5))
    waited.is_whole()

    assert is_about(waited.age, 300)


def test_what_comes_once_more_after_a_day_does_not_say_how_far_its_reader_is(waited: Waited) -> None:
    before = waited.come(timedelta(hours=30))
    waited.taken(before, ago=timedelta(hours=30))
    waited.come(timedelta(minutes=50))
    waited.log.query(
        "insert into message select (jsonb_populate_record(message, jsonb_build_object('arrived_at', %s::text))).*"
        " from message where id = %s",
        (waited.now - timedelta(minutes=20)).isoformat(),
        before,
    )
    waited.is_whole()

    assert is_about(waited.age, 3000)


def test_one_of_a_confidential_case_waits_as_others_do_and_one_of_somebody_erased_is_not_asked_for(
    waited: Waited,
) -> None:
    erased, hidden = waited.come(timedelta(minutes=8)), waited.come(timedelta(minutes=7))
    waited.come(timedelta(minutes=5))
    waited.is_whole()
    waited.log.query("update message set erased = true, id = gen_random_uuid() where id = %s", erased)
    waited.log.query(
        "insert into confidential_message (arrived_at, id, source, organisation, type, routing_key)"
        " select arrived_at, id, source, organisation, type, routing_key from message where id = %s",
        hidden,
    )
    waited.log.query(
        "update message set confidential = true, type = 'consent', source = '-', organisation = '-', routing_key = null"
        " where id = %s",
        hidden,
    )

    assert is_about(waited.age, 420)


def test_what_is_for_an_organisation_is_in_no_queue_of_a_service(waited: Waited) -> None:
    waited.come(timedelta(minutes=8), key=f"to.iom.{FACT}")
    waited.is_whole()
    assert waited.age is None
