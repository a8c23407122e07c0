"""Which of what has arrived is applied next: each sender's in its order, and nobody behind another's flood."""

import random
from collections import defaultdict
from itertools import count

import pytest

from contracts import Message
from messaging import inbox
from messaging.arrivals import FEWEST, LITTLE, SPOKE_WITHIN, WORTH, Arrivals
from messaging.runtime import Delivery
from tests.examples import organisation_recorded, say
from tests.messaging.harness import service_published

MOST = 250
PACE = 1000


class Hall:
    def __init__(self) -> None:
        self.now = 1000.0
        self.arrivals = Arrivals(MOST, lambda: self.now)
        self._tags = count(1)
        self._messages: dict[str, inbox.Received] = {}

    def come(self, sender: str, messages: int = 1) -> list[int]:
        """Let messages of a sender arrive; their tags."""
        if sender not in self._messages:
            read = inbox.read(service_published(source=sender).to_json())
            assert isinstance(read, inbox.Received)
            self._messages[sender] = read
        tags = [next(self._tags) for _ in range(messages)]
        for tag in tags:
            self.arrivals.add(Delivery(tag, b"", redelivered=False, content=self._messages[sender]))
        return tags

    def take(self, pace: int | None = PACE) -> list[tuple[str, int]]:
        return [(sender_of(one), one.tag) for one in self.arrivals.take(pace)]


def sender_of(delivery: Delivery) -> str:
    assert isinstance(delivery.content, inbox.Received)
    message: Message = delivery.content.message
    return message.source


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_a_sender_that_is_alone_is_taken_as_much_as_goes_into_a_batch(hall: Hall) -> None:
    tags = hall.come("redcross", 400)
    assert [tag for _, tag in hall.take()] == tags[:MOST]
    assert [tag for _, tag in hall.take()] == tags[MOST:]
    assert len(hall.arrivals) == 0


def test_who_has_little_goes_before_a_flood_and_by_itself(hall: Hall) -> None:
    flood = hall.come("redcross", 400)
    (neighbour,) = hall.come("iom")
    assert hall.take() == [("iom", neighbour)]
    assert [tag for _, tag in hall.take()] == flood[: int(PACE * WORTH)]


def test_where_several_speak_a_batch_takes_a_moment_and_no_longer(hall: Hall) -> None:
    hall.come("iom")
    hall.take()
    hall.come("redcross", 400)
    assert len(hall.take()) == PACE * WORTH
    assert len(hall.take(pace=10)) == FEWEST
    assert len(hall.take(pace=None)) == FEWEST
    assert len(hall.take(pace=1_000_000)) == MOST


def test_who_has_been_alone_for_a_while_is_taken_as_much_as_goes_again(hall: Hall) -> None:
    hall.come("iom")
    hall.take()
    hall.now += SPOKE_WITHIN
    hall.come("redcross", 400)
    assert len(hall.take()) == MOST


def test_where_all_that_speak_have_much_a_batch_takes_as_much_as_goes(hall: Hall) -> None:
    for sender in ("redcross", "americares", "fuvadis"):
        hall.come(sender, 400)
    assert len(hall.take()) == MOST


def test_what_the_hub_says_makes_no_batch_smaller(hall: Hall) -> None:
    hall.come("hub", 3)
    hall.come("redcross", 400)
    assert [sender for sender, _ in hall.take()] == ["hub"] * 3
    assert len(hall.take()) == MOST


def test_a_flood_has_its_turn_however_many_have_little(hall: Hall) -> None:
    hall.come("redcross", 400)
    taken = []
    for _ in range(6):
        hall.come("iom")
        taken.append({sender for sender, _ in hall.take()})
    assert taken == [{"iom"}, {"redcross", "iom"}] * 3


def test_floods_are_taken_by_turns(hall: Hall) -> None:
    for sender in ("redcross", "americares", "fuvadis"):
        hall.come(sender, 400)
    taken = [sender for sender, _ in hall.take()]
    assert max(taken.count(one) for one in set(taken)) - min(taken.count(one) for one in set(taken)) <= 1


def test_a_few_of_several_are_one_batch_in_the_order_in_which_they_came(hall: Hall) -> None:
    tags = [*hall.come("redcross", LITTLE), *hall.come("iom", 2), *hall.come("redcross", 5), *hall.come("hub", 3)]
    assert [tag for _, tag in hall.take()] == tags


def test_what_cannot_be_read_has_its_turn(hall: Hall) -> None:
    hall.come("redcross", 400)
    hall.arrivals.add(Delivery(9_999, b"garbage", redelivered=False, content=inbox.read(b"garbage")))
    taken = [one.tag for _ in range(2) for one in hall.arrivals.take(PACE)]
    assert 9_999 in taken


def test_what_is_forgotten_is_not_taken(hall: Hall) -> None:
    hall.come("redcross", 20)
    hall.arrivals.clear()
    assert (hall.take(), len(hall.arrivals)) == ([], 0)


@pytest.mark.parametrize("seed", range(30))
def test_whatever_comes_is_taken_once_and_each_senders_in_its_order(hall: Hall, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    came: dict[str, list[int]] = defaultdict(list)
    taken: dict[str, list[int]] = defaultdict(list)
    for _ in range(100):
        sender = chance.choice(["redcross", "iom", "hub", "fuvadis"])
        came[sender] += hall.come(sender, chance.choice([1, 2, 60, 300]))
        hall.now += chance.choice([0, 0.01, SPOKE_WITHIN])
        for sender, tag in hall.take(chance.choice([None, 1, 500, 100_000])):
            taken[sender].append(tag)
    while len(hall.arrivals):
        for sender, tag in hall.take():
            taken[sender].append(tag)
    assert taken == came


def test_what_the_hub_says_of_an_organisation_goes_before_what_it_says_itself_afterwards(hall: Hall) -> None:
    flood = hall.come("hub", 400)
    recorded = inbox.read(say(organisation_recorded("iom"), source="hub").to_json())
    assert isinstance(recorded, inbox.Received)
    hall.arrivals.add(Delivery(401, b"", redelivered=False, content=recorded))
    (later,) = hall.come("iom")
    taken = [tag for _, tag in hall.take()]
    assert taken[-2:] == [401, later]
    assert set(taken[:-2]) <= set(flood)
