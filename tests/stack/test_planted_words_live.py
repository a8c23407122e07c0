"""Words planted wherever a partner can put one, sent to the running hub by AMQP and HTTP, are found nowhere afterwards.

Nowhere that operators read: no log line, metric, table of the log, view of a service, command or export.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

import psycopg

from contracts import uuid7
from deploy.local import Network
from deploy.local.state import ROOT
from messaging.topology import CONSOLE, GATEWAY, MONITOR
from tests.faults.sending import all_taken_in, employers
from tests.hub.monitor.test_planted_words import WORD, examples, planted, planted_as, planted_everywhere
from tests.messaging.partners import Partner
from tests.waiting import eventually

SENDER = "barranquilla"
WORDS = (WORD, WORD.lower(), "Pérez", "perez", "P\\u00e9rez", "3001234567")
COMMANDS = (
    ("failures", "--json"), ("queue", "--json"), ("status", "--json"), ("events", "tail", "--once", "--json"),
    ("reconcile", "--json"),
)  # fmt: skip
VIEWS = ("parked", "outcome", "operation", "operation_message", "outbox", "refused", "message", "audit_entry")


def said_by_partner() -> Iterator[tuple[str, bytes]]:
    """Every contract, also those that the hub alone says, with words in it; with the routing key's last part."""
    for file in examples():
        said = json.loads(file.read_text())
        kept = {name: said[name] for name in ("specversion", "type", "time", "datacontenttype") if name in said}
        mine = kept | {"source": SENDER}
        for planting in (planted, planted_everywhere, lambda one: planted_as("plantada_perez", one)):
            yield said["type"], json.dumps(planting(said) | mine | {"id": str(uuid7())}).encode()


def by_http(network: Network, key: str, body: bytes, **headers: str) -> None:
    """Whatever comes of it."""
    address = urlsplit(network.stack.http_url)
    assert address.hostname
    connection = HTTPConnection(address.hostname, address.port, timeout=30)
    with closing(connection):
        path = f"/v1/messages?{WORD}={quote('Pérez')}"
        connection.request("POST", path, body, {"Authorization": f"Bearer {key}", **headers})
        connection.getresponse().read()


def seen_by_operators(network: Network) -> Iterator[tuple[str, str]]:
    """What operators read, by where that is."""
    state = network.stack.state
    for file in sorted(state.directory.rglob("*.log")):
        if "postgres" not in file.parts and "rabbitmq" not in file.parts:
            yield file.name, file.read_text(errors="replace")
    for file in sorted(state.directory.glob("*.json")):
        yield file.name, file.read_text(errors="replace")
    with urlopen(f"http://{network.stack.metrics_listen}/metrics", timeout=30) as answer:
        yield "metrics", answer.read().decode()
    for service in (*network.declared.services, GATEWAY, CONSOLE, MONITOR):
        with psycopg.connect(network.stack.service_database_url(service), autocommit=True) as connection:
            there = connection.execute(
                "select table_name from information_schema.views where table_schema = 'operators'"
            )
            for (view,) in [row for row in there.fetchall() if row[0] in VIEWS]:
                rows = connection.execute(f"select to_jsonb(v)::text from operators.{view} as v".encode()).fetchall()
                yield f"{service} {view}", str(rows)
    with psycopg.connect(network.stack.service_database_url(MONITOR), autocommit=True) as connection:
        for table in (
            "message",
            "outcome",
            "confidential_message",
            "confidential_outcome",
            "flow",
            "refused_beyond",
        ):
            yield (
                f"log {table}",
                str(connection.execute(f"select to_jsonb(t)::text from {table} as t".encode()).fetchall()),
            )
    for words in COMMANDS:
        yield " ".join(words), ruta(network, *words)


def ruta(network: Network, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUTA_")}
    environment |= {"RUTA_STATE": str(network.stack.state.directory), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "deploy.local", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def test_no_word_that_a_partner_plants_is_found_where_operators_read(network: Network) -> None:
    said = f"{WORD} Pérez 3001234567"
    handed = json.loads((network.stack.state.organisations / SENDER / "credentials.json").read_text())
    marks: dict[str, Any] = {
        "message_id": said, "correlation_id": said, "type": said, "app_id": said, "content_type": f"text/{WORD}",
        "reply_to": said, "application_headers": {"x-nombre": said, WORD: said},
    }  # fmt: skip
    with closing(Partner(network.stack, SENDER)) as partner:
        for nth, (type, body) in enumerate(said_by_partner()):
            partner.submit_raw(body, type if nth % 3 else f"{WORD}.{type}", **(marks if nth % 2 else {}))
            if nth % 4 == 0:
                by_http(
                    network, handed["api_key"], body,
                    **{"Content-Type": "application/json", "User-Agent": f"{WORD}/1", "X-Request-Id": WORD,
                       "Idempotency-Key": f"{WORD}-{nth}", "Traceparent": WORD,
                       "Content-Disposition": f'filename="{WORD}.json"'},
                )  # fmt: skip
        last = employers(1)
        partner.submit(*last)
    eventually(lambda: all_taken_in(network.stack, "employment", last))
    logged = "select count(*) from message where id = %s"
    with psycopg.connect(network.stack.service_database_url(MONITOR), autocommit=True) as log:
        eventually(lambda: log.execute(logged, (last[0].id,)).fetchone() == (1,))

    for where, text in seen_by_operators(network):
        for word in WORDS:
            assert word not in text, (word, where, text[max(text.find(word) - 200, 0) : text.find(word) + 100])
