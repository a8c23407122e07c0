"""The gateway lets into a service a share of each sender's messages, over real queues, by either entrance.

That the time of a neighbour stays what it is while others flood is measured by `./ruta bench http`; here is looked at
what stands in a service's queue, which no machine's speed changes.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

import contracts
from messaging.broker import Publication, Publisher
from messaging.credits import ALONE, MOST
from messaging.topology import GATEWAY_HTTP, HUB, NETWORK_FILE, submitted_key, submitted_queue
from tests.messaging.harness import Process, conversation, service_published, wait_until
from tests.messaging.partners import Gateway, Partner

FLOOD = 1_200  # messages
WINDOW = 64  # that the gateway has in hand of one queue, unacknowledged
NOBODY_IS_AWAY = {"messaging.credits.HEARD_WITHIN": 3600.0, "messaging.credits.ALONE_AFTER": 3600.0}


class Hall:
    """A gateway that knows the probe as the only service that reads what is published, and both entrances to it."""

    def __init__(self, gateway: Gateway, folder: Path, more: str = "") -> None:
        self.gateway, self.probe = gateway, gateway.probe
        self.file = folder / "network.toml"
        said = NETWORK_FILE.read_text()
        for service in ("intake", "referrals", "reports"):
            said, found = re.subn(rf"^\[services\.{service}\][^\[]*", "", said, flags=re.MULTILINE)
            assert found
        self.file.write_text(f'{said}\n{more}[services.probe]\npackage = "tests.messaging.probe"\n')
        self.probe.empty(*(submitted_queue(one, None) for one in ("redcross", "iom", "americares")))

    def open(self, **constants: float) -> Process:
        tampered = {"CONSTANTS": json.dumps(constants)} if constants else None
        return self.gateway.process(tampered=tampered, RUTA_NETWORK_FILE=str(self.file)).start()

    def submit(self, entrance: str, partner: Partner, messages: Sequence[contracts.Message]) -> None:
        if entrance == "amqp":
            partner.submit(*messages)
            return
        publisher = Publisher(self.probe.stack.amqp_url(GATEWAY_HTTP, HUB))
        for start in range(0, len(messages), 500):
            batch = [
                Publication(HUB, submitted_key(one.source, None, one.type), one.to_json(), one.id)
                for one in messages[start : start + 500]
            ]
            assert publisher.publish(batch) == set()
        publisher.drop()

    def outside(self, entrance: str, organisation: str) -> int:
        """How many messages of an organisation nobody has taken up."""
        if entrance == "amqp":
            return self.gateway.submitted(organisation)
        return self.probe.length(submitted_queue(organisation, None))

    def let_in(self, entrance: str, organisation: str, of: int) -> int:
        """How much of a flood stands in the service, where all of it is accounted for, with the rest outside; else 0.

        That may be so for a moment, too, while the gateway has its window in hand.
        """
        outside = self.outside(entrance, organisation)
        inside = self.probe.length("probe")
        return inside if outside and inside + WINDOW + outside == of else 0


@pytest.fixture
def hall(gateway: Gateway, tmp_path: Path) -> Hall:
    return Hall(gateway, tmp_path)


ENTRANCES = pytest.mark.parametrize("entrance", ["amqp", "http"])


@ENTRANCES
def test_a_flood_stands_outside_and_a_neighbour_goes_past_it(
    hall: Hall, redcross: Partner, iom: Partner, entrance: str
) -> None:
    hall.open(**NOBODY_IS_AWAY)
    hall.submit(entrance, redcross, conversation(FLOOD))
    wait_until(lambda: hall.let_in(entrance, "redcross", FLOOD) == ALONE)

    neighbour = service_published(source="iom")
    hall.submit(entrance, iom, [neighbour])

    wait_until(lambda: hall.probe.length("probe") == ALONE + 1)
    assert hall.outside(entrance, "redcross") == FLOOD - ALONE - WINDOW
    hall.probe.service().start()
    wait_until(lambda: len(hall.probe.notes()) == FLOOD + 1)
    assert hall.probe.notes().index(neighbour.id) <= ALONE


@ENTRANCES
def test_beside_a_neighbour_no_more_stands_in_a_service_than_it_does_in_a_moment(
    hall: Hall, redcross: Partner, iom: Partner, entrance: str
) -> None:
    hall.open(**NOBODY_IS_AWAY)
    service = hall.probe.service().start()
    hall.submit(entrance, iom, [service_published(source="iom")])
    wait_until(lambda: len(hall.probe.notes()) == 1)
    service.stop()

    hall.submit(entrance, redcross, conversation(FLOOD))

    wait_until(lambda: hall.let_in(entrance, "redcross", FLOOD))
    hall.submit(entrance, iom, [service_published(source="iom")])
    wait_until(lambda: hall.outside(entrance, "iom") == 0)
    assert hall.probe.length("probe") <= MOST + 1
    service.start()
    wait_until(lambda: len(hall.probe.notes()) == FLOOD + 2)


@ENTRANCES
def test_a_service_that_is_away_gets_everything(hall: Hall, redcross: Partner, entrance: str) -> None:
    hall.open()
    hall.submit(entrance, redcross, conversation(FLOOD))
    wait_until(lambda: hall.probe.length("probe") == FLOOD)


def test_with_referrals_stopped_what_another_service_reads_too_is_applied_of_everybody(
    gateway: Gateway, tmp_path: Path, redcross: Partner, iom: Partner
) -> None:
    hall = Hall(gateway, tmp_path, more="[services.referrals]\n")  # which nobody runs here
    hall.open()
    hall.probe.service().start()
    sent = [service_published(source=source) for _ in range(FLOOD // 4) for source in ("redcross", "iom")]
    for partner in (redcross, iom):
        partner.submit(*(one for one in sent if one.source == partner.organisation))

    wait_until(lambda: set(hall.probe.notes()) == {one.id for one in sent})


def test_a_gateway_that_is_killed_in_the_middle_of_a_flood_loses_nothing_and_blocks_nobody(
    hall: Hall, redcross: Partner, iom: Partner
) -> None:
    process = hall.open()
    hall.probe.service().start()
    sent = [*conversation(FLOOD), service_published(source="iom")]
    redcross.submit(*sent[:-1])
    wait_until(lambda: len(hall.probe.notes()) > 100)
    process.kill()
    iom.submit(sent[-1])
    process.start()

    wait_until(lambda: len(hall.probe.notes()) == len(sent))
    assert set(hall.probe.notes()) == {one.id for one in sent}


def test_what_is_let_in_whole_is_seen_by_these_tests(hall: Hall, redcross: Partner) -> None:
    """The planted fault: a gateway that counts nothing."""
    hall.open(**NOBODY_IS_AWAY, **{"messaging.credits.ALONE": float(FLOOD)})
    redcross.submit(*conversation(FLOOD))
    wait_until(lambda: hall.probe.length("probe") == FLOOD)
