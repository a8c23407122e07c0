"""The entrance by HTTP as `./ruta up` sets it up: where it listens, and the keys that organisations are handed."""

import contextlib
import hashlib
import http.client
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

import psycopg
import pytest
import trustme

from deploy.local import Network, OperatorError, Stack, doctor, entrance, problems, status
from deploy.local.provision import hand_out, provision_databases
from deploy.local.state import ROOT, State, free_ports
from messaging.topology import GATEWAY, DeclaredNetwork
from tests.stack.test_forking import pid_of, secrets_in
from tests.waiting import eventually

PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def nobody_elses_keys(provisioned: Stack, declared: DeclaredNetwork) -> None:
    """Other tests have keys of their own in the gateway's database of these servers, or have made it anew."""
    provision_databases(provisioned, declared)
    with tables(provisioned) as connection:
        connection.execute("delete from api_key")
    hand_out(provisioned, declared)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


# -- where it listens --------------------------------------------------------------------------------------------------


def port(listens: str) -> int:
    return int(listens.rpartition(":")[2])


def test_the_port_of_last_time_is_taken_again(state: State) -> None:
    first = entrance.listen_address(state, {})

    assert first.startswith("127.0.0.1:")
    assert entrance.listen_address(state, {}) == first


def test_another_port_is_taken_while_somebody_else_has_that_of_last_time_and_kept(state: State) -> None:
    first = entrance.listen_address(state, {})
    with socket.create_server(("127.0.0.1", port(first))):
        second = entrance.listen_address(state, {})

    assert second != first
    assert entrance.listen_address(state, {}) == second


def test_connections_that_have_just_ended_do_not_change_the_port(state: State) -> None:
    first = entrance.listen_address(state, {})
    with socket.create_server(("127.0.0.1", port(first))) as server:
        client = socket.create_connection(("127.0.0.1", port(first)))
        served, _ = server.accept()
        served.close()  # who closes first remembers the connection for a minute
        client.close()

    assert entrance.listen_address(state, {}) == first


@pytest.mark.parametrize("kept", ["", "[]", "{}", '{"port": "x"}', '{"port": 99999999}', '{"port": 0}'])
def test_what_was_kept_and_cannot_be_read_is_made_anew(state: State, kept: str) -> None:
    state.make()
    (state.directory / "http.json").write_text(kept)

    assert entrance.listen_address(state, {}) == entrance.listen_address(state, {})


def test_an_operator_says_where_it_listens(state: State) -> None:
    assert entrance.listen_address(state, {"RUTA_HTTP_LISTEN": "0.0.0.0:443"}) == "0.0.0.0:443"
    with pytest.raises(OperatorError, match="RUTA_HTTP_LISTEN"):
        entrance.listen_address(state, {"RUTA_HTTP_LISTEN": "443"})


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "http://127.0.0.1:80"),
        ({"RUTA_HTTP_CERTIFICATE": "c", "RUTA_HTTP_KEY": "k"}, "https://127.0.0.1:80"),
        ({"RUTA_HTTP_URL": "https://ruta.example/"}, "https://ruta.example"),
    ],
)
def test_partners_are_told_the_address_they_reach(environment: dict[str, str], url: str) -> None:
    assert entrance.url("127.0.0.1:80", environment) == url


# -- keys --------------------------------------------------------------------------------------------------------------


def credentials(stack: Stack, organisation: str) -> dict[str, Any]:
    path = stack.state.organisations / organisation / "credentials.json"
    said: dict[str, Any] = json.loads(path.read_text())
    return said


def keys(stack: Stack, declared: DeclaredNetwork) -> dict[tuple[str, str | None], str]:
    """Every key that was handed out, by organisation and system."""
    found: dict[tuple[str, str | None], str] = {}
    for organisation in declared.organisations:
        said = credentials(stack, organisation)
        found[organisation, None] = said["api_key"]
        found |= {(organisation, name): one["api_key"] for name, one in said["systems"].items()}
    return found


@contextlib.contextmanager
def tables(stack: Stack) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(stack.service_database_url(GATEWAY), autocommit=True) as connection:
        yield connection


def test_every_organisation_and_each_of_its_systems_has_a_key_of_which_only_the_digest_is_kept(
    provisioned: Stack, declared: DeclaredNetwork
) -> None:
    handed_out = keys(provisioned, declared)

    assert len(set(handed_out.values())) == len(handed_out)
    for (organisation, _), key in handed_out.items():
        begun, checksum = key.rsplit("_", 1)
        assert re.fullmatch(rf"ruta_live_{organisation}_[A-Za-z0-9_-]{{43}}", begun)
        assert f"{crc32(begun.encode()):08x}" == checksum
    with tables(provisioned) as connection:
        rows = connection.execute("select organisation, system, sha256 from api_key").fetchall()
    assert {(organisation, system): bytes(digest) for organisation, system, digest in rows} == {
        whose: hashlib.sha256(key.encode()).digest() for whose, key in handed_out.items()
    }
    for organisation in declared.organisations:
        path = provisioned.state.organisations / organisation / "credentials.json"
        assert path.stat().st_mode & 0o777 == 0o600
        assert credentials(provisioned, organisation)["http_url"] == provisioned.http_url


def test_a_key_stays_the_same_from_one_run_to_the_next(provisioned: Stack, declared: DeclaredNetwork) -> None:
    before = keys(provisioned, declared)

    hand_out(provisioned, declared)

    assert keys(provisioned, declared) == before


def test_a_key_that_was_lost_opens_nothing_once_it_is_made_anew(provisioned: Stack, declared: DeclaredNetwork) -> None:
    before = keys(provisioned, declared)
    (provisioned.state.organisations / "iom" / "credentials.json").unlink()
    with tables(provisioned) as connection:
        for organisation, system in (("gone", None), ("redcross", "gone")):
            digest = hashlib.sha256(f"{organisation}{system}".encode()).digest()
            connection.execute(
                "insert into api_key (sha256, organisation, system) values (%s, %s, %s)", (digest, organisation, system)
            )
        connection.commit()

    hand_out(provisioned, declared)

    with tables(provisioned) as connection:
        rows = connection.execute("select sha256 from api_key where revoked_at is null").fetchall()
    after = keys(provisioned, declared)
    assert {bytes(row[0]) for row in rows} == {hashlib.sha256(key.encode()).digest() for key in after.values()}
    assert before["iom", None] != after["iom", None]


@pytest.mark.parametrize(
    "lost", ["the file", "half of the file", "the key in the file", "the row", "revoked", "expired", "bound to another"]
)
def test_a_key_that_either_side_has_lost_is_made_anew_and_no_other(
    provisioned: Stack, declared: DeclaredNetwork, lost: str
) -> None:
    before = keys(provisioned, declared)
    path = provisioned.state.organisations / "iom" / "credentials.json"
    changed: set[tuple[str, str | None]] = {("iom", None)}
    with tables(provisioned) as connection:
        if lost == "the file":
            path.unlink()
            changed = {whose for whose in before if whose[0] == "iom"}
        elif lost == "half of the file":
            path.write_text(path.read_text()[:100])
            changed = {whose for whose in before if whose[0] == "iom"}
        elif lost == "the key in the file":
            path.write_text(
                json.dumps({name: said for name, said in json.loads(path.read_text()).items() if name != "api_key"})
            )
        else:
            digest = hashlib.sha256(before["iom", None].encode()).digest()
            change = {
                "the row": "delete from api_key",
                "revoked": "update api_key set revoked_at = now()",
                "expired": "update api_key set expires_at = now() - interval '1 minute'",
                "bound to another": "update api_key set organisation = 'redcross'",
            }[lost]
            connection.execute(f"{change} where sha256 = %s", [digest])

        hand_out(provisioned, declared)

        after = keys(provisioned, declared)
        assert {whose for whose in before if after[whose] != before[whose]} == changed
        known = {bytes(row[0]) for row in connection.execute("select sha256 from api_key where revoked_at is null")}
        assert {hashlib.sha256(key.encode()).digest() for key in after.values()} <= known
        connection.execute("truncate api_key")  # for the others: all anew
        hand_out(provisioned, declared)


# -- the process -------------------------------------------------------------------------------------------------------


def ask(network: Network, path: str, key: str | None = None) -> int:
    """The status of an answer."""
    where = urlsplit(network.stack.http_url)
    connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=60)
    try:
        headers = {"Content-Type": "application/cloudevents+json"}
        connection.request("POST", path, "{}", headers | ({"Authorization": f"Bearer {key}"} if key else {}))
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_network_is_there_by_http_for_who_has_a_key_and_for_nobody_else(
    network: Network, declared: DeclaredNetwork
) -> None:
    for key in keys(network.stack, declared).values():
        assert ask(network, "/v1/messages", key) == 400  # that there is nothing in it, only who may come in is told
    assert ask(network, "/v1/messages") == 401
    assert ask(network, "/v1/messages", entrance.new_key("iom", "live")) == 401


def test_the_processes_of_the_entrance_hold_no_more_than_their_own_credentials(network: Network) -> None:
    network.wait_ready()
    passwords: dict[str, str] = json.loads((network.stack.state.directory / "secrets.json").read_text())

    assert secrets_in(pid_of(network, "gateway-http"), passwords) == {"gateway-http", "postgres gateway"}
    assert secrets_in(pid_of(network, "courier"), passwords) == {"courier", "postgres gateway"}


@pytest.mark.parametrize("name", ["gateway-http", "courier"])
def test_who_is_killed_is_back_at_the_same_address(network: Network, declared: DeclaredNetwork, name: str) -> None:
    key = keys(network.stack, declared)["iom", None]
    before = network.stack.http_url

    network[name].kill()
    network.wait_ready([name])

    assert network.stack.http_url == before
    assert eventually(lambda: ask(network, "/v1/messages", key)) == 400


def test_it_imports_nothing_of_what_the_other_processes_are_made_of() -> None:
    code = "import sys, hub.gateway.http.__main__; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert {"eventlet", "nameko", "kombu", "rich", "fastapi", "uvicorn.protocols.http.h11_impl"}.isdisjoint(
        imported.stdout.split()
    )


def problem_of(network: Network, what: str) -> str:
    found = problems.find(status.read(network.stack.state, environment={}))
    return next((one.text for one in found if one.what == what), "")


def test_an_address_that_somebody_else_has_is_what_status_says(network: Network) -> None:
    network.wait_ready()
    where = network.stack.http_listens
    network["gateway-http"].kill()
    with socket.create_server(("127.0.0.1", port(where))):  # it takes a moment to be started again
        said = eventually(lambda: network["gateway-http"].last_words)
        assert said == f"The address {where} is taken, so HTTP is not served."
        eventually(lambda: said in problem_of(network, "gateway-http"))

    eventually(lambda: network["gateway-http"].pid and network["gateway-http"].is_ready())


# -- doctor ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A certificate that holds, and the same that has expired, with their keys."""
    authority = trustme.CA()
    issued = {"good": authority.issue_cert("localhost"), "old": authority.issue_cert("localhost", not_after=PAST)}
    for name, one in issued.items():
        (tmp_path / f"{name}.pem").write_bytes(b"".join(part.bytes() for part in one.cert_chain_pems))
        (tmp_path / f"{name}.key").write_bytes(one.private_key_pem.bytes())
    return {name: tmp_path / name for name in ("good.pem", "good.key", "old.pem", "old.key", "none.pem")}


@pytest.mark.parametrize(
    ("certificate", "key", "listens", "outside", "said"),
    [
        (None, None, None, None, "HTTP can be served, on this machine only"),
        ("good.pem", "good.key", "127.0.0.1:{free}", None, "HTTP can be served, with TLS"),
        ("good.pem", None, None, None, "have to be set together"),
        ("none.pem", "good.key", None, None, "cannot be used"),
        ("good.pem", "old.key", None, None, "cannot be used"),
        ("old.pem", "old.key", None, None, "has expired"),
        (None, None, "127.0.0.1:{taken}", None, "is taken"),
        (None, None, "192.0.2.1:443", None, "Without TLS"),
        (None, None, "443", None, "no address to listen on"),
        ("good.pem", "good.key", "0.0.0.0:{free}", None, "RUTA_HTTP_URL has to say"),
        ("good.pem", "good.key", "127.0.0.1:{free}", "ruta.example", "RUTA_HTTP_URL is no address"),
    ],
)
def test_doctor_says_what_keeps_http_from_being_served(
    state: State,
    files: dict[str, Path],
    certificate: str | None,
    key: str | None,
    listens: str | None,
    outside: str | None,
    said: str,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = {"free": free_ports(1)[0], "taken": other.getsockname()[1]}
        named = {
            "RUTA_HTTP_CERTIFICATE": certificate and str(files[certificate]),
            "RUTA_HTTP_KEY": key and str(files[key]),
            "RUTA_HTTP_LISTEN": listens and listens.format(**ports),
            "RUTA_HTTP_URL": outside,
        }
        finding = doctor._served("HTTP", entrance.HTTP, state, {name: value for name, value in named.items() if value})

    assert said in finding.text
    assert finding.healthy is finding.text.startswith("HTTP can be served")
