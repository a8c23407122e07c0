"""What `./ruta bench http` measures is what happened: what is lost, repeated or slowed is seen."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import contracts
from bench.http import fairness, messages
from bench.http.accepting import compare
from bench.http.fairness import Case
from bench.http.load import Asked, BrokenError, load
from bench.messages import Answered
from contracts import sealing
from deploy.local import Network
from messaging.topology import queues_of

FEW = 40
ONE = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
REFUSED = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[str, int]]:
    """A server of one connection that answers what comes with these, in small pieces, and anything more by its end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                for answer in answers:
                    connection.recv(65_536)
                    for start in range(0, len(answer), 7):
                        connection.sendall(answer[start : start + 7])
                connection.recv(65_536)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()
        thread.join(10)


def asking(count: int) -> Iterator[Asked]:
    return iter([Asked(b"POST / HTTP/1.1\r\n\r\n", (str(number),)) for number in range(count)])


def test_what_is_accepted_and_not_there_is_lost_and_what_is_there_twice_is_repeated() -> None:
    assert compare(["a", "b", "c"], ["a", "b", "c"]) == Answered(lost=0, repeated=0)
    assert compare(["a", "b", "c"], ["a", "b", "b"]) == Answered(lost=1, repeated=1)
    assert compare(["a"], ["a", "z"]) == Answered(lost=0, repeated=0), "what nobody was told of may be there"


def test_only_what_was_answered_with_202_is_accepted() -> None:
    with answering(ONE, REFUSED, ONE) as address, pytest.raises(BrokenError, match="closed"):
        load(address, [asking(4)], 60)
    with answering(ONE, REFUSED) as address:
        loaded = load(address, [asking(2)], 0.02, rate=100)
    assert loaded.accepted == ["0"]
    assert loaded.statuses == {202: 1, 429: 1}


def test_at_a_rate_a_request_is_timed_from_when_it_was_due() -> None:
    with answering(ONE, ONE, ONE) as address:
        loaded = load(address, [asking(3)], 0.03, rate=100)
    assert len(loaded.took) == 3
    assert all(took > 0 for took in loaded.took)


def test_a_message_of_the_load_has_the_length_that_is_said_and_keeps_its_contract() -> None:
    said = messages.pattern("redcross", sealing.public_part(sealing.new_key()))
    one = next(messages.one_by_one("localhost", said, None))
    _, _, body = one.request.partition(b"\r\n\r\n")
    assert len(body) == messages.BYTES
    assert str(contracts.parse(body).id) == one.ids[0]
    batch = next(
        messages.in_batches(
            "localhost",
            said,
            "key",
        )
    )
    assert len(set(batch.ids)) == messages.BATCH


def test_a_neighbour_that_waits_longer_than_is_fair_or_a_flood_that_is_held_back_is_a_miss() -> None:
    def case(flooded: float, rate: float) -> bool:
        one = Case("referrals", 1, 8_000, [0.06] * 100, [flooded] * 100, [400.0], [rate])
        return bool(one.figures()["reached"])

    assert case(0.11, 200)
    assert not case(0.13, 200), "more than twice as long"
    assert not case(0.11, 100), "a quarter of its rate"
    slow = Case("referrals", 1, 8_000, [1.0] * 100, [1.5] * 100, [400.0], [400.0])
    assert not slow.figures()["reached"], "more than 100 ms longer"


def test_an_answer_to_a_flood_that_does_not_come_or_comes_twice_is_not_right() -> None:
    figures = {"amqp": {"cases": [{"lost": 0, "repeated": 0}]}}
    assert fairness.is_right(figures)
    assert not fairness.is_right(figures | {"http": {"cases": [{"lost": 1, "repeated": 0}]}})
    assert not fairness.is_right(figures | {"http": {"cases": [{"lost": 0, "repeated": 1}]}})


@pytest.mark.parametrize("entrance", fairness.ENTRANCES)
def test_a_neighbour_and_a_flood_are_measured_alone_and_together(network: Network, entrance: str) -> None:
    plan = fairness.Plan(
        seconds=1, turns=1, sizes=(FEW,), flooders=(1,), people=FEW, warm_up=0.5, quiet=0, entrances=(entrance,)
    )
    for one in network.declared.organisations.values():  # what other tests have left
        for vhost, queue in queues_of(one):
            network.stack.management.delete(f"queues/{vhost}/{queue}/contents")
    figures = fairness.measure(network, plan, lambda line: None)
    assert fairness.is_right(figures)
    referrals, intake = figures[entrance]["cases"]
    for case in (referrals, intake):
        assert case["flooder_per_s"] > 0
        assert case["alone_p99_ms"] > 0
        assert case["flooded_p99_ms"] > 0
    assert list(fairness.lines(figures))
