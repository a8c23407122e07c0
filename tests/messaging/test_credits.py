"""How much of each sender's work is let into a service: by a clock that the tests move."""

import random
from collections import Counter, deque
from collections.abc import Iterator
from itertools import count

import pytest

from messaging.credits import (
    ALONE,
    ALONE_AFTER,
    CHANGES_AFTER,
    FEWEST,
    GROWS,
    HEARD_WITHIN,
    MOST,
    REFUSED_A_SECOND,
    REFUSED_AT_ONCE,
    WAITS_SINCE,
    WAY,
    WITHIN,
    Credits,
    Refusing,
)
from messaging.topology import Service

REFERRAL, PERSON, BOTH = "referral.requested.v2", "person.registered.v1", "consent.granted.v1"


class Hall:
    """Two services, and a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        services = [
            Service("referrals", ("referral.requested", "consent.granted")),
            Service("intake", ("person.registered", "consent.granted")),
        ]
        self.credits = Credits(services, lambda: self.now)
        self.in_it: dict[str, deque[tuple[str, str]]] = {"referrals": deque(), "intake": deque()}
        self._last = 0

    def take(self, sender: str, address: str = REFERRAL, *, into: str = "referrals") -> bool:
        self._last += 1
        taken = self.credits.take(sender, address, str(self._last))
        if taken:
            self.in_it[into].append((sender, str(self._last)))
        return taken

    def fill(self, sender: str, address: str = REFERRAL, *, into: str = "referrals", most: int = 5_000) -> int:
        """Let one sender put in as much as it may."""
        count = 0
        while count < most and self.take(sender, address, into=into):
            count += 1
        return count

    def processed(self, service: str = "referrals", most: int = 10_000, after: float = 0.0) -> Counter[str]:
        """Let a service have done with what was there first, so many seconds later."""
        self.now += after
        done = [self.in_it[service].popleft() for _ in range(min(most, len(self.in_it[service])))]
        for sender, message_id in done:
            self.credits.processed(service, sender.partition(".")[0], [message_id])
        return Counter(sender for sender, _ in done)

    def room_for(self, messages: float, service: str = "referrals") -> None:
        """Let it have shown just now that a service does so many in the time for which one may stand there."""
        self.credits._services[service]._at_once = messages
        self.credits._services[service]._changed_at = self.now

    def work(
        self, per_second: float, seconds: float, *senders: str, service: str = "referrals", way: float = 0.01
    ) -> list[float]:
        """Let a service work on what these flood it with, and a neighbour say something now and then.

        Returns how long each message of the neighbour has stood there. It takes up what the neighbour said, and then
        all else that is there, at once, and needs `way` seconds for either besides.
        """
        address = REFERRAL if service == "referrals" else PERSON
        stood, until, next_at = [], self.now + seconds, self.now
        said_at: dict[str, float] = {}
        while self.now < until:
            for sender in senders:
                self.fill(sender, address, into=service)
            if self.now >= next_at:
                assert self.take("neighbour", address, into=service)
                said_at[self.in_it[service][-1][1]] = self.now
                next_at += 0.2
            waiting = self.in_it[service]
            little = [one for one in waiting if one[0] == "neighbour"]
            for batch in (little, [one for one in waiting if one[0] != "neighbour"]):
                self.now += (way if batch or not waiting else 0) + len(batch) / per_second
                self.in_it[service] = deque(batch)
                self.processed(service)
                stood += [self.now - said_at.pop(message_id) for _, message_id in batch if message_id in said_at]
        return stood


@pytest.fixture
def hall() -> Hall:
    return Hall()


def test_who_is_alone_may_have_as_much_as_keeps_a_service_busy_and_no_more(hall: Hall) -> None:
    assert hall.fill("redcross") == ALONE


def test_beside_others_a_sender_has_what_the_service_does_in_fifty_milliseconds(hall: Hall) -> None:
    hall.take("iom")
    hall.processed()
    hall.work(1000, 5, "redcross")
    hall.processed()
    assert 1000 * WITHIN / 2 < hall.fill("redcross") <= 1000 * WITHIN * GROWS


@pytest.mark.parametrize("way", [0.001, 0.01, 0.02])
def test_the_way_that_every_message_has_before_it_keeps_no_flood_small(hall: Hall, way: float) -> None:
    hall.take("iom")
    hall.work(1000, 5, "redcross", way=way)
    hall.processed()
    assert 1000 * WITHIN / 2 < hall.fill("redcross") <= (1000 * WITHIN + 2) * GROWS


def test_a_way_that_is_too_long_to_be_one_lets_in_less(hall: Hall) -> None:
    hall.take("iom")
    hall.work(1000, 20, "redcross", way=3 * WAY)
    hall.processed()
    assert hall.fill("redcross") == FEWEST


@pytest.mark.parametrize(("per_second", "most"), [(50, FEWEST), (100, FEWEST), (1_000_000, MOST)])
def test_that_is_never_less_than_a_few_nor_more_than_a_batch(hall: Hall, per_second: int, most: int) -> None:
    hall.take("iom")
    hall.work(per_second, 10, "redcross")
    hall.processed()
    assert hall.fill("redcross") == most


@pytest.mark.parametrize("service", ["referrals", "intake"])
@pytest.mark.parametrize("floods", [("redcross",), ("redcross", "iom", "fuvadis")])
@pytest.mark.parametrize("per_second", [300, 3_000])
def test_a_neighbours_messages_stand_no_longer_than_that_beside_any_flood(
    hall: Hall, per_second: int, floods: tuple[str, ...], service: str
) -> None:
    """From the first word of a neighbour on: what stood there before it was the flood's alone."""
    hall.take("neighbour", REFERRAL if service == "referrals" else PERSON, into=service)
    hall.processed(service)
    few = 0.01 + (FEWEST * len(floods) + 1) / per_second
    stood = hall.work(per_second, 6, *floods, service=service)
    assert max(stood[5:]) <= max(WITHIN * GROWS, few) + 0.001


def test_a_service_that_gets_slower_is_given_less_at_once(hall: Hall) -> None:
    hall.take("iom")
    hall.work(10_000, 5, "redcross")
    slow = hall.work(500, 30, "redcross")
    assert max(slow[25:]) <= WITHIN * GROWS
    hall.work(10_000, 5, "redcross")
    hall.processed()
    assert hall.fill("redcross") > 10_000 * WITHIN / 3


@pytest.mark.parametrize("let_in", [FEWEST, FEWEST + 0.9, FEWEST + 1.6])
def test_however_little_is_let_in_a_quick_service_is_given_more(hall: Hall, let_in: float) -> None:
    hall.take("iom")
    hall.processed()
    hall.room_for(let_in)
    for _ in range(int(ALONE_AFTER / WITHIN)):
        hall.fill("redcross")
        hall.processed(after=0.9 * WITHIN)
    assert hall.fill("redcross") > 4 * FEWEST


def test_a_message_now_and_then_does_not_let_in_more_when_a_flood_comes(hall: Hall) -> None:
    hall.take("iom")
    hall.work(1_000_000, 20)
    hall.processed()
    assert hall.fill("redcross") <= 2 * FEWEST


def test_a_neighbour_finds_room_however_much_another_has_there(hall: Hall) -> None:
    hall.fill("redcross")
    assert hall.take("iom")
    hall.processed()
    hall.room_for(200)
    hall.fill("redcross")
    assert hall.take("iom")


def test_several_that_flood_share_what_one_of_them_could_have(hall: Hall) -> None:
    hall.take("iom")
    hall.processed()
    hall.room_for(200)
    floods = ("redcross", "americares", "fuvadis")
    put = Counter(sender for _ in range(500) for sender in floods if hall.take(sender))

    assert sum(put.values()) <= 200 + len(floods)
    assert max(put.values()) - min(put.values()) <= 1


def test_what_was_heard_of_makes_room_again(hall: Hall) -> None:
    hall.take("iom")
    hall.processed()
    hall.room_for(200)
    before = hall.fill("redcross")
    hall.processed(most=7)
    assert hall.fill("redcross") in (7, 8)  # as many, or what the next change lets in
    hall.processed()
    assert before / 2 < hall.fill("redcross") <= before


def test_who_has_been_alone_for_a_while_may_have_all_again(hall: Hall) -> None:
    hall.take("iom")
    hall.processed()
    hall.room_for(200)
    hall.now += ALONE_AFTER
    hall.take("redcross")
    assert hall.fill("redcross") == ALONE - 1


def test_where_all_that_speak_have_more_than_goes_in_a_service_gets_whole_batches(hall: Hall) -> None:
    floods = ("redcross", "americares", "fuvadis")
    for _ in range(20):
        in_it = Counter(sender for _ in range(500) for sender in floods if hall.take(sender))
        hall.processed(after=2 * CHANGES_AFTER)

    assert sum(in_it.values()) >= MOST
    assert max(in_it.values()) - min(in_it.values()) <= 1


@pytest.mark.parametrize("since", [0.0, 2 * WAITS_SINCE, ALONE_AFTER / 2])
def test_as_soon_as_somebody_speaks_who_has_little_floods_are_small_again(hall: Hall, since: float) -> None:
    floods = ("redcross", "americares", "fuvadis")
    for _ in range(20):
        for sender in floods:
            hall.fill(sender)
        hall.processed(after=2 * CHANGES_AFTER)
    assert hall.take("iom")
    hall.processed()
    until = hall.now + since
    while hall.now < until:
        for sender in floods:
            hall.fill(sender)
        hall.processed(after=2 * CHANGES_AFTER)
    hall.room_for(20)

    assert sum(hall.fill(sender) for sender in floods) <= 20 + len(floods) * FEWEST


def test_what_one_system_of_an_organisation_floods_with_keeps_no_other_out(hall: Hall) -> None:
    hall.take("iom")
    hall.processed()
    hall.room_for(200)
    hall.fill("redcross.attendance")
    assert hall.take("redcross.kobo")
    assert hall.take("redcross")


def test_an_organisation_that_has_many_systems_keeps_nobody_from_an_equal_share(hall: Hall) -> None:
    hall.take("iom")
    hall.processed()
    hall.room_for(200)
    systems = [f"redcross.{n}" for n in "abcde"]
    put = Counter(sender.partition(".")[0] for _ in range(300) for sender in ("iom", *systems) if hall.take(sender))
    assert put["redcross"] <= 200
    assert put["iom"] == 200 / 2


def test_an_organisation_is_alone_with_all_its_systems(hall: Hall) -> None:
    assert hall.take("redcross.kobo")
    assert hall.fill("redcross") == ALONE - 1


def test_what_no_service_reads_needs_no_room(hall: Hall) -> None:
    hall.fill("redcross")
    assert hall.take("redcross", "to.redcross.message.refused.v1")
    assert hall.take("redcross", "to.americares.jornada.confirmed.v1")


def test_what_two_services_read_needs_room_in_both_and_leaves_each_when_that_has_done(hall: Hall) -> None:
    hall.take("iom")
    hall.take("iom", PERSON, into="intake")
    hall.processed("referrals")
    hall.room_for(200)
    hall.processed("intake")
    hall.room_for(40, "intake")
    assert hall.fill("redcross", BOTH, into="intake") in (40, 41)
    hall.processed("intake")
    assert hall.fill("redcross", BOTH, into="intake") in (40, 41)
    assert 200 - 2 * 41 <= hall.fill("redcross", REFERRAL) <= 200 - 2 * 40


def test_a_missing_answer_holds_up_nobody_longer_than_five_seconds(hall: Hall) -> None:
    hall.fill("redcross")
    hall.now += 1
    hall.credits.processed("referrals", "iom", [])  # of other messages
    hall.now += HEARD_WITHIN - 1 - 0.001
    assert not hall.take("redcross")
    hall.now += 0.002
    assert hall.take("redcross")


def test_a_service_that_says_nothing_for_five_seconds_gets_everything(hall: Hall) -> None:
    hall.fill("redcross")
    hall.now += HEARD_WITHIN
    assert hall.fill("redcross", most=20_000) == 20_000


def test_one_that_is_back_is_not_flooded_any_more(hall: Hall) -> None:
    hall.fill("redcross")
    hall.now += HEARD_WITHIN
    hall.fill("redcross", most=3_000)
    hall.take("iom")
    hall.processed(most=10)
    hall.room_for(200)
    assert hall.fill("redcross") == 200


def test_a_service_that_is_away_keeps_nothing_from_another(hall: Hall) -> None:
    hall.fill("redcross")
    assert hall.fill("redcross", PERSON, into="intake") == ALONE


def test_what_did_not_get_there_takes_no_room(hall: Hall) -> None:
    hall.fill("redcross")
    sender, message_id = hall.in_it["referrals"].pop()
    hall.credits.give_back(sender, REFERRAL, message_id)
    assert hall.fill("redcross") == 1


def test_one_id_sent_again_and_again_takes_room_each_time(hall: Hall) -> None:
    hall.take("iom")
    hall.processed()
    hall.room_for(200)
    assert sum(hall.credits.take("redcross", REFERRAL, "the same") for _ in range(8_000)) == 200
    for _ in range(3):
        hall.credits.processed("referrals", "redcross", ["the same"] * 50)
        assert 50 <= sum(hall.credits.take("redcross", REFERRAL, "the same") for _ in range(8_000)) <= 50 * GROWS


def longest_stay_beside(ids: Iterator[int]) -> float:
    """Seconds that a neighbour's message stands at most in a service that another floods with these ids."""
    hall, service, stood = Hall(), deque[tuple[str, str, float]](), []
    following = next(ids)
    for step in range(400):
        while hall.credits.take("redcross", REFERRAL, str(following)):
            service.append(("redcross", str(following), hall.now))
            following = next(ids)
        if step % 4 == 0:
            assert hall.credits.take("iom", REFERRAL, f"iom {step}")
            service.append(("iom", f"iom {step}", hall.now))
        batch = [service.popleft() for _ in range(min(25, len(service)))]
        hall.now += 0.01 + len(batch) / 1000
        stood += [hall.now - since for sender, _, since in batch if sender == "iom"]
        for organisation in ("redcross", "iom"):
            hall.credits.processed("referrals", organisation, [id for sender, id, _ in batch if sender == organisation])
    return max(stood[5:])  # what stood there before the neighbour's first word was the flood's alone


@pytest.mark.parametrize("copies", [2, 10, 40])
@pytest.mark.parametrize("apart", [1, 20])
def test_who_repeats_ids_keeps_a_neighbour_no_longer_than_who_does_not(copies: int, apart: int) -> None:
    repeated = (n % apart + apart * (n // (apart * copies)) for n in count())
    assert longest_stay_beside(repeated) <= 1.01 * longest_stay_beside(count())


def test_two_organisations_that_use_one_id_have_a_message_each(hall: Hall) -> None:
    hall.take("fuvadis")
    hall.processed()
    hall.room_for(20)
    for sender in ("redcross", "iom"):
        assert hall.credits.take(sender, REFERRAL, "the same")
    hall.credits.processed("referrals", "iom", ["the same"])
    assert hall.fill("redcross") == 20 - 1


def test_what_a_service_says_of_messages_that_nobody_let_in_changes_nothing(hall: Hall) -> None:
    hall.fill("redcross")
    standing = [message_id for _, message_id in hall.in_it["referrals"]]
    hall.credits.processed("referrals", "redcross", ["unheard of"] * 1_000)
    hall.credits.processed("americares.events", "redcross", standing)
    hall.credits.processed("referrals", "iom", standing)  # of another's messages with the same ids
    assert not hall.take("redcross")


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_nobody_has_more_than_a_share_and_everybody_gets_a_turn(hall: Hall, seed: int) -> None:
    """In any order: a sender that has little there always finds room, and beside others nobody has much."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    senders = ["redcross", "iom", "americares", "fuvadis"]
    for sender in senders:
        hall.take(sender)
    hall.processed()
    hall.room_for(chance.choice([FEWEST, 50, MOST]))
    for _ in range(2_000):
        hall.now += chance.random() / 1_000
        if chance.random() < 0.1:
            hall.processed(most=chance.randrange(1, 60))
        sender = chance.choice(senders)
        has = Counter(one for one, _ in hall.in_it["referrals"])
        taken = hall.take(sender)
        if has[sender] < FEWEST:
            assert taken
        assert len(hall.in_it["referrals"]) <= MOST + FEWEST * len(senders)


def test_refusals_go_out_as_quickly_as_mistakes_are_made_and_no_flood_of_them(hall: Hall) -> None:
    refusing = Refusing(lambda: hall.now)
    assert sum(refusing.take("redcross") for _ in range(8_000)) == REFUSED_AT_ONCE
    assert refusing.take("iom")
    hall.now += 1
    assert sum(refusing.take("redcross") for _ in range(8_000)) == REFUSED_A_SECOND
    hall.now += 3_600
    assert sum(refusing.take("redcross") for _ in range(8_000)) == REFUSED_AT_ONCE
