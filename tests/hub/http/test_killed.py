"""The entrance killed at every step, or without one of its servers: what was answered 202 goes out, and once."""

import asyncio
import json
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import psycopg
import pytest

import contracts
from chaos.proxy import Proxy
from deploy.local import Stack
from hub.gateway.http import app, submissions
from messaging import database
from tests.hub.http.entrance import Answered, Client, Entrance
from tests.messaging.harness import HURRIED, WITHIN, Probe, service_published, wait_until

MESSAGES = 12
# Killed here, a process has sent to the broker what it has not marked yet; it goes out again, and its id is known.
MAY_SEND_TWICE = {"after_publish", "after_confirm", "before_mark"}
ENDED = (0, -signal.SIGTERM)  # uvicorn, when it has ended in order, ends once more by the signal that it was sent
UNMARKED = "select 1 from outbox_writer where published < committed"
# So that on no machine, however slow, the relay takes one that lives for dead, and sends what it is about to send.
BEATS_OFTEN = json.dumps({"hub.gateway.http.publishing.BEAT_EVERY": 0.1})
PATIENT = {"CONSTANTS": json.dumps({"messaging.relay.PATIENCE": "2 seconds", **HURRIED})}
NOTHING_SENT_YET = {"before_commit", "after_commit", "before_publish", "after_mark"}


@pytest.fixture(scope="module")
def killed(probed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Entrance]:
    """An entrance whose process each test starts, with its relay."""
    probe = Probe(probed, tmp_path_factory.mktemp("killed"))
    entrance = Entrance(probe)
    entrance.relay(tampered=PATIENT).start()
    yield entrance
    entrance.close()
    probe.close()


def insist(client: Client, message: contracts.Message) -> Answered:
    """Say it until it is accepted, as its sender should."""

    def answered() -> Answered | None:
        try:
            said = client.post(message)
        except (OSError, HTTPException):
            return None
        return said if said.status != 503 else None

    found: Answered = wait_until(answered)
    return found


@pytest.mark.parametrize("point", sorted(MAY_SEND_TWICE | NOTHING_SENT_YET))
def test_killed_at_any_step_it_loses_nothing_and_accepts_nothing_twice(
    killed: Entrance, tmp_path: Path, point: str
) -> None:
    kill_file = tmp_path / "kill"
    tampered = {"KILL_FILE": str(kill_file), "CONSTANTS": BEATS_OFTEN}
    process = killed.process(tampered=tampered).start()
    client = killed.client()
    messages = [service_published() for _ in range(MESSAGES)]
    for place, message in enumerate(messages):
        if place == 2:
            wait_until(lambda: not killed.query(UNMARKED))  # of those before it nothing goes out again
            kill_file.write_text(point)
        answered = None
        while answered is None or answered.status == 503:
            try:
                answered = client.post(message)
            except (OSError, HTTPException):
                process.process.wait()
                process.start()
        assert answered.status in (200, 202)
    arrived = killed.arrived(MESSAGES)
    assert not kill_file.exists()
    sent = {message.to_json() for message in messages}

    wait_until(lambda: not killed.query(UNMARKED))
    counts = Counter(arrived + killed.arrived(0))
    assert set(counts) == sent
    if point in NOTHING_SENT_YET:
        assert set(counts.values()) == {1}
    assert killed.submissions() >= {message.id for message in messages}
    assert process.stop() in ENDED


def test_a_planted_answer_before_the_commit_is_seen_as_a_loss(killed: Entrance, tmp_path: Path) -> None:
    kill_file = tmp_path / "kill"
    process = killed.process(tampered={"KILL_FILE": str(kill_file), "ANSWER_FIRST": "1"}).start()
    kill_file.write_text("before_commit")
    message = service_published()
    assert killed.client().post(message).status == 202
    process.process.wait(WITHIN)
    assert message.id not in killed.submissions()


def test_without_its_database_it_says_so_at_once(alone: Entrance) -> None:
    proxy = Proxy(alone.database_url)
    alone.database_url, direct = proxy.url, alone.database_url
    process = alone.process().start()
    alone.database_url = direct
    client = alone.client()
    assert client.post(service_published()).status == 202
    proxy.close()
    answered = wait_until(lambda: (said := client.post(service_published())).status == 503 and said)
    assert (answered.code, answered.headers["retry-after"]) == ("database_away", "2")
    assert process.stop() in ENDED
    assert not process.said("critical")


def test_a_database_that_says_nothing_makes_nobody_wait_for_long(alone: Entrance) -> None:
    proxy = Proxy(alone.database_url)
    alone.database_url, direct = proxy.url, alone.database_url
    process = alone.process(
        tampered={"CONSTANTS": json.dumps({"hub.gateway.http.accepting.ANSWER_WITHIN": 1.0})}
    ).start()
    alone.database_url = direct
    client = alone.client()
    message = service_published()
    assert client.post(message).status == 202
    proxy.listening.clear()
    assert client.post(service_published()).status == 503
    proxy.listening.set()
    assert insist(client, message).json["repeated"]
    assert insist(client, service_published()).status == 202
    proxy.close()
    process.kill()


def test_another_process_that_stands_within_its_turn_keeps_nobody_out_for_long(alone: Entrance) -> None:
    soon = {"messaging.database.IDLE_WITHIN": "1s", "hub.gateway.http.accepting.ANSWER_WITHIN": 2.0}
    process = alone.process(tampered={"CONSTANTS": json.dumps(soon)}).start()
    client = alone.client()
    insist(client, service_published())
    with suppress(psycopg.OperationalError), database.connect(alone.database_url) as other, other.pipeline():
        other.execute(submissions.TAKE_TURN)
        wait_until(lambda: alone.query("select 1 from pg_locks where locktype = 'advisory' and pid = %s", [pid(other)]))
        assert client.post(service_published()).status == 503
        assert insist(client, service_published()).status == 202
        wait_until(lambda: not alone.query("select 1 from pg_stat_activity where pid = %s", [pid(other)]))
    process.kill()


def test_a_process_that_stands_while_it_acknowledges_keeps_those_rows_no_longer_than_its_session_may_idle(
    alone: Entrance,
) -> None:
    settings = app.Settings(alone.database_url, alone.amqp_url, dict)

    async def allowed() -> int:
        async with app._pool(settings, 1) as pool, pool.connection() as connection:
            said = await connection.execute(
                "select setting::integer from pg_settings where name = 'idle_in_transaction_session_timeout'"
            )
            (found,) = await said.fetchone() or (0,)
        return int(found)

    assert 0 < asyncio.run(allowed()) <= 40_000


def pid(connection: database.Connection) -> int:
    return connection.info.backend_pid


def test_without_the_broker_it_accepts_up_to_its_backlog_and_the_relay_carries_it_on(alone: Entrance) -> None:
    proxy = Proxy(alone.amqp_url)
    direct, alone.amqp_url = alone.amqp_url, proxy.url
    process = alone.process(RUTA_HTTP_BACKLOG_MESSAGES="5", tampered={"CONSTANTS": json.dumps(HURRIED)}).start()
    alone.amqp_url = direct
    proxy.close()
    client = alone.client()
    messages = [service_published() for _ in range(6)]
    assert [client.post(one).status for one in messages] == [202] * 5 + [503]
    assert client.post(messages[5]).code == "backlog"
    assert alone.client("iom").post(b"{}").code == "not_cloudevents"  # others are not kept from it
    alone.relay().start()
    assert sorted(alone.arrived(5)) == sorted(one.to_json() for one in messages[:5])
    assert insist(client, messages[5]).status == 202
    assert alone.arrived(1) == [messages[5].to_json()]
    process.kill()


def test_what_the_gateway_does_not_take_up_counts_until_it_does(alone: Entrance) -> None:
    process = alone.process(RUTA_HTTP_BACKLOG_MESSAGES="5").start()
    client = alone.client()
    messages = [service_published() for _ in range(6)]
    assert [client.post(one).status for one in messages[:5]] == [202] * 5
    wait_until(lambda: alone.probe.length("submitted.redcross") == 5)
    assert client.post(messages[5]).code == "backlog"
    assert len(alone.arrived(5)) == 5
    assert insist(client, messages[5]).status == 202
    assert alone.arrived(1) == [messages[5].to_json()]
    process.kill()


def test_what_is_said_again_at_the_same_moment_is_accepted_once(killed: Entrance) -> None:
    killed.empty()
    process = killed.process(RUTA_HTTP_REQUESTS_AT_ONCE="100").start()
    message = service_published()
    statuses: list[int] = []

    def say(client: Client) -> None:
        statuses.append(client.post(message).status)

    threads = [threading.Thread(target=say, args=(killed.client(),)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(statuses) == {202: 1, 200: 11}
    assert killed.arrived(1) == [message.to_json()]
    assert process.stop() in ENDED
