"""What `./ruta status` counts, and how it shows it."""

import psycopg
import pytest

from deploy.local import Stack, status
from deploy.local.state import ROOT
from deploy.local.status import read_service
from messaging.migrate import migrate


def test_unpublished_counts_messages_whoever_wrote_them_in_between(stack: Stack) -> None:
    url = stack.create_database("counted")
    try:
        migrate(url, ROOT / "services" / "intake")
        with psycopg.connect(url) as connection:
            # positions 1 to 6: one writer has published its first of three, the other nothing
            connection.execute(
                """
                with writers as (
                    insert into outbox_writer (writer, process, published, committed)
                    values (gen_random_uuid(), 'one', 1, 5), (gen_random_uuid(), 'other', 0, 6)
                    returning writer, process
                )
                insert into outbox (writer, routing_key, message_id, body)
                select writer, 'to.redcross', gen_random_uuid(), '{}' from generate_series(1, 3) as round, writers
                order by round, process
                """
            )
            connection.commit()

            assert read_service(url) == {"inbox": 0, "parked": {}, "crowded": [], "unpublished": 5}

            connection.execute("update outbox_writer set published = committed")
            connection.commit()

            assert read_service(url) == {"inbox": 0, "parked": {}, "crowded": [], "unpublished": 0}
    finally:
        stack.drop_database("counted")


def test_what_was_taken_in_is_told_without_counting_it(stack: Stack) -> None:
    url = stack.create_database("counted")
    try:
        migrate(url, ROOT / "services" / "intake")
        with psycopg.connect(url) as connection:
            for received, repeated in ((7, 2), (3, 0)):
                connection.execute(
                    """
                    insert into outbox_writer (writer, process, received, repeated)
                    values (gen_random_uuid(), 'one', %s, %s)
                    """,
                    (received, repeated),
                )
            connection.commit()
            connection.execute("lock table inbox in access exclusive mode")  # as if counting it took for ever

            assert read_service(url) == {"inbox": 8, "parked": {}, "crowded": [], "unpublished": 0}
    finally:
        stack.drop_database("counted")


@pytest.mark.parametrize("width", [80, 120])
def test_its_tables_are_no_wider_than_the_terminal_and_break_names_rather_than_cut_them(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    queue = f"inbox.{'o' * 40}.{'s' * 40}"
    parked = {"waiting": 123_456, "retry": 123_456, "quarantined": 123_456}
    shown = status.as_text(
        {
            "processes": [
                {"name": "employment-12", "pid": 4_194_304, "state": "running", "memory_mb": 1234.5, "restarts": 1234}
            ],
            "queues": [{"vhost": "network", "name": queue, "messages": 1_000_000, "consumers": 1000}],
            "services": {"employment": {"inbox": 123_456_789, "parked": parked, "unpublished": 123_456_789}},
        }
    ).splitlines()
    assert max(map(len, shown)) <= width
    said = "".join(line.strip() for line in shown)
    assert said.count("o") >= 40
    assert said.count("s") >= 40
    assert "…" not in said
