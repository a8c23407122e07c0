"""`./ruta repair` beside a running hub: what was deleted is there again, what was dead-lettered arrives once."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import amqp
import psycopg
import pytest

import contracts
from deploy.local import Network, Stack, differences, problems, put_back, status
from deploy.local import repair as work
from deploy.local.repair import WRITES, Place, PutBack, Routes, _wait_until_back, goes, repairer, run
from deploy.local.state import ROOT
from messaging import broker, frames
from messaging.broker import CONTENT_TYPE
from messaging.topology import (
    GATEWAY,
    HUB,
    NETWORK,
    REPAIRER,
    Management,
    TopologyError,
    definitions,
    read,
    submit_exchange,
)  # fmt: skip
from tests.commands import ruta
from tests.faults.sending import Sender, all_taken_in, employers, jornadas, stamped, taken_in
from tests.waiting import eventually

ASIDE = ((NETWORK, "unrouted"), (HUB, "unrouted"), (HUB, "dead"))
NOTHING = "Nothing to do: the broker is as declared, and nothing lies in `unrouted` or `dead`.\n"


def repair(stack: Stack, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run the command in another shell, without a terminal."""
    return ruta(stack.state, "repair", *options)


def start_repair(stack: Stack, *options: str) -> "subprocess.Popen[str]":
    """The same of a process that a test looks at while it works."""
    command = [sys.executable, "-P", "-m", "deploy.local", "repair", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUTA_")}
    environment |= {"RUTA_STATE": str(stack.state.directory), "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def left_whole(network: Network) -> Iterator[Network]:
    """The running network, whole after the last test as well."""
    yield network
    _make_whole(network)


@pytest.fixture
def hub(left_whole: Network) -> Network:
    """The running network, with everything there and nothing dead-lettered, whatever the test before has done."""
    _make_whole(left_whole)
    return left_whole


def _make_whole(network: Network) -> None:
    network.stack.provision_broker(network.declared)
    for vhost, queue in ASIDE:
        network.stack.management.delete(f"queues/{vhost}/{queue}/contents")
    for process in network.processes.values():
        process.start()
    network.wait_ready()
    assert REPAIRER not in {user["name"] for user in network.stack.management.get("users")}


def counted(stack: Stack, service: str, what: str) -> int:
    """What a service's processes have counted: `applied`, `repeated`, `refused`."""
    with psycopg.connect(stack.service_database_url(service)) as connection:
        [(count,)] = connection.execute(f"select coalesce(sum({what}), 0)::bigint from outbox_writer")
    return int(count)


def recorded(stack: Stack) -> list[tuple[str, dict[str, int]]]:
    """What the audit has of repairs."""
    with psycopg.connect(stack.service_database_url(GATEWAY)) as connection:
        rows = connection.execute(
            "select act, details from audit_entry where act in ('broker_repaired', 'messages_put_back') order by number"
        )
        return [(act, json.loads(details)) for act, details in rows]


def lying(stack: Stack, vhost: str, queue: str) -> int:
    """How many messages lie in one of the queues for what is dead-lettered; the first of them lies behind them then."""
    messages = stack.management.post(
        f"queues/{vhost}/{queue}/get", {"count": 1, "ackmode": "ack_requeue_true", "encoding": "base64"}
    )
    return int(messages[0]["message_count"]) + 1 if messages else 0


def test_what_was_deleted_under_load_is_made_again_and_everything_is_applied_once(hub: Network) -> None:
    stack, management = hub.stack, hub.stack.management
    applied = {service: counted(stack, service, "applied") for service in ("employment", "events")}
    sent: dict[str, Sequence[contracts.Message]] = {"employment": employers(200), "events": jornadas(200)}
    at_rest, go_on = threading.Event(), threading.Event()

    def keep_sending(service: str) -> None:
        sender = Sender(stack, sent[service][0].source)
        for number, message in enumerate(sent[service]):
            if service == "employment" and number == 40:
                at_rest.set()
                go_on.wait(90)
            sender.submit(message)
        sender.close()

    load = [threading.Thread(target=keep_sending, args=[service]) for service in sent]
    for thread in load:
        thread.start()
    at_rest.wait(90)  # what a deleted queue has in it is lost, and no repair brings it back
    eventually(partial(all_taken_in, stack, "employment", sent["employment"][:40]))
    management.delete("queues/hub/employment")
    go_on.set()
    management.delete("bindings/hub/e/routes/q/events/jornada.planned.*")
    management.delete("bindings/network/e/submit.barranquilla/q/submit.barranquilla/barranquilla.%23")
    management.delete("exchanges/network/submit.iom")
    management.delete("users/redcross")
    eventually(lambda: lying(stack, NETWORK, "unrouted"))
    for thread in load:
        thread.join(0.5)

    recorded_before = len(recorded(stack))
    repaired = repair(stack, "--yes")
    for thread in load:
        thread.join(90)
    again = repair(stack, "--yes")  # what was under way meanwhile

    assert (repaired.returncode, again.returncode) == (0, 0), repaired.stdout + repaired.stderr + again.stderr
    for said in (
        "Queue employment (hub) is missing.",
        "Binding of queue events to exchange routes with key jornada.planned.* (hub) is missing.",
        "Exchange submit.iom (network) is missing.",
        "User redcross is missing.",
    ):
        assert said in repaired.stdout
    for service, messages in sent.items():
        eventually(partial(all_taken_in, stack, service, messages))
        assert counted(stack, service, "applied") - applied[service] == len(messages)
    acts = recorded(stack)[recorded_before:]
    assert repair(stack, "--yes").stdout == NOTHING
    assert [act for act, _ in acts[:2]] == ["broker_repaired", "messages_put_back"]
    assert acts[0][1]["differences"] > 4
    assert acts[1][1]["count"] > 0
    assert recorded(stack)[recorded_before:] == acts  # nothing was done, and nothing is told


def test_what_cannot_be_recorded_is_not_repaired(hub: Network) -> None:
    key = hub.stack.state.audit / "private.pem"
    hub.stack.management.delete("bindings/hub/e/routes/q/events/jornada.planned.*")
    key.chmod(0o644)
    try:
        refused = repair(hub.stack, "--yes")
        looked = repair(hub.stack, "--dry-run")
    finally:
        key.chmod(0o600)
    assert refused.returncode == 1
    assert "is open to others than its owner" in refused.stderr
    assert "jornada.planned.* (hub) is missing" in looked.stdout  # still; and to look needs no record


def test_what_is_dead_goes_back_to_its_one_queue_as_it_came(hub: Network) -> None:
    stack = hub.stack
    hub["events"].stop()
    message = stamped(
        contracts.PersonErased(person_id=(id := contracts.uuid7()), erased_at=datetime.now(UTC)), id, "hub"
    )
    headers = {"kept": "yes", "count": 3}
    gateway = Sender(stack, GATEWAY, HUB)
    gateway.publish(
        "hub", message.type, message, application_headers=headers, correlation_id="c", type="t", timestamp=7
    )
    gateway.close()
    eventually(lambda: taken_in(stack, "reports", [message]) == 1)
    repeated = counted(stack, "reports", "repeated")
    connection = broker.connect(stack.amqp_url("events", HUB))
    channel = connection.channel()
    channel.basic_consume("events", consumer_tag="dies")
    for _ in range(21):  # as a process does that dies each time: delivered twenty times, never acknowledged
        channel.basic_reject(_delivered(connection).tag, requeue=True)
    eventually(lambda: lying(stack, HUB, "dead"))

    shown = repair(stack, "--dry-run")
    done = repair(stack, "--yes")

    assert shown.returncode == 1
    assert "back to queue events" in shown.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    back = _delivered(connection)
    channel.basic_ack(back.tag)
    channel.close()
    connection.close()
    assert back.body == message.to_json()
    assert back.properties() == {
        "content_type": CONTENT_TYPE, "delivery_mode": 2, "message_id": str(message.id), "user_id": GATEWAY,
        "application_headers": headers | {"x-put-back": True}, "correlation_id": "c", "type": "t", "timestamp": 7,
    }  # fmt: skip
    assert lying(stack, HUB, "dead") == 0
    assert counted(stack, "reports", "repeated") == repeated


def _delivered(connection: frames.Connection) -> frames.Delivered:
    """Wait for the next message of the one queue that is read here."""
    while not connection.delivered:
        connection.drain_events(timeout=30)
    return connection.delivered.pop(0)


def test_what_expired_before_the_door_goes_back_to_it_under_its_senders_name(hub: Network) -> None:
    stack = hub.stack
    hub["gateway"].stop()
    expiring, lasting = jornadas(2)
    sender = Sender(stack, "redcross")
    sender.submit(expiring, expiration="1")
    sender.submit(lasting)
    sender.close()
    eventually(lambda: lying(stack, NETWORK, "unrouted"))

    done = repair(stack, "--yes")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "jornada.planned.v1" in done.stdout
    assert "redcross" in done.stdout
    assert "back to queue submit.redcross" in done.stdout
    hub["gateway"].start()
    eventually(
        lambda: taken_in(stack, "events", [expiring, lasting]) == 2
    )  # the gateway lets nobody's in but a sender's own
    assert repair(stack).stdout == NOTHING


def test_what_comes_after_the_dry_run_is_not_put_back_by_it(hub: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = hub.stack
    hub["gateway"].stop()
    early, late = jornadas(2)
    sender = Sender(stack, "redcross")
    sender.submit(early, expiration="1")
    eventually(lambda: lying(stack, NETWORK, "unrouted") == 1)
    said: list[str] = []

    def ask(question: str) -> bool:
        said.append(question)
        sender.submit(late, expiration="1")
        eventually(lambda: lying(stack, NETWORK, "unrouted") == 2)
        return True

    assert run(stack.state, dry_run=False, yes=False, environment={}, ask=ask) == 1

    sender.close()
    assert said == ["Put 1 messages back? [y/N] "]
    assert lying(stack, NETWORK, "unrouted") == 1
    hub["gateway"].start()
    eventually(lambda: taken_in(stack, "events", [early]) == 1)
    assert repair(stack, "--yes").returncode == 0
    eventually(lambda: taken_in(stack, "events", [early, late]) == 2)


def test_what_has_no_place_stays_as_it_is_and_is_told_from_what_has(hub: Network) -> None:
    stack = hub.stack
    [first, second], forged, known = jornadas(2), jornadas(1)[0], jornadas(1)[0]
    gateway = Sender(stack, GATEWAY, HUB)
    gateway.publish("hub", "never.declared.v1.redcross", first)
    gateway.publish("hub", "never.declared.v1.redcross", second)
    gateway.close()
    stack.management.delete("bindings/network/e/submit.redcross/q/submit.redcross/redcross.%23")
    sender = Sender(stack, "redcross")
    # Whoever could choose the queue by a header could write into somebody's inbox past the gateway.
    sender.submit(forged, application_headers={"x-death": [{"queue": "inbox.iom", "reason": "expired"}]})
    sender.submit(known, application_headers={"CC": ["inbox.iom"]})
    sender.close()

    done, again = repair(stack, "--yes"), repair(stack, "--yes")

    for outcome in (done, again):
        assert outcome.returncode == 1
        assert "stays: no queue is bound for its type and addressee" in outcome.stdout
        assert "stays: it does not come from its sender's own queue" in outcome.stdout
    assert "Put back: 1 messages." in done.stdout
    assert "Put back" not in again.stdout
    eventually(lambda: taken_in(stack, "events", [known]) == 1)
    in_order = stack.management.post(
        "queues/hub/unrouted/get", {"count": 2, "ackmode": "ack_requeue_true", "encoding": "auto"}
    )
    assert [one["properties"]["message_id"] for one in in_order] == [str(first.id), str(second.id)]
    assert (lying(stack, NETWORK, "unrouted"), lying(stack, HUB, "unrouted")) == (1, 2)


def test_without_a_terminal_and_without_yes_it_only_shows_messages(hub: Network) -> None:
    stack = hub.stack
    stack.management.delete("bindings/network/e/submit.redcross/q/submit.redcross/redcross.%23")
    [message] = jornadas(1)
    sender = Sender(stack, "redcross")
    sender.submit(message)
    sender.close()

    dry, shown = repair(stack, "--dry-run"), repair(stack)

    assert (dry.returncode, shown.returncode) == (1, 1)
    assert "This was a dry run: nothing was changed." in dry.stdout
    assert "`./ruta repair --yes` puts them back" in shown.stdout
    assert "Made again: 1 of 1." in shown.stdout  # which the dry run had not
    assert lying(stack, NETWORK, "unrouted") == 1


def test_what_is_wrong_and_what_came_of_it_is_had_as_json(hub: Network) -> None:
    stack = hub.stack
    [known], [lost] = jornadas(1), jornadas(1)
    gateway = Sender(stack, GATEWAY, HUB)
    gateway.publish("hub", "never.declared.v1.redcross", lost)
    gateway.close()
    stack.management.delete("bindings/network/e/submit.redcross/q/submit.redcross/redcross.%23")
    sender = Sender(stack, "redcross")
    sender.submit(known)
    sender.close()
    binding = "binding of queue submit.redcross to exchange submit.redcross with key redcross.# (network) is missing"

    def said(*options: str) -> dict[str, Any]:
        done = repair(stack, *options, "--json")
        assert done.returncode == 1, done.stderr  # of `lost` there is always something left
        assert "made again" not in done.stdout.lower()
        return dict(json.loads(done.stdout))

    dry, shown, done, again = said("--dry-run"), said(), said("--yes"), said("--yes")

    counts = ("put_back", "waits", "stays", "not_seen")
    assert (dry["wrong"], dry["made_again"], dry["left"]) == ([binding], [binding], [])
    assert (shown["wrong"], shown["made_again"], shown["left"]) == ([binding], [binding], [])
    assert [[one[name] for name in counts] for one in (dry, shown, done, again)] == [
        [1, 0, 1, 0], [0, 1, 1, 0], [1, 0, 1, 0], [0, 0, 1, 0],
    ]  # fmt: skip
    assert [one["dry_run"] for one in (dry, shown, done, again)] == [True, False, False, False]
    assert done["wrong"] == again["wrong"] == []
    assert [(one["queue"], one["sender"], one["stays"], one["messages"]) for one in dry["groups"]] == [
        ("unrouted", GATEWAY, True, 1), ("unrouted", "redcross", False, 1),
    ]  # fmt: skip
    eventually(lambda: taken_in(stack, "events", [known]) == 1)


def test_a_queue_that_is_not_as_declared_is_told_and_left_alone(hub: Network) -> None:
    management = hub.stack.management
    hub["events"].stop()
    management.delete("queues/hub/events")
    other = {"durable": True, "auto_delete": False, "arguments": {"x-queue-type": "classic"}}
    management.put("queues/hub/events", other)
    try:
        told = repair(hub.stack, "--yes")

        assert told.returncode == 1
        assert "Queue events (hub) is not as declared." in told.stdout
        for options in (("--dry-run",), ("--yes",)):
            said = json.loads(repair(hub.stack, *options, "--json").stdout)
            assert said["wrong"] == said["left"] == ["queue events (hub) is not as declared"]
            assert said["made_again"] == []
        assert management.get("queues/hub/events")["arguments"] == other["arguments"]
    finally:
        management.delete("queues/hub/events")
        hub["events"].start()


def test_a_password_or_a_permission_that_somebody_changed_is_set_right(hub: Network) -> None:
    management = hub.stack.management
    management.put("users/iom", {"password": "another", "tags": ""})
    management.put("permissions/network/fuvadis", {"configure": ".*", "write": ".*", "read": ".*"})
    management.put("policies/hub/forgotten", {"pattern": ".*", "definition": {"max-length": 1}, "apply-to": "queues"})

    done = repair(hub.stack)

    assert done.returncode == 0
    assert "User iom is not as declared." in done.stdout
    assert "Permission of user fuvadis (network) is not as declared." in done.stdout
    assert "Policy forgotten (hub) is undeclared." in done.stdout
    broker.connect(hub.stack.amqp_url("iom", NETWORK)).close()
    assert repair(hub.stack).stdout == NOTHING


@pytest.mark.long
def test_killed_in_the_middle_it_has_lost_nothing_and_goes_on_the_next_time(hub: Network) -> None:
    stack = hub.stack
    applied = counted(stack, "events", "applied")
    messages = jornadas(2000)
    _dead_lettered(stack, messages)

    killed = start_repair(stack, "--yes")
    eventually(lambda: taken_in(stack, "events", messages) > 50)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    before = taken_in(stack, "events", messages)
    eventually(lambda: repair(stack, "--yes").returncode == 0)

    assert before < len(messages)
    eventually(lambda: taken_in(stack, "events", messages) == len(messages))
    assert counted(stack, "events", "applied") - applied == len(messages)
    assert repair(stack).stdout == NOTHING


def test_two_at_once_do_not_get_in_each_others_way(hub: Network) -> None:
    with hub.stack.state.repairing():
        refused = repair(hub.stack, "--yes")

    assert refused.returncode == 1
    assert "Another `./ruta repair` is at work" in refused.stderr


@pytest.mark.long
def test_fifty_thousand_messages_go_back_without_filling_the_memory(hub: Network) -> None:
    stack = hub.stack
    hub["events"].stop()
    hub["gateway"].stop()
    [message] = jornadas(1)
    _dead_lettered(stack, [message], times=50_000)

    began = time.monotonic()
    with start_repair(stack, "--yes") as process:
        assert process.stdout is not None
        _, ended, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(ended)
        said = process.stdout.read()

    assert process.returncode == 0, said
    assert "Put back: 50,000 messages." in said
    print(f"50,000 messages took {time.monotonic() - began:.0f} s and at most {used.ru_maxrss / 1024:.0f} MB")
    assert used.ru_maxrss < 120 * 1024  # KB


def _dead_lettered(stack: Stack, messages: Sequence[contracts.Message], times: int = 1) -> None:
    """Have the Red Cross publish while its queue is unbound, then bind it again."""
    management = stack.management
    binding = "bindings/network/e/submit.redcross/q/submit.redcross"
    management.delete(f"{binding}/redcross.%23")
    connection = broker.connect(stack.amqp_url("redcross", NETWORK))
    channel = connection.channel()
    channel.confirm_select()
    confirmed = [0]
    channel.events["basic_ack"].add(lambda tag, multiple: confirmed.__setitem__(0, max(tag, confirmed[0])))
    for _ in range(times):
        for message in messages:
            published = amqp.Message(
                message.to_json(), content_type=CONTENT_TYPE, delivery_mode=2, message_id=str(message.id),
                user_id="redcross",
            )  # fmt: skip
            channel.basic_publish(published, submit_exchange("redcross"), f"redcross.{message.type}")
    while confirmed[0] < len(messages) * times:
        connection.drain_events(timeout=30)
    connection.close()
    management.post(binding, {"routing_key": "redcross.#"})


def test_what_a_killed_repair_has_left_is_told_and_removed(hub: Network) -> None:
    management = hub.stack.management
    management.put(f"users/{REPAIRER}", {"password": "x", "tags": "impersonator"})
    told = [one.text for one in problems.find(status.read(hub.stack.state, environment={}))]

    hub.stack.provision_broker(hub.declared)

    assert f"User {REPAIRER} is undeclared." in told
    assert REPAIRER not in {user["name"] for user in management.get("users")}
    management.put(f"users/{REPAIRER}", {"password": "x", "tags": "impersonator"})
    assert f"User {REPAIRER} is undeclared." in repair(hub.stack).stdout
    assert REPAIRER not in {user["name"] for user in management.get("users")}


def test_while_a_repair_is_at_work_its_user_is_no_problem(hub: Network) -> None:
    management = hub.stack.management
    management.put(f"users/{REPAIRER}", {"password": "x", "tags": ""})
    try:
        with hub.stack.state.repairing():
            now = status.read(hub.stack.state, environment={})
    finally:
        management.delete(f"users/{REPAIRER}")

    assert now["differences"]["lines"] == []


@pytest.mark.parametrize("yes", [False, True])
def test_only_who_puts_back_may_speak_under_any_name(hub: Network, yes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    _dead_lettered(hub.stack, jornadas(1))
    made: list[dict[str, str]] = []
    put = Management.put

    def noting(management: Management, path: str, body: dict[str, str]) -> Any:
        made.append(body)
        return put(management, path, body)

    monkeypatch.setattr(Management, "put", noting)

    run(hub.stack.state, dry_run=not yes, yes=yes, environment={}, ask=lambda _: False)

    assert any("tags" in body for body in made)
    assert any(body.get("tags") == "impersonator" for body in made) == yes
    assert {body["write"] for body in made if "write" in body} == {"^$"} | (set(WRITES.values()) if yes else set())


def test_what_the_broker_would_dead_letter_again_is_not_put_back(
    hub: Network, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = hub.stack
    _dead_lettered(stack, jornadas(1))
    stack.management.delete("bindings/network/e/submit.redcross/q/submit.redcross/redcross.%23")
    monkeypatch.setattr(differences, "mend", lambda *_: None)  # it cannot be made again

    code = run(stack.state, dry_run=False, yes=True, environment={}, ask=lambda _: False)

    said = capsys.readouterr().out
    assert code == 1
    assert "stays: no queue is bound for its type and addressee" in said
    assert "Put back" not in said


def test_a_repair_that_puts_nothing_back_for_long_keeps_its_connection(
    hub: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "HEARTBEAT", 1)
    monkeypatch.setattr(work, "BACK_WITHIN", 5.0)
    stack = hub.stack
    with repairer(stack.management, stack.state.password(REPAIRER), [NETWORK], puts_back=True):
        url = stack.amqp_url(REPAIRER, NETWORK)
        put_back, connection = PutBack(url), broker.connect(url)
        _wait_until_back(connection, "unrouted", 1, put_back)  # which never comes

        assert put_back.publish(amqp.Message(b"", user_id="redcross"), Place("", "submit.redcross"))
        put_back.close()
        broker.drop(connection)


def test_where_thousands_go_is_looked_for_once(hub: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def noting(pattern: str, key: str) -> bool:
        looked.append(key)
        return goes(pattern, key)

    monkeypatch.setattr(work, "goes", noting)
    routes = Routes(hub.stack.management.get("bindings"), hub.declared)
    message = frames.Delivered("", 1, False, "hub", b"never.declared.v1", b"", b"")

    places = [routes.place(HUB, "unrouted", message, {}) for _ in range(1000)]
    once = len(looked)

    assert {place.stays for place in places} == {"no queue is bound for its type and addressee"}
    assert 0 < once <= len(hub.stack.management.get("bindings"))


@pytest.mark.parametrize(
    ("pattern", "key", "taken"),
    [
        ("a.b", "a.b", True),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("a.#", "a", True),
        ("a.#", "a.b.c", True),
        ("#.c", "a.b.c", True),
        ("#.c.#", "a.b", False),
        ("#", "", True),
    ],
)
def test_a_key_goes_where_the_broker_would_take_it(stack: Stack, pattern: str, key: str, taken: bool) -> None:
    management = stack.management
    management.put("vhosts/routes", {})
    try:
        management.put("exchanges/routes/x", {"type": "topic"})
        management.put("queues/routes/q", {})
        management.post("bindings/routes/e/x/q/q", {"routing_key": pattern})
        told = management.post(
            "exchanges/routes/x/publish",
            {"properties": {}, "routing_key": key, "payload": "", "payload_encoding": "string"},
        )

        assert told["routed"] == taken
        assert goes(pattern, key) == taken
    finally:
        management.delete("vhosts/routes")


@pytest.mark.parametrize(
    ("key", "goes_back"),
    [
        ("submitted.iom.-.person.registered.v1.iom", True),
        ("submitted.iom.never-declared.person.registered.v1.iom", False),
        ("messages.processed.v1.iom", True),
        ("to.iom.referral.status.v1", True),
        ("to.nobody.referral.status.v1", False),
    ],
)
def test_what_no_queue_took_of_the_entrance_by_http_goes_back_once_there_is_one(key: str, goes_back: bool) -> None:
    declared = read()
    routes = Routes(definitions(declared, dict.fromkeys(declared.users, ""))["bindings"], declared)
    message = SimpleNamespace(exchange="hub", routing_key=lambda: key)
    place = routes.place(HUB, "unrouted", message, {})  # type: ignore[arg-type]
    assert place == (Place("hub", key) if goes_back else Place(stays="no queue is bound for its type and addressee"))


# -- by choice, in an operation that is kept ---------------------------------------------------------------------------

WHY = "the queue was unbound by mistake, ticket 4711"


def _unrouted(stack: Stack, *messages: contracts.Message) -> None:
    """Have them published where no queue is bound, which a repair makes again."""
    for source in dict.fromkeys(message.source for message in messages):
        with contextlib.suppress(TopologyError):  # it is unbound already
            stack.management.delete(f"bindings/network/e/submit.{source}/q/submit.{source}/{source}.%23")
        sender = Sender(stack, source)
        for message in messages:
            if message.source == source:
                sender.submit(message)
        sender.close()
    eventually(lambda: lying(stack, NETWORK, "unrouted") >= len(messages))


def _planned(stack: Stack, *options: str) -> dict[str, Any]:
    """Do a dry run, and return the operation that it keeps."""
    planned = repair(stack, "--why", WHY, *options, "--dry-run", "--json")
    assert planned.returncode == 1, planned.stderr
    return dict(json.loads(planned.stdout))


def _sums(operation: dict[str, Any]) -> tuple[int, ...]:
    """Of all groups, as they are told; which they add up to."""
    sums = tuple(operation[name] for name in put_back.COUNTS)
    assert sums == tuple(sum(one[name] or 0 for one in operation["groups"]) for name in put_back.COUNTS)
    return sums


def test_a_group_goes_back_once_as_the_dry_run_says_and_the_others_stay(hub: Network) -> None:
    stack = hub.stack
    meant, others, late = jornadas(3), employers(2), jornadas(1)
    _unrouted(stack, *meant, *others)
    recorded_before = len(recorded(stack))

    planned = _planned(stack, "--sender", "redcross", "--queue", "unrouted")
    assert (_sums(planned), planned["started_at"]) == ((3, 0, 0, 0), None)
    _unrouted(stack, *late)
    assert lying(stack, NETWORK, "unrouted") == 6
    assert len(recorded(stack)) == recorded_before

    id = planned["operation_id"]
    first = repair(stack, "--operation", id, "--json")
    eventually(lambda: taken_in(stack, "events", meant) == 3)
    applied, audit = counted(stack, "events", "applied"), recorded(stack)[recorded_before:]
    again = repair(stack, "--operation", id)

    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    done = json.loads(first.stdout)
    assert _sums(done) == (3, 3, 0, 0)
    assert [(one["contract"], one["sender"], one["selected"]) for one in done["groups"]] == [
        ("jornada.planned.v1", "redcross", 3)
    ]
    assert done["digest"] == planned["digest"]
    told = {"count": 3, "digest": done["digest"], "reason": hashlib.sha256(WHY.encode()).hexdigest()}
    assert [details for act, details in audit if act == "messages_put_back"] == [told]
    assert "has ended before: nothing was changed" in again.stdout
    assert recorded(stack)[recorded_before:] == audit
    assert lying(stack, NETWORK, "unrouted") == 3
    assert counted(stack, "events", "applied") == applied
    assert taken_in(stack, "events", late) == taken_in(stack, "employment", others) == 0
    shown = ruta(stack.state, "failures", "operation", id, "--json")
    assert (shown.returncode, json.loads(shown.stdout)) == (0, done), shown.stderr
    with psycopg.connect(stack.service_database_url(GATEWAY)) as connection:
        assert connection.execute("select from put_back_message where operation_id = %s", (id,)).rowcount == 0


def test_one_message_goes_back_by_its_id_and_the_others_stay(hub: Network) -> None:
    stack = hub.stack
    meant, *others = jornadas(3)
    _unrouted(stack, meant, *others, *employers(1))

    planned = _planned(stack, "--id", str(meant.id))
    assert _sums(planned) == (1, 0, 0, 0)
    both = [start_repair(stack, "--operation", planned["operation_id"]) for _ in range(2)]
    said = ["".join(process.communicate(timeout=300)) for process in both]
    eventually(lambda: taken_in(stack, "events", [meant]) == 1)
    applied = counted(stack, "events", "applied")
    again = repair(stack, "--operation", planned["operation_id"], "--json")
    unknown = repair(stack, "--why", WHY, "--id", str(contracts.uuid7()), "--dry-run")
    of_another = repair(stack, "--why", WHY, "--id", str(meant.id), "--sender", "barranquilla", "--dry-run")

    assert sum("Another `./ruta repair` is at work" in told or "has ended before" in told for told in said) == 1
    assert (again.returncode, _sums(json.loads(again.stdout))) == (0, (1, 1, 0, 0))
    for none in (unknown, of_another):
        assert (none.returncode, none.stdout) == (0, unknown.stdout)
        assert "There is nothing of the kind to be put back." in none.stdout
    assert counted(stack, "events", "applied") == applied
    assert taken_in(stack, "events", others) == 0
    assert lying(stack, NETWORK, "unrouted") == 3


def test_two_people_at_once_have_one_effect(hub: Network) -> None:
    stack = hub.stack
    messages = jornadas(60)
    applied = counted(stack, "events", "applied")
    repeated = counted(stack, "events", "repeated")
    _unrouted(stack, *messages)
    one, another = (_planned(stack, "--contract", "jornada.planned.v1") for _ in range(2))
    with psycopg.connect(stack.service_database_url(GATEWAY)) as elsewhere:  # who holds it is on another machine
        elsewhere.execute(put_back.HOLD)
        refused = repair(stack, "--operation", one["operation_id"])
    assert (refused.returncode, "on another machine" in refused.stderr) == (1, True)
    assert lying(stack, NETWORK, "unrouted") == 60

    both = [start_repair(stack, "--operation", one["operation_id"]) for _ in range(2)]
    said = ["".join(process.communicate(timeout=300)) for process in both]
    eventually(lambda: taken_in(stack, "events", messages) == 60)
    theirs = repair(stack, "--operation", another["operation_id"], "--json")

    assert sum("Another `./ruta repair` is at work" in told or "has ended before" in told for told in said) == 1
    assert (theirs.returncode, _sums(json.loads(theirs.stdout))) == (1, (60, 0, 0, 60))
    assert counted(stack, "events", "applied") - applied == 60
    assert counted(stack, "events", "repeated") == repeated
    assert lying(stack, NETWORK, "unrouted") == 0


def test_what_stays_is_told_and_what_cannot_be_told_is_refused(
    hub: Network, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = hub.stack
    _unrouted(stack, *jornadas(2))

    def refusal(*options: str) -> str:
        refused = repair(stack, *options, "--yes")
        assert (refused.returncode, refused.stdout) == (1, "")
        return " ".join(refused.stderr.replace("│", " ").split())

    for chosen in (("--sender", "redcross"), ("--id", str(contracts.uuid7()))):
        assert "A reason is required" in refusal(*chosen)
    assert "There is no such contract" in refusal("--why", WHY, "--contract", "never.declared.v1")
    assert "There is no such operation" in refusal("--operation", str(contracts.uuid7()))
    planned, old, other = (_planned(stack) for _ in range(3))
    with psycopg.connect(stack.service_database_url(GATEWAY)) as connection:
        for statement, which in (
            ("update put_back set planned_at = planned_at - interval '61 minutes' where operation_id = %s", old),
            ("update put_back_message set messages = 2 where operation_id = %s", other),
        ):
            connection.execute(statement, (which["operation_id"],))
    assert "more than an hour old" in refusal("--operation", old["operation_id"])
    assert "not what the dry run has bound" in refusal("--operation", other["operation_id"])
    assert lying(stack, NETWORK, "unrouted") == 2

    monkeypatch.setattr(differences, "mend", lambda *_: None)  # it cannot be made again
    code = put_back.run(stack.state, UUID(planned["operation_id"]), as_json=True, environment={})

    assert (code, _sums(json.loads(capsys.readouterr().out))) == (1, (2, 0, 2, 0))
    assert lying(stack, NETWORK, "unrouted") == 2
