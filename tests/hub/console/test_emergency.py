"""The local account: the monitor's pages while the console's database is away, to look only; and nothing otherwise."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from deploy.local import Stack
from hub.console.web import emergency as web
from hub.console.web import pace
from hub.console.web.pace import Pace
from hub.monitor import emergency
from hub.monitor.alerts.telling import Open
from hub.monitor.emergency import EmergencyError
from messaging import clock
from screens import operating
from tests.hub.console.kit import CENTRE, DATABASE, Browser, Console, Running
from tests.waiting import eventually

PAGES = ("/estado", "/colas", "/en-espera", "/organizaciones", "/alertas", "/fallos")
SESSIONS = "select pid from pg_stat_activity where datname = %s and pid <> pg_backend_pid()"
COOKIE = "__Host-ruta-emergencia"
AWAY_FOR = 15.0  # seconds: tries that come twice as late each time would come too late then
WITHIN = 12.0  # seconds: the database is waited for, and of Fallos and Organizaciones theirs as well


@pytest.fixture
def file(console: Console) -> Iterator[Path]:
    """Where the account stands: nobody has opened it."""
    found = emergency.beside(console.state.alerts_book)
    yield found
    found.unlink(missing_ok=True)


@pytest.fixture
def away(stack: Stack, console: Console, running: Running) -> Callable[[], Any]:
    @contextmanager
    def let_nobody_in() -> Iterator[None]:
        """While it is open, the console's database has no session, and takes none."""
        allows = sql.SQL("alter database {} with allow_connections {}")
        with stack.connect_as_administrator() as server:
            server.execute(allows.format(sql.Identifier(DATABASE), sql.Literal(False)))
            server.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [DATABASE])
            try:
                yield
            finally:
                server.execute(allows.format(sql.Identifier(DATABASE), sql.Literal(True)))
        eventually(lambda: Browser(running).get("/entrar").status == 200)

    return let_nobody_in


def opened(file: Path, **ago: float) -> str:
    return emergency.open_account(file, "operator:0", "the database is away", clock.now() - timedelta(**ago))[0]


def came_in(file: Path, browser: Browser) -> None:
    answer = browser.post("/emergencia", {"code": opened(file)})
    assert answer.leads_to == "/estado", answer.text


def seen(console: Console) -> None:
    """The last look, and an open alert."""
    now = clock.now().replace(microsecond=0)
    console.see(operating.well(now))
    said: dict[str, Any] = {"began": now.isoformat(), "seen_at": now.isoformat(), "seen_in": []}
    console.look(
        now, Open("database_away", "database", "The database is away.", "./ruta status", can_wait=False, **said)
    )


def test_whoever_has_the_code_sees_the_monitors_pages_and_each_is_kept(
    console: Console, browser: Browser, file: Path, away: Callable[[], Any]
) -> None:
    seen(console)
    with away():
        assert browser.get("/emergencia").status == 200
        came_in(file, browser)
        began = time.monotonic()
        answers = {path: browser.get(path) for path in PAGES}
        assert browser.get("/").leads_to == "/estado"
    assert time.monotonic() - began < len(PAGES) * WITHIN
    assert {path: one.status for path, one in answers.items()} == dict.fromkeys(PAGES, 200)
    for path, one in answers.items():
        assert "Cuenta de emergencia" in one.text
        assert 'method="post"' not in one.text
        assert f'href="{path}" aria-current="page"' in one.text
        assert one.header("cache-control") == "no-store"
        assert str(one.header("refresh")).endswith(";url=/emergencia")
    assert "PostgreSQL no responde" in answers["/alertas"].text
    acts = [(one.act, one.details.get("page")) for one in emergency.read(file).owed]
    assert acts == [
        ("emergency_opened", None), ("emergency_used", None), ("emergency_seen", "state"), ("emergency_seen", "queues"),
        ("emergency_seen", "waits"), ("emergency_seen", "organisations"), ("emergency_seen", "alerts"),
        ("emergency_seen", "failures"),
    ]  # fmt: skip


def test_they_lead_nowhere_where_nothing_is_shown(
    console: Console, browser: Browser, file: Path, away: Callable[[], Any]
) -> None:
    now = clock.now().replace(microsecond=0)
    console.see(operating.behind(now))
    console.look(now)
    with away():
        came_in(file, browser)
        led = {path for page in PAGES for path in re.findall('href="(/[^"?]*)', browser.get(page).text)}
    others = {one for one in led if not one.startswith(("/static/", "/idioma/"))}
    assert others == {"/", *PAGES}


def test_its_pages_are_read_in_either_language(browser: Browser, file: Path, away: Callable[[], Any]) -> None:
    with away():
        asked = browser.get("/emergencia")
        assert 'href="/idioma/en?a=/emergencia"' in asked.text
        assert browser.get("/idioma/en?a=/emergencia").leads_to == "/emergencia"
        assert "Nobody can log in with a password now" in browser.get("/emergencia").text
        came_in(file, browser)
        shown = browser.get("/colas")
        assert ("Account for emergencies" in shown.text, 'href="/idioma/es?a=/colas"' in shown.text) == (True, True)
        assert browser.get("/idioma/es?a=/colas").leads_to == "/colas"
        assert "Cuenta de emergencia" in browser.get("/colas").text
        assert browser.get("/idioma/fr").status == 404
        assert browser.get("/idioma/en?a=//evil.example/").leads_to == "/"
        assert browser.post("/idioma/en", {}).status == 503
    assert [one for one in browser.set_cookies if "ruta-idioma" in one][-1].startswith("__Host-ruta-idioma=en;")


def test_nothing_else_is_shown_and_nothing_is_done(browser: Browser, file: Path, away: Callable[[], Any]) -> None:
    with away():
        came_in(file, browser)
        for path in ("/hoy", "/referencias", "/mensajes", "/auditoria", "/repeticiones", "/entrar", "/nada"):
            answer = browser.get(path)
            assert (answer.status, "database_away" in answer.text) == (503, True), path
        for path in ("/fallos", "/estado", "/entrar"):
            assert browser.post(path, {"acto": "retry"}).status == 503
    assert "emergency_seen" not in [one.act for one in emergency.read(file).owed]


def test_while_the_database_answers_the_account_opens_nothing(
    browser: Browser, file: Path, away: Callable[[], Any]
) -> None:
    assert browser.get("/emergencia").leads_to == "/entrar"
    with away():
        came_in(file, browser)
        assert browser.get("/estado").status == 200
    assert browser.get("/estado").leads_to == "/entrar?a=/estado"
    assert browser.post("/emergencia", {"code": "0000"}).status == 403


def test_who_has_come_in_by_password_is_told_that_nothing_was_done_and_is_there_again(
    console: Console, browser: Browser, file: Path, away: Callable[[], Any]
) -> None:
    console.enrol(browser, "on.duty", "operations", organisation=CENTRE)
    assert browser.get("/estado").status == 200
    with away():
        answer = browser.get("/estado")
        assert (answer.status, "Lo último que pidió no se hizo" in answer.text) == (503, True)
        time.sleep(AWAY_FOR)
        ended = time.monotonic()
    assert browser.get("/estado").status == 200
    assert time.monotonic() - ended < WITHIN


def test_a_code_opens_one_browser_once(browser: Browser, another: Browser, file: Path, away: Callable[[], Any]) -> None:
    code = opened(file)
    with away():
        assert browser.post("/emergencia", {"code": f" {code.upper().replace('-', ' ')} "}).leads_to == "/estado"
        again = another.post("/emergencia", {"code": code})
        assert (again.status, "no abre nada" in again.text) == (401, True)
        assert another.get("/estado").status == 503
        assert browser.get("/estado").status == 200
    assert emergency.read(file).refused == 1
    assert code.replace("-", "") not in file.read_text()
    assert browser.cookies[COOKIE] not in file.read_text()
    (cookie,) = (one for one in browser.set_cookies if one.startswith(COOKIE))
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= {one.strip().lower() for one in cookie.split(";")}


@pytest.mark.parametrize("code", ["", "a1b2-c3d4", "ñ" * 20, "0" * 5000])
def test_a_wrong_code_opens_nothing(code: str, browser: Browser, file: Path, away: Callable[[], Any]) -> None:
    opened(file)
    with away():
        assert browser.post("/emergencia", {"code": code}).status == 401
        assert browser.post("/emergencia", {"code": "x"}, origin="https://evil.example").status == 403
    assert emergency.read(file).refused == 1


def test_a_code_that_is_too_old_or_ended_opens_nothing(browser: Browser, file: Path, away: Callable[[], Any]) -> None:
    old = opened(file, minutes=31)
    with away():
        assert browser.post("/emergencia", {"code": old}).status == 401
        code = opened(file)
        assert emergency.close_account(file, "operator:0", clock.now())
        assert browser.post("/emergencia", {"code": code}).status == 401


def test_it_ends_at_once_where_it_is_closed_and_by_itself_after_half_an_hour(
    browser: Browser, file: Path, away: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with away():
        came_in(file, browser)
        assert browser.get("/estado").status == 200
        now = clock.now()
        with monkeypatch.context() as later:
            later.setattr(clock, "now", lambda: now + emergency.FOR + timedelta(seconds=1))
            assert browser.get("/estado").status == 503
        assert browser.get("/estado").status == 200
        assert emergency.close_account(file, "operator:7", clock.now())
        assert browser.get("/estado").status == 503
    assert emergency.read(file).owed[-1].details == {"closed_by": "operator:7"}
    assert not emergency.close_account(file, "operator:7", clock.now())


def test_to_open_it_again_ends_what_was_open(browser: Browser, file: Path, away: Callable[[], Any]) -> None:
    with away():
        came_in(file, browser)
        opened(file)
        assert browser.get("/estado").status == 503
    assert len(emergency.read(file).uses(clock.now())) == 1  # and is told until it is in the audit


def test_what_cannot_be_kept_is_not_shown(
    browser: Browser, file: Path, away: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with away():
        came_in(file, browser)
        monkeypatch.setattr(emergency, "MOST_OWED", 2)
        answer = browser.get("/estado")
        assert (answer.status, "unrecorded" in answer.text) == (503, True)
        file.write_text("no JSON")
        assert browser.get("/estado").status == 503
        assert "unrecorded" in browser.post("/emergencia", {"code": "0000"}).text
        assert file.read_text() == "no JSON"
    with pytest.raises(EmergencyError):
        opened(file)


def test_who_guesses_codes_is_slowed_down(
    running: Running, file: Path, away: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, guesser = opened(file), Browser(running, address="192.0.2.7")
    with away():
        monkeypatch.setattr(web, "CODES", Pace(at_once=2, every=1000.0))
        answers = [guesser.post("/emergencia", {"code": "0000"}).status for _ in range(3)]
        assert answers == [401, 401, 429]
        assert guesser.post("/emergencia", {"code": code}).status == 429
        assert Browser(running, address="198.51.100.9").post("/emergencia", {"code": code}).status == 303


def test_pages_are_shown_at_a_pace(
    browser: Browser, file: Path, away: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with away():
        came_in(file, browser)
        monkeypatch.setattr(pace.Paces, "may", lambda *_: False)
        assert browser.get("/estado").status == 429


def test_a_server_that_stands_keeps_no_page_waiting(
    console: Console, running: Running, browser: Browser, another: Browser, file: Path, stack: Stack
) -> None:
    """Its processes are there, take connections, and say nothing."""
    console.enrol(another, "of.the.hour", "operations", organisation=CENTRE)
    assert another.get("/estado").status == 200
    seen(console)
    assert stack.postgres is not None
    pids: list[int] = [row["pid"] for row in console.query(SESSIONS, DATABASE)]
    pids += [pid for pid in (stack.postgres.pid,) if pid is not None]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert another.get("/estado").status == 503
        took = time.monotonic() - began
        came_in(file, browser)
        assert browser.get("/estado").status == 200
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    assert took < WITHIN
    eventually(lambda: another.get("/estado").status == 200)
