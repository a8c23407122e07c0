"""What `./ruta status` counts, and how it shows it."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from deploy.local import Network, Stack, problems, status
from deploy.local.state import ROOT
from deploy.local.status import read_service
from messaging.migrate import migrate
from tests.waiting import eventually

NOTHING: dict[str, object] = {"parked": {}, "crowded": [], "given_up": [], "waits": [], "reviews": []}


def counted(url: str) -> dict[str, Any]:
    """What is read of a service, but for what is said of each of its processes."""
    said = read_service(url)
    since, counts = said.pop("unpublished_since"), said.pop("counts")
    assert (since is not None) == bool(said["unpublished"])
    assert sum(one["received"] - one["repeated"] for one in counts) == said["inbox"]
    return said


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

            assert counted(url) == {
                "inbox": 0,
                "parked": {},
                "crowded": [],
                "waits": [],
                "given_up": [],
                "reviews": [],
                "unpublished": 5,
            }

            connection.execute("update outbox_writer set published = committed")
            connection.commit()

            assert counted(url) == {
                "inbox": 0,
                "parked": {},
                "crowded": [],
                "waits": [],
                "given_up": [],
                "reviews": [],
                "unpublished": 0,
            }
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

            assert counted(url) == {
                "inbox": 8,
                "parked": {},
                "crowded": [],
                "waits": [],
                "given_up": [],
                "reviews": [],
                "unpublished": 0,
            }
    finally:
        stack.drop_database("counted")


def test_what_waits_stands_together_by_sender_and_reason_with_the_first_of_it(stack: Stack) -> None:
    url = stack.create_database("counted")
    ids = [f"019a0000-0000-7000-8000-00000000000{number}" for number in range(5)]
    park = """
        insert into parked (state, reason, source, message_id, waiting_for, raw, parked_at)
        values (%s, %s, %s, %s, %s, 'abc', '2026-03-02 09:00Z'::timestamptz + make_interval(mins => %s))
    """
    try:
        migrate(url, ROOT / "services" / "intake")
        with psycopg.connect(url) as connection:
            for minute, (state, code, source) in enumerate(
                (
                    ("retry", "failed", "iom"),
                    ("waiting", "consent_unknown", "redcross"),
                    ("waiting", "consent_unknown", "redcross"),
                    ("quarantined", "failed", "iom"),
                )
            ):
                connection.execute(park, (state, code, source, ids[minute], ids[4], minute))
            connection.commit()

        said = read_service(url)["waits"]
    finally:
        stack.drop_database("counted")

    assert [(one["state"], one["source"], one["code"], one["messages"], one["bytes"]) for one in said] == [
        ("retry", "iom", "failed", 1, 3), ("waiting", "redcross", "consent_unknown", 2, 6),
    ]  # fmt: skip
    assert [(one["message_id"], one["waiting_for"]) for one in said] == [(ids[0], ids[4]), (ids[1], ids[4])]
    assert datetime.fromisoformat(said[1]["since"]) == datetime(2026, 3, 2, 9, 1, tzinfo=UTC)


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
            "emergency": {"open": None, "uses": [], "owed": 123_456_789},
        }
    ).splitlines()
    assert max(map(len, shown)) <= width
    said = "".join(line.strip() for line in shown)
    assert said.count("o") >= 40
    assert said.count("s") >= 40
    assert "…" not in said


def test_queues_of_the_network_are_shown_and_where_it_is_by_http_and_nobodys_own_queue(network: Network) -> None:
    network.wait_ready()
    management = network.stack.management

    def own() -> set[str]:
        return {one["name"] for one in management.get("queues/hub") if one["exclusive"]}

    gateways_own = eventually(own)
    now = status.read(network.stack.state, environment={})

    shown = {one["name"] for one in now["queues"]}
    assert gateways_own.isdisjoint(shown)
    assert {"ledger", "submitted.iom", "deliver.iom", "submit.iom"} <= shown
    assert f"By HTTP: {network.stack.http_url}" in status.as_text(now).splitlines()


@pytest.mark.parametrize(
    ("vhost", "queue", "reader"),
    [
        ("hub", "ledger", "courier"),
        ("hub", "submitted.iom", "gateway"),
        ("hub", "submitted.iom.clinic", "gateway"),
        ("hub", "deliver.iom", "gateway"),
        ("network", "submit.iom", "gateway"),
        ("hub", "intake", "intake"),
        ("network", "inbox.iom", None),
        ("hub", "dead", None),
        ("network", "ledger", None),
    ],
)
def test_where_messages_wait_for_one_of_our_processes_and_none_reads_it_is_named(
    vhost: str, queue: str, reader: str | None
) -> None:
    one = {"vhost": vhost, "name": queue, "messages": 3, "consumers": 0, "state": "running"}
    found = list(problems._queues({"queues": [one], "services": {"intake": None}}))
    assert [(problem.text, problem.first) for problem in found] == (
        [
            (
                f"3 messages wait in queue {queue} ({vhost}), and nobody reads it.",
                f"see whether {reader} runs, and its log",
            )
        ]
        if reader
        else []
    )
