"""The console as `./ruta up` runs it, and `./ruta staff`, beside a network that runs."""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from deploy.local import Network, Stack, cli, entrance
from deploy.local.commands.reached import reading
from deploy.local.operator_error import OperatorError
from deploy.local.stack import operator_role
from deploy.local.staff import opened
from deploy.local.state import State
from messaging import database
from messaging.topology import CONSOLE, GATEWAY, MONITOR
from tests.stack.test_forking import pid_of, secrets_in
from tests.waiting import eventually

PAGE = b"\xc2\xbfQui\xc3\xa9n es usted?"


def page(network: Network) -> bytes:
    try:
        with urllib.request.urlopen(f"{network.stack.console_url}/entrar", timeout=30) as answer:  # noqa: S310
            read: bytes = answer.read()
            return read
    except (urllib.error.URLError, ConnectionError):
        return b""


def url(network: Network) -> str:
    return network.stack.service_database_url("console")


def test_it_is_served_at_the_address_that_is_said_and_at_the_same_one_after_it_was_killed(network: Network) -> None:
    before = network.stack.console_url
    assert PAGE in page(network)
    network["console-web"].kill()
    network.wait_ready(["console-web"])
    assert PAGE in eventually(lambda: page(network))
    assert network.stack.console_url == before
    running = network.stack.state.read_running()
    assert running is not None
    assert running["console_url"] == before


def test_it_holds_no_more_than_its_own_credentials(network: Network) -> None:
    network.wait_ready()
    passwords: dict[str, str] = json.loads((network.stack.state.directory / "secrets.json").read_text())
    operators = {f"postgres {operator_role(name)}" for name in (*network.declared.services, GATEWAY, CONSOLE, MONITOR)}
    own = {"postgres console", "postgres monitor_reader"}
    assert secrets_in(pid_of(network, "console-web"), passwords) == own | operators


def test_its_keys_are_its_owners_alone_and_made_once(network: Network) -> None:
    state = network.stack.state
    before = state.console_key_file.read_bytes()
    assert state.console_key_file.stat().st_mode & 0o777 == 0o600
    assert (state.console_audit / "private.pem").stat().st_mode & 0o777 == 0o600
    assert (state.console_audit / "private.pem").read_bytes() != (state.audit / "private.pem").read_bytes()
    from deploy.local.provision import provision_databases

    provision_databases(network.stack, network.declared)
    assert state.console_key_file.read_bytes() == before


def test_staff_are_added_shown_suspended_and_resumed_beside_the_running_network(
    network: Network, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUTA_STATE", str(network.stack.state.directory))

    def ruta(*words: str) -> str:
        cli.app(words, result_action="return_value")
        return capsys.readouterr().out

    login = "ana.of.the.stack"
    said = ruta("staff", "add", "Ana Pérez", "--organisation", "redcross", "--login", login, "--role", "partner_staff")
    code = said.split()[0]
    assert re.search(r"[A-Z2-9]{4}(-[A-Z2-9]{4}){3}", said)
    assert ruta("staff", "show", login) == f"{code}  redcross  {login}  Ana Pérez  partner_staff  not enrolled yet\n"
    assert "comes in no more" in ruta("staff", "suspend", code)
    assert "suspended" in ruta("staff", "show", code)
    assert "may come in again" in ruta("staff", "resume", login)
    assert "Nobody has seen anything" in ruta("staff", "saw", "019aa7b0-0000-7000-8000-000000000000")
    with database.connect(url(network)) as connection:
        rows = connection.execute("select act, subject, details from audit_entry order by number").fetchall()
    acts = [row["act"] for row in rows if json.loads(row["details"]).get("staff") == code]
    assert acts == ["staff_added", "staff_suspended", "staff_resumed"]
    assert not any("Ana" in row["details"] or login in row["details"] for row in rows)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"organisation": "nobody"}, "No organisation nobody takes part"),
        ({"roles": ["king"]}, "There is no role king"),
        ({"roles": []}, "Say at least one --role"),
        ({"roles": ["coordinator"]}, "redcross does not coordinate"),
        ({"roles": ["partner_staff", "auditor"]}, "redcross does not coordinate"),
        ({"login": "ñ"}, "A login name has"),
        ({"login": "a"}, "A login name has"),
        ({"name": " "}, "A name has up to 80 letters"),
        ({"name": "a\nb"}, "A name has up to 80 letters"),
        ({"name": "a" * 81}, "A name has up to 80 letters"),
    ],
)
def test_what_cannot_be_added_is_said_in_a_sentence(network: Network, more: dict[str, Any], said: str) -> None:
    asked = {"name": "Luis", "organisation": "redcross", "login": "luis", "roles": ["partner_staff"], **more}
    with opened(network.stack.state, url(network)) as office, pytest.raises(OperatorError, match=said):
        office.add(asked.pop("name"), **asked)


def test_a_login_name_is_one_persons_whatever_its_letters(network: Network) -> None:
    with opened(network.stack.state, url(network)) as office:
        office.add("Uno", organisation="redcross", login="The.Same", roles=["partner_staff"])
        with pytest.raises(OperatorError, match="Somebody has this login name already"):
            office.add("Otra", organisation="iom", login="the.same", roles=["partner_staff"])
        with pytest.raises(OperatorError, match="There is nobody of this code"):
            office.suspend("s-nobody")


def test_both_audits_are_verified_and_searched(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUTA_STATE", str(network.stack.state.directory))
    with reading("gateway", ("verify",), commands=("verify", "search")) as variables:
        assert variables["CONSOLE_DATABASE_URL"] == url(network)
        assert variables["CONSOLE_AUDIT_DIRECTORY"] == str(network.stack.state.console_audit)


@pytest.mark.parametrize(
    ("environment", "listens", "said"),
    [
        ({"RUTA_CONSOLE_LISTEN": "127.0.0.1:8123"}, "127.0.0.1:8123", "http://127.0.0.1:8123"),
        (
            {"RUTA_CONSOLE_LISTEN": "0.0.0.0:443", "RUTA_CONSOLE_URL": "https://consola.example/"},
            "0.0.0.0:443",
            "https://consola.example",
        ),
        (
            {"RUTA_CONSOLE_LISTEN": "127.0.0.1:8123", "RUTA_CONSOLE_CERTIFICATE": "/x"},
            "127.0.0.1:8123",
            "https://127.0.0.1:8123",
        ),
    ],
)
def test_an_operator_says_where_it_listens(
    tmp_path: Path, environment: dict[str, str], listens: str, said: str
) -> None:
    stack = Stack(tmp_path, environment)
    assert (stack.console_listens, stack.console_url) == (listens, said)


def test_its_port_is_kept_and_not_that_of_http(tmp_path: Path) -> None:
    stack = Stack(tmp_path, {})
    assert stack.console_listens != stack.http_listens
    assert Stack(tmp_path, {}).console_listens == stack.console_listens
    with pytest.raises(OperatorError, match="RUTA_CONSOLE_LISTEN"):
        entrance.listen_address(State(tmp_path), {"RUTA_CONSOLE_LISTEN": "x"}, entrance.CONSOLE)
