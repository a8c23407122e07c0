"""Alertas: what is open as the book has it; where nobody has looked lately, that it is not known."""

import html
import shlex
from datetime import datetime, timedelta

import pytest

from hub.console.web.alert_words import PAGES, TITLES
from hub.monitor.alerts.keeping import Keeper
from hub.monitor.alerts.telling import Open, Silence
from messaging import clock
from tests.hub.console.kit import CENTRE, Browser, Console, Running


@pytest.fixture(scope="module")
def operator(console: Console, running: Running) -> Browser:
    browser = Browser(running)
    console.enrol(browser, "alerts.operator", "operations", organisation=CENTRE)
    return browser


def an_alert(name: str, *, can_wait: bool) -> Open:
    began = "2026-03-02T09:00:00+00:00"
    return Open(name, "it", f"{name} <is> open", "./ruta status", began, began, ["x"], can_wait, None, ["iom"], None)


def test_what_is_open_stands_there_and_first_what_cannot_wait(console: Console, operator: Browser) -> None:
    console.look(
        clock.now(),
        an_alert("supervisor_frozen", can_wait=True), an_alert("broker_away", can_wait=False),
        an_alert("no_such_alert", can_wait=False),
    )  # fmt: skip

    answer = operator.get("/alertas")

    assert answer.status == 200
    assert answer.text.index("broker_away") < answer.text.index("supervisor_frozen")
    for said in (
        "2 de marzo",
        ", 4:00<",
        "2026-03-02 09:00 UTC",
        "; emergencias: sin dato",
        "./ruta status",
        "&lt;is&gt;",
    ):
        assert said in answer.text
    assert "no_such_alert" not in answer.text
    assert console.acts("alerts_seen")[-1]["details"].count('"count":2') == 1


def test_an_alert_leads_to_the_page_of_what_it_is_about(console: Console, operator: Browser) -> None:
    assert PAGES.keys() <= TITLES.keys()
    for name, (path, _) in PAGES.items():
        console.look(clock.now(), an_alert(name, can_wait=False))

        assert f'<a class="tall" href="{path}">' in operator.get("/alertas").text
        assert operator.get(path).status == 200


def test_that_nothing_is_open_is_said_only_where_somebody_has_looked(console: Console, operator: Browser) -> None:
    console.look(clock.now())
    answer = operator.get("/alertas")
    assert (answer.status, "Ninguna alerta" in answer.text) == (200, True)

    console.look(clock.now() - timedelta(minutes=3), an_alert("broker_away", can_wait=False))
    answer = operator.get("/alertas")
    assert (answer.status, "Sin dato" in answer.text, "broker_away" in answer.text) == (200, True, False)

    console.state.alerts_book.unlink()
    assert "Sin dato" in operator.get("/alertas").text


def silence(console: Console, *silences: Silence) -> None:
    with Keeper(console.state.alerts_book).changing() as book:
        book.silences = [*silences]


def a_silence(alert: str, what: str | None, until: datetime, reason: str) -> Silence:
    return Silence(alert, what, until.isoformat(timespec="seconds"), reason, "operator:0", clock.now().isoformat())


@pytest.mark.parametrize(
    ("language", "told", "why", "how"),
    [
        ("es", "silenciada hasta <time", "Motivo", "Para que no se avise a nadie"),
        ("en", "silenced until <time", "Reason", "So that nobody is told"),
    ],
)
def test_what_is_silenced_says_so_until_when_and_why_and_comes_last(
    language: str, told: str, why: str, how: str, console: Console, operator: Browser
) -> None:
    console.look(clock.now(), an_alert("broker_away", can_wait=False), an_alert("database_away", can_wait=False))
    first, until = clock.now() + timedelta(hours=1), clock.now() + timedelta(hours=8)
    over = a_silence("database_away", None, clock.now() - timedelta(minutes=1), "it is over")
    silence(
        console,
        a_silence("broker_away", None, first, "the shorter"), a_silence("broker_away", "it", until, "moving <disks>"),
        a_silence("broker_away", "another", until + timedelta(hours=1), "of another"), over,
    )  # fmt: skip
    operator.get(f"/idioma/{language}")
    try:
        text = operator.get("/alertas").text
    finally:
        operator.get("/idioma/es")
        silence(console)

    last = text[text.index("./ruta help broker_away") :]
    assert text.index("./ruta help database_away") < text.index("./ruta help broker_away")
    assert text.count(told) == last.count(told) == 1
    assert f'{told} datetime="{until.isoformat(timespec="seconds")}"' in last
    assert f"<dt>{why}</dt><dd>moving &lt;disks&gt;</dd>" in last
    assert [words in text for words in ("the shorter", "of another", "it is over")] == [False] * 3
    assert text.count(how) == 1  # of the one that is told
    assert how not in last


def test_the_page_says_by_which_command_an_alert_is_silenced(console: Console, operator: Browser) -> None:
    one = an_alert("no_consumer", can_wait=False)
    one.what = "submit.iom (network)"
    console.look(clock.now(), one)

    text = operator.get("/alertas").text

    command = html.unescape(text[(begun := text.index("./ruta alerts silence")) : text.index("</code>", begun)])
    assert shlex.split(command) == [
        "./ruta", "alerts", "silence", "no_consumer", "--what", one.what, "--until", "8h", "--reason", "TEXT",
    ]  # fmt: skip
