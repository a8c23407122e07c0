"""Organisations that use the hub's screens: three processes run for them, and where there are none all is as before."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from bench.start import pss_mb
from contracts import sealing
from deploy.local import Network, Stack
from deploy.local.forking import ForkServer
from deploy.local.membership import Membership
from deploy.local.process import Process, Program
from deploy.local.processes import hub_programs
from hub.console.custody.client import Asking, Custody
from hub.console.custody.keys import INDEX
from messaging.broker import Publication, Publisher
from messaging.identity import address_to
from messaging.topology import CONSOLE, CONSOLE_WEB, HUB, MONITOR, DeclaredNetwork
from tests.hub.console.custody.boxes import ANA, PLANTED, offered
from tests.stack.test_forking import SERVERS, pid_of, secrets_in
from tests.stack.test_membership import members
from tests.waiting import eventually

__all__ = ["members"]

ID: Final = "hospedada"
OF_HOSTED: Final = {"console-custody", "console-inbox", "console-acting"}
MOST_MB: Final = 200  # of memory for all of the console's processes
MOST_MB_WITH_MONITOR: Final = 300  # for these and the monitor's
OF_MONITOR: Final = {MONITOR, "alerts"}
KEYS: Final = {"CONSOLE_CUSTODY_KEYS", "CONSOLE_CUSTODY_SOCKET", "CONSOLE_KEY_FILE", "CONSOLE_AUDIT_DIRECTORY"}
ASKING: Final = Asking(ID, "h-01", UUID("01950000-0000-7000-8000-00000000aaaa"), "case")


@pytest.fixture
def with_one(provisioned: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The stack, where the Red Cross uses the hub's screens."""
    said = json.loads(provisioned.state.organisations_file.read_text())
    said["organisations"]["redcross"]["said"]["systems"]["console"] = {"reads": ["referral.*"], "sends": []}
    file = tmp_path / "organisations.json"
    file.write_text(json.dumps(said))
    monkeypatch.setattr(provisioned.state, "organisations_file", file)
    return provisioned


def named(stack: Stack, declared: DeclaredNetwork) -> dict[str, Program]:
    return {one.name: one for one in hub_programs(stack, declared)}


def test_where_nobody_is_hosted_nothing_runs_for_it(provisioned: Stack, declared: DeclaredNetwork) -> None:
    assert OF_HOSTED.isdisjoint(named(provisioned, declared))


def test_where_somebody_is_its_processes_run_and_no_other_is_told_where_keys_are(
    with_one: Stack, declared: DeclaredNetwork
) -> None:
    programs = named(with_one, declared)
    assert programs.keys() >= OF_HOSTED
    told = {name: set(one.environment) & KEYS for name, one in programs.items()}
    assert told["console-custody"] == KEYS
    assert told["console-inbox"] == told["console-acting"] == set()
    assert [name for name, one in told.items() if {"CONSOLE_CUSTODY_KEYS"} & one] == ["console-custody"]
    everybody = with_one.service_database_url(CONSOLE)
    assert {programs[name].environment["CONSOLE_DATABASE_URL"] for name in OF_HOSTED} == {everybody}


def who_holds(key: Path, network: Network) -> set[str]:
    """The processes of the console in whose memory the private part of a key stands, and those they are forked from."""
    private = {"key": json.loads(key.read_text())["d"]}
    found = {name: [pid_of(network, name)] for name in (*OF_HOSTED, CONSOLE, CONSOLE_WEB)}
    for name in SERVERS:
        forks = network[name]
        assert isinstance(forks, ForkServer)
        found[name] = forks.pids
    return {name for name, pids in found.items() if any(secrets_in(pid, private) for pid in pids)}


@contextmanager
def running(network: Network) -> Iterator[list[Process]]:
    """The processes of whoever is hosted, which the network starts by itself; afterwards it is as before."""
    eventually(lambda: network.processes.keys() >= OF_HOSTED)
    processes = [network[name] for name in OF_HOSTED]
    try:
        network.wait_ready(OF_HOSTED)
        yield processes
    finally:
        for one in processes:
            one.stop()
        network.processes = {name: one for name, one in network.processes.items() if name not in OF_HOSTED}


def test_who_is_hosted_while_all_runs_is_sent_what_custody_alone_finds_and_opens(
    network: Network, members: Membership, tmp_path: Path
) -> None:
    systems = tmp_path / "systems.toml"
    systems.write_text('[console]\nreads = ["referral.*"]\nsends = ["referral.*"]\n')
    assert OF_HOSTED.isdisjoint(network.processes)
    members.add(ID, name="Fundación de prueba", roles=["partner", "custody"], systems=systems)
    state = network.stack.state
    with running(network) as processes:
        assert {one.name for one in processes if one.pid} == OF_HOSTED
        said = (state.read_running() or {})["processes"]
        assert all(said[name]["pid"] for name in OF_HOSTED)
        message = offered(sealing.load_key(state.organisations / ID / "private.jwk"), ID)
        publisher = Publisher(network.stack.amqp_url("referrals", HUB))
        try:
            key = address_to(ID, message)
            assert publisher.publish([Publication(HUB, key, message.to_json(), str(message.id))]) == set()
        finally:
            publisher.drop()
        custody = Custody(state.custody_socket)
        hits = eventually(lambda: asyncio.run(custody.search(ASKING, "Sulmarixa Brezhuvia")).hits)
        assert [(one.message, one.person, one.terms) for one in hits] == [
            (message.id, message.data.request.person_id, 2)
        ]
        opened = asyncio.run(custody.open(ASKING, [hits[0].block]))
        assert opened[hits[0].block].content == ANA
        assert who_holds(state.organisations / ID / "private.jwk", network) == {"console-custody"}
        held = {
            name: pss_mb(one.pid)
            for name, one in network.processes.items()
            if one.pid and (name.startswith(CONSOLE) or name in OF_MONITOR)
        }
        assert held.keys() >= {*OF_HOSTED, CONSOLE, CONSOLE_WEB, *OF_MONITOR}
        assert sum(mb for name, mb in held.items() if name not in OF_MONITOR) <= MOST_MB, held
        assert sum(held.values()) <= MOST_MB_WITH_MONITOR, held
    (state.organisations / ID / INDEX).unlink()  # what others find in these folders is JSON
    for name in OF_HOSTED:
        said = (state.logs / f"{name}.log").read_text()
        assert not [word for word in PLANTED if word in said]
        assert '"level": "error"' not in said
