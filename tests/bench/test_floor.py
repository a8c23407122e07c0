"""The floor is fast, and no less careful than the others."""

from collections.abc import Iterator

import psycopg
import pytest

from bench import messages, requests, task
from bench.contenders import Contender, floor
from bench.ground import Ground
from deploy.local import Stack
from deploy.local.process import Process
from tests.waiting import eventually


@pytest.fixture
def ground(stack: Stack) -> Iterator[Ground]:
    ground = Ground(stack)
    with ground.fresh(None):
        yield ground


@pytest.fixture
def contender() -> Contender:
    return floor()


@pytest.fixture
def process(ground: Ground, contender: Contender) -> Iterator[Process]:
    (process,) = contender.processes(ground, 1)
    yield process
    process.stop()


def answered(ground: Ground) -> int:
    with ground.looking() as look:
        return look.ready(task.ANSWERS)


def test_every_request_is_written_and_answered_once(ground: Ground, contender: Contender, process: Process) -> None:
    asked = requests.make(1_000)
    ground.fill(asked[:500])
    ground.fill(asked)  # a sender that had no confirm sends again; the last of all is new, so all before it is taken
    process.start()
    eventually(lambda: answered(ground) >= 1_000)
    process.stop()
    assert process.exit_code == 0
    assert messages.compare(asked, ground.answers()) == messages.Answered(lost=0, repeated=0)
    assert ground.number("select count(*) from referral") == 1_000
    assert ground.number(contender.unpublished) == 0
    with ground.looking() as look:
        assert look.ready(task.QUEUE) == 0


def test_what_a_killed_floor_had_committed_is_published_at_the_next_start(
    ground: Ground, contender: Contender, process: Process
) -> None:
    with psycopg.connect(ground.database_url) as database:
        database.execute(
            "insert into outbox (routing_key, message_id, body)"
            " select 'to.redcross', gen_random_uuid(), 'the backlog' from generate_series(1, 3)"
        )
    process.start()
    eventually(lambda: answered(ground) == 3)
    assert ground.answers() == [b"the backlog"] * 3
    eventually(lambda: ground.number(contender.unpublished) == 0)
