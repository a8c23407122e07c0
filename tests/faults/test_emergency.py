"""The local account in a running network in which nobody can log in: from the command to the audit, and who is told.

And whoever is told when what tells of alerts is itself no more: a second watcher, which hears no sign of life.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg
import pytest

from bench.console.browsing import Browser, Remote
from deploy.local import Network
from deploy.local.alerting import ALERTS_FILE
from deploy.local.process import Process
from hub.monitor import emergency, seen
from hub.monitor.alerts import keeping
from hub.monitor.alerts import settings as alert_settings
from messaging.topology import CONSOLE, GATEWAY, LOG, MONITOR
from tests.commands import ruta
from tests.faults.down import ended, shut
from tests.faults.sending import Sender, employers
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


WRITES_DOWN: Final = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() or '+')"


@dataclass(frozen=True)
class Told:
    """What the process `alerts` has told whoever is on duty, and the outside watcher."""

    file: Path
    alive: Path

    @property
    def text(self) -> str:
        return self.file.read_text() if self.file.exists() else ""

    @property
    def signs_of_life(self) -> int:
        return len(self.alive.read_text()) if self.alive.exists() else 0


@pytest.fixture
def told(hub: Network, tmp_path: Path) -> Iterator[Told]:
    """An operator has named whom the process `alerts` is to tell, by two commands; it was started anew for that."""
    found, settings = Told(tmp_path / "heard", tmp_path / "alive"), tmp_path / "alerts.toml"
    write = (sys.executable, "-c", WRITES_DOWN)
    tell, live = (json.dumps([*write, str(to)]) for to in (found.file, found.alive))
    settings.write_text(
        f"[notify]\nhold_until_seven = false\ncommand = {tell}\n[heartbeat]\nevery = 1\ncommand = {live}\n"
    )
    process = hub["alerts"]
    before = process.program
    process.program = replace(before, environment={**before.environment, ALERTS_FILE: str(settings)})
    try:
        begin_anew(process)
        yield found
    finally:
        process.program = before
        begin_anew(process)


def begin_anew(process: Process) -> None:
    """Have it killed, and started again by its supervisor."""
    pid = process.pid
    process.kill()
    eventually(lambda: process.pid not in (None, pid) and process.is_ready())


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


ENDED, SHUT = "PostgreSQL has ended", "the console's database lets nobody in"
NOBODY_LOGS_IN: Final[Mapping[str, Callable[[Network], AbstractContextManager[None]]]] = {
    ENDED: lambda hub: ended(hub, "postgres"),
    SHUT: lambda hub: shut(hub, CONSOLE),
}
USED: Final = "The account for emergencies, opened by operator:"


@pytest.mark.parametrize("how", [pytest.param(ENDED, marks=pytest.mark.long), SHUT])
def test_whoever_is_on_duty_is_told_that_nobody_logs_in_and_that_somebody_looks(
    hub: Network, browser: Browser, told: Told, how: str
) -> None:
    eventually(lambda: told.signs_of_life)
    with NOBODY_LOGS_IN[how](hub):
        eventually(lambda: "More: ./ruta help database_away" in told.text)
        alive = told.signs_of_life
        code = CODE.search(ruta(hub.stack.state, "emergency", "open", "--why", "the disk").stdout)
        assert code is not None
        assert browser.post("/emergencia", {"code": code[1]}).leads_to == "/estado"
        eventually(lambda: USED in told.text)
        assert told.signs_of_life == alive  # the outside watcher hears nothing: it raises the alarm as well
        ruta(hub.stack.state, "emergency", "close")
    eventually(lambda: f"Over: {USED}" in told.text)
    eventually(lambda: told.signs_of_life > alive)
    assert told.text.count(f"\n{USED}") + told.text.startswith(USED) == 1
    assert "More: ./ruta help emergency_used" in told.text
    assert code[1] not in told.text


def test_while_what_tells_of_alerts_cannot_start_the_outside_watcher_hears_nothing_and_commands_say_so(
    hub: Network, told: Told
) -> None:
    eventually(lambda: told.signs_of_life)
    process = hub["alerts"]
    works = process.program
    process.program = replace(works, environment={**works.environment, ALERTS_FILE: "/nowhere/alerts.toml"})
    process.kill()
    alive = told.signs_of_life
    try:
        eventually(lambda: "monitor_dead: Process alerts is dead" in ruta(hub.stack.state, "alerts").stdout)
        eventually(lambda: "Process alerts is dead" in ruta(hub.stack.state, "status").stdout)
        assert told.signs_of_life == alive
    finally:
        process.program = works
        eventually(lambda: process.pid is not None and process.is_ready())
    eventually(lambda: told.signs_of_life > alive)


@pytest.mark.long
def test_what_tells_of_alerts_is_ended_where_it_stands_and_goes_on(hub: Network, told: Told) -> None:
    eventually(lambda: told.signs_of_life)
    pid = hub["alerts"].pid
    hub["alerts"].pause()
    alive = told.signs_of_life
    shown = eventually(lambda: said if "monitor_dead" in (said := ruta(hub.stack.state, "alerts").stdout) else "")
    assert f"-> kill -CONT {pid}" in shown
    assert told.signs_of_life == alive
    eventually(lambda: hub["alerts"].pid not in (None, pid) and told.signs_of_life > alive)


@pytest.mark.long
def test_that_nobody_writes_the_log_any_more_is_told_after_a_minute_and_nobody_waits_for_it(
    hub: Network, told: Told
) -> None:
    process = hub[MONITOR]
    works = process.program
    process.program = replace(works, environment={**works.environment, "MONITOR_DATABASE_URL": ""})
    process.kill()
    with closing(Sender(hub.stack, "barranquilla")) as sender:
        sender.submit(employers(1)[0])
    eventually(lambda: "More: ./ruta help monitor_dead" in told.text, within=180)
    file = seen.beside(hub.stack.state.alerts_book)
    late = 2 * alert_settings.read().thresholds.queue_age  # what waits for so long in another queue is an alert
    eventually(lambda: (last := seen.read(file)) is not None and last.lags.get(LOG, 0) > late, within=late + 60)
    assert "queue_old" not in told.text
    assert "everybody" not in told.text
    alive = told.signs_of_life
    eventually(lambda: told.signs_of_life > alive)
    process.program = works
    eventually(lambda: "Over: Process monitor" in told.text)


@pytest.mark.parametrize("why", ["", "x" * 201, "two\nlines"])
def test_it_is_opened_for_a_reason_alone(hub: Network, why: str) -> None:
    done = ruta(hub.stack.state, "emergency", "open", "--why", why)
    assert (done.returncode, done.stdout) == (1, "")
    assert "reason" in done.stderr


def test_where_it_is_not_open_there_is_nothing_to_end(hub: Network, browser: Browser) -> None:
    assert ruta(hub.stack.state, "emergency", "close").stdout == "It was not open.\n"
    assert not emergency.beside(hub.stack.state.alerts_book).exists()
