"""What the contenders are given, and how what they answer is counted."""

from datetime import UTC, datetime

import pytest

import contracts
from bench import requests, task
from bench.floor import write_answer


def answer_to(request: requests.Request) -> bytes:
    message = contracts.parse(request[1])
    now = datetime.now(UTC)
    return contracts.stamp(task.answer(message, now), source="hub", time=now, cause=message).to_json()


def test_a_request_is_valid_and_has_about_900_bytes() -> None:
    message_id, body = requests.make(1)[0]
    assert str(contracts.parse(body).id) == message_id
    assert 850 <= len(body) <= 950


def test_every_contender_is_given_the_same_requests_each_different() -> None:
    made = requests.make(100)
    again = requests.make(100)
    assert [message_id for message_id, _ in made] == [message_id for message_id, _ in again]
    assert len({contracts.parse(body).data.referral_id for _, body in made}) == 100


def test_an_answer_that_does_not_come_is_lost_and_one_that_comes_twice_is_repeated() -> None:
    asked = requests.make(3)
    answers = [answer_to(asked[0]), answer_to(asked[1]), answer_to(asked[1])]
    assert requests.compare(asked, answers) == requests.Answered(lost=1, repeated=1)


def test_an_answer_to_a_request_that_nobody_made_is_an_error() -> None:
    asked = requests.make(2)
    with pytest.raises(ValueError, match="1 answers"):
        requests.compare(asked[:1], [answer_to(asked[1])])


def test_the_floor_says_in_its_answer_what_the_others_say() -> None:
    message = contracts.parse(requests.make(1)[0][1])
    now = datetime.now(UTC)
    answer_id, written = write_answer(message, now)
    assert contracts.parse(written) == contracts.stamp(
        task.answer(message, now), source="hub", time=now, cause=message, id=answer_id
    )
