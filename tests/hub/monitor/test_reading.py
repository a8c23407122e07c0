"""What the log answers: look-ups by each key and by pairs, page after page."""

from datetime import timedelta
from typing import LiteralString
from uuid import UUID

import psycopg
import pytest

import contracts
from bench.console import statements
from contracts import uuid7
from hub.monitor.log import keeping, reading
from hub.monitor.log.reading import Search
from tests.hub.ledger import processed, refused, status
from tests.hub.monitor.logging import NOW, Log


def ids(log: Log, search: Search, limit: int = 50) -> list[UUID]:
    found, after = list[UUID](), None
    while True:
        page = reading.find(log.connection, search, after=after, limit=limit)
        found += [one.id for one in page.entries]
        after = page.next
        if after is None:
            return found


def test_a_message_is_found_by_each_of_its_keys(log: Log) -> None:
    referral = uuid7()
    one, other = status("iom", referral), status("redcross")
    log.write(one, other, processed("refused", one.id, organisation="iom", type=one.type, code="no_consent"))

    for search in (
        Search(id=one.id),
        Search(subject=referral),
        Search(correlation=one.id),
        Search(short_code=contracts.short_code(referral).lower()),
        Search(organisation="iom", type="referral.status"),
        Search(organisation="iom", code="no_consent"),
        Search(type=one.type, code="no_consent"),
        Search(code="no_consent", since=log.now - timedelta(hours=1)),
        Search(subject=referral, type=one.type),
    ):
        assert ids(log, search) == [one.id], search
    for search in (
        Search(id=uuid7()),
        Search(organisation="iom", type="person.registered"),
        Search(organisation="redcross", code="no_consent"),
        Search(short_code="no code"),
        Search(type=one.type, until=log.now - timedelta(hours=1)),
    ):
        assert ids(log, search) == [], search


def test_pages_have_each_message_once_the_newest_first(log: Log) -> None:
    messages = [status("iom") for _ in range(25)]
    log.write(*messages[:10])
    log.write(*messages[10:])
    wanted = [one.id for one in reversed(messages)]

    for search in (Search(), Search(organisation="iom"), Search(type="referral.status.v1")):
        assert ids(log, search, limit=7) == wanted, search


def test_by_a_code_each_message_comes_once_what_was_refused_last_first_whenever_it_had_come(log: Log) -> None:
    messages = [status("iom") for _ in range(25)]
    log.write(*messages)

    def refusals(some: list[contracts.Message], service: str = "referrals") -> list[contracts.Message]:
        return [
            processed("refused", one.id, organisation="iom", type=one.type, code="no_consent", service=service)
            for one in some
        ]

    log.write(*refusals(messages[:20]), *refusals(messages[:20], "intake"))  # twice in one batch
    log.now += timedelta(days=keeping.AHEAD)  # they have waited for a consent
    log.write(*refusals(messages[20:]))
    log.write(*refusals([messages[20], messages[3]], "reports"))  # and again later

    for limit in (1, 7, 25, 50):
        found = ids(log, Search(code="no_consent"), limit=limit)
        assert sorted(found) == sorted(one.id for one in messages)
        assert set(found[:2]) == {messages[20].id, messages[3].id}
        assert set(found[2:6]) == {one.id for one in messages[21:]}
    assert len(ids(log, Search(code="no_consent", organisation="iom", until=NOW + timedelta(days=1)), limit=3)) == 20
    assert ids(log, Search(code="no_consent", since=NOW + timedelta(days=1)), limit=3) == []


def test_what_follows_is_told_in_its_order(log: Log) -> None:
    log.write(status("iom"))
    (last,) = reading.tail(log.connection, None, limit=1)
    new = [status("iom"), refused("not_allowed", uuid7())]
    log.write(*new)

    told = reading.tail(log.connection, reading.Cursor(last.arrived_at, last.id))

    assert [one.kind for one in told] == ["passed", "passed", "refused"]
    assert [one.id for one in told[:2]] == [one.id for one in new]


# Each organisation says each contract once in so many days, and is told it once.
SPARSE: LiteralString = """
    insert into message (arrived_at, id, kind, source, organisation, recipient, type, subject, correlation, digest)
    select %(at)s::timestamptz + interval '1 day' * (number %% 30) + interval '1 ms' * number, gen_random_uuid(),
           'passed', organisation, organisation, recipient, type, gen_random_uuid(), gen_random_uuid(), ''
    from (
        select row_number() over () as number, 'organisation-' || who as organisation,
               'organisation-' || (who + 1) %% 40 as recipient, 'family.said' || what || '.v1' as type
        from generate_series(0, 39) as who, generate_series(0, 39) as what
    ) as made
"""


@pytest.mark.parametrize(
    ("search", "count"),
    [
        (Search(organisation="organisation-7"), 80),
        (Search(type="family.said7.v1"), 40),
        (Search(organisation="organisation-7", type="family.said7.v1"), 2),
        (Search(organisation="organisation-99"), 0),
    ],
)
def test_however_many_organisations_and_contracts_there_are_each_day_is_looked_into_once_for_whom_it_is_and_whose(
    log: Log, monkeypatch: pytest.MonkeyPatch, search: Search, count: int
) -> None:
    monkeypatch.setattr(reading, "versions", lambda one: [one])
    keeping.make_partitions(log.connection, NOW, days=30)
    log.connection.execute(SPARSE, {"at": NOW})
    log.connection.commit()
    log.query("analyze")

    with statements.recorded() as said:
        page = reading.find(log.connection, search, limit=100)
    assert len(page.entries) == count

    # Of so few rows each day's table is read whole as quickly; here it is asked whether there is another way.
    with psycopg.connect(log.url, options="-c enable_seqscan=off") as connection:
        parts = [part for one in said for part in statements.readings(connection, one)]
    looked = [part for part in parts if part.table.startswith("message_")]
    assert len(looked) <= 2 * (30 + 3)
    assert sum(part.rows for part in looked) <= 2 * 80
    assert all(part.by for part in looked)
