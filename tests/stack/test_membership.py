"""Organisations come, go and are suspended while everything runs: at once, losing nothing, and in sight of nobody."""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import UUID

import amqp
import pytest

import contracts
from contracts import sealing
from contracts.codes import OrganisationStatus, Power, Urgency
from deploy.local import Network, OperatorError, Stack, differences, keys, membership, organisations, partner
from deploy.local.beside import Beside
from deploy.local.membership import Membership
from deploy.local.state import ROOT, State
from deploy.local.trail import Trail
from messaging import broker, database, register, topology
from messaging.bridge import DEFER_FOR, Bridge
from messaging.broker import Publication
from messaging.topology import GATEWAY, HUB, NETWORK, DeclaredNetwork, Management
from tests.examples import say, service_published
from tests.messaging.partners import Partner
from tests.waiting import eventually

WITHIN = 2.0  # seconds for a command to be in effect, as operators are promised
TOLD = ("intake", "referrals", "employment")


@pytest.fixture
def members(network: Network) -> Iterator[Membership]:
    """The organisations of the network that runs; those that a test lets in are gone after it, and leave no trace."""
    url = network.stack.service_database_url(GATEWAY)
    with membership.opened(network.stack.state, url) as members:
        before = organisations.known(members.connection)
        members.connection.commit()
        queues = queues_there(network)
        yield members
        members.connection.rollback()
        for id, entry in organisations.known(members.connection).items():
            if id not in before:
                with contextlib.suppress(OperatorError):
                    members.suspend(id)
                members.remove(id, drop_unread=True)
                members.connection.execute("delete from organisation where id = %s", (id,))
                forget(network, id)
                for table in ("delivery", "inbox_end", "http_reader", "public_key", "refusal_count"):
                    members.connection.execute(f"delete from {table} where organisation = %s", (id,))
                shutil.rmtree(members.state.organisations / id, ignore_errors=True)
                members.connection.execute("delete from system_reader where address like %s", (f"{id}.%",))
            elif replace(entry, changed_at=None, number=0) != replace(before[id], changed_at=None, number=0):
                raise AssertionError(f"{id} is left changed")
        members.connection.commit()
        members._write_files()
        # What nobody reads would be wrong with the network for every test to come.
        eventually(lambda: queues_there(network) <= queues)


def queues_there(network: Network) -> set[tuple[str, str]]:
    return {(vhost, one["name"]) for vhost in (NETWORK, HUB) for one in network.stack.management.queues(vhost)}


def forget(network: Network, id: str) -> None:
    """Have no service know of an organisation, once each has heard that it was removed."""
    eventually(lambda: all_told(network, id) is OrganisationStatus.REMOVED)
    for service in TOLD:
        with database.connect(network.stack.service_database_url(service)) as connection:
            connection.execute("delete from recorded_organisation where id = %s", (id,))
            connection.commit()


def credentials(members: Membership, id: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((members.state.organisations / id / "credentials.json").read_text())
    return said


def ask(members: Membership, id: str, path: str = "/v1/inbox", body: bytes | None = None) -> tuple[int, Any]:
    """The status and the JSON of what the entrance by HTTP answers an organisation."""
    return ask_with(credentials(members, id), path, body)


def ask_with(handed: dict[str, Any], path: str = "/v1/inbox", body: bytes | None = None) -> tuple[int, Any]:
    request = Request(handed["http_url"] + path, body)  # noqa: S310 - the address is the network's own
    request.add_header("Authorization", f"Bearer {handed['api_key']}")
    request.add_header("Content-Type", "application/cloudevents+json")
    try:
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def connect(members: Membership, id: str) -> broker.Connection:  # type: ignore[name-defined]
    return broker.connect(credentials(members, id)["amqp_url"])


def a_service(id: str) -> contracts.Message[Any]:
    """What an organisation says of a service that it offers."""
    service_id = contracts.uuid7()
    return say(service_published(service_id=service_id), source=id)


def applied(network: Network, message: contracts.Message[Any]) -> bool:
    with database.connect(network.stack.service_database_url("referrals")) as connection:
        return bool(connection.execute("select from service where service_id = %s", (message.subject,)).fetchall())


def told(network: Network, service: str, id: str) -> dict[str, Any] | None:
    with database.connect(network.stack.service_database_url(service)) as connection:
        sql = "select number, status, powers, handles from recorded_organisation where id = %s"
        return connection.execute(sql, (id,)).fetchone()


def is_told(network: Network, service: str, said: contracts.OrganisationRecorded) -> bool:
    return told(network, service, said.organisation) == {
        "number": said.number, "status": said.status, "powers": [*said.powers], "handles": [*said.handles],
    }  # fmt: skip


def all_told(network: Network, id: str) -> OrganisationStatus | None:
    """What every service knows of an organisation; None while they do not know the same."""
    statuses = {str(row["status"]) if (row := told(network, one, id)) else "" for one in TOLD}
    return OrganisationStatus(statuses.pop()) if len(statuses) == 1 and "" not in statuses else None


def brought(members: Membership, id: str, folder: Path) -> sealing.Key:
    """Make an organisation's own key where it is used, and bring the public part to the operator."""
    private = folder / f"{id}.jwk"
    environment = {**os.environ, "PYTHONPATH": str(folder / "packages")}
    made = subprocess.run(
        [sys.executable, "-m", "ruta_contracts", "key", "new", str(private)],
        env=environment, capture_output=True, check=True,
    )  # fmt: skip
    (folder / f"{id}.public").write_bytes(made.stdout)
    with partner.opened(members.state, database_url(members), id) as one:
        one.rotate(folder / f"{id}.public", keys.OVERLAP)
    return sealing.load_key(private)


def database_url(members: Membership) -> str:
    assert members.place is not None
    return members.place.databases[GATEWAY]


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder where the contracts are importable as partners install them."""
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "ruta_contracts").symlink_to(ROOT / "contracts")
    return tmp_path


@pytest.mark.parametrize(("page", "amqp"), [("first_referral_http.py", False), ("first_referral.py", True)])
def test_an_organisation_joins_and_its_first_referral_is_accepted_within_twenty_seconds(
    members: Membership, packages: Path, page: str, amqp: bool
) -> None:
    began, running, printed = time.monotonic(), [], {}
    for id in ("clinic", "shelter"):
        members.add(id, name=f"The {id}", roles=["partner"], amqp=amqp)
        key = brought(members, id, packages)
        home = packages / id
        home.mkdir()
        (home / "credentials.json").write_text(json.dumps(credentials(members, id)))
        sealing.save_key(key, home / "private.jwk")

    def start(id: str, *words: str) -> None:
        printed[id] = packages / f"{id}.out"
        command = [sys.executable, str(ROOT / "docs" / page), str(packages / id), str(members.state.directory_file)]
        with printed[id].open("wb") as out:
            environment = {**os.environ, "PYTHONPATH": str(packages / "packages")}
            running.append(subprocess.Popen([*command, *words], stdout=out, env=environment))

    try:
        start("clinic")
        offers = eventually(lambda: [line for line in printed["clinic"].read_text().splitlines() if "offering" in line])
        start("shelter", "--refer-to", offers[0].split()[1])
        eventually(lambda: "referral.status.v1 accepted" in printed["shelter"].read_text())
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert time.monotonic() - began < 20
    held = json.loads(members.state.directory_file.read_text())["organisations"]
    assert "custody" not in held["clinic"]
    assert not (members.state.organisations / "clinic" / "private.jwk").exists()


def test_who_comes_in_is_known_to_every_service_with_what_its_roles_let_it_do(
    members: Membership, network: Network
) -> None:
    before = {name: process.restarts for name, process in network.processes.items()}
    began = time.monotonic()
    members.add("office", name="The office", roles=["partner", "employment"])
    assert time.monotonic() - began < WITHIN
    eventually(lambda: all_told(network, "office"))
    row = told(network, "referrals", "office")
    assert row is not None
    assert (row["powers"], row["handles"]) == ([Power.RUN_PROGRAMMES], [])

    members.add("office", roles=["partner", "coordinator"])
    eventually(lambda: (told(network, "referrals", "office") or {}).get("powers") == [Power.COORDINATE])
    assert {name: process.restarts for name, process in network.processes.items()} == before


def test_what_stays_unsaid_stays_as_it_was_and_a_slip_changes_nothing(members: Membership, tmp_path: Path) -> None:
    systems = tmp_path / "systems.toml"
    systems.write_text('[desk]\nreads = ["referral.status"]\nsends = ["referral.*"]\n')
    members.add("office", name="The office", roles=["partner"], systems=systems, contact="office@example.org")
    before = organisations.known(members.connection)["office"]
    members.add("office", name="Another name")
    after = organisations.known(members.connection)["office"]
    assert replace(after, name=before.name, number=1, changed_at=before.changed_at) == before

    systems.write_text("[other]\nreads = []\n")
    for slip in (
        {"roles": ["patron"]}, {"systems": systems}, {"systems": tmp_path / "absent.toml"},
        {"limits": ["rate=0"]}, {"limits": ["rate=many"]}, {"limits": ["rate"]}, {"limits": ["backlog_messages=9"]},
    ):  # fmt: skip
        with pytest.raises(OperatorError):
            members.add("office", **slip)
    assert organisations.known(members.connection)["office"] == after


def test_what_one_organisation_may_ask_is_its_own_while_everything_runs_and_is_given_back(
    members: Membership, network: Network
) -> None:
    members.add("clinic", name="Clinic", roles=["partner"], amqp=True)
    assert members.place is not None
    usual = broker_limits(members, "clinic")
    assert usual == {"max-connections": network.declared.connections, "max-channels": network.declared.channels}

    members.add("clinic", limits=["burst=2", "rate=1", "connections=3"])
    eventually(lambda: 429 in {ask(members, "clinic")[0] for _ in range(4)})
    assert broker_limits(members, "clinic") == usual | {"max-connections": 3}
    assert ask(members, "redcross")[0] == 200
    assert "limits      burst 2, connections 3, rate 1" in screen(members, "clinic")

    members.add("clinic", limits=["burst=", "rate=", "connections="])
    eventually(lambda: {ask(members, "clinic")[0] for _ in range(4)} == {200})
    assert broker_limits(members, "clinic") == usual
    assert not organisations.known(members.connection)["clinic"].limits


def broker_limits(members: Membership, user: str) -> dict[str, int]:
    assert members.place is not None
    (said,) = members.place.management.get(f"user-limits/{user}")
    limits: dict[str, int] = said["value"]
    return limits


def test_what_an_organisation_may_send_beside_its_roles_is_taken_back(members: Membership, network: Network) -> None:
    members.add("clinic", name="Clinic", roles=["employment"], may_send=["service.*", "capacity.*"])
    offered = a_service("clinic")
    eventually(lambda: ask(members, "clinic", "/v1/messages", offered.to_json())[0] in (200, 202))
    members.add("clinic", may_send=[""])
    assert organisations.known(members.connection)["clinic"].may_send == ()

    def answered() -> tuple[int, Any]:
        status, said = ask(members, "clinic", "/v1/messages", a_service("clinic").to_json())
        return status, said.get("code")

    assert eventually(lambda: answered() == (403, "not_allowed"))
    eventually(lambda: applied(network, offered))


def test_a_system_that_reads_by_http_alone_takes_nothing_that_is_on_its_way_to_a_queue(
    members: Membership, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    members.add("clinic", name="Clinic", roles=["partner"], amqp=True)
    systems = tmp_path / "systems.toml"
    systems.write_text('[desk]\nreads = ["*"]\namqp = false\n')
    with monkeypatch.context() as patched:
        patched.setattr(
            Beside, "waiting", lambda _, queues: 3 if [*queues] == [(topology.HUB, "deliver.clinic")] else 0
        )
        with pytest.raises(OperatorError, match="3 messages are on their way to clinic"):
            members.add("clinic", systems=systems)
    with pytest.raises(OperatorError, match="does not run"):
        replace(members, place=None).add("clinic", systems=systems)
    assert organisations.known(members.connection)["clinic"].systems == {}
    members.add("clinic", systems=systems)
    assert organisations.known(members.connection)["clinic"].systems


def test_the_hub_makes_no_key_for_who_is_not_in_custody_and_says_that_nothing_can_be_sealed_to_it(
    members: Membership,
) -> None:
    said = members.add("clinic", name="Clinic", roles=["partner"])
    assert "Nothing can be sealed to it" in said
    assert not (members.state.organisations / "clinic" / "private.jwk").exists()
    assert "clinic" not in json.loads(members.state.directory_file.read_text())["organisations"]
    assert "key         none in force: nothing can be sealed to it" in screen(members, "clinic")

    assert "Nothing can be sealed" not in members.add("clinic", roles=["partner", "custody"])
    assert json.loads(members.state.directory_file.read_text())["organisations"]["clinic"]["custody"] == "hub"


def test_an_operator_sees_on_one_screen_what_an_organisation_has_waiting(members: Membership, network: Network) -> None:
    members.add("clinic", name="Clinic", roles=["partner"], amqp=True, contact="desk@example.org")
    with contextlib.closing(Partner(network.stack, "clinic")) as clinic:
        clinic.submit_raw(b"no message")
        eventually(lambda: membership_sees(members, credentials(members, "clinic")["queue"]) == 1)
        shown = screen(members, "clinic")
    assert shown[0] == "clinic  Clinic, active, desk@example.org"
    assert "by AMQP     1 connections now" in shown
    assert "            0 submitted and not taken up, 1 not read" in shown
    members.suspend("clinic")
    suspended = screen(members, "clinic")
    assert suspended[0] == "clinic  Clinic, suspended, desk@example.org"
    assert suspended[1].endswith("until `./ruta partner resume clinic`;")
    assert suspended[2].endswith("`./ruta audit search --organisation clinic --act organisation_suspended`")
    members.resume("clinic")
    assert not any("./ruta" in line for line in screen(members, "clinic"))


def screen(members: Membership, id: str) -> list[str]:
    with partner.opened(members.state, database_url(members), id) as one:
        return one.show().splitlines()


@pytest.mark.parametrize(
    "id", ["hub", "gateway", "referrals", "to", "a.b", "redcr\u043ess", "x", "-a", "UNHCR", "a" * 41]
)
def test_nobody_takes_the_name_of_another_or_one_that_means_something_else(members: Membership, id: str) -> None:
    with pytest.raises(OperatorError, match=r"is (taken|no name)"):
        members.add(id, name="Somebody", roles=["partner"])
    assert id not in organisations.known(members.connection)


def test_who_is_suspended_is_cut_off_within_a_second_and_has_everything_afterwards(
    members: Membership, network: Network
) -> None:
    members.add("clinic", name="Clinic", roles=["partner"], amqp=True)
    assert eventually(lambda: ask(members, "clinic")[0] == 200)  # within a second the entrance knows its key
    stack, admitted = network.stack, a_service("clinic")
    status, answer = ask(members, "clinic", "/v1/messages", admitted.to_json())
    assert status == 202, answer
    handed = credentials(members, "clinic")
    stream = Request(handed["http_url"] + "/v1/inbox")  # noqa: S310
    stream.add_header("Authorization", f"Bearer {handed['api_key']}")
    stream.add_header("Accept", "text/event-stream")
    with contextlib.closing(connect(members, "clinic")) as connection, urlopen(stream, timeout=30) as events:  # noqa: S310
        members.suspend("clinic")
        decided = time.monotonic()
        with contextlib.suppress(OSError):
            while events.readline():
                pass
        with pytest.raises(amqp.exceptions.ConnectionForced):
            connection.drain_events(timeout=10)
        assert time.monotonic() - decided < 1.0
    assert (ask(members, "clinic")[0], ask(members, "clinic")[1]["code"]) == (403, "suspended")
    with pytest.raises(amqp.exceptions.NotAllowed):
        connect(members, "clinic")
    eventually(lambda: applied(network, admitted))  # what was admitted is answered
    assert all_told(network, "clinic") is OrganisationStatus.SUSPENDED or eventually(
        lambda: all_told(network, "clinic") is OrganisationStatus.SUSPENDED
    )

    members.resume("clinic")
    assert eventually(lambda: ask(members, "clinic")[0] == 200)
    with contextlib.closing(connect(members, "clinic")):
        pass
    again = a_service("clinic")
    assert eventually(lambda: ask(members, "clinic", "/v1/messages", again.to_json())[0] in (200, 202))
    eventually(lambda: applied(network, again))
    assert differences.compare(stack.management, organisations.network_of(stack.state), stack.state) == []


def test_what_a_suspended_organisation_had_submitted_and_nobody_had_admitted_is_refused_to_it(
    members: Membership, network: Network
) -> None:
    members.add("clinic", name="Clinic", roles=["partner"], amqp=True)
    gateway = network["gateway"]
    late = a_service("clinic")
    with contextlib.closing(Partner(network.stack, "clinic")) as clinic:
        gateway.pause()
        try:
            clinic.submit(late)
            members.suspend("clinic")
        finally:
            gateway.resume()
    inbox = credentials(members, "clinic")["queue"]
    eventually(lambda: membership_sees(members, inbox) == 1)
    members.resume("clinic")
    with contextlib.closing(Partner(network.stack, "clinic")) as clinic:
        (refused,) = [one for one in map(contracts.parse, clinic.bodies(inbox, 1)) if one.type == "message.refused.v1"]
    assert (refused.data.code, refused.data.refused_id) == ("suspended", late.id)
    assert not applied(network, late)


def test_who_is_removed_has_nothing_left_and_unread_messages_are_not_dropped_by_a_slip(
    members: Membership, network: Network
) -> None:
    members.add("clinic", name="Clinic", roles=["partner"], amqp=True)
    handed, one = credentials(members, "clinic"), organisations.known(members.connection)["clinic"]
    with pytest.raises(OperatorError, match="suspend clinic"):
        members.remove("clinic")
    with contextlib.closing(Partner(network.stack, "clinic")) as clinic:
        clinic.submit_raw(b"no message")
    eventually(lambda: membership_sees(members, handed["queue"]) == 1)
    members.suspend("clinic")
    with pytest.raises(OperatorError, match="1 messages wait"):
        members.remove("clinic")
    assert organisations.known(members.connection)["clinic"].status is OrganisationStatus.SUSPENDED

    members.remove("clinic", drop_unread=True)
    there = {queue["name"] for vhost in ("network", "hub") for queue in network.stack.management.queues(vhost)}
    assert there.isdisjoint(name for _, name in topology.queues_of(one.read(topology.read())))
    assert "clinic" not in {user["name"] for user in network.stack.management.get("users")}
    assert "clinic" not in json.loads(members.state.directory_file.read_text())["organisations"]
    assert eventually(lambda: ask_with(handed)[0] == 401)
    eventually(lambda: all_told(network, "clinic") is OrganisationStatus.REMOVED)
    audited = members.connection.execute(
        "select details from audit_entry where subject = 'clinic' and act = 'organisation_removed' order by number desc"
    ).fetchone()
    assert audited is not None
    assert json.loads(audited["details"]) == {"unread": 1}


def membership_sees(members: Membership, queue: str) -> int:
    place = members.place
    assert place is not None
    with contextlib.closing(broker.connect(place.amqp_urls[GATEWAY]["network"])) as connection:
        return int(connection.channel().queue_declare(queue, passive=True).message_count)


def test_what_the_gateway_holds_back_of_an_organisation_is_not_deleted_with_its_queues(
    members: Membership, network: Network
) -> None:
    """It has read the messages and not acknowledged them: the broker counts none in the queue."""
    members.add("clinic", name="Clinic", roles=["partner"], amqp=True)
    assert eventually(lambda: ask(members, "clinic")[0] == 200)
    gateway, said = network["gateway"], [a_service("clinic") for _ in range(20)]
    for one in said[:10]:
        assert ask(members, "clinic", "/v1/messages", one.to_json())[0] == 202
    with contextlib.closing(Partner(network.stack, "clinic")) as clinic:
        gateway.pause()
        clinic.submit(*said[10:])
        try:
            members.suspend("clinic")
            with pytest.raises(OperatorError, match=r"is being read|are being taken up"):
                members.remove("clinic", drop_unread=True)
        finally:
            gateway.resume()
    assert organisations.known(members.connection)["clinic"].status is OrganisationStatus.SUSPENDED
    eventually(lambda: all(applied(network, one) for one in said[:10]))
    eventually(lambda: with_retries(lambda: members.remove("clinic", drop_unread=True)))


def test_who_comes_by_http_alone_comes_and_goes_and_leaves_nothing_unread_by_a_slip(
    members: Membership, network: Network
) -> None:
    members.add("clinic", name="Clinic", roles=["partner"])
    assert "amqp_url" not in credentials(members, "clinic")
    old = credentials(members, "clinic")
    assert eventually(lambda: ask(members, "clinic")[0] == 200)
    service = a_service("redcross")
    assert ask(members, "redcross", "/v1/messages", service.to_json())[0] == 202
    theirs = say(service_published(service_id=service.data.service_id), source="clinic")
    assert ask(members, "clinic", "/v1/messages", theirs.to_json())[0] == 202  # refused to it, as redcross's
    eventually(lambda: ask(members, "clinic")[1]["messages"])
    members.suspend("clinic")
    with pytest.raises(OperatorError, match="wait for clinic"):
        members.remove("clinic")
    members.resume("clinic")
    members.suspend("clinic")
    members.remove("clinic", drop_unread=True)

    members.add("clinic", name="Clinic again", roles=["partner"], amqp=True)
    assert credentials(members, "clinic")["api_key"] not in (None, old["api_key"])
    assert eventually(lambda: ask_with(old)[0] == 401)


def test_who_comes_back_has_another_password_and_other_queues(members: Membership) -> None:
    members.add("clinic", name="Clinic", roles=["partner"], amqp=True)
    before = credentials(members, "clinic")
    members.suspend("clinic")
    members.remove("clinic", drop_unread=True)
    members.add("clinic", name="Clinic", roles=["partner"], amqp=True)
    after = credentials(members, "clinic")
    assert [one for one in ("amqp_url", "queue", "api_key") if before[one] == after[one]] == []
    with pytest.raises(amqp.exceptions.AccessRefused):
        broker.connect(before["amqp_url"])


def test_what_a_service_answers_comes_back_to_the_system_whose_key_asked_and_to_who_copies_it(
    members: Membership, tmp_path: Path
) -> None:
    systems = tmp_path / "systems.toml"
    systems.write_text('crm = { reads = [] }\ndesk = { reads = ["services.*"] }\nboard = { copies = ["services.*"] }\n')
    members.add("clinic", name="Clinic", roles=["partner"], systems=systems)
    handed = credentials(members, "clinic")

    def sought(search_id: UUID, key: str | None, **said: Any) -> None:
        asked = contracts.ServicesSought(
            search_id=search_id, need_code="health.consultation", urgency=Urgency.NORMAL, zone="08001"
        )
        message = say(asked, source="clinic").model_copy(update=said)
        known = {**handed, "api_key": key}  # a new key is, within a second
        eventually(lambda: ask_with(known, "/v1/messages", message.to_json())[0] in (200, 202))

    def inbox(system: str) -> list[str]:
        said = ask_with({**handed, "api_key": handed["systems"][system]["api_key"]})[1]["messages"]
        return sorted(one["message"]["data"]["search_id"] for one in said)

    by_key, named, by_nobody = (contracts.uuid7() for _ in range(3))
    sought(by_key, handed["systems"]["crm"]["api_key"])
    sought(named, handed["api_key"], system="crm")
    sought(by_nobody, handed["api_key"])
    eventually(lambda: len(inbox("board")) == 3)
    assert inbox("crm") == sorted(map(str, (by_key, named)))
    assert inbox("desk") == [str(by_nobody)]
    all_of_it = ask(members, "clinic")[1]["messages"]
    assert len(all_of_it) == 3
    assert sum(one["message"].get("recipientsystem") == "crm" for one in all_of_it) == 2


def test_a_system_has_copies_beside_and_a_queue_for_them_as_long_as_it_has_any(
    members: Membership, network: Network, tmp_path: Path
) -> None:
    systems = tmp_path / "systems.toml"
    systems.write_text('desk = { copies = ["*"] }\nboard = { copies = ["message.*"], amqp = false }\n')
    members.add("clinic", name="Clinic", roles=["partner"], amqp=True, systems=systems)
    handed = credentials(members, "clinic")
    assert "queue" not in handed["systems"]["board"]
    not_theirs = say(contracts.MatchUndone(match_id=contracts.uuid7()), source="clinic")
    with contextlib.closing(Partner(network.stack, "clinic")) as clinic:
        clinic.submit(not_theirs)
        for queue in (handed["queue"], handed["systems"]["desk"]["queue"]):
            (refused,) = map(contracts.parse, clinic.bodies(queue, 1))
            assert (refused.type, refused.causationid) == ("message.refused.v1", not_theirs.id)

    def inbox() -> Any:
        key = handed["systems"]["board"]["api_key"]  # which is known within a second
        return ask_with({**handed, "api_key": key})[1].get("messages", ())

    eventually(lambda: len(inbox()) == 1)
    assert inbox()[0]["message"]["causationid"] == str(not_theirs.id)

    assert members.place is not None
    queues = {one["name"] for one in members.place.management.queues(HUB)}
    assert {one for one in queues if one.startswith("deliver.clinic")} == {"deliver.clinic", "deliver.clinic.desk"}
    systems.write_text('desk = { reads = [] }\nboard = { copies = ["message.*"], amqp = false }\n')
    members.add("clinic", systems=systems)
    queues = {one["name"] for one in members.place.management.queues(HUB)}
    assert {one for one in queues if one.startswith("deliver.clinic")} == {"deliver.clinic"}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('desk = { copy = ["*"] }', "`copy` of desk means nothing here"),
        ("desk = { reads = [], amqp = false }", "name another for HTTP alone"),
        ('desk = { runs = "events", copies = ["*"] }', "cannot become"),
        ('desk = { reads = [] }\ndays = { runs = "events", copies = ["*"] }', "reads what it handles"),
        ('desk = { reads = [], amqp = "no" }', "neither true nor false"),
        ("desk = 1", "no file of systems"),
    ],
)
def test_a_table_of_a_system_that_means_nothing_changes_nothing(
    members: Membership, tmp_path: Path, said: str, why: str
) -> None:
    systems = tmp_path / "systems.toml"
    systems.write_text("desk = { reads = [] }")
    members.add("clinic", name="Clinic", roles=["partner"], amqp=True, systems=systems)
    before = organisations.known(members.connection, "clinic")
    systems.write_text(said)
    with pytest.raises(OperatorError, match=why):
        members.add("clinic", systems=systems)
    members.connection.rollback()
    assert organisations.known(members.connection, "clinic") == before


def test_a_system_does_not_become_a_service_that_runs_elsewhere(members: Membership, tmp_path: Path) -> None:
    systems = tmp_path / "systems.toml"
    systems.write_text('[desk]\nreads = ["referral.status"]\n')
    members.add("clinic", name="Clinic", roles=["partner"], systems=systems, amqp=True)
    systems.write_text('[desk]\nruns = "events"\n')
    with pytest.raises(OperatorError, match="cannot become"):
        members.add("clinic", systems=systems)


class Cut(BaseException):
    """The command was killed here."""


STEPS: list[tuple[Any, str]] = [
    (organisations, "save"),
    (Trail, "commit"),
    (organisations, "notify_services"),
    (Management, "post"),
    (Management, "delete"),
    (membership, "hand_to"),
    (membership, "write_directory"),
    (membership, "_delete"),
    (organisations, "write_register"),
]


def cut(monkeypatch: pytest.MonkeyPatch, whose: Any, step: str, *, before: bool) -> None:
    """Have whoever comes to a step be killed, just before or just after it."""
    real: Callable[..., Any] = getattr(whose, step)

    def killed(*arguments: Any, **named: Any) -> Any:
        if not before:
            real(*arguments, **named)
        raise Cut

    monkeypatch.setattr(whose, step, killed)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(("whose", "step"), STEPS, ids=[step for _, step in STEPS])
def test_a_command_that_was_killed_at_any_step_ends_right_when_it_is_said_again(
    members: Membership, network: Network, monkeypatch: pytest.MonkeyPatch, whose: Any, step: str, before: bool
) -> None:
    stack = network.stack
    commands: list[Callable[[], Any]] = [
        lambda: members.add("clinic", name="Clinic", roles=["partner"], amqp=True),
        lambda: members.suspend("clinic"),
        lambda: members.resume("clinic"),
        lambda: members.readdress("clinic"),
        lambda: with_retries(lambda: members.readdress("clinic")),
        lambda: members.suspend("clinic"),
        lambda: members.remove("clinic", drop_unread=True),
    ]
    statuses = [OrganisationStatus(one) for one in (*["active", "suspended"], *["active"] * 3, "suspended", "removed")]
    for command, status in zip(commands, statuses, strict=True):
        with monkeypatch.context() as killing:
            cut(killing, whose, step, before=before)
            with contextlib.suppress(Cut):
                command()
        command()
        eventually(lambda status=status: all_told(network, "clinic") is status)  # type: ignore[misc]
        known = register.read(members.state.organisations_file, topology.read())
        assert ("clinic" in known.removed) == (status is OrganisationStatus.REMOVED)
        assert status in ("removed", known.organisations["clinic"].status if "clinic" in known.organisations else None)
        assert differences.compare(stack.management, known, stack.state) == []
    assert members.connection.execute("select from public_key where organisation = 'clinic' and revoked_at is null"
                                      ).fetchall() == []  # fmt: skip


def test_whatever_operators_do_in_whatever_order_everybody_knows_the_same_in_the_end(
    members: Membership, network: Network
) -> None:
    chance = random.Random(10)  # noqa: S311 - no secret
    ids = ["clinic", "shelter"]
    for _ in range(25):
        id = chance.choice(ids)
        roles = chance.choice([["partner"], ["partner", "coordinator"]])
        act: Callable[[], str] = chance.choice(
            [
                partial(members.add, id, name=id, roles=roles, amqp=chance.random() < 0.5),
                partial(members.suspend, id),
                partial(members.resume, id),
                partial(members.readdress, id),
                partial(members.remove, id, drop_unread=True),
            ]
        )
        with contextlib.suppress(OperatorError):
            act()
        members.connection.rollback()
    entries = organisations.known(members.connection)
    expected = {id: organisations.recorded(entries[id], members.network) for id in entries.keys() & set(ids)}
    for id, service in product(expected, TOLD):
        eventually(partial(is_told, network, service, expected[id]))
    known = register.read(members.state.organisations_file, members.network)
    assert known == organisations.network_with(entries, members.network)
    assert differences.compare(network.stack.management, known, members.state) == []


def test_a_neighbour_sees_nothing_of_anothers_queues(members: Membership, network: Network) -> None:
    """The attack: register a probe, and watch the queues of another, by the names that one can guess."""
    members.add("clinic", name="Clinic", roles=["partner"], amqp=True)
    members.add("probe", name="Probe", roles=["partner"], amqp=True)
    handed = credentials(members, "clinic")
    guessed = [
        name
        for queue in ("submit.clinic", "inbox.clinic", "deliver.clinic", "submitted.clinic")
        for name in (queue, f"{queue}.", f"{queue}.attendance", f"{queue}.#", f"{queue}.*")
    ]
    with contextlib.closing(connect(members, "probe")) as connection:
        for name in guessed:
            with pytest.raises(amqp.exceptions.NotFound):
                connection.channel().queue_declare(name, passive=True)
        for name in (handed["queue"], *guessed):  # who knows the name reads nothing all the same
            with pytest.raises((amqp.exceptions.AccessRefused, amqp.exceptions.NotFound)):
                connection.channel().basic_get(name)
    submits = organisations.known(members.connection)["clinic"].read(members.network).submits
    assert all(len(name.rpartition(".")[2]) == 32 for name in (handed["queue"], *submits))


def test_new_names_lose_nothing_and_double_nothing_while_messages_are_under_way(
    members: Membership, network: Network
) -> None:
    """An upgrade: an organisation of before goes over to queues with names that nobody guesses, while it sends."""
    members.add("clinic", name="Clinic", roles=["partner"], amqp=True)
    before = organisations.known(members.connection)["clinic"]
    # as it was before such names
    for vhost, queue in topology.queues_of(before.read(members.network)):
        network.stack.management.delete(f"queues/{vhost}/{queue}")
    organisations.save(members.connection, replace(before, suffixes=("",)))
    members.connection.commit()
    members.add("clinic")
    old = credentials(members, "clinic")["queue"]
    assert old == "inbox.clinic"
    said: list[contracts.Message[Any]] = []
    with contextlib.closing(Partner(network.stack, "clinic")) as clinic:
        for moment in range(3):
            if moment == 1:
                eventually(lambda: membership_sees(members, old) == 1)
                members.readdress("clinic")
            for _ in range(40):
                said.append(a_service("clinic"))
                clinic.submit(said[-1])
            clinic.submit_raw(f"no message {moment}".encode())
        eventually(lambda: all(applied(network, one) for one in said[-3:]))
        new = credentials(members, "clinic")["queue"]
        bodies = [*clinic.bodies(old, 1), *clinic.bodies(new, 2)]
        assert len({contracts.parse(one).data.body_sha256 for one in bodies}) == 3  # it is told of each
    assert all(applied(network, one) for one in said)
    assert eventually(lambda: with_retries(lambda: members.readdress("clinic")))
    with contextlib.closing(connect(members, "redcross")) as neighbour, pytest.raises(amqp.exceptions.NotFound):
        neighbour.channel().queue_declare(old, passive=True)


def with_retries(act: Callable[[], Any]) -> bool:
    try:
        act()
    except OperatorError:
        return False
    return True


def test_an_organisation_of_the_file_is_taken_over_once_and_what_operators_did_stays(
    members: Membership, network: Network, provisioned: Stack, declared: DeclaredNetwork
) -> None:
    from deploy.local.provision import provision

    members.suspend("fuvadis")
    try:
        provision(provisioned, declared)
        assert organisations.known(members.connection)["fuvadis"].status is OrganisationStatus.SUSPENDED
        assert ask(members, "fuvadis")[0] == 403
    finally:
        members.resume("fuvadis")
    assert eventually(lambda: ask(members, "fuvadis")[0] == 200)


def test_who_is_taken_over_new_has_queues_that_nobody_guesses_and_who_is_connected_keeps_its_own(
    members: Membership, tmp_path: Path, declared: DeclaredNetwork
) -> None:
    seeds = {
        id: {"name": id, "roles": ["partner"], "amqp": amqp}
        for id, amqp in (("newcomer", True), ("connected", True), ("by-http", False))
    }
    state = State(tmp_path)
    state.make()
    state.password("connected")
    members.connection.execute("savepoint before")
    for _ in range(2):  # again, when they have passwords, changes nothing
        organisations.take_over(members.connection, replace(declared, seeds=seeds), state)
        known = {id: organisations.known(members.connection)[id] for id in seeds}
        assert known["connected"].suffixes == known["by-http"].suffixes == ("",)
        (suffix,) = known["newcomer"].suffixes
        assert len(suffix) == 32
        state.password("newcomer")
    members.connection.execute("rollback to before")


def test_a_hub_that_starts_without_its_database_knows_the_organisations_of_before(
    members: Membership, tmp_path: Path
) -> None:
    members.add("clinic", name="Clinic", roles=["partner"])
    network, known = register.of_environment({"RUTA_ORGANISATIONS_FILE": str(members.state.organisations_file)})
    assert "clinic" in known()
    assert "clinic" not in network.organisations


def test_a_file_of_organisations_that_is_spoilt_changes_nothing_and_is_read_again(
    members: Membership, tmp_path: Path
) -> None:
    file = tmp_path / "organisations.json"
    file.write_text(members.state.organisations_file.read_text())
    known = register.Register(topology.read(), file)
    before = known.now()
    assert before
    for spoilt in ("", "{", '{"organisations": []}', '{"organisations": {"a": {}}}', "[" * 100_000):
        file.write_text(spoilt)
        known._looked_at = float("-inf")
        assert known.now() == before
    file.write_text('{"organisations": {}}')
    known._looked_at = float("-inf")
    assert known.now() == {}


def test_what_needs_the_broker_is_refused_while_nothing_runs(members: Membership) -> None:
    nowhere = replace(members, place=None)
    for act in (nowhere.remove, nowhere.readdress):
        with pytest.raises(OperatorError, match="does not run"):
            act("redcross")
    assert organisations.known(members.connection)["redcross"].status is OrganisationStatus.ACTIVE


def test_a_bridge_rests_while_nobody_comes_in_by_amqp(provisioned: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[float] = []
    monkeypatch.setattr(Bridge, "_follow", lambda _: steps.append(time.monotonic()))
    inside = provisioned.amqp_url(GATEWAY, topology.HUB)
    bridge = Bridge("resting", inside, inside, list, lambda arrival: Publication("hub", "", arrival.body, "id"))
    thread = threading.Thread(target=bridge.run)
    thread.start()
    try:
        eventually(lambda: len(steps) >= 3)
    finally:
        bridge.stop()
        thread.join()
    assert steps[2] - steps[0] >= DEFER_FOR
