"""Waits and processor time are counted as they are."""

import sys
from collections.abc import Iterator
from subprocess import Popen

import psycopg
import pytest

from bench.processor import Processor
from bench.waits import waits
from deploy.local import Stack
from messaging.database import Connection
from tests.waiting import eventually


@pytest.fixture
def connection(stack: Stack) -> Iterator[Connection]:
    with stack.connect_as_administrator() as connection:
        yield connection


def test_each_statement_is_a_wait_and_many_in_a_pipeline_are_one(connection: Connection) -> None:
    with waits(connection) as counted:
        connection.execute("select 1")
        connection.execute("select 2")
        assert counted.number == 2
        with connection.pipeline():
            for number in range(50):
                connection.execute("select %s", (number,))
            assert counted.number == 2
        assert counted.number == 3


def test_a_result_that_is_fetched_within_a_pipeline_is_waited_for(connection: Connection) -> None:
    with waits(connection) as counted, connection.pipeline():
        connection.execute("select 1").fetchone()
        connection.execute("select 2")
    assert counted.number == 2


def test_a_statement_that_fails_was_waited_for_too(connection: Connection) -> None:
    with waits(connection) as counted, pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("select 1 / 0")
    assert counted.number == 1


def test_after_the_block_nothing_more_is_counted(connection: Connection) -> None:
    with waits(connection) as counted:
        pass
    connection.execute("select 1")
    assert counted.number == 0


def test_what_an_ended_child_has_used_counts_for_its_parent() -> None:
    busy = "import time\nwhile time.process_time() < 0.4: pass"  # the kernel tells whole ticks of each part
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}])\ninput()"
    with Popen([sys.executable, "-c", parent], stdin=-1) as process:
        used = Processor([process.pid], postgres=None, broker=None)
        eventually(lambda: used.used().client >= 0.3)
        assert used.used().postgres is None
        process.kill()
