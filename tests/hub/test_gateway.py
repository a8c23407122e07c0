"""The gateway as a process: stopped, killed, flooded and blocked."""

import signal
from pathlib import Path
from uuid import UUID

import pytest

import contracts
from contracts import sealing
from deploy.local import Stack
from messaging.broker import Publication, Publisher
from messaging.identity import address_to
from tests.examples import KEYS, person_registered, say, write_directory
from tests.hub.network import from_whom, refused, settled, status
from tests.messaging.checker import check
from tests.messaging.harness import conversation, service_published, wait_until
from tests.messaging.partners import Gateway, Partner

FLOOD = 10_000  # messages

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


@pytest.mark.parametrize(("directory", "why"), [("nowhere.json", "No such file"), ("empty.json", "no directory")])
def test_a_directory_that_cannot_be_read_ends_it_with_one_sentence(
    gateway: Gateway, tmp_path: Path, directory: str, why: str
) -> None:
    (tmp_path / "empty.json").write_text("{}")
    process = gateway.process(RUTA_DIRECTORY_FILE=str(tmp_path / directory)).launch()
    assert process.exit_code() == 1
    (said,) = process.log().splitlines()
    assert said.startswith(f"The directory of public keys {tmp_path / directory} (RUTA_DIRECTORY_FILE) cannot be used")
    assert why in said


def test_a_block_that_is_sealed_to_another_is_refused_by_the_keys_that_the_directory_has_now(
    gateway: Gateway, redcross: Partner, tmp_path: Path
) -> None:
    directory = write_directory(tmp_path / "directory.json")
    gateway.process(RUTA_DIRECTORY_FILE=str(directory)).start()
    registered = person_registered(sealing.public_part(KEYS["hub"]))

    first, second = say(registered), say(registered)

    redcross.submit(first, service_published())
    gateway.passed(1)  # what came after the first
    write_directory(directory, {**KEYS, "hub": sealing.new_key()})
    redcross.submit(second)
    (refusal,) = redcross.read()

    assert (refusal.data.code, refusal.data.where) == ("sealed_to_another", "data.sealed")
    assert refusal.data.refused_id == second.id
