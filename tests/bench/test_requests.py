"""What the contenders are given, and how what they answer is counted."""

from datetime import UTC, datetime

import pytest

import contracts
from bench import messages, requests, task
from bench.floor import write_answer
from bench.messages import Answered, Sent


def answer_to(request: Sent) -> bytes:
    message = contracts.parse(request.body)
    now = datetime.now(UTC)
    return contracts.stamp(task.answer(message, now), source="hub", time=now, cause=message).to_json()


def test_a_request_is_valid_and_has_about_900_bytes() -> None:
    _, message_id, body = requests.make(1)[0]
    assert str(contracts.parse(body).id) == message_id
    assert 850 <= len(body) <= 950


def test_every_contender_is_given_the_same_requests_each_different() -> None:
    made = requests.make(100)
    again = requests.make(100)
    assert [one.message_id for one in made] == [one.message_id for one in again]
    assert len({contracts.parse(one.body).data.referral_id for one in made}) == 100


def test_an_answer_that_does_not_come_is_lost_and_one_that_comes_twice_is_repeated() -> None:
    asked = requests.make(3)
    answers = [answer_to(asked[0]), answer_to(asked[1]), answer_to(asked[1])]
    assert messages.compare(asked, answers) == Answered(lost=1, repeated=1)


def test_an_answer_to_a_request_that_nobody_made_is_an_error() -> None:
    asked = requests.make(2)
    with pytest.raises(ValueError, match="1 answers"):
        messages.compare(asked[:1], [answer_to(asked[1])])


def test_answers_to_what_stood_before_the_requests_are_not_counted() -> None:
    before, *asked = requests.make(2)
    answers = [answer_to(before), answer_to(asked[0])]
    assert messages.compare(asked, answers, {before.message_id}) == Answered(lost=0, repeated=0)


def test_the_floor_says_in_its_answer_what_the_others_say() -> None:
    message = contracts.parse(requests.make(1)[0].body)
    now = datetime.now(UTC)
    answer_id, written = write_answer(message, now)
    assert contracts.parse(written) == contracts.stamp(
        task.answer(message, now), source="hub", time=now, cause=message, id=answer_id
    )
