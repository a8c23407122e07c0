"""`Prefer: wait=5` through the whole network: what the services made of a message is the one answer to its sender."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

import contracts
from contracts import uuid7
from demo.stage import Ground
from messaging import topology
from tests.examples import service_published
from tests.hub.http.entrance import PATH, Answered, Client
from tests.waiting import eventually


@contextmanager
def calling(ground: Ground, organisation: str) -> Iterator[Client]:
    said = json.loads((ground.home(organisation) / "credentials.json").read_text())
    with closing(Client(urlsplit(said["http_url"]).port or 80, said["api_key"])) as client:
        yield client


def publish(ground: Ground, client: Client, organisation: str, service_id: UUID, **headers: str) -> Answered:
    """Say that there is a service, in a message that nobody has sent before."""
    now = datetime.now(UTC) + ground.offset
    draft = contracts.Draft(service_published(service_id=service_id), str(service_id))
    return client.post(contracts.stamp(draft, source=organisation, time=now), **headers)


def outcome(ground: Ground, organisation: str, service_id: Callable[[], UUID] = uuid7) -> Any:
    """What the one answer to a message says, of the first that the network has had time for."""
    with calling(ground, organisation) as client:
        # A busy machine may take longer than one waits for; then it is accepted, and another one is sent.
        answered = eventually(
            lambda: final(publish(ground, client, organisation, service_id(), prefer="wait=5", accept_language="en"))
        )
    assert answered is not None
    assert answered.headers["preference-applied"] == "wait=5"
    return answered.json


def final(answered: Answered) -> Answered | None:
    assert answered.status in (200, 202), answered.body
    return answered if answered.status == 200 else None


def readers() -> set[str]:
    return {one.name for one in topology.read().services.values() if "service.published" in one.reads}


def test_who_prefers_to_wait_hears_in_the_one_answer_that_every_service_has_applied_it(ground: Ground) -> None:
    said = outcome(ground, "redcross")

    assert (said["state"], said["final"], said["silent"]) == ("applied", True, [])
    assert {one["service"]: one["state"] for one in said["services"]} == dict.fromkeys(readers(), "applied")


def test_who_prefers_to_wait_hears_in_the_one_answer_why_it_is_refused(ground: Ground) -> None:
    theirs = uuid7()
    assert outcome(ground, "redcross", lambda: theirs)["state"] == "applied"

    said = outcome(ground, "iom", lambda: theirs)

    assert (said["state"], said["final"]) == ("refused", True)
    # The first that refuses it ends it, whoever that is: what the other makes of it changes nothing for its sender.
    assert "service_of_another" in {one["code"] for one in said["services"] if one["state"] == "refused"}, said
    assert all(one["says"] for one in said["services"])


def test_who_does_not_prefer_to_wait_is_told_that_it_is_accepted_and_asks_later(ground: Ground) -> None:
    with calling(ground, "redcross") as client:
        answered = publish(ground, client, "redcross", uuid7())
        later = eventually(lambda: ended(client, answered.json["id"]))

    assert answered.status == 202
    assert "preference-applied" not in answered.headers
    assert later["state"] == "applied"


def test_while_nobody_writes_down_what_becomes_of_it_it_is_accepted_and_not_lost(ground: Ground) -> None:
    courier = ground.network["courier"]
    with calling(ground, "redcross") as client:
        courier.pause()
        try:
            answered = publish(ground, client, "redcross", uuid7(), prefer="wait=1")
            with pytest.raises(AssertionError):  # so it is the courier's word that the others have heard
                assert final(answered)
        finally:
            courier.resume()
        later = eventually(lambda: ended(client, answered.json["id"]))

    assert (answered.status, answered.headers["preference-applied"]) == (202, "wait=1")
    assert later["state"] == "applied"


def ended(client: Client, message_id: str) -> Any:
    answered = client.ask("GET", f"{PATH}/{message_id}")
    assert answered.status == 200, answered.body
    return answered.json if answered.json["final"] else None
