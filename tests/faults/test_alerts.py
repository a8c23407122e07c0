"""Whoever is on duty is told what it is, who waits and what to do first: with servers away, too."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.local import Network, OperatorError, alerts
from deploy.local.alerting import mail_of, settings_of
from deploy.local.state import State
from hub.monitor import seen
from hub.monitor.alerts import keeping, pages
from hub.monitor.alerts.keeping import Keeper
from messaging.topology import GATEWAY
from tests.commands import ruta
from tests.faults.test_problems import hub as hub
from tests.waiting import eventually

ENDS_WITHIN = 15.0  # seconds


@pytest.fixture(autouse=True)
def new_book(hub: Network) -> Iterator[None]:
    """Nothing has been told yet, nothing silenced."""
    alerts.book_of(hub.stack.state).unlink(missing_ok=True)
    yield
    alerts.book_of(hub.stack.state).unlink(missing_ok=True)


def told(state: State) -> dict[str, Any]:
    """What `./ruta alerts --json` says in another shell."""
    done = ruta(state, "alerts", "--json")
    said: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (1 if [one for one in said["alerts"] if not one["hidden_by"]] else 0), done.stderr
    return said


def visible(said: dict[str, Any]) -> list[str]:
    return [one["name"] for one in said["alerts"] if not one["hidden_by"]]


def test_where_nothing_is_wrong_nothing_is_told_and_all_was_looked_at(hub: Network) -> None:
    def is_well() -> bool:
        said = told(hub.stack.state)
        # Whether the audit is whole is seen once an hour, by a process beside: here, it has done so or not.
        return visible(said) == [] and set(said["unseen"]) <= {"whether the audit is whole"}

    eventually(is_well)  # a broker that has just begun has counted nothing yet
    done = ruta(hub.stack.state, "alerts")
    assert done.stdout.startswith("No alerts.\n")


@pytest.mark.parametrize(("server", "name"), [("rabbitmq", "broker_away"), ("postgres", "database_away")])
def test_with_a_server_away_one_alert_says_so_in_time(hub: Network, server: str, name: str) -> None:
    told(hub.stack.state)
    hub[server].pause()
    began = time.monotonic()
    try:
        said = told(hub.stack.state)
    finally:
        hub[server].resume()

    assert time.monotonic() - began < ENDS_WITHIN
    assert visible(said) == [name]
    (alert,) = (one for one in said["alerts"] if one["name"] == name)
    assert alert["organisations"] == ["*"]
    assert not alert["can_wait"]


def test_pages_need_no_server(tmp_path: Path) -> None:
    everything = ruta(State(tmp_path), "help")
    page = ruta(State(tmp_path), "help", "outbox_old")
    unknown = ruta(State(tmp_path), "help", "outbox")

    assert [line.split()[0] for line in everything.stdout.splitlines()] == list(pages.read())
    assert "What was decided is not published" in page.stdout
    assert "First command:  ./ruta status" in page.stdout
    assert (unknown.returncode, unknown.stderr) == (
        1, "ruta: There is no alert outbox; `./ruta help` names them, `./ruta --help` the commands.\n",
    )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_frozen_reader_is_one_alert_with_the_command_that_wakes_it(hub: Network) -> None:
    hub["referrals"].pause()

    said = told(hub.stack.state)

    (alert,) = (one for one in said["alerts"] if not one["hidden_by"])
    assert (alert["name"], alert["what"], alert["first"]) == (
        "reader_frozen", "referrals", f"kill -CONT {hub['referrals'].pid}",
    )  # fmt: skip


PARK = """
    insert into parked (state, reason, raw) values ('quarantined', 'failed', %s)
"""


@pytest.fixture
def given_up(hub: Network) -> Iterator[None]:
    """A message that intake has given up."""
    with psycopg.connect(hub.stack.service_database_url("intake"), autocommit=True) as connection:
        connection.execute(PARK, [b"a message"])
        yield
        connection.execute("delete from parked where reason = 'failed'")


@pytest.fixture
def ears(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """Settings by which a command is told everything at once, and what it has heard."""
    heard, file = tmp_path / "heard", tmp_path / "alerts.toml"
    command = json.dumps([sys.executable, "-c", f"import sys; open({str(heard)!r}, 'a').write(sys.stdin.read())"])
    alive = json.dumps(["touch", str(tmp_path / "alive")])
    file.write_text(f"[notify]\nhold_until_seven = false\ncommand = {command}\n[heartbeat]\ncommand = {alive}\n")
    return {"RUTA_ALERTS_FILE": str(file)}, heard


@pytest.mark.usefixtures("given_up")
def test_it_is_told_once_by_whoever_looks_and_the_audit_is_looked_at(
    hub: Network, ears: tuple[dict[str, str], Path]
) -> None:
    variables, heard = ears

    first = ruta(hub.stack.state, "alerts", "--notify", **variables)
    again = ruta(hub.stack.state, "alerts", "--notify", **variables)

    assert first.returncode == again.returncode == 1, first.stderr
    assert heard.read_text().count("intake has given up 1 message") == 1
    assert "More: ./ruta help quarantine" in heard.read_text()
    assert (heard.parent / "alive").exists()
    book = keeping.read(alerts.book_of(hub.stack.state))
    assert book.known["audit"]["said"]["right"], book.known["audit"]
    pages_have = seen.read(seen.beside(alerts.book_of(hub.stack.state)))
    assert pages_have is not None
    assert pages_have.queues is not None
    assert pages_have.organisations is not None
    assert [one.name for one in pages_have.alerts if not one.hidden_by] == ["quarantine"]
    assert {one.name for one in pages_have.queues} >= {"referrals", "intake", "unrouted"}
    assert pages_have.applied is not None
    assert [one.waits for one in pages_have.services] == [[]] * len(pages_have.services)
    assert book.evaluated is not None


@pytest.mark.usefixtures("given_up")
def test_what_is_silenced_is_told_to_nobody_and_stands_in_the_audit(
    hub: Network, ears: tuple[dict[str, str], Path]
) -> None:
    variables, heard = ears

    done = ruta(
        hub.stack.state, "alerts", "silence", "quarantine", "--what", "intake", "--until", "2h", "--reason", "known"
    )
    ruta(hub.stack.state, "alerts", "--notify", **variables)

    assert done.stdout.startswith("Nobody is told of quarantine until ")
    assert done.stderr == ""
    assert not heard.exists()
    assert "quarantine (silenced): intake has given up 1 message" in ruta(hub.stack.state, "alerts").stdout
    with psycopg.connect(hub.stack.service_database_url(GATEWAY)) as connection:
        row = connection.execute(
            "select subject, details from audit_entry where act = 'alert_silenced' order by number desc limit 1"
        ).fetchone()
    assert row is not None
    assert row[0] == "quarantine"
    assert json.loads(row[1])["reason"] == "known"


def test_a_silence_without_a_database_holds_and_is_recorded_later(hub: Network) -> None:
    hub["postgres"].pause()
    try:
        done = ruta(hub.stack.state, "alerts", "silence", "quarantine", "--until", "1h", "--reason", "known")
    finally:
        hub["postgres"].resume()
    assert done.returncode == 0, done.stderr
    assert "it is recorded as soon as it can" in done.stderr
    state, settings = hub.stack.state, settings_of({})

    def recorded() -> bool:
        alerts.tell(state, settings, {}, Keeper(alerts.book_of(state)))
        return keeping.read(alerts.book_of(state)).silences[0].recorded

    eventually(recorded)


@pytest.mark.parametrize(
    ("alert", "until", "reason", "said"),
    [
        ("nothing", "1h", "known", "There is no alert nothing"),
        ("quarantine", "1w", "known", "A silence ends after a time, as 90m, 8h or 3d"),
        ("quarantine", "400d", "known", "A silence ends within 31 days"),
        ("quarantine", "2020-01-01T07:00", "known", "A silence ends within 31 days"),
        ("quarantine", "1h", " ", "A silence needs a reason"),
        ("quarantine", "1h", "x" * 201, "A silence needs a reason"),
    ],
)
def test_a_silence_needs_an_alert_an_end_and_a_reason(
    tmp_path: Path, alert: str, until: str, reason: str, said: str
) -> None:
    with pytest.raises(OperatorError, match=said):
        alerts.silence(State(tmp_path), alert, None, until, reason, {})


@pytest.mark.parametrize("variables", [{}, {"RUTA_SMTP_URL": "smtp://127.0.0.1", "RUTA_SMTP_FROM": "nobody"}])
def test_mail_without_a_server_or_an_address_is_refused_in_a_sentence(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    file = tmp_path / "alerts.toml"
    file.write_text('[notify]\nmail = ["guardia@example.org"]\n')
    settings = settings_of({"RUTA_ALERTS_FILE": str(file)})
    with pytest.raises(OperatorError, match="Alerts are to be sent by mail"):
        mail_of(variables, settings)
