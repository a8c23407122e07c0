"""An organisation hears what became of its own messages, by whichever entrance they came, and of nobody else's."""

import pytest

from contracts import uuid7
from tests.hub.feed.feeding import Feed

SAID = """
    insert into outcome (organisation, message_id, service, type, state, code, first_at, changed_at)
    values (%s, %s, %s, 'service.published.v1', %s, %s, now(), now())
"""
SUBMITTED = """
    insert into submission (source, message_id, digest, type, accepted_at)
    values (%s, %s, '', 'service.published.v1', now())
"""


def test_a_message_that_came_in_by_http_is_known_at_once_with_what_it_caused(feed: Feed, key: str) -> None:
    id = uuid7()
    feed.query(SUBMITTED, ("redcross", id))
    caused = feed.deliver("redcross", count=1, causationid=id)
    feed.deliver("iom", count=1, causationid=id)
    answer = feed.ask(key, f"/v1/messages/{id}", headers={"Accept-Language": "en"})
    said = answer.said
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")
    assert (said["entrance"], said["state"], said["final"], said["services"]) == ("http", "accepted", False, [])
    assert [(one["id"], one["cursor"]) for one in said["caused"]] == [(str(caused[0]), "1")]
    assert said["says"] != feed.ask(key, f"/v1/messages/{id}").said["says"]


def test_a_message_that_came_in_by_amqp_is_known_from_its_processing_on(feed: Feed, key: str) -> None:
    id = uuid7()
    feed.query(SAID, ("redcross", id, "referrals", "refused", "invalid_field"))
    said = feed.ask(key, f"/v1/messages/{id}").said
    assert (said["entrance"], said["accepted_at"], said["state"], said["final"]) == ("amqp", None, "refused", True)
    assert [(one["service"], one["code"]) for one in said["services"]] == [("referrals", "invalid_field")]


def test_anothers_id_an_unknown_one_and_none_are_the_same(feed: Feed, key: str) -> None:
    theirs = uuid7()
    feed.query(SUBMITTED, ("iom", theirs))
    feed.query(SAID, ("iom", theirs, "referrals", "applied", None))
    answers = [
        feed.ask(key, f"/v1/messages/{id}") for id in (theirs, uuid7(), "none", "%00", f"{{{theirs}}}", f"{theirs}%0A")
    ]
    assert {(one.status, one.body) for one in answers} == {(404, answers[0].body)}


@pytest.mark.parametrize("query", ["organisation=iom", "x"])
def test_it_takes_no_parameters(feed: Feed, key: str, query: str) -> None:
    assert feed.ask(key, f"/v1/messages/{uuid7()}?{query}").status == 400
