"""The embedded servers: they start where others cannot reach, and after a set-up that was cut short."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from deploy.local import Stack
from deploy.local.postgres import PostgresProcess, settings
from deploy.local.state import State, free_ports


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[PostgresProcess]:
    """A PostgreSQL that has not been started, in a directory that only its owner may enter."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    state = State(closed)
    state.make()
    postgres = PostgresProcess(state, free_ports(1)[0])
    yield postgres
    postgres.stop()


def test_postgres_starts_in_a_directory_that_is_closed_to_others(postgres: PostgresProcess) -> None:
    postgres.start()
    postgres.wait_ready()


def test_a_data_directory_that_was_half_made_is_made_again(postgres: PostgresProcess, tmp_path: Path) -> None:
    half_made = tmp_path / "closed" / "postgres" / "new"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18")

    postgres.start()
    postgres.wait_ready()


def test_to_start_one_that_runs_leaves_it_as_it_is(postgres: PostgresProcess, tmp_path: Path) -> None:
    """As a supervisor does that hears late of a death; without its pid file it would end within a minute."""
    pid_file = tmp_path / "closed" / "postgres" / "data" / "postmaster.pid"
    postgres.start()
    postgres.wait_ready()
    pid = postgres.pid

    postgres.start()
    postgres.bring_back()

    assert postgres.pid == pid
    assert postgres.exit_code is None
    assert pid_file.read_text().split()[0] == str(pid)


def test_postgres_promises_what_it_commits(stack: Stack) -> None:
    with stack.connect_as_administrator() as connection:
        settings = [connection.execute(f"show {name}").fetchone() for name in ("fsync", "synchronous_commit")]

    assert settings == [{"fsync": "on"}, {"synchronous_commit": "on"}]


@pytest.mark.parametrize(("gigabytes", "buffers"), [(1, "128MB"), (4, "256MB"), (24, "512MB")])
def test_postgres_keeps_pages_by_the_memory_of_the_machine(gigabytes: int, buffers: str) -> None:
    assert settings(5432, gigabytes * 2**30)["shared_buffers"] == buffers


def test_a_service_does_not_get_into_the_database_of_another(provisioned: Stack) -> None:
    theirs = provisioned.service_database_url("intake").removesuffix("intake") + "referrals"

    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(theirs)


def test_a_wrong_password_does_not_get_into_postgres(stack: Stack) -> None:
    guessed = f"postgresql://postgres:guessed@127.0.0.1:{stack.postgres.port if stack.postgres else 0}/postgres"

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(guessed)


def test_the_broker_takes_no_message_above_its_limit(provisioned: Stack) -> None:
    assert provisioned.broker is not None
    settings = (provisioned.state.directory / "rabbitmq" / "rabbitmq.conf").read_text()

    assert "max_message_size = 1048576\n" in settings
