"""The entrance by AMQP, message by message: what passes and where to, what is refused and how, what is delivered."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

import contracts
from hub.gateway import amqp
from messaging.bridge import Arrival
from messaging.broker import CONTENT_TYPE, Publication
from messaging.identity import address_to
from messaging.log import JsonLines
from messaging.topology import Organisation, System
from tests.hub.ledger import processed
from tests.hub.network import (
    MEMBERS,
    NOW,
    ORGANISATIONS,
    among,
    arrival,
    confirmed,
    counted,
    due,
    from_whom,
    refusal,
    refused,
    runs_employment,
    settled,
    status,
)
from tests.media_types import MEDIA_TYPES
from tests.messaging.harness import service_published


def deliver(arrived: Arrival, organisations: Mapping[str, Organisation]) -> Publication:
    """What goes to an inbox of what the hub has for an organisation."""
    going = amqp.deliver(arrived, organisations)
    assert going is not None
    return going


# -- decisions ---------------------------------------------------------------------------------------------------------


def test_a_message_passes_unchanged_by_its_type_under_its_id() -> None:
    message = service_published()
    passed = amqp.decide(arrival(message), MEMBERS, NOW)
    assert (passed.exchange, passed.routing_key) == ("hub", "service.published.v2")
    assert (passed.body, passed.message_id) == (message.to_json(), str(message.id))


def test_a_message_from_anothers_user_is_refused_to_the_owner_of_the_queue() -> None:
    refused = amqp.decide(arrival(service_published(), user="iom"), MEMBERS, NOW)
    assert refused.routing_key == "to.redcross.message.refused.v1.service.published.v2"
    assert refusal(refused).code == "forged_sender"


def test_a_message_without_a_checked_user_is_refused() -> None:
    assert refusal(amqp.decide(arrival(service_published(), user=None), MEMBERS, NOW)).code == "user_id_missing"


def test_a_contract_that_this_organisation_may_not_send_is_refused() -> None:
    from_iom = arrival(service_published(source="iom"), queue="submit.iom", user="iom")
    assert refusal(amqp.decide(from_iom, MEMBERS, NOW)).code == "not_allowed"


def test_a_recipient_named_by_a_partner_leads_nowhere() -> None:
    message = service_published().model_copy(update={"recipient": "iom"})
    assert amqp.decide(arrival(message), MEMBERS, NOW).routing_key == "service.published.v2"


def test_unreadable_properties_are_refused() -> None:
    unreadable = Arrival("submit.redcross", "redcross.service.published.v2", 1, service_published().to_json(), None)
    refused = amqp.decide(unreadable, MEMBERS, NOW)
    assert (refused.routing_key, refusal(refused).code) == ("to.redcross.message.refused.v1", "properties_unreadable")


@pytest.mark.parametrize(("said", "is_event"), [*MEDIA_TYPES, (None, False), ("application/json", False)])
def test_the_content_type_is_compared_without_regard_to_case_and_parameters(said: Any, is_event: bool) -> None:
    came = arrival(service_published())
    written = said.format(CONTENT_TYPE) if isinstance(said, str) else said
    admitted = amqp.decide(replace(came, properties={**(came.properties or {}), "content_type": written}), MEMBERS, NOW)
    if is_event:
        assert (admitted.exchange, admitted.body) == ("hub", came.body)
    else:
        assert refusal(admitted).code == "content_type"


def test_the_same_message_refused_twice_is_refused_by_one_id() -> None:
    """The gateway may be killed after the refusal and before it acknowledges."""
    bad = arrival(service_published(source="iom"))
    first, second = (amqp.decide(bad, MEMBERS, NOW) for _ in range(2))
    assert first.message_id == second.message_id
    assert first.body == second.body


def test_a_refusal_answers_the_message_and_belongs_to_its_conversation() -> None:
    message = service_published(source="iom")
    answer = contracts.parse(amqp.decide(arrival(message), MEMBERS, NOW).body)
    assert (answer.causationid, answer.correlationid) == (message.id, message.correlationid)
    assert (answer.source, answer.recipient) == ("hub", "redcross")


def test_a_refusal_says_that_the_gateway_refused() -> None:
    bad = arrival(service_published(source="iom"))
    assert refusal(amqp.decide(bad, MEMBERS, NOW)).refused_by == "gateway"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (service_published(name="Yuleisy", source="iom").to_json(), "service.published.v2"),
        (b'{"id": "01950000-0000-7000-8000-000000000001", "data": {"name": "Yuleisy"}}', "unreadable"),
        (b'{"Yuleisy": ', "unreadable"),
    ],
)
def test_each_refusal_is_logged_with_ids_and_codes_and_no_content(
    caplog: pytest.LogCaptureFixture, body: bytes, named: str
) -> None:
    arrived = Arrival("submit.redcross", "redcross.Yuleisy", 1, body, {"content_type": CONTENT_TYPE})

    with caplog.at_level(logging.INFO, "ruta.gateway"):
        refused = refusal(amqp.decide(arrived, MEMBERS, NOW))

    (line,) = [json.loads(JsonLines("gateway").format(record)) for record in caplog.records]
    assert "Yuleisy" not in json.dumps(line)
    assert line["says"] == "refused"
    assert (line["code"], line["contract"], line["source"]) == (refused.code, named, "redcross")
    assert line["digest"] == refused.body_sha256
    assert refused.body_bytes == len(body)
    assert line["message"] == str(refused.refused_id or "unreadable")


def test_what_the_hub_has_for_an_organisation_goes_to_its_inbox_unchanged() -> None:
    arrived = Arrival("deliver.iom", "to.iom.referral.status.v1", 1, b"anything", {"message_id": "an id"})
    delivered = deliver(arrived, ORGANISATIONS)
    assert (delivered.exchange, delivered.routing_key) == ("inbox", "iom")
    assert (delivered.body, delivered.message_id) == (b"anything", "an id")


# -- services that organisations run themselves ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("organiser", "goes_to"),
    [
        ("americares", "to.americares.jornada.confirmed.v1"),
        ("redcross", "jornada.confirmed.v1"),
        ("unheard-of", "jornada.confirmed.v1"),
    ],
)
def test_what_concerns_a_jornada_goes_to_the_service_of_its_organiser(organiser: str, goes_to: str) -> None:
    anybody = replace(ORGANISATIONS["redcross"], may_send=("jornada.*",))
    said = from_whom(confirmed(organiser), "redcross")
    assert amqp.decide(said, among(anybody), NOW).routing_key == goes_to


def test_what_an_organisations_own_service_does_not_read_goes_to_the_hubs() -> None:
    planned = contracts.JornadaHeld(jornada_id=contracts.uuid7(), organiser="americares", held_at=NOW)
    assert amqp.decide(from_whom(planned, "americares"), MEMBERS, NOW).routing_key == "jornada.held.v1"


def test_an_organisations_own_service_may_answer_another_organisation() -> None:
    answer = from_whom(settled(), "americares", recipient="redcross")
    assert amqp.decide(answer, MEMBERS, NOW).routing_key == "to.redcross.attendance.settled.v1"


def test_an_organisations_own_service_may_not_address_nobody() -> None:
    answer = from_whom(settled(), "americares", recipient="unheard-of")
    assert refusal(amqp.decide(answer, MEMBERS, NOW)).code == "unknown_recipient"


def test_an_organisations_own_service_says_only_what_that_service_says() -> None:
    counted = contracts.EmployerRecorded(
        employer_id=contracts.uuid7(), organisation="americares", economic_sector="commerce", zone="08001"
    )
    assert refusal(amqp.decide(from_whom(counted, "americares"), MEMBERS, NOW)).code == "not_allowed"


@pytest.mark.parametrize(("organiser", "code"), [("redcross", "not_yours"), ("americares", None)])
def test_an_organisations_own_service_speaks_of_that_organisation_only(organiser: str, code: str | None) -> None:
    """Else a partner could be told that the jornada of another is cancelled."""
    told = status().model_copy(update={"organiser": organiser})
    admitted = amqp.decide(from_whom(told, "americares", recipient="redcross"), MEMBERS, NOW)
    refused = admitted.routing_key == "to.americares.message.refused.v1.jornada.status.v1"
    assert (refusal(admitted).code if refused else None) == code


@pytest.mark.parametrize(
    ("said", "where"),
    [
        (lambda: refused("referral.accepted.v1"), "data.refused_type"),  # what only the hub's services handle
        (lambda: refused("person.registered.v1"), "data.refused_type"),
        (lambda: refused("jornada.held.v1"), "data.refused_type"),  # what its copy does not read
        (lambda: refused(None), "data.refused_type"),
        (lambda: refused("jornada.confirmed.v1", refused_id=None), "data.refused_id"),
    ],
)
def test_an_organisations_own_service_refuses_others_nothing_that_it_was_never_brought(said: Any, where: str) -> None:
    """Else a partner could be told that its referral was refused, by somebody who has never seen it."""
    answer = amqp.decide(from_whom(said(), "americares", recipient="redcross"), MEMBERS, NOW)
    assert answer.routing_key == "to.americares.message.refused.v1.message.refused.v1"
    assert (refusal(answer).code, refusal(answer).where) == ("not_yours", where)


@pytest.mark.parametrize("said", [due, lambda: refused("participation.started.v1")])
def test_an_organisations_own_service_tells_others_nothing_unless_they_are_brought_to_it(said: Any) -> None:
    answer = amqp.decide(from_whom(said(), "fuvadis", recipient="redcross"), among(runs_employment()), NOW)
    assert answer.routing_key == f"to.fuvadis.message.refused.v1.{contracts.contract_of(said()).type}"
    assert refusal(answer).code == "not_yours"


def test_what_anybody_says_of_a_jornada_is_refused_by_the_service_of_its_organiser() -> None:
    answer = from_whom(refused("jornada.confirmed.v1"), "americares", recipient="redcross")
    goes_to = amqp.decide(answer, MEMBERS, NOW).routing_key
    assert goes_to == "to.redcross.message.refused.v1.jornada.confirmed.v1"


@pytest.mark.parametrize(
    "said", [due, lambda: refused("participation.started.v1"), lambda: refused("person.registered.v1")]
)
def test_an_organisations_own_service_tells_that_organisation_whatever_it_likes(said: Any) -> None:
    answer = amqp.decide(from_whom(said(), "fuvadis", recipient="fuvadis"), among(runs_employment()), NOW)
    message = contracts.parse(answer.body)
    assert (answer.routing_key, message.source) == (address_to("fuvadis", message), "fuvadis")


@pytest.mark.parametrize(("fact", "recipient"), [(True, "redcross"), (False, None)])
def test_facts_are_addressed_to_nobody_and_answers_to_somebody(fact: bool, recipient: str | None) -> None:
    said = counted() if fact else refused("jornada.confirmed.v1")
    answer = amqp.decide(from_whom(said, "americares", recipient=recipient), MEMBERS, NOW)
    assert answer.routing_key == f"to.americares.message.refused.v1.{contracts.contract_of(said).type}"
    assert refusal(answer).code == "unknown_recipient"


def test_who_runs_no_service_may_not_speak_as_one() -> None:
    anything = replace(ORGANISATIONS["redcross"], may_send=("*",))
    answer = from_whom(settled(), "redcross", recipient="iom")
    refused = amqp.decide(answer, among(anything), NOW)
    assert refusal(refused).code == "not_allowed"


# What the hub has for an organisation, with the type in its routing key; or without one, as in an outbox row that was
# written before, or by an operator who has moved it from one queue to another.
ADDRESSED = {
    "with a type": address_to,
    "before keys had a type": lambda organisation, message: f"to.{organisation}",
    "moved by hand": lambda organisation, message: f"deliver.{organisation}",
}


@pytest.mark.parametrize("address", ADDRESSED.values(), ids=ADDRESSED)
@pytest.mark.parametrize(
    ("data", "inbox"),
    [
        (confirmed("americares"), "americares.events"),
        (status(), "americares.told.jornada.status"),  # what it is told its staff have to see as well
        (refused(), "americares"),
        (refused("jornada.planned.v1"), "americares"),
        (refused("attendance.recorded.v1"), "americares.lists"),
        (settled(), "americares.lists"),
        (service_published().data, "americares"),
    ],
)
def test_each_of_an_organisations_systems_has_an_inbox_for_what_it_reads(data: Any, inbox: str, address: Any) -> None:
    body = from_whom(data, "hub").body
    key = address("americares", contracts.parse(body))
    arrived = Arrival("deliver.americares", key, 1, body, {"message_id": "an id"})
    assert deliver(arrived, ORGANISATIONS).routing_key == inbox


def test_what_became_of_its_messages_goes_to_the_system_that_reads_it() -> None:
    monitor = System("redcross", "monitor", ("messages.processed",), ())
    watched = replace(ORGANISATIONS["redcross"], systems=(monitor,))
    message = processed("applied", contracts.uuid7())
    key = address_to("redcross", message)
    arrived = Arrival("deliver.redcross", key, 1, message.to_json(), {"message_id": "an id"})
    assert key == "messages.processed.v1.redcross"
    assert deliver(arrived, {"redcross": watched}).routing_key == "redcross.monitor"


@pytest.mark.parametrize("address", ADDRESSED.values(), ids=ADDRESSED)
@pytest.mark.parametrize(
    ("data", "asked_by", "inbox"),
    [
        (refused("person.registered.v1"), "lists", "americares.lists"),
        (refused("attendance.recorded.v1"), "desk", "americares.desk"),  # of which `lists` has all other refusals
        (refused(), "desk", "americares.desk"),
        (settled(), "desk", "americares.desk"),
        (settled(), "gone", "americares.lists"),  # a system that the organisation has no more
        (settled(), "events", "americares.lists"),  # a service of ours: it reads what it handles
        (status(), "desk", "americares.told.jornada.status"),  # how the jornada stands is for all of them
        (confirmed("americares"), "desk", "americares.events"),  # no answer: it is said by an organisation
    ],
)
def test_an_answer_goes_to_the_system_that_asked(data: Any, asked_by: str, inbox: str, address: Any) -> None:
    said = contracts.parse(from_whom(data, "hub").body)
    said = said.model_copy(update={"recipient": "americares", "recipientsystem": asked_by})
    arrived = Arrival("deliver.americares", address("americares", said), 1, said.to_json(), {"message_id": "an id"})
    desk = System("americares", "desk", (), ())
    americares = ORGANISATIONS["americares"]
    organisations = among(replace(americares, systems=(*americares.systems, desk))).organisations
    assert deliver(arrived, organisations).routing_key == inbox


def test_a_refusal_by_the_gateway_goes_to_the_system_that_sent_it() -> None:
    message = service_published(source="americares").model_copy(update={"system": "lists"})
    refused = amqp.decide(arrival(message, queue="submit.americares", user="americares"), MEMBERS, NOW)
    assert refusal(refused).code == "not_allowed"
    assert refused.routing_key == "to.americares.message.refused.v1.service.published.v2.lists"
    delivered = Arrival("deliver.americares", refused.routing_key, 1, refused.body, {"message_id": "an id"})
    assert deliver(delivered, ORGANISATIONS).routing_key == "americares.lists"


def test_a_system_that_another_organisation_has_is_told_nothing() -> None:
    message = service_published().model_copy(update={"system": "lists"})
    forged = amqp.decide(arrival(message, queue="submit.americares", user="americares"), MEMBERS, NOW)
    assert refusal(forged).code == "forged_sender"
    assert forged.routing_key == "to.americares.message.refused.v1.service.published.v2"


def test_what_is_addressed_with_its_type_is_delivered_unread() -> None:
    arrived = Arrival("deliver.americares", "to.americares.attendance.settled.v1", 1, b"no JSON", {"message_id": "id"})
    delivered = deliver(arrived, ORGANISATIONS)
    assert (delivered.routing_key, delivered.body) == ("americares.lists", b"no JSON")


def test_what_is_for_an_organisation_that_has_just_been_removed_stops_nobody_elses() -> None:
    arrived = Arrival("deliver.americares", "to.americares.attendance.settled.v1", 1, b"no JSON", {"message_id": "id"})
    assert deliver(arrived, {}).routing_key == "americares"


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("to.americares.attendance.settled.v99", b"no JSON"),
        ("to.americares.attendance", b"no JSON"),
        ("to.americares.", b"no JSON"),
        ("to.redcross.attendance.settled.v1", b"no JSON"),
        ("to.americares", b"no JSON"),
        ("to.americares", b"{}"),
    ],
)
def test_what_neither_key_nor_body_explains_is_shown_to_the_organisations_staff(key: str, body: bytes) -> None:
    delivered = deliver(Arrival("deliver.americares", key, 1, body, None), ORGANISATIONS)
    assert (delivered.routing_key, delivered.body) == ("americares", body)
