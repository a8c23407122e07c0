"""Servers that the environment names are used and provisioned, and neither started nor stopped."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from deploy.local import Network, OperatorError, Stack, entrance, membership
from deploy.local.processes import hub_programs
from deploy.local.provision import provision
from deploy.local.rabbitmq import ADMINISTRATOR
from deploy.local.state import ROOT, State
from messaging import topology
from messaging.broker import connect
from messaging.migrate import migrate
from tests.directories import servers


@pytest.fixture
def elsewhere() -> Iterator[dict[str, str]]:
    """Servers that somebody else runs, as the environment names them."""
    with servers("elsewhere") as theirs:
        yield {
            "RUTA_DATABASE_URL": theirs.postgres_admin_url,
            "RUTA_AMQP_URL": theirs.amqp_url(ADMINISTRATOR, "/"),
            "RUTA_MANAGEMENT_URL": theirs.management_url,
        }


def test_the_network_runs_on_servers_that_are_somebody_elses(elsewhere: dict[str, str], tmp_path: Path) -> None:
    with Stack(tmp_path, environment=elsewhere) as stack, Network(stack) as network:
        assert "postgres" not in network.processes
        assert "rabbitmq" not in network.processes
        connect(stack.amqp_url("redcross", "network")).close()

    with psycopg.connect(elsewhere["RUTA_DATABASE_URL"]) as theirs:  # still there
        names = {name for (name,) in theirs.execute("select datname from pg_database").fetchall()}
    assert names >= {"referrals", "intake"}


def test_who_joins_there_is_told_where_http_is_served(
    elsewhere: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Stack(tmp_path, environment=elsewhere) as stack:
        provision(stack, topology.read())
        database = stack.service_database_url(topology.GATEWAY)
    for name, said in elsewhere.items():
        monkeypatch.setenv(name, said)
    monkeypatch.delenv("RUTA_HTTP_LISTEN", raising=False)
    (tmp_path / entrance.HTTP.kept).unlink(missing_ok=True)
    state = State(tmp_path)
    with membership.opened(state, database) as members, pytest.raises(OperatorError, match="set RUTA_HTTP_URL"):
        members.add("clinic", name="Clinic", roles=["partner"])
    monkeypatch.setenv("RUTA_HTTP_URL", "https://hub.example.org/")
    with membership.opened(state, database) as members:
        members.add("clinic", name="Clinic", roles=["partner"])
    said = json.loads((state.organisations / "clinic" / "credentials.json").read_text())
    assert said["http_url"] == "https://hub.example.org"


def test_an_administrator_needs_no_more_than_to_make_databases_and_roles(stack: Stack, tmp_path: Path) -> None:
    server = urlsplit(stack.postgres_admin_url)
    url = f"postgresql://operator:open-sesame@{server.hostname}:{server.port}/postgres"
    theirs = Stack(tmp_path, environment={"RUTA_DATABASE_URL": url})
    theirs.state.make()
    with stack.connect_as_administrator() as superuser:
        superuser.execute("create role operator login createdb createrole password 'open-sesame'")
        try:
            for _ in range(2):  # doing it again changes nothing
                migrate(theirs.create_database("modest"), ROOT / "services" / "intake")
            theirs.drop_database("modest")
        finally:
            stack.drop_database("modest")
            superuser.execute("drop role operator")


def test_the_processes_of_the_hub_do_not_learn_how_the_administrator_gets_in(
    provisioned: Stack, declared: topology.DeclaredNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("RUTA_DATABASE_URL", "RUTA_AMQP_URL", "RUTA_MANAGEMENT_URL"):
        monkeypatch.setenv(variable, "scheme://admin:open-sesame@server")

    programs = list(hub_programs(provisioned, declared))

    assert programs
    assert [program.name for program in programs if "open-sesame" in str(program.environment)] == []


@pytest.mark.parametrize("command", ["up", "provision", "demo"])
def test_servers_that_do_not_answer_end_in_one_sentence(command: str, tmp_path: Path) -> None:
    nowhere = {"RUTA_DATABASE_URL": "postgresql://a:b@127.0.0.1:1/c", "RUTA_AMQP_URL": "amqp://a:b@127.0.0.1:1"}

    ran = subprocess.run(
        [ROOT / "ruta", command],
        env={**os.environ, **nowhere, "RUTA_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert "RUTA_DATABASE_URL" in ran.stderr
