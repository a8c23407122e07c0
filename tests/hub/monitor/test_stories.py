"""A story has what belongs together, and draws its failures first, however long it is."""

from collections import Counter
from datetime import timedelta
from typing import LiteralString
from uuid import UUID

import psycopg
import pytest

from bench.console import statements
from contracts import uuid7
from hub.monitor.log import keeping, stories
from tests.hub.ledger import processed, refused, status
from tests.hub.monitor.logging import NOW, Log


def test_a_story_has_what_belongs_together_and_draws_failures_first(log: Log) -> None:
    referral = uuid7()
    first = status("iom", referral)
    later = [status("iom", referral) for _ in range(20)]
    log.write(first, *later, status("redcross"))
    log.write(processed("quarantined", later[-1].id, organisation="iom", type=first.type, code="failed"))

    for asked in (first.id, referral, later[3].id):
        story = stories.story(log.connection, asked, drawn=5)
        assert story is not None
        assert (story.count, story.failed, story.is_whole, len(story.entries)) == (21, 1, True, 5)
        assert story.entries[-1].id == later[-1].id
        assert story.entries[-1].failed
    assert stories.story(log.connection, uuid7()) is None


def test_what_was_applied_in_the_end_is_no_failure_of_its_story(log: Log) -> None:
    referral = uuid7()
    first, second, third = (status("iom", referral) for _ in range(3))
    log.write(first, second, third)
    for one in (first, second):
        log.write(processed("quarantined", one.id, organisation="iom", type=one.type, code="failed"))
    log.write(processed("quarantined", first.id, service="reports", type=first.type, code="failed"))
    for one in (first, second, third):
        log.write(processed("applied", one.id, organisation="iom", type=one.type))
    log.write(processed("refused", third.id, organisation="iom", type=third.type, code="no_consent"))

    story = stories.story(log.connection, referral)

    assert story is not None
    assert story.failed == 1  # first, by reports: what one service has applied, another may not have
    assert [one.id for one in story.entries if one.failed] == [first.id]


def test_what_was_put_aside_and_is_tried_again_is_no_failure_while_it_waits(log: Log) -> None:
    one = status("iom", uuid7())
    log.write(one, processed("quarantined", one.id, type=one.type, code="failed", at=NOW))
    log.write(processed("waits", one.id, type=one.type, code="unknown_person", at=NOW + timedelta(minutes=1)))
    # What the broker delivers once more, after a lost connection, says nothing new.
    log.write(processed("waits", one.id, type=one.type, code="unknown_person", at=NOW - timedelta(minutes=1)))
    waiting = stories.story(log.connection, one.id)
    log.write(processed("quarantined", one.id, type=one.type, code="failed", at=NOW + timedelta(minutes=2)))
    again = stories.story(log.connection, one.id)

    assert waiting is not None
    assert again is not None
    assert [(story.failed, [entry.failed for entry in story.entries]) for story in (waiting, again)] == [
        (0, [False]), (1, [True])
    ]  # fmt: skip


def test_what_admission_refused_under_the_id_of_another_is_no_failure_of_that_one(log: Log) -> None:
    referral = uuid7()
    one = status("iom", referral)
    log.write(one, refused("forged_sender", one.id))

    story = stories.story(log.connection, referral)

    assert story is not None
    assert (story.count, story.failed) == (1, 0)


def test_a_long_story_that_is_given_up_says_so(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    one = status("iom")
    log.write(one)
    monkeypatch.setattr(stories, "CHOSEN", "select pg_sleep(60)")
    log.connection.execute("set local statement_timeout = '20ms'")
    with pytest.raises(psycopg.errors.QueryCanceled):
        stories.story(log.connection, one.id)
    log.connection.rollback()


MANY: LiteralString = """
    insert into message (arrived_at, id, kind, source, organisation, type, subject, correlation, digest)
    select %(at)s + make_interval(secs => number * 10),
           overlay(%(first)s placing lpad(number::text, 12, '0') from 25)::uuid,
           'passed', 'iom', 'iom', 'referral.status.v1', %(subject)s, %(correlation)s, ''
    from generate_series(1, %(count)s) as number
"""
SAID: LiteralString = """
    insert into outcome (logged_at, message_id, organisation, type, service, state, code, said_at)
    select arrived_at, id, 'iom', type, service, 'applied', null, arrived_at
    from message, unnest(array['referrals', 'intake', 'reports']) as service
    union all select arrived_at, id, 'iom', type, 'events', 'refused', 'no_consent', arrived_at
    from message where right(id::text, 2) = '77'
"""
FAILED: LiteralString = """
    insert into failure select message_id, service, state, said_at, logged_at from outcome where state = 'refused'
"""


def test_a_story_of_many_reads_no_more_than_it_has_and_of_outcomes_its_failures(log: Log) -> None:
    keeping.make_partitions(log.connection, NOW, days=30)
    asked, others = UUID("0192e9a0-0000-7000-8000-000000000000"), UUID("0192e9a1-0000-7000-8000-000000000000")
    for first, count in ((asked, stories.MOST + 500), (others, stories.MOST)):
        params = {"at": NOW, "first": str(first), "subject": first, "correlation": first, "count": count}
        log.connection.execute(MANY, params)
    log.connection.execute(SAID)
    log.connection.execute(FAILED)
    for number in range(2, 6):  # a day has more than two stories
        other = UUID(f"0192e9a{number}-0000-7000-8000-000000000000")
        log.connection.execute(MANY, params | {"first": str(other), "subject": other, "correlation": other})
    log.connection.commit()
    log.query("analyze")

    with statements.recorded() as said:
        story = stories.story(log.connection, asked)

    assert story is not None
    assert (story.count, story.is_whole, len(story.entries)) == (stories.MOST, False, stories.DRAWN)
    assert story.failed >= stories.DRAWN
    assert all(one.failed for one in story.entries)
    read = Counter[str]()
    with psycopg.connect(log.url) as connection:
        for part in (part for one in said for part in statements.readings(connection, one)):
            assert part.by or part.rows <= 1000, part
            read[part.table.partition("_")[0]] += part.rows
    assert read["message"] <= 3 * stories.MOST
    (failures,) = log.query("select count(*) as count from failure")
    assert read["failure"] <= failures["count"]
    assert read["outcome"] <= 4 * stories.DRAWN


def test_a_message_of_a_story_that_is_not_whole_is_known_as_a_message(log: Log) -> None:
    keeping.make_partitions(log.connection, NOW, days=30)
    first = UUID("0192e9a0-0000-7000-8000-000000000000")
    params = {"at": NOW, "first": str(first), "subject": first, "correlation": first, "count": stories.MOST + 500}
    log.connection.execute(MANY, params)
    log.connection.commit()
    (last,) = log.query("select id from message order by arrived_at desc, id desc limit 1")
    for id, is_message in ((last["id"], True), (first, False)):
        asked = stories.asked(log.connection, id, about=50)
        assert asked is not None
        assert not asked.story.is_whole
        assert ([one.id for one in asked.itself] == [id], asked.about == ()) == (is_message, is_message)
