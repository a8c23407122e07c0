"""The entrance as the process that really serves: keys that change, its end, its spans, and what it has to be told."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import contracts
from contracts import sealing
from deploy.local import Stack
from deploy.local.state import ROOT
from tests.examples import KEYS, person_registered, say, write_directory
from tests.hub.http.entrance import Answered, Entrance
from tests.messaging.harness import WITHIN, Probe, Process, service_published, wait_until
from tests.messaging.test_last_spans import HOLD_BACK, Collector

INBOX = "/v1/inbox?wait=30"
CANARY = "Canario Canarini"
NEVER = {"CONSTANTS": json.dumps({"hub.gateway.http.preferring.LOOK_AGAIN": 1000.0})}


@pytest.fixture(scope="module")
def whole(probed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Entrance]:
    """Its database and queues; each test starts the process."""
    probe = Probe(probed, tmp_path_factory.mktemp("whole"))
    entrance = Entrance(probe)
    yield entrance
    entrance.close()
    probe.close()


def test_a_block_sealed_to_a_key_that_has_been_replaced_is_refused_by_the_very_next_message(
    whole: Entrance, tmp_path: Path
) -> None:
    directory = write_directory(tmp_path / "directory.json")
    process = whole.process(RUTA_DIRECTORY_FILE=str(directory)).start()
    registered = person_registered(sealing.public_part(KEYS["hub"]))
    client = whole.client()

    assert client.post(say(registered)).status == 202
    write_directory(directory, {**KEYS, "hub": sealing.new_key()})
    answered = client.post(say(registered))

    assert (answered.status, answered.code, answered.json["where"]) == (422, "sealed_to_another", "data.sealed")
    assert process.stop() == 0
    whole.empty()


def test_asked_to_stop_it_answers_who_waits_and_ends_streams_in_good_form(whole: Entrance) -> None:
    process = whole.process(tampered=NEVER).start()
    said: dict[str, Answered] = {}
    follows = threading.Event()

    def wait() -> None:
        said["waits"] = whole.client().post(service_published(), prefer="wait=10")

    def poll() -> None:
        said["polls"] = whole.client("americares").ask("GET", INBOX)

    def follow() -> None:
        headers = {"Authorization": f"Bearer {whole.keys['iom']}", "Accept": "text/event-stream"}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", whole.port, timeout=WITHIN)) as connection:
            connection.request("GET", "/v1/inbox", headers=headers)
            with connection.getresponse() as answer:
                begun = answer.read1()
                follows.set()
                said["follows"] = Answered(answer.status, answer.headers, begun + answer.read())  # a good end

    threads = [threading.Thread(target=one) for one in (wait, poll, follow)]
    for thread in threads:
        thread.start()
    whole.arrived(1)  # who waits for an outcome is accepted
    wait_until(lambda: whole.query("select 1 from http_reader where organisation = 'americares'"))
    assert follows.wait(WITHIN)
    code = process.stop()
    for thread in threads:
        thread.join(WITHIN)

    assert code == 0
    assert said["waits"].status == 202
    assert (said["polls"].status, said["polls"].json["messages"]) == (200, [])
    assert (said["follows"].status, said["follows"].body) == (200, b"retry: 2000\n\n")


@pytest.mark.parametrize(
    ("module", "told", "missing"),
    [
        ("hub.gateway.http", {}, "GATEWAY_HTTP_LISTEN"),
        ("hub.gateway.http", {"GATEWAY_HTTP_LISTEN": "127.0.0.1:1"}, "GATEWAY_DATABASE_URL"),
        ("hub.gateway.courier", {}, "GATEWAY_DATABASE_URL"),
        ("hub.gateway.courier", {"GATEWAY_DATABASE_URL": "postgresql://"}, "GATEWAY_HUB_AMQP_URL"),
        ("hub.gateway", {}, "GATEWAY_NETWORK_AMQP_URL"),
    ],
)
def test_what_it_has_not_been_told_it_says_in_one_sentence(module: str, told: dict[str, str], missing: str) -> None:
    command = [sys.executable, "-P", "-m", module]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **told}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=90)
    assert ended.returncode == 1
    (line,) = (ended.stdout + ended.stderr).splitlines()
    assert f"{missing} has to be set" in line


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector
        collector.shutdown()


def test_what_comes_by_http_has_the_spans_of_what_comes_by_amqp_and_no_message_stands_in_them(
    whole: Entrance, collector: Collector
) -> None:
    tampered = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **HOLD_BACK}
    process: Process = whole.process(tampered=tampered).start()
    client = whole.client()
    message = service_published(CANARY).model_copy(update={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    forged = service_published(CANARY, source="iom")
    assert client.post(message).status == 202
    assert client.post(forged).code == "forged_sender"
    (arrived,) = whole.arrived(1)
    wait_until(lambda: not whole.query("select 1 from outbox_writer where published < committed"))
    assert process.stop() == 0

    assert contracts.parse(arrived).traceparent == message.traceparent
    assert sorted(collector.spans) == ["process", "process", "publish", "receive", "receive"]
    assert bytes.fromhex("a" * 32) in collector.received
    for secret in (CANARY, whole.keys["redcross"]):
        assert secret.encode() not in collector.received
