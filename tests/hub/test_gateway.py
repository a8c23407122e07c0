"""Admission's decisions, message by message; and the gateway as a process, stopped, killed, flooded and blocked."""

import json
import logging
import re
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import contracts
from contracts import codes
from deploy.local import Stack
from deploy.local.state import ROOT
from hub.gateway import admission
from messaging.bridge import Arrival
from messaging.broker import CONTENT_TYPE, Publication, Publisher
from messaging.identity import address_to
from messaging.log import JsonLines
from messaging.topology import Organisation, System
from tests.media_types import MEDIA_TYPES
from tests.messaging.checker import check
from tests.messaging.harness import conversation, service_published, wait_until
from tests.messaging.partners import Gateway, Partner

FLOOD = 10_000  # messages
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ORGANISATIONS = {
    "redcross": Organisation("redcross", "Cruz Roja", ("service.published", "referral.*"), coordinator=False),
    "iom": Organisation("iom", "OIM", ("need.identified",), coordinator=False),
    "americares": Organisation(
        "americares",
        "Americares",
        ("jornada.*", "attendance.*", "person.registered"),
        coordinator=False,
        systems=(
            System(
                "americares",
                "events",
                ("jornada.confirmed", "jornada.status"),
                (),
                "events",
                ("attendance.counted", "attendance.settled", "jornada.status", "message.refused"),
            ),
            System(
                "americares",
                "lists",
                ("attendance.settled",),
                ("attendance.*",),
            ),
        ),
    ),
}


def arrival(message: contracts.Message, *, queue: str = "submit.redcross", user: str | None = "redcross") -> Arrival:
    properties: dict[str, Any] = {"content_type": CONTENT_TYPE}
    properties |= {"user_id": user} if user else {}
    return Arrival(queue, f"{message.source}.{message.type}", 1, message.to_json(), properties)


def refusal(publication: Publication) -> contracts.MessageRefused:
    data = contracts.parse(publication.body).data
    assert isinstance(data, contracts.MessageRefused)
    return data


# -- decisions ---------------------------------------------------------------------------------------------------------


def test_a_message_passes_unchanged_by_its_type_under_its_id() -> None:
    message = service_published()
    passed = admission.decide(arrival(message), ORGANISATIONS, NOW)
    assert (passed.exchange, passed.routing_key) == ("hub", "service.published.v2")
    assert (passed.body, passed.message_id) == (message.to_json(), str(message.id))


def test_a_message_from_anothers_user_is_refused_to_the_owner_of_the_queue() -> None:
    refused = admission.decide(arrival(service_published(), user="iom"), ORGANISATIONS, NOW)
    assert refused.routing_key == "to.redcross.message.refused.v1.service.published.v2"
    assert refusal(refused).code == "forged_sender"


def test_a_message_without_a_checked_user_is_refused() -> None:
    assert (
        refusal(admission.decide(arrival(service_published(), user=None), ORGANISATIONS, NOW)).code == "user_id_missing"
    )


def test_a_contract_that_this_organisation_may_not_send_is_refused() -> None:
    from_iom = arrival(service_published(source="iom"), queue="submit.iom", user="iom")
    assert refusal(admission.decide(from_iom, ORGANISATIONS, NOW)).code == "not_allowed"


def test_a_recipient_named_by_a_partner_leads_nowhere() -> None:
    message = service_published().model_copy(update={"recipient": "iom"})
    assert admission.decide(arrival(message), ORGANISATIONS, NOW).routing_key == "service.published.v2"


def test_unreadable_properties_are_refused() -> None:
    unreadable = Arrival("submit.redcross", "redcross.service.published.v2", 1, service_published().to_json(), None)
    refused = admission.decide(unreadable, ORGANISATIONS, NOW)
    assert (refused.routing_key, refusal(refused).code) == ("to.redcross.message.refused.v1", "properties_unreadable")


@pytest.mark.parametrize(("said", "is_event"), [*MEDIA_TYPES, (None, False), ("application/json", False)])
def test_the_content_type_is_compared_without_regard_to_case_and_parameters(said: Any, is_event: bool) -> None:
    came = arrival(service_published())
    written = said.format(CONTENT_TYPE) if isinstance(said, str) else said
    admitted = admission.decide(
        replace(came, properties={**(came.properties or {}), "content_type": written}), ORGANISATIONS, NOW
    )
    if is_event:
        assert (admitted.exchange, admitted.body) == ("hub", came.body)
    else:
        assert refusal(admitted).code == "content_type"


def test_the_same_message_refused_twice_is_refused_by_one_id() -> None:
    """The gateway may be killed after the refusal and before it acknowledges."""
    bad = arrival(service_published(source="iom"))
    first, second = (admission.decide(bad, ORGANISATIONS, NOW) for _ in range(2))
    assert first.message_id == second.message_id
    assert first.body == second.body


def test_a_refusal_answers_the_message_and_belongs_to_its_conversation() -> None:
    message = service_published(source="iom")
    answer = contracts.parse(admission.decide(arrival(message), ORGANISATIONS, NOW).body)
    assert (answer.causationid, answer.correlationid) == (message.id, message.correlationid)
    assert (answer.source, answer.recipient) == ("hub", "redcross")


def test_a_refusal_says_that_the_gateway_refused() -> None:
    bad = arrival(service_published(source="iom"))
    assert refusal(admission.decide(bad, ORGANISATIONS, NOW)).refused_by == "gateway"


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
        refused = refusal(admission.decide(arrived, ORGANISATIONS, NOW))

    (line,) = [json.loads(JsonLines("gateway").format(record)) for record in caplog.records]
    assert "Yuleisy" not in json.dumps(line)
    assert line["says"] == "refused"
    assert (line["code"], line["contract"], line["source"]) == (refused.code, named, "redcross")
    assert line["digest"] == refused.body_sha256
    assert line["message"] == str(refused.refused_id or "unreadable")


def test_what_the_hub_has_for_an_organisation_goes_to_its_inbox_unchanged() -> None:
    arrived = Arrival("deliver.iom", "to.iom.referral.status.v1", 1, b"anything", {"message_id": "an id"})
    delivered = admission.deliver(arrived, ORGANISATIONS)
    assert (delivered.exchange, delivered.routing_key) == ("inbox", "iom")
    assert (delivered.body, delivered.message_id) == (b"anything", "an id")


def test_every_code_of_the_gateway_is_explained_to_partners_and_no_other() -> None:
    said = set(re.findall(r"Refused\(\"([a-z_]+)\"", Path(admission.__file__).read_text()))
    contracts_page = (ROOT / "contracts" / "README.md").read_text()
    table = contracts_page.partition("Codes of admission")[2].partition("Every service adds")[0]
    assert set(re.findall(r"^\| `([a-z_]+)`", table, re.MULTILINE)) == said


# -- services that organisations run themselves ------------------------------------------------------------------------


def from_whom(data: Any, source: str, *, recipient: str | None = None) -> Arrival:
    about = contracts.contract_of(data).about
    subject = str(getattr(data, about)) if about else str(contracts.uuid7())
    message = contracts.stamp(contracts.Draft(data, subject, recipient, sequence=1), source=source, time=NOW)
    return arrival(message, queue=f"submit.{source}", user=source)


def confirmed(organiser: str) -> contracts.JornadaConfirmed:
    return contracts.JornadaConfirmed(jornada_id=contracts.uuid7(), organiser=organiser)


def settled() -> contracts.AttendanceSettled:
    attendance, jornada, person = contracts.uuid7(), contracts.uuid7(), contracts.uuid7()
    accepted = codes.AttendanceOutcome.ACCEPTED
    return contracts.AttendanceSettled(
        attendance_id=attendance, jornada_id=jornada, person_id=person, outcome=accepted, late=False
    )


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
    assert admission.decide(said, {**ORGANISATIONS, "redcross": anybody}, NOW).routing_key == goes_to


def test_what_an_organisations_own_service_does_not_read_goes_to_the_hubs() -> None:
    planned = contracts.JornadaHeld(jornada_id=contracts.uuid7(), organiser="americares", held_at=NOW)
    assert admission.decide(from_whom(planned, "americares"), ORGANISATIONS, NOW).routing_key == "jornada.held.v1"


def test_an_organisations_own_service_may_answer_another_organisation() -> None:
    answer = from_whom(settled(), "americares", recipient="redcross")
    assert admission.decide(answer, ORGANISATIONS, NOW).routing_key == "to.redcross.attendance.settled.v1"


def test_an_organisations_own_service_may_not_address_nobody() -> None:
    answer = from_whom(settled(), "americares", recipient="unheard-of")
    assert refusal(admission.decide(answer, ORGANISATIONS, NOW)).code == "unknown_recipient"


def test_an_organisations_own_service_says_only_what_that_service_says() -> None:
    counted = contracts.EmployerRecorded(
        employer_id=contracts.uuid7(), organisation="americares", economic_sector="commerce", zone="08001"
    )
    assert refusal(admission.decide(from_whom(counted, "americares"), ORGANISATIONS, NOW)).code == "not_allowed"


@pytest.mark.parametrize(("organiser", "code"), [("redcross", "not_yours"), ("americares", None)])
def test_an_organisations_own_service_speaks_of_that_organisation_only(organiser: str, code: str | None) -> None:
    """Else a partner could be told that the jornada of another is cancelled."""
    told = status().model_copy(update={"organiser": organiser})
    admitted = admission.decide(from_whom(told, "americares", recipient="redcross"), ORGANISATIONS, NOW)
    refused = admitted.routing_key == "to.americares.message.refused.v1.jornada.status.v1"
    assert (refusal(admitted).code if refused else None) == code


def runs_employment() -> Organisation:
    """Who keeps its own participants itself: nothing that others say of them is diverted to it."""
    publishes = ("message.refused", "placement.follow_up_due")
    system = System("fuvadis", "employment", ("participation.started", "referral.offered"), (), "employment", publishes)
    return Organisation("fuvadis", "FUVADIS", (), coordinator=False, systems=(system,))


def due() -> contracts.PlacementFollowUpDue:
    return contracts.PlacementFollowUpDue(candidacy_id=contracts.uuid7(), day=30, due_on=NOW.date())


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
    answer = admission.decide(from_whom(said(), "americares", recipient="redcross"), ORGANISATIONS, NOW)
    assert answer.routing_key == "to.americares.message.refused.v1.message.refused.v1"
    assert (refusal(answer).code, refusal(answer).where) == ("not_yours", where)


@pytest.mark.parametrize("said", [due, lambda: refused("participation.started.v1")])
def test_an_organisations_own_service_tells_others_nothing_unless_they_are_brought_to_it(said: Any) -> None:
    among = {**ORGANISATIONS, "fuvadis": runs_employment()}
    answer = admission.decide(from_whom(said(), "fuvadis", recipient="redcross"), among, NOW)
    assert answer.routing_key == f"to.fuvadis.message.refused.v1.{contracts.contract_of(said()).type}"
    assert refusal(answer).code == "not_yours"


def test_what_anybody_says_of_a_jornada_is_refused_by_the_service_of_its_organiser() -> None:
    answer = from_whom(refused("jornada.confirmed.v1"), "americares", recipient="redcross")
    goes_to = admission.decide(answer, ORGANISATIONS, NOW).routing_key
    assert goes_to == "to.redcross.message.refused.v1.jornada.confirmed.v1"


@pytest.mark.parametrize(
    "said", [due, lambda: refused("participation.started.v1"), lambda: refused("person.registered.v1")]
)
def test_an_organisations_own_service_tells_that_organisation_whatever_it_likes(said: Any) -> None:
    among = {**ORGANISATIONS, "fuvadis": runs_employment()}
    answer = admission.decide(from_whom(said(), "fuvadis", recipient="fuvadis"), among, NOW)
    message = contracts.parse(answer.body)
    assert (answer.routing_key, message.source) == (address_to("fuvadis", message), "fuvadis")


@pytest.mark.parametrize(("fact", "recipient"), [(True, "redcross"), (False, None)])
def test_facts_are_addressed_to_nobody_and_answers_to_somebody(fact: bool, recipient: str | None) -> None:
    said = counted() if fact else refused("jornada.confirmed.v1")
    answer = admission.decide(from_whom(said, "americares", recipient=recipient), ORGANISATIONS, NOW)
    assert answer.routing_key == f"to.americares.message.refused.v1.{contracts.contract_of(said).type}"
    assert refusal(answer).code == "unknown_recipient"


def test_who_runs_no_service_may_not_speak_as_one() -> None:
    anything = replace(ORGANISATIONS["redcross"], may_send=("*",))
    answer = from_whom(settled(), "redcross", recipient="iom")
    refused = admission.decide(answer, {**ORGANISATIONS, "redcross": anything}, NOW)
    assert refusal(refused).code == "not_allowed"


def status() -> contracts.JornadaStatus:
    return contracts.JornadaStatus(
        jornada_id=contracts.uuid7(),
        organiser="redcross",
        state=codes.JornadaState.PLANNED,
        changed_at=NOW,
        kind=codes.JornadaKind.SERVICE_FAIR,
        name="Feria de servicios",
        zone="08001",
        place="Cancha La Chinita",
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=8),
    )


def counted() -> contracts.AttendanceCounted:
    said = settled()
    return contracts.AttendanceCounted(
        attendance_id=said.attendance_id,
        jornada_id=said.jornada_id,
        organiser="americares",
        person_id=said.person_id,
        present=True,
        present_at=NOW,
        recorded_by="redcross",
    )


def refused(kind: str | None = None, **overrides: Any) -> contracts.MessageRefused:
    said = {"code": "not_yours", "refused_id": contracts.uuid7(), "refused_type": kind, "body_sha256": "0" * 64}
    return contracts.MessageRefused(**{**said, **overrides})


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
    assert admission.deliver(arrived, ORGANISATIONS).routing_key == inbox


def test_what_is_addressed_with_its_type_is_delivered_unread() -> None:
    arrived = Arrival("deliver.americares", "to.americares.attendance.settled.v1", 1, b"no JSON", {"message_id": "id"})
    delivered = admission.deliver(arrived, ORGANISATIONS)
    assert (delivered.routing_key, delivered.body) == ("americares.lists", b"no JSON")


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
    delivered = admission.deliver(Arrival("deliver.americares", key, 1, body, None), ORGANISATIONS)
    assert (delivered.routing_key, delivered.body) == ("americares", body)


# -- the process -------------------------------------------------------------------------------------------------------


def test_a_gateway_stopped_under_load_passes_nothing_twice(gateway: Gateway, redcross: Partner) -> None:
    """Trap 6."""
    sent = conversation(3000)
    redcross.submit(*sent)
    # slow, so that nobody comes too late to stop it, and with the patience that a slow machine needs
    slowly = {"SLOW_PUBLISHING": "0.2", "CONSTANTS": '{"messaging.broker.QUIET": 1.0}'}
    first = gateway.process(tampered=slowly).start()
    wait_until(lambda: gateway.submitted("redcross") < len(sent))

    assert first.stop() == 0
    assert gateway.submitted("redcross") > 0

    second = gateway.process().start()
    passed = [message.id for message in gateway.passed(len(sent))]
    assert second.stop() == 0
    assert '"redelivered": "0"' in second.log()
    assert passed == [message.id for message in sent]


@pytest.mark.parametrize(
    "point", ["before_publish", "after_publish", "after_confirm", "before_acknowledge", "after_acknowledge"]
)
def test_a_gateway_killed_anywhere_passes_everything_in_order(
    gateway: Gateway, redcross: Partner, tmp_path: Path, point: str
) -> None:
    sent = conversation(300)
    redcross.submit(*sent)
    (tmp_path / "die").write_text(point)
    killed = gateway.process(tampered={"KILL_FILE": str(tmp_path / "die")}).launch()
    assert killed.exit_code() == -signal.SIGKILL

    second = gateway.process().start()
    gateway.wait_empty("redcross")
    second.stop()
    passed = [message.id for message in gateway.passed(len(sent))]

    repeats = len(passed) - len(set(passed))
    print(f"{point}: passed again {repeats}")
    assert list(dict.fromkeys(passed)) == [message.id for message in sent]
    assert (repeats > 0) == (point in ("after_publish", "after_confirm", "before_acknowledge"))
    assert '"redelivered": "0"' not in second.log()


def test_a_gateway_killed_on_the_way_out_delivers_everything_in_order(
    gateway: Gateway, redcross: Partner, tmp_path: Path
) -> None:
    answers = [message.model_copy(update={"recipient": "redcross"}) for message in conversation(300)]
    gateway.probe.send_to("deliver.redcross", *answers)
    (tmp_path / "die").write_text("before_acknowledge")
    killed = gateway.process(tampered={"KILL_FILE": str(tmp_path / "die")}).launch()
    assert killed.exit_code() == -signal.SIGKILL

    gateway.process().start()
    delivered = [message.id for message in redcross.read(len(answers) + 1)]

    assert list(dict.fromkeys(delivered)) == [message.id for message in answers]


def test_what_the_hub_has_for_an_organisation_arrives_in_the_right_inbox_under_either_address(
    gateway: Gateway, redcross: Partner
) -> None:
    for_lists = [from_whom(data, "hub").body for data in (settled(), refused("attendance.recorded.v1"))]
    for_staff = [from_whom(data, "hub").body for data in (status(), refused("person.registered.v1"), refused())]
    all_of_it = for_lists + for_staff
    publish(gateway, *((address_to("redcross", contracts.parse(body)), body) for body in all_of_it))
    publish(gateway, *(("to.redcross", body) for body in all_of_it))

    gateway.process().start()

    assert redcross.bodies("inbox.redcross.attendance", 2 * len(for_lists)) == 2 * for_lists
    assert redcross.bodies("inbox.redcross", 2 * len(for_staff)) == 2 * for_staff


def test_what_is_addressed_to_nobody_is_dead_lettered(gateway: Gateway) -> None:
    keys = (
        "to.nobody.referral.status.v1",
        "to.redcros.referral.status.v1",
        "to.redcross-x",
        "to",
        "too.redcross.x.y.v1",
    )
    publish(gateway, *((key, key.encode()) for key in keys))
    assert gateway.probe.bodies("unrouted", len(keys)) == [key.encode() for key in keys]


def publish(gateway: Gateway, *addressed: tuple[str, bytes]) -> None:
    """Publish bodies to the hub, each by its routing key."""
    publisher = Publisher(gateway.probe.amqp_url)
    assert publisher.publish([Publication("hub", key, body, contracts.uuid7()) for key, body in addressed]) == set()
    publisher.drop()


def test_an_organisation_that_floods_does_not_hold_up_its_neighbour(
    gateway: Gateway, redcross: Partner, iom: Partner
) -> None:
    process = gateway.process().start()
    process.send_signal(signal.SIGSTOP)  # until all of it waits, so that it is known who came first
    redcross.submit(*conversation(FLOOD))
    message = service_published(source="iom")
    iom.submit(message)
    process.send_signal(signal.SIGCONT)

    passed = [one.id for one in gateway.passed(FLOOD + 1)]

    print(f"{passed.index(message.id)} messages of the flood came before the neighbour's, which was sent last")
    assert passed.index(message.id) < FLOOD / 10


def test_a_full_inbox_holds_up_nobody_else_and_loses_nothing(
    gateway: Gateway, redcross: Partner, iom: Partner, provisioned: Stack
) -> None:
    limit = {
        "pattern": "^inbox.redcross$",
        "definition": {"max-length": 5, "overflow": "reject-publish"},
        "priority": 9,
    }
    provisioned.management.put("policies/network/full", limit | {"apply-to": "queues"})
    try:
        process = gateway.process().start()
        for_redcross, for_iom = conversation(400), conversation(50)
        gateway.probe.send_to("deliver.redcross", *for_redcross)
        wait_until(lambda: process.said("not taken, and offered again"))

        gateway.probe.send_to("deliver.iom", *for_iom)
        delivered = iom.read(len(for_iom))
        assert [message.id for message in delivered] == [message.id for message in for_iom]

        got: set[UUID] = set()
        while len(got) < len(for_redcross):
            got |= {message.id for message in redcross.read()}
        assert got == {message.id for message in for_redcross}
    finally:
        provisioned.management.delete("policies/network/full")


def test_an_answer_goes_the_whole_way_there_and_back(gateway: Gateway, redcross: Partner) -> None:
    sent = conversation(100)
    gateway.process().launch()
    gateway.probe.service().launch()  # without its relay, which may send again what a slow service is about to send

    redcross.submit(*sent, *sent[:10])
    wait_until(lambda: gateway.probe.counted("repeated") == 10)
    answers = redcross.read(len(sent))

    verdict = check(sent, gateway.probe.notes(), answers)
    assert verdict.faultless
    assert verdict.repeated == 0


def test_the_gateway_opens_when_the_broker_can_be_reached(gateway: Gateway) -> None:
    process = gateway.process(GATEWAY_HUB_AMQP_URL="amqp://nobody:x@127.0.0.1:1/hub").launch()
    wait_until(lambda: process.said("a broker is away"))
    assert not process.is_ready()
    assert process.stop() == 0


def test_organisations_are_read_from_the_network_file(gateway: Gateway, redcross: Partner, tmp_path: Path) -> None:
    """A contract struck from the file is refused by the next gateway."""
    from messaging.topology import NETWORK_FILE

    declared, changed = NETWORK_FILE.read_text(), tmp_path / "network.toml"
    assert declared.count('"service.*", ') == 1
    changed.write_text(declared.replace('"service.*", ', ""))
    gateway.process(RUTA_NETWORK_FILE=str(changed)).start()

    redcross.submit(service_published())

    (answer,) = redcross.read()
    assert answer.data.code == "not_allowed"
