"""The local account in a running network whose PostgreSQL has ended: from the command to the audit."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from bench.console.browsing import Browser, Remote
from deploy.local import Network
from hub.monitor import emergency
from hub.monitor.alerts import keeping
from messaging.topology import GATEWAY
from tests.commands import ruta
from tests.faults.down import ended
from tests.faults.test_problems import hub as hub
from tests.waiting import eventually

CODE = re.compile(r"^Code: ([0-9a-f]{4}(?:-[0-9a-f]{4}){4})$", re.MULTILINE)
ACTS = "select act, details::jsonb as details from audit_entry where act like 'emergency_%' order by number"


@pytest.fixture
def browser(hub: Network) -> Iterator[Browser]:
    """A browser on this machine; nobody has opened the account, nor will it be open."""
    file = emergency.beside(hub.stack.state.alerts_book)
    file.unlink(missing_ok=True)
    yield Browser(Remote(urlsplit(hub.stack.console_url).port or 80))
    file.unlink(missing_ok=True)


def alerts(hub: Network) -> set[str]:
    """What whoever is to be told of alerts has been told of, and it is not over."""
    return {one.name for one in keeping.read(hub.stack.state.alerts_book).open.values() if one.said_at}


def test_it_shows_how_things_are_raises_the_alarm_and_comes_into_the_audit(hub: Network, browser: Browser) -> None:
    state = hub.stack.state
    eventually(lambda: keeping.read(state.alerts_book).evaluated)
    with ended(hub, "postgres"):
        opening = ruta(state, "emergency", "open", "--why", "the disk of the database")
        code = CODE.search(opening.stdout)
        assert code is not None, opening.stderr
        assert f"{hub.stack.console_url}/emergencia" in opening.stdout
        assert browser.post("/emergencia", {"code": code[1]}).leads_to == "/estado"
        pages = {path: browser.get(path) for path in ("/estado", "/alertas", "/colas", "/fallos")}
        assert [one.status for one in pages.values()] == [200] * 4
        assert "PostgreSQL no responde" in eventually(
            lambda: text if "PostgreSQL no responde" in (text := browser.get("/alertas").text) else ""
        )
        assert "No se ve" in pages["/fallos"].text
        status = ruta(state, "status")
        assert "The account for emergencies is open until" in status.stdout
        assert "in use since" in status.stdout
        eventually(lambda: "emergency_used" in alerts(hub))
        assert ruta(state, "emergency", "close").stdout.startswith("It is ended")
        assert browser.get("/estado").status == 503
        assert "emergency_used" in alerts(hub)  # for nothing of it is in the audit yet

    eventually(lambda: emergency.read(emergency.beside(state.alerts_book)).owed == [])
    with psycopg.connect(hub.stack.service_database_url(GATEWAY)) as connection:
        rows = connection.execute(ACTS).fetchall()
    seen = [details["page"] for act, details in rows if act == "emergency_seen"]
    assert {"state", "alerts", "queues", "failures"} <= set(seen)
    assert [act for act, _ in rows if act != "emergency_seen"] == [
        "emergency_opened", "emergency_used", "emergency_closed",
    ]  # fmt: skip
    assert rows[0][1]["why"] == "the disk of the database"
    assert {details["by"] for _, details in rows} == {rows[0][1]["by"]}
    assert code[1] not in str(rows)
    eventually(lambda: "emergency_used" not in alerts(hub))


@pytest.mark.parametrize("why", ["", "x" * 201, "two\nlines"])
def test_it_is_opened_for_a_reason_alone(hub: Network, why: str) -> None:
    done = ruta(hub.stack.state, "emergency", "open", "--why", why)
    assert (done.returncode, done.stdout) == (1, "")
    assert "reason" in done.stderr


def test_where_it_is_not_open_there_is_nothing_to_end(hub: Network, browser: Browser) -> None:
    assert ruta(hub.stack.state, "emergency", "close").stdout == "It was not open.\n"
    assert not emergency.beside(hub.stack.state.alerts_book).exists()
