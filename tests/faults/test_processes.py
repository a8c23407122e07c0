"""A process that is killed, or stands, while messages are on their way: nobody waits for it longer than a moment."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

import contracts
from deploy.local import Network, Stack, supervisor
from messaging.topology import DeclaredNetwork
from tests.faults.sending import Sender, all_taken_in, employers
from tests.waiting import eventually

A_MINUTE = 60.0  # seconds in which all heals of which servers do not hear (messaging/database.py, messaging/broker.py)


@pytest.fixture(scope="module")
def pair(provisioned: Stack, declared: DeclaredNetwork) -> Iterator[Network]:
    """The hub, with a second process of employment."""
    employment = replace(declared.services["employment"], processes=2)
    network = Network(provisioned, replace(declared, services={**declared.services, "employment": employment}))
    with network:
        yield network


def send(network: Network, how_many: int = 20) -> list[contracts.Message]:
    """Have the hub take in messages for employment."""
    messages = employers(how_many)
    with closing(Sender(network.stack, "barranquilla")) as sender:
        for message in messages:
            sender.submit(message)
    return messages


def queue_of(network: Network) -> dict[str, Any]:
    """What the broker says of employment's queue, some seconds late."""
    return dict(network.stack.management.get("queues/hub/employment"))


def who_works(network: Network) -> str | None:
    """Which of the two processes reads the queue; None while the broker does not say."""
    for consumer in queue_of(network).get("consumer_details", []):
        if consumer["active"] and consumer["channel_details"]:
            port = str(consumer["channel_details"]["peer_port"])
            return next((name for name in ("employment", "employment-2") if port in ports_of(network[name].pid)), None)
    return None


def ports_of(pid: int | None) -> set[str]:
    """The local ports of a process's connections."""
    sockets = set()
    for opened in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed by now
            sockets.add(str(opened.readlink()))
    ports = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if f"socket:[{words[9]}]" in sockets:
            ports.add(str(int(words[1].split(":")[1], 16)))
    return ports


def test_while_a_service_is_stopped_its_second_process_works(pair: Network) -> None:
    before = send(pair)
    eventually(partial(all_taken_in, pair.stack, "employment", before))
    stopped = str(eventually(partial(who_works, pair)))

    pair[stopped].stop()
    try:
        sent = send(pair)

        eventually(partial(all_taken_in, pair.stack, "employment", sent))
    finally:
        pair[stopped].start()
        pair.wait_ready()


def test_a_service_that_stands_is_ended_and_what_it_had_in_hand_is_applied(
    pair: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FROZEN_AFTER", 5.0)
    active = str(eventually(partial(who_works, pair)))
    before = pair[active].pid

    pair[active].pause()
    sent = send(pair)

    eventually(partial(all_taken_in, pair.stack, "employment", sent))
    eventually(lambda: pair[active].pid not in (None, before))


def applied(stack: Stack) -> int:
    """How many messages employment has applied, by all of its processes."""
    with psycopg.connect(stack.service_database_url("employment")) as connection:
        [(count,)] = connection.execute("select sum(applied) from outbox_writer")
    return int(count)


def test_while_a_service_stands_and_nobody_ends_it_its_second_process_takes_over(
    pair: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FROZEN_AFTER", 600.0)
    eventually(partial(all_taken_in, pair.stack, "employment", send(pair)))
    active = str(eventually(partial(who_works, pair)))
    pid, before, messages = pair[active].pid, applied(pair.stack), employers(100)

    try:
        with closing(Sender(pair.stack, "barranquilla")) as sender:
            for number, message in enumerate(messages):
                sender.submit(message)
                if number == 50:  # in the middle of its work
                    pair[active].pause()
                    stands_since = time.monotonic()
        eventually(lambda: queue_of(pair).get("messages_unacknowledged"))  # it has some in hand
        left = stands_since + A_MINUTE - time.monotonic()
        eventually(partial(all_taken_in, pair.stack, "employment", messages), within=left)

        eventually(lambda: who_works(pair) not in (None, active))
        assert pair[active].pid == pid
    finally:
        pair[active].resume()

    # What it has in hand still it tries, too, and hears that it was done.
    eventually(lambda: len(queue_of(pair).get("consumer_details", [])) == 2)
    assert applied(pair.stack) == before + len(messages)


@pytest.mark.parametrize("name", ["forkserver", "relay", "gateway", "employment"])
def test_whatever_is_killed_while_messages_are_on_their_way_none_is_lost(pair: Network, name: str) -> None:
    messages = employers(100)
    with closing(Sender(pair.stack, "barranquilla")) as sender:
        for number, message in enumerate(messages):
            sender.submit(message)
            if number == 50 and (pid := pair[name].pid) is not None:
                os.kill(pid, signal.SIGKILL)

    eventually(partial(all_taken_in, pair.stack, "employment", messages))
    pair.wait_ready()
