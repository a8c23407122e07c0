"""Words planted wherever a partner can put one, sent to the running hub by AMQP and HTTP, are found nowhere afterwards.

Nowhere that operators read: no log line, metric, span, table of the log, view of a service, command or export.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

import psycopg
import pytest
from psycopg import sql

from contracts import sealing, uuid7
from deploy.local import Network, Stack
from deploy.local.beside import look
from deploy.local.cli import app
from messaging import broker
from messaging.topology import CONSOLE, GATEWAY, GATEWAY_HTTP, HUB, MONITOR, NETWORK
from tests.commands import ruta
from tests.faults.sending import all_taken_in, employers
from tests.hub.monitor.planting import (
    FOUND_AS,
    SAID,
    WORD,
    believable,
    examples,
    planted,
    planted_as,
    planted_everywhere,
    replaced,
    somebody,
    whole_messages,
)
from tests.messaging.partners import Partner
from tests.messaging.test_last_spans import Collector
from tests.waiting import eventually

SENDER = "barranquilla"
JSON = "--json"
WHY: Final = ("--why", "looked for words")
AT_ONCE: Final = 3

READING: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "alerts": ((), (JSON,)),
    "audit": (("verify",), ("search",), ("search", JSON), ("search", "--language", "es")),
    "changes": ((), (JSON,)),
    "doctor": ((),),
    "events": (("tail", "--once"), ("tail", "--once", JSON)),
    "failures": ((), (JSON,), ("retry", "--reason", "looked for words"), ("give-back", "--reason", "looked for words")),
    "help": ((),),
    "partner": (("list",), ("show", SENDER)),
    "queue": ((), (JSON,)),
    "reconcile": ((), (JSON,)),
    "repair": (("--dry-run",), ("--dry-run", JSON), ("--dry-run", *WHY), ("--dry-run", *WHY, JSON)),
    "replay": (("--contract", "service.recorded.v1", "--since", "1h"),),
    "status": ((), (JSON,)),
    "trace": (),
    "why": (),
}
"""What operators read; of what takes the id of a message or of an operation, each that there is (`asked`)."""
NOT_READING: Final = {
    **dict.fromkeys(("up", "down", "provision", "serve", "emergency", "rebuild"), "it starts, ends or makes something"),
    **dict.fromkeys(("demo", "bench", "chaos", "test", "screenshots", "generate"), "it looks at no such network"),
    **dict.fromkeys(("attendance", "translate", "receipt", "contracts"), "it reads what partners have, and no network"),
    **dict.fromkeys(("report", "directory"), "it tells anybody what organisations have published"),
    "staff": "it is of the console, whose audit is read here",
}  # fmt: skip


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector
        collector.shutdown()


@pytest.fixture(scope="module")
def network(provisioned: Stack, collector: Collector) -> Iterator[Network]:
    """The hub's real processes, which send their spans to the collector."""
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with Network(provisioned) as network:
            yield network


def test_of_every_command_it_is_known_whether_operators_read_something_there() -> None:
    assert not READING.keys() & NOT_READING.keys()
    assert READING.keys() | NOT_READING.keys() == {name for name in app if not name.startswith("-")}


def said_by_partner(network: Network) -> Iterator[tuple[str, bytes]]:
    """Every contract, also those that the hub alone says, with words in it; with the routing key's last part.

    The believable come last.
    """
    hub = sealing.load_key(network.stack.state.organisations / "hub" / "private.jwk")
    sealed = sealing.seal(somebody(), sealing.public_part(hub))
    organisations = frozenset({*network.declared.organisations, "hub"})
    said = [json.loads(file.read_text()) for file in examples()]
    for one in said:
        kept = {name: one[name] for name in ("specversion", "type", "time", "datacontenttype") if name in one}
        for planting in (planted, planted_everywhere, lambda one: planted_as("plantada_perez", one)):
            yield one["type"], _named(planting(one) | kept)
    for type, everything in whole_messages():
        yield type, _named(everything)
        yield type, _named(everything | {"specversion": "1.0", "time": "2026-03-02T14:05:00Z"})
    for one in said:
        own = replaced(one, partial(_with_sender, one["source"]))
        yield one["type"], _named(believable(own, sealed, organisations) | {"staff": "Plantada-Perez"})


def _with_sender(source: str, text: str) -> str:
    """Whatever an organisation says of itself is of the one that says it here."""
    return SENDER if text == source != "hub" else text


def _named(said: dict[str, Any]) -> bytes:
    """As the organisation says it that is known to the hub, under an id of its own."""
    return json.dumps(said | {"source": SENDER, "id": str(uuid7())}).encode()


def by_http(network: Network, key: str, body: bytes, path: str, **headers: str) -> int:
    """Return the status of the answer, whatever it is."""
    address = urlsplit(network.stack.http_url)
    assert address.hostname
    connection = HTTPConnection(address.hostname, address.port, timeout=30)
    with closing(connection):
        connection.request("POST", path, body, {"Authorization": f"Bearer {key}", **headers})
        answer = connection.getresponse()
        answer.read()
        return answer.status


def submit_everything(network: Network) -> None:
    """By AMQP, and many by HTTP as well, with words in whatever there is besides."""
    key = json.loads((network.stack.state.organisations / SENDER / "credentials.json").read_text())["api_key"]
    plainly = {"Content-Type": "application/cloudevents+json", "User-Agent": f"{WORD}/1"}
    answered: Counter[int] = Counter()
    marks: dict[str, Any] = {
        "message_id": SAID, "correlation_id": SAID, "type": SAID, "app_id": SAID, "content_type": f"text/{WORD}",
        "reply_to": SAID, "application_headers": {"x-nombre": SAID, WORD: SAID},
    }  # fmt: skip
    with closing(Partner(network.stack, SENDER)) as partner:
        for nth, (type, body) in enumerate(said_by_partner(network)):
            partner.submit_raw(body, type if nth % 3 else f"{WORD}.{type}", **(marks if nth % 2 else {}))
            if nth % 4 == 0:  # plainly
                answered[by_http(network, key, body, "/v1/messages", **plainly)] += 1
            if nth % 16 == 0:
                path = f"/v1/messages?{WORD}={quote('Pérez')}"
                more = {
                    "X-Request-Id": WORD, "Idempotency-Key": f"{WORD}-{nth}", "Traceparent": WORD,
                    "Content-Disposition": f'filename="{WORD}.json"',
                }  # fmt: skip
                for anywhere in (path, "/v1/messages"):
                    answered[by_http(network, key, body, anywhere, **plainly, **more)] += 1
        last = employers(1)
        partner.submit(*last)
    assert answered.keys() >= {202, 400}, answered
    eventually(lambda: all_taken_in(network.stack, "employment", last))
    logged = "select count(*) from message where id = %s"
    with log_of(network) as log:
        eventually(lambda: log.execute(logged, (last[0].id,)).fetchone() == (1,))
    eventually(lambda: nothing_stands(network))


def nothing_stands(network: Network) -> bool:
    """Whether the gateway and the services have fetched all that there is for them."""
    organisation = network.declared.organisations[SENDER]
    queues = {NETWORK: organisation.submits, HUB: [one.queue for one in network.declared.services.values()]}
    for vhost, names in queues.items():
        with closing(broker.connect(network.stack.amqp_url(GATEWAY, vhost))) as connection:
            if any(found is not None and found.message_count for found in (look(connection, name) for name in names)):
                return False
    return True


def leave_unrouted(network: Network) -> None:
    """Have two messages lie in `unrouted`, which repairs look at."""
    binding = f"bindings/network/e/submit.{SENDER}/q/submit.{SENDER}"
    network.stack.management.delete(f"{binding}/{SENDER}.%23")
    with closing(Partner(network.stack, SENDER)) as partner:
        for key in (WORD, f"{WORD}.service.published.v2"):
            partner.submit_raw(SAID.encode(), key, message_id=SAID, type=SAID)
    network.stack.management.post(binding, {"routing_key": f"{SENDER}.#"})


def log_of(network: Network) -> "psycopg.Connection[tuple[Any, ...]]":
    return psycopg.connect(network.stack.service_database_url(MONITOR), autocommit=True)


def read(network: Network, service: str, *kinds: str, schema: str) -> Iterator[tuple[str, str]]:
    """All that each table or view of a schema holds, as the database's own catalogue names them."""
    with psycopg.connect(network.stack.service_database_url(service), autocommit=True) as connection:
        names = connection.execute(
            "select relname from pg_class where relnamespace = to_regnamespace(%s) and relkind = any(%s) order by 1",
            (schema, [*kinds]),
        ).fetchall()
        for (name,) in names:
            every = sql.SQL("select to_jsonb(t)::text from {} as t").format(sql.Identifier(schema, name))
            yield f"{service} {schema}.{name}", str(connection.execute(every).fetchall())


def databases(network: Network) -> tuple[str, ...]:
    return *network.declared.services, GATEWAY, CONSOLE, MONITOR


def seen_in_databases(network: Network) -> Iterator[tuple[str, str]]:
    """Every view that operators read, in whatever database, and every table of the log."""
    for service in databases(network):
        yield from read(network, service, "v", "m", schema="operators")
    yield from read(network, MONITOR, "r", "m", "v", schema="public")


def seen_in_files(network: Network) -> Iterator[tuple[str, str]]:
    """All that lies in the state's folder, but for what servers keep: there messages lie whole."""
    home = network.stack.state.directory
    for file in sorted(home.rglob("*")):
        if file.is_file() and file.relative_to(home).parts[0] not in ("postgres", "rabbitmq"):
            yield str(file.relative_to(home)), file.read_text(errors="replace")


def seen_in_metrics(network: Network) -> Iterator[tuple[str, str]]:
    for targets in network.stack.metrics_targets:
        for target in targets["targets"]:
            with urlopen(f"http://{target}/metrics", timeout=30) as answer:
                yield f"metrics of {target}", answer.read().decode()


def asked(network: Network) -> Iterator[tuple[str, ...]]:
    """What takes an id: of messages that stand somewhere still, of refused ones and applied ones."""
    ids = set()
    with log_of(network) as log:
        ids.update(log.execute("select (array_agg(id))[1]::text from message group by type limit 2").fetchall())
        ids.update(
            log.execute("select (array_agg(message_id))[1]::text from outcome group by state limit 2").fetchall()
        )
    for service in network.declared.services:
        with psycopg.connect(network.stack.service_database_url(service), autocommit=True) as connection:
            ids.update(
                connection.execute(
                    "select message_id::text from operators.parked where message_id is not null limit 1"
                ).fetchall()
            )
    assert len(ids) >= 5
    for (id,) in ids:
        for command in ("trace", "why"):
            yield command, id
            yield command, id, JSON


def seen_in_commands(network: Network) -> Iterator[tuple[str, str]]:
    def say(words: tuple[str, ...]) -> tuple[str, str]:
        done = ruta(network.stack.state, *words)
        assert "Traceback" not in done.stderr, (words, done.stderr)
        assert "─ Error ─" not in done.stderr, (words, done.stderr)
        return " ".join(words), done.stdout + done.stderr

    forms = [(command, *words) for command, each in READING.items() for words in each if command != "repair"]
    with ThreadPoolExecutor(AT_ONCE) as shells:
        yield from shells.map(say, [*forms, *asked(network)])
    for words in READING["repair"]:  # of two at once the second does nothing
        yield say(("repair", *words))
    for command in ("replay", "repair", "failures"):  # what a dry run has bound
        planned = {
            "replay": ("--contract", "service.recorded.v1", "--since", "1h"),
            "repair": ("--dry-run", *WHY),
            "failures": ("retry", "--reason", "looked for words"),
        }[command]
        said = ruta(network.stack.state, command, *planned, JSON).stdout
        operation = json.loads(said)["operation_id"]
        yield f"{command} {planned}", said
        yield say(("replay" if command == "replay" else "failures", "operation", operation))
        yield say(("replay" if command == "replay" else "failures", "operation", operation, JSON))


def test_no_word_that_a_partner_plants_is_found_where_operators_read(network: Network, collector: Collector) -> None:
    submit_everything(network)
    leave_unrouted(network)
    kept = {
        service
        for service in network.declared.services
        for _, text in read(network, service, "r", schema="public")
        if WORD in text
    }
    assert kept >= {"intake", "events"}  # it was taken in, as what it is
    said = dict(seen_in_commands(network))
    assert "operators.parked" in " ".join(dict(seen_in_databases(network)))
    found = {**said, **dict(seen_in_metrics(network))}
    network.stop()  # with its last words, and its last spans
    found |= {**dict(seen_in_databases(network)), **dict(seen_in_files(network))}
    found["spans"] = collector.received.decode(errors="replace")

    assert collector.processes >= {*network.declared.services, GATEWAY, GATEWAY_HTTP}
    assert {"receive", "process", "publish"} <= set(collector.spans)
    wrong = [
        (word, where, text[max(text.find(word) - 200, 0) : text.find(word) + 100])
        for where, text in found.items()
        for word in FOUND_AS
        if word in text
    ]
    assert wrong == []
