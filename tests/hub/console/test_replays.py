"""Repeticiones: what would be said again, by whom it is confirmed, and each once whatever is pressed."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Thread
from uuid import uuid4

import pytest

from tests.hub.conftest import probe, probed
from tests.hub.console.kit import CENTRE, Answer, Browser, Console, Person, Running
from tests.hub.console.test_failures import AWAY, counts_on, forms
from tests.hub.monitor.replayer import STATUS, Replayer, ids, replayer, sums
from tests.messaging.harness import wait_until

__all__ = ["probe", "probed", "replayer"]

WHY = {"motivo": "reader_restored", "referencia": "88", "ritmo": "1000"}
TYPED = "el lector de informes perdió su copia"


@dataclass
class Pages:
    """The pages, and two people of operations."""

    console: Console
    running: Running
    operators: dict[str, str]
    people: list[Browser] = field(default_factory=list)
    persons: list[Person] = field(default_factory=list)


@pytest.fixture(scope="module")
def begun(console: Console) -> Pages:
    seen: dict[str, str] = {}
    running = console.run(operators=seen)
    begun = Pages(console, running, seen)
    for number in (1, 2):
        begun.people.append(Browser(running))
        login = f"replays.{number}"
        begun.persons.append(
            console.enrol(begun.people[-1], login, "operations", organisation=CENTRE, name=f"Inés {number}")
        )
    return begun


@pytest.fixture
def pages(begun: Pages, replayer: Replayer) -> Pages:
    begun.operators.clear()
    begun.operators |= replayer.databases
    return begun


def form_id(page: Answer) -> str:
    """What binds the form of what is asked for."""
    return str(re.findall(r'name="formulario" value="([^"]+)"', page.text)[0])


def dry_run(browser: Browser, **fields: str) -> str:
    """Do the dry run of what was published within two hours; where that is shown."""
    form = {"formulario": form_id(browser.get("/repeticiones"))}
    since = f"{datetime.now(UTC) - timedelta(hours=2):%Y-%m-%dT%H:%M}"
    leads_to = browser.send("/repeticiones", **form, **({"contrato": STATUS, "desde": since} | fields)).leads_to
    assert leads_to is not None
    return leads_to


def press(browser: Browser, path: str, act: str, **fields: str) -> Answer:
    """Send one of the forms of a dry run's page."""
    (form,) = [one for one in forms(browser.get(path), path) if one["acto"] == act]
    return browser.send(path, **form, **fields)


def of(many: int, **ended: int) -> dict[str, int]:
    labels = ("Dichos otra vez", "Personas borradas", "Ya no se guardan", "Detenidos", "Faltan")
    assert sum(ended.values()) == many
    return {"Ensayados": many} | dict.fromkeys(labels, 0) | ended


def test_what_is_planned_is_said_once_more_and_the_page_says_what_came_of_it(pages: Pages, replayer: Replayer) -> None:
    said = replayer.publish(12)
    replayer.publish(3, f"to.iom.{STATUS}")
    browser = pages.people[0]

    path = dry_run(browser, organizacion="redcross")
    page = browser.get(path)
    assert "¿Decir otra vez 12 mensajes?" in page.text
    assert not any(row["started_at"] for row in replayer.probe.query("select * from parked_operation"))
    assert press(browser, path, "empezar", **WHY).leads_to == path
    assert counts_on(browser.get(path)) == of(12, Faltan=12)
    replayer.probe.relay().start()
    wait_until(lambda: counts_on(browser.get(path)) == of(12, **{"Dichos otra vez": 12}))

    assert replayer.came(12) == ids(said)
    page = browser.get(path)
    for words in ("Terminó.", "Se restauró un lector", "88", "Inés 1 (replays.1)"):
        assert words in page.text
    assert not any(str(one) in page.text for one in said)  # whose a message is stands on no page
    other = dry_run(browser)
    assert all(str(one) in browser.get(other).text for one in said)
    assert f'href="{path}"' in browser.get("/repeticiones").text
    (act,) = [one for one in pages.console.acts("replay_started") if one["subject"] in path]
    assert act["actor"] == f"staff:{pages.persons[0].code}"
    assert pages.console.acts("replay_planned")[-1]["actor"] == act["actor"]
    assert browser.get(path.replace("/repeticiones/", "/operacion/")).leads_to == path


def test_a_double_click_two_tabs_and_two_people_say_each_once(pages: Pages, replayer: Replayer) -> None:
    said = replayer.publish(8)
    path = dry_run(pages.people[0])
    tabs = [(one, one.get(path)) for one in pages.people for _ in range(2)]

    def send(browser: Browser, page: Answer) -> None:
        tab = Browser(browser.running, cookies={**browser.cookies}, page=page)
        tab.send(path, **forms(page, path)[0], **WHY)

    threads = [Thread(target=send, args=tab) for tab in tabs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    replayer.probe.relay().start()
    wait_until(lambda: counts_on(pages.people[0].get(path)) == of(8, **{"Dichos otra vez": 8}))
    send(*tabs[0])

    assert replayer.came(8) == ids(said)
    assert len(replayer.probe.query("select * from parked_operation")) == 1


def test_above_a_thousand_another_person_confirms_it(pages: Pages, replayer: Replayer) -> None:
    replayer.publish(1001)
    first, second = pages.people
    path = dry_run(first)
    assert "los confirma otra persona" in first.get(path).text
    assert press(first, path, "pedir", **WHY).leads_to == path
    assert "Espera que otra persona" in first.get(path).text
    assert [one["acto"] for one in forms(first.get(path), path)] == ["sola"]
    (digest,) = {one["digest"] for one in forms(first.get(path), path)}
    assert first.send(path, digest=digest, acto="confirmar").status == 409

    assert "espera que otra persona la confirme" in second.get("/repeticiones").text
    page = second.get(path)
    assert "Inés 1" in page.text
    assert "Se restauró un lector" in page.text
    assert press(second, path, "confirmar").leads_to == path

    (row,) = replayer.probe.query("select * from parked_operation")
    codes = [f"staff:{one.code}" for one in pages.persons]
    assert [row["asked_by"], row["started_by"]] == codes
    assert (row["rate"], row["review_due"]) == (1000, False)
    second.get(path)
    assert second.send(f"{path}/detener").leads_to == path


def test_one_alone_writes_why_and_it_is_there_until_another_has_looked(pages: Pages, replayer: Replayer) -> None:
    replayer.publish(1001)
    first, second = pages.people
    path = dry_run(first)
    for reason in ("", "corto", "cédula 1234567 de alguien", "escriba a ines@example.org", "x" * 201):
        assert press(first, path, "sola", razon=reason).status == 422, reason
    assert press(first, path, "sola", razon=TYPED, ritmo="1000").status == 409

    assert press(first, path, "sola", razon=TYPED).leads_to == path
    (row,) = replayer.probe.query("select * from parked_operation")
    assert (row["rate"], row["review_due"], row["why"]) == (100, True, TYPED)
    first.get(path)
    assert first.send(f"{path}/detener").leads_to == path
    assert "La revisé" not in first.get(path).text
    assert first.send(f"{path}/revisada").status == 409
    assert "falta revisarla" in second.get("/repeticiones").text
    page = second.get(path)
    assert TYPED in page.text
    assert second.send(f"{path}/revisada").leads_to == path
    assert "falta revisarla" not in second.get("/repeticiones").text
    assert "La revisó" in second.get(path).text


def test_it_is_stopped_and_goes_on(pages: Pages, replayer: Replayer) -> None:
    said = replayer.publish(9)
    browser = pages.people[0]
    path = dry_run(browser)
    press(browser, path, "empezar", **WHY)
    browser.get(path)
    assert browser.send(f"{path}/detener").leads_to == path
    page = browser.get(path)
    assert counts_on(page) == of(9, Detenidos=9)
    assert "9 mensajes no se dijeron" in page.text

    assert browser.send(f"{path}/seguir").leads_to == path
    replayer.probe.relay().start()
    assert replayer.came(9) == ids(said)
    wait_until(lambda: counts_on(browser.get(path)) == of(9, **{"Dichos otra vez": 9}))


def test_what_is_wrong_is_said_and_nothing_is_started(pages: Pages, replayer: Replayer) -> None:
    replayer.publish(2)
    browser = pages.people[0]
    form = {"formulario": form_id(browser.get("/repeticiones"))}
    for fields in (
        {"contrato": "no.such.v1", "desde": "2026-11-28T10:00"}, {"contrato": STATUS, "desde": "mañana"},
        {"contrato": STATUS, "desde": "2026-11-28T10:00", "hasta": "2026-11-28T09:00"},
    ):  # fmt: skip
        answer = browser.send("/repeticiones", **form, **fields)
        assert (answer.status, 'role="alert"' in answer.text) == (422, True), fields
    assert (
        browser.send("/repeticiones", **form, contrato=STATUS, desde="2026-11-28T10:00", organizacion="x").status == 400
    )
    path = dry_run(browser)
    for fields in (
        {**WHY, "motivo": "x"},
        {**WHY, "referencia": "María"},
        {**WHY, "ritmo": "0"},
        {**WHY, "ritmo": "x"},
    ):
        assert press(browser, path, "empezar", **fields).status == 422, fields
    browser.get(path)
    assert browser.send(path, digest="0" * 64, acto="empezar", **WHY).status == 409
    assert not any(row["started_at"] for row in replayer.probe.query("select * from parked_operation"))
    assert browser.get(f"/repeticiones/{uuid4()}").status == 404


def test_what_is_away_is_named(pages: Pages, replayer: Replayer) -> None:
    replayer.publish(2)
    browser = pages.people[0]
    pages.operators["referrals"] = AWAY
    path = dry_run(browser)
    assert "No se ve referrals" in browser.get(path).text
    pages.operators.clear()
    assert "Esta consola no tiene" in browser.get("/repeticiones").text
    assert "Sin dato" in browser.get(path).text
    assert sums(replayer.look(replayer.plan())) == {"remaining": 2}


@pytest.mark.parametrize("after", ["9" * 5000, "-1", "1e3", "x"])
def test_an_address_whose_position_is_none_leads_nowhere(pages: Pages, replayer: Replayer, after: str) -> None:
    replayer.publish(1)
    path = dry_run(pages.people[0])
    assert pages.people[0].get(f"{path}?tras={after}").status == 404


@pytest.mark.parametrize(("field", "said"), [("desde", "0001-01-01T00:00"), ("hasta", "0001-01-02T00:00")])
def test_a_time_that_colombia_never_had_is_none(pages: Pages, replayer: Replayer, field: str, said: str) -> None:
    replayer.publish(1)
    browser = pages.people[0]
    form = {"formulario": form_id(browser.get("/repeticiones"))}
    since = {"desde": "0001-01-01T00:00"}
    assert browser.send("/repeticiones", **form, contrato=STATUS, **(since | {field: said})).status == 422
