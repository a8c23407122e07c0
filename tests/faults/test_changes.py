"""What changed lately is found in one place: where to look first when something broke."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.local import Network, changes
from deploy.local.state import State
from deploy.local.trail import record
from messaging.topology import GATEWAY
from tests.commands import ruta
from tests.faults.test_problems import hub as hub
from tests.waiting import eventually

AT = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)


def start(hours: float, version: str = "a", **settings: str) -> dict[str, object]:
    return {"at": (AT - timedelta(hours=hours)).isoformat(), "kind": "start", "version": version, "settings": settings}


def test_a_start_says_in_what_it_differs_from_the_one_before() -> None:
    lines: list[dict[str, object]] = [
        start(50, RUTA_A="1", RUTA_B="1"),
        start(20, RUTA_A="1", RUTA_B="2"),
        {"at": (AT - timedelta(hours=10)).isoformat(), "kind": "restart", "process": "intake", "why": "killed"},
        start(1, "b", RUTA_B="2", RUTA_C="1"),
    ]
    said = [(one.kind, one.text) for one in changes.noted(lines, AT - timedelta(hours=24))]
    assert said == [
        ("start", "the network was started"),
        ("setting", "RUTA_B is another"),
        ("restart", "intake was started again (killed)"),
        ("start", "the network was started"),
        ("version", "another version: a before, b now"),
        ("setting", "RUTA_A is gone"),
        ("setting", "RUTA_C is new"),
    ]


def test_of_a_setting_no_value_is_kept_nor_a_digest_that_can_be_guessed(state: State) -> None:
    changes.note_start(state, {"RUTA_SMTP_URL": "smtp://ruta:secreta@mail", "PATH": "/bin", "RUTA_HTTP_RATE": "50"})
    changes.note_start(state, {"RUTA_SMTP_URL": "smtp://ruta:otra@mail", "RUTA_HTTP_RATE": "50"})
    text = changes.file_of(state).read_text()
    assert "secret" not in text
    first, second = (json.loads(line)["settings"] for line in text.splitlines())
    assert first.keys() == {"RUTA_SMTP_URL", "RUTA_HTTP_RATE", "network.toml"}
    assert first["RUTA_SMTP_URL"] != second["RUTA_SMTP_URL"]
    assert first["RUTA_HTTP_RATE"] == second["RUTA_HTTP_RATE"]


@pytest.fixture
def state(tmp_path: Path) -> State:
    one = State(tmp_path)
    one.make()
    return one


def test_the_file_of_starts_does_not_grow_without_an_end(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "KEPT", 10)
    for number in range(25):
        changes.note_restart(state, f"process-{number}", None)
    lines = changes.file_of(state).read_text().splitlines()
    assert len(lines) <= 10
    assert json.loads(lines[-1])["process"] == "process-24"


def test_a_line_that_was_cut_hides_no_other(state: State) -> None:
    changes.note_restart(state, "intake", None)
    with changes.file_of(state).open("a") as out:
        out.write('{"at": "2026-\n')
    changes.note_restart(state, "events", None)
    found, unread = changes.read(state, {})
    assert {one.what for one in found} == {"intake", "events"}
    assert unread == ["the databases: nothing runs"]


def test_starts_restarts_migrations_organisations_and_keys_are_told(hub: Network) -> None:
    state = hub.stack.state
    hub["events"].kill()
    hub.wait_ready()
    record(hub.stack.service_database_url(GATEWAY), state, "key_revoked", "redcross", key="0123456789ab")

    def told() -> bool:
        said = json.loads(ruta(state, "changes", "--json").stdout)
        assert said["unread"] == []
        seen = {(one["kind"], one["what"]) for one in said["changes"]}
        wanted = {("start", "network"), ("restart", "events"), ("key_revoked", "redcross")}
        wanted |= {("network_provisioned", "network"), ("organisation_added", "redcross")}
        kinds = {kind for kind, _ in seen}
        return wanted <= seen and "migration" in kinds

    eventually(told)
    text = ruta(state, "changes").stdout
    assert "redcross: API key revoked" in text
    assert "events was started again" in text


def test_with_the_database_away_the_rest_is_told_and_what_is_not_is_named(hub: Network) -> None:
    hub["postgres"].pause()
    try:
        done = ruta(hub.stack.state, "changes")
    finally:
        hub["postgres"].resume()
    assert "the network was started" in done.stdout
    assert "Not read: database gateway (no_answer)" in done.stdout
