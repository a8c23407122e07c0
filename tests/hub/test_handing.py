"""What the gateway says of messages that it has brought to services which organisations run themselves."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

import contracts
from contracts import codes, uuid7
from hub.gateway import handing
from hub.gateway.handing import Handing
from messaging import topology
from messaging.bridge import Arrival
from messaging.broker import Publication
from messaging.identity import address_to

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Publisher:
    """Keeps what is published; of the broker's own answers nothing depends on here."""

    def __init__(self) -> None:
        self.published: list[Publication] = []
        self.refuses = False

    def publish(self, batch: Sequence[Publication]) -> set[int]:
        self.published += batch
        return {0} if self.refuses else set()

    def drop(self) -> None:
        pass


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Publisher:
    publisher = Publisher()
    monkeypatch.setattr(handing, "Publisher", lambda _url: publisher)
    return publisher


@pytest.fixture
def told(publisher: Publisher) -> Handing:
    return Handing("", lambda: topology.read().organisations)


def brought(data: Any, source: str, to: str, recipient: str | None = None) -> tuple[contracts.Message, Arrival]:
    """A message for an organisation, as it stands in the queue to it."""
    contract = contracts.contract_of(data)
    subject = str(getattr(data, contract.about)) if contract.about else str(uuid7())
    message = contracts.stamp(contracts.Draft(data, subject, recipient, sequence=1), source=source, time=NOW)
    return message, Arrival(f"deliver.{to}", address_to(to, message), 1, message.to_json(), {})


def confirmed() -> contracts.JornadaConfirmed:
    return contracts.JornadaConfirmed(jornada_id=uuid7(), organiser="americares")


def settled() -> contracts.AttendanceSettled:
    accepted = codes.AttendanceOutcome.ACCEPTED
    return contracts.AttendanceSettled(
        attendance_id=uuid7(), jornada_id=uuid7(), person_id=uuid7(), outcome=accepted, late=False
    )


def reports(publisher: Publisher) -> list[tuple[str, str, str, set[Any]]]:
    found = [contracts.parse(one.body).data for one in publisher.published]
    return [(one.organisation, one.service, group.state, set(group.ids)) for one in found for group in one.groups]


def test_what_is_diverted_to_an_organisations_own_service_is_said_to_be_there(
    told: Handing, publisher: Publisher
) -> None:
    first, one = brought(confirmed(), "redcross", "americares")
    second, two = brought(confirmed(), "iom", "americares")
    told.note([one, two])
    assert reports(publisher) == [
        ("redcross", "americares.events", "handed_to", {first.id}),
        ("iom", "americares.events", "handed_to", {second.id}),
    ]
    assert [one.routing_key for one in publisher.published] == [
        "messages.processed.v1.redcross",
        "messages.processed.v1.iom",
    ]


def test_what_such_a_service_answers_another_is_said_to_be_with_it(told: Handing, publisher: Publisher) -> None:
    answer, arrival = brought(settled(), "americares", "redcross", recipient="redcross")
    told.note([arrival])
    assert reports(publisher) == [("americares", "redcross.attendance", "handed_to", {answer.id})]


def test_of_what_the_hub_says_nothing_is_said(told: Handing, publisher: Publisher) -> None:
    told.note([brought(settled(), "hub", "redcross", recipient="redcross")[1]])
    assert publisher.published == []


@pytest.mark.parametrize("body", [b"garbage", b"{}", b'{"specversion": "1.0", "id": "x"}'])
def test_what_cannot_be_read_stops_nobody(told: Handing, publisher: Publisher, body: bytes) -> None:
    message, good = brought(confirmed(), "redcross", "americares")
    told.note([Arrival("deliver.americares", "to.americares.jornada.confirmed.v1", 1, body, {}), good])
    assert reports(publisher) == [("redcross", "americares.events", "handed_to", {message.id})]


@pytest.mark.parametrize("key", ["to.americares", "to.americares.nothing.of_the_kind.v1", "messages.processed.v1.iom"])
def test_what_is_addressed_otherwise_is_passed_over(told: Handing, publisher: Publisher, key: str) -> None:
    told.note([Arrival("deliver.americares", key, 1, b"{}", {})])
    assert publisher.published == []


def test_what_the_broker_does_not_take_is_told_again(told: Handing, publisher: Publisher) -> None:
    publisher.refuses = True
    with pytest.raises(ConnectionError):
        told.note([brought(confirmed(), "redcross", "americares")[1]])


def test_what_was_for_an_organisation_that_has_just_been_removed_is_handed_to_nobody(publisher: Publisher) -> None:
    _, one = brought(confirmed(), "redcross", "americares")
    Handing("", dict).note([one])
    assert reports(publisher) == []
