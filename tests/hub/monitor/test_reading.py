"""What the log answers: look-ups by each key and by pairs, page after page; stories with their failures first."""

from datetime import timedelta
from uuid import UUID

import contracts
from contracts import uuid7
from hub.monitor.log import reading
from hub.monitor.log.reading import Search
from tests.hub.ledger import processed, refused, said, status
from tests.hub.monitor.logging import Log


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


def test_a_story_has_what_belongs_together_and_draws_failures_first(log: Log) -> None:
    referral = uuid7()
    first = status("iom", referral)
    later = [status("iom", referral) for _ in range(20)]
    log.write(first, *later, status("redcross"))
    log.write(processed("quarantined", later[-1].id, organisation="iom", type=first.type, code="failed"))

    for asked in (first.id, referral, later[3].id):
        story = reading.story(log.connection, asked, drawn=5)
        assert story is not None
        assert (story.count, story.failed, story.is_whole, len(story.entries)) == (21, 1, True, 5)
        assert story.entries[-1].id == later[-1].id
        assert story.entries[-1].failed
    assert reading.story(log.connection, uuid7()) is None


def test_what_follows_is_told_in_its_order(log: Log) -> None:
    log.write(status("iom"))
    (last,) = reading.tail(log.connection, None, limit=1)
    new = [status("iom"), refused("not_allowed", uuid7())]
    log.write(*new)

    told = reading.tail(log.connection, reading.Cursor(last.arrived_at, last.id))

    assert [one.kind for one in told] == ["passed", "passed", "refused"]
    assert [one.id for one in told[:2]] == [one.id for one in new]


def test_who_talks_to_whom_and_when_they_were_last_heard(log: Log) -> None:
    request = said(status("iom").data, source="redcross")
    log.write(request, status("iom"))

    talks = {(one.source, one.recipient): one.last_hour for one in reading.talks(log.connection, log.now)}

    assert talks == {("redcross", "-"): 1, ("hub", "iom"): 1}
    assert reading.last_seen(log.connection) == {"redcross": log.now}
