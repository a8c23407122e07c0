"""Alertas: what is open as the book has it; where nobody has looked lately, that it is not known."""

from datetime import timedelta

import pytest

from hub.console.web.alert_words import PAGES, TITLES
from hub.monitor.alerts.telling import Open
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
