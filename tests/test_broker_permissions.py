"""What an organisation can do on the broker, and all that it cannot: asked of the real one."""

from collections.abc import Callable, Iterator
from typing import Any

import amqp
import pytest

from deploy.local import Stack
from messaging import topology
from messaging.broker import connect
from tests.waiting import eventually

ME, OTHER = "redcross", "iom"
MINE = topology.submit_exchange(ME)


@pytest.fixture
def as_user(provisioned: Stack) -> Iterator[Callable[[str, str], Any]]:
    """Opens connections as a declared user; they are dropped afterwards."""
    opened: list[Any] = []

    def open_connection(user: str, vhost: str = topology.NETWORK) -> Any:
        connection = connect(provisioned.amqp_url(user, vhost))
        opened.append(connection)
        return connection

    yield open_connection
    for connection in opened:
        connection.collect()


@pytest.fixture
def mine(as_user: Callable[..., Any]) -> Any:
    """A channel of the Red Cross, with publisher confirms."""
    channel = as_user(ME).channel()
    channel.confirm_select()
    return channel


def publish(channel: Any, exchange: str, key: str, **properties: Any) -> None:
    """Publish, and wait for the broker to confirm or refuse."""
    message = amqp.Message(b"{}", content_type="application/cloudevents+json", delivery_mode=2, **properties)
    channel.basic_publish_confirm(message, exchange, key, mandatory=True)


def test_an_organisation_sends_under_its_own_name(mine: Any, provisioned: Stack) -> None:
    publish(mine, MINE, f"{ME}.referral.requested.v2", user_id=ME)


def test_an_organisation_reads_its_own_inbox(mine: Any, as_user: Callable[..., Any]) -> None:
    gateway = as_user(topology.GATEWAY).channel()
    gateway.confirm_select()
    publish(gateway, "inbox", ME)

    message = mine.basic_get(f"inbox.{ME}")

    assert message is not None
    mine.basic_ack(message.delivery_tag)


def test_an_organisation_can_check_that_its_queue_is_there(mine: Any) -> None:
    mine.queue_declare(f"inbox.{ME}", passive=True)
    mine.exchange_declare(MINE, "", passive=True)


@pytest.mark.parametrize(
    "key", [f"{OTHER}.referral.requested.v2", "referral.requested.v2", f"{ME}x.referral.requested.v2", ME, ""]
)
def test_writing_under_another_name_is_refused(mine: Any, key: str) -> None:
    with pytest.raises(amqp.AccessRefused):
        publish(mine, MINE, key, user_id=ME)


@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_no_header_leads_to_anothers_queue(
    mine: Any, as_user: Callable[..., Any], provisioned: Stack, header: str
) -> None:
    """RabbitMQ routes by these too, and checks them against nobody's permissions."""
    provisioned.management.delete(f"queues/{topology.NETWORK}/submit.{OTHER}/contents")  # what others have left there
    theirs = {header: [f"{OTHER}.referral.requested.v2", f"submit.{OTHER}", f"inbox.{OTHER}", OTHER]}
    publish(mine, MINE, f"{ME}.referral.requested.v2", user_id=ME, application_headers=theirs)

    gateway = as_user(topology.GATEWAY).channel()
    assert gateway.basic_get(f"submit.{OTHER}", no_ack=True) is None


def test_what_an_organisation_lets_expire_is_dead_lettered(mine: Any, provisioned: Stack) -> None:
    def dead_lettered() -> int:
        (queue,) = [one for one in provisioned.management.queues(topology.NETWORK) if one["name"] == "unrouted"]
        return int(queue.get("messages", 0))

    provisioned.management.delete(f"queues/{topology.NETWORK}/submit.{ME}/contents")  # it expires at the head only
    before = dead_lettered()
    for _ in range(3):
        publish(mine, MINE, f"{ME}.referral.requested.v2", user_id=ME, expiration="0")

    eventually(lambda: dead_lettered() >= before + 3)


def test_a_forged_user_id_is_refused(mine: Any) -> None:
    with pytest.raises(amqp.PreconditionFailed):
        publish(mine, MINE, f"{ME}.referral.requested.v2", user_id=OTHER)


@pytest.mark.parametrize("queue", [f"inbox.{OTHER}", f"submit.{ME}", f"submit.{OTHER}", "unrouted"])
def test_reading_a_queue_that_is_not_its_inbox_is_refused(mine: Any, queue: str) -> None:
    with pytest.raises(amqp.AccessRefused):
        mine.basic_get(queue)


@pytest.mark.parametrize("queue", [f"inbox.{OTHER}", f"submit.{ME}"])
def test_consuming_a_queue_that_is_not_its_inbox_is_refused(mine: Any, queue: str) -> None:
    with pytest.raises(amqp.AccessRefused):
        mine.basic_consume(queue)


@pytest.mark.parametrize("exchange", ["inbox", f"submit.{OTHER}", "unrouted", "amq.topic", ""])
def test_writing_past_the_door_is_refused(mine: Any, exchange: str) -> None:
    with pytest.raises(amqp.AccessRefused):
        publish(mine, exchange, f"inbox.{OTHER}")


DECLARATIONS: dict[str, Callable[[Any], object]] = {
    "a queue": lambda channel: channel.queue_declare(f"{ME}.mine"),
    "a queue named by the broker": lambda channel: channel.queue_declare("", exclusive=True),
    "its own inbox with other arguments": lambda channel: channel.queue_declare(f"inbox.{ME}", durable=True),
    "an exchange": lambda channel: channel.exchange_declare(f"{ME}.mine", "topic"),
    "a binding to another's inbox": lambda channel: channel.queue_bind(f"inbox.{OTHER}", MINE, f"{ME}.#"),
    "a binding of its inbox to all that is sent": lambda channel: channel.queue_bind(f"inbox.{ME}", MINE, "#"),
    "the end of its inbox": lambda channel: channel.queue_delete(f"inbox.{ME}"),
    "the end of the exchange": lambda channel: channel.exchange_delete(MINE),
    "another's inbox emptied": lambda channel: channel.queue_purge(f"inbox.{OTHER}"),
}


@pytest.mark.parametrize("declare", DECLARATIONS.values(), ids=DECLARATIONS.keys())
def test_declaring_anything_is_refused(mine: Any, declare: Callable[[Any], object]) -> None:
    with pytest.raises(amqp.AccessRefused):
        declare(mine)


@pytest.mark.parametrize("vhost", [topology.HUB, "/"])
def test_an_organisation_does_not_get_into_the_hub(as_user: Callable[..., Any], vhost: str) -> None:
    with pytest.raises(amqp.NotAllowed):
        as_user(ME, vhost)


def test_an_organisation_does_not_get_into_the_management_interface(provisioned: Stack) -> None:
    place = provisioned.management.place
    theirs = topology.Management(f"http://{ME}:{provisioned.state.password(ME)}@{place}")

    with pytest.raises(topology.TopologyError, match="401"):
        theirs.get("overview")


def test_a_service_reads_its_own_queue_and_writes_the_hub(as_user: Callable[..., Any]) -> None:
    channel = as_user("referrals", topology.HUB).channel()
    channel.queue_declare("referrals", passive=True)
    channel.exchange_declare("hub", "", passive=True)
    channel.confirm_select()

    publish(channel, "hub", "test.of.permissions", user_id="referrals")  # nobody's: it waits in `unrouted`
    channel.basic_consume("referrals")


@pytest.mark.parametrize("queue", ["intake", f"deliver.{ME}", "dead", "unrouted"])
def test_a_service_does_not_read_what_is_not_its_own(as_user: Callable[..., Any], queue: str) -> None:
    channel = as_user("referrals", topology.HUB).channel()

    with pytest.raises(amqp.AccessRefused):
        channel.basic_get(queue)


def test_a_service_does_not_get_to_the_partners(as_user: Callable[..., Any]) -> None:
    with pytest.raises(amqp.NotAllowed):
        as_user("referrals", topology.NETWORK)


def test_the_door_reads_what_was_sent_and_declares_nothing(as_user: Callable[..., Any]) -> None:
    channel = as_user(topology.GATEWAY).channel()
    channel.basic_get(f"submit.{OTHER}")

    with pytest.raises(amqp.AccessRefused):
        channel.queue_declare("mine")


def test_what_takes_in_http_writes_only_what_was_submitted_and_reads_nothing(as_user: Callable[..., Any]) -> None:
    channel = as_user(topology.GATEWAY_HTTP, topology.HUB).channel()
    channel.confirm_select()
    publish(channel, "hub", topology.submitted_key(ME, None, "test.of.permissions"), user_id=topology.GATEWAY_HTTP)

    with pytest.raises(amqp.AccessRefused):
        publish(channel, "hub", f"to.{ME}.message.refused.v1", user_id=topology.GATEWAY_HTTP)
    with pytest.raises(amqp.AccessRefused):
        as_user(topology.GATEWAY_HTTP, topology.HUB).channel().basic_get(topology.submitted_queue(ME, None))


def test_the_courier_reads_the_ledger_and_writes_nothing(as_user: Callable[..., Any]) -> None:
    channel = as_user(topology.COURIER, topology.HUB).channel()
    channel.basic_consume(topology.LEDGER)

    writing = as_user(topology.COURIER, topology.HUB).channel()
    writing.confirm_select()
    with pytest.raises(amqp.AccessRefused):
        publish(writing, "hub", "referral.requested.v2")


@pytest.mark.parametrize("key", ["#", "to.#", f"to.{ME}.#", "referral.requested.v2"])
def test_the_gateway_listens_to_nothing_but_what_became_of_messages(as_user: Callable[..., Any], key: str) -> None:
    channel = as_user(topology.GATEWAY, topology.HUB).channel()
    queue = channel.queue_declare("", exclusive=True).queue
    channel.queue_bind(queue, "hub", f"{topology.PROCESSED}.#")

    with pytest.raises(amqp.AccessRefused):
        channel.queue_bind(queue, "hub", key)
