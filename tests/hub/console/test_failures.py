"""Fallos and Operación: a poisoned batch mended by its pages, once whatever is pressed, and nobody's words on any."""

import json
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html import unescape
from threading import Thread
from typing import Any
from unittest.mock import ANY

import psycopg
import pytest

from contracts import uuid7
from deploy.local.status import read_service
from hub.monitor import waiting
from hub.monitor.mending import operations
from hub.monitor.mending.failures import AT_ONCE, Cause
from hub.monitor.seen import SeenQueue
from hub.monitor.web import operators
from messaging import clock
from messaging.topology import HUB
from screens import operating
from tests.hub.conftest import probe, probed
from tests.hub.console.kit import CENTRE, Answer, Browser, Console, Person, Running
from tests.hub.monitor.mender import Mender, mender, poisoned
from tests.messaging.harness import service_published

__all__ = ["mender", "probe", "probed"]

AWAY = "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1"
MENDED = {"motivo": "program_mended", "referencia": "1.4.2"}


@dataclass
class Mending:
    """The pages, the messages that fail, and two people of operations."""

    console: Console
    running: Running
    operators: dict[str, str]
    people: list[Browser] = field(default_factory=list)
    persons: list[Person] = field(default_factory=list)


@pytest.fixture(scope="module")
def begun(console: Console) -> Mending:
    seen: dict[str, str] = {}
    running = console.run(operators=seen)
    begun = Mending(console, running, seen)
    for number in (1, 2):
        begun.people.append(Browser(running))
        login = f"mends.{number}"
        begun.persons.append(
            console.enrol(begun.people[-1], login, "operations", organisation=CENTRE, name=f"Inés {number}")
        )
    return begun


@pytest.fixture
def mending(begun: Mending, mender: Mender) -> Mending:
    begun.operators.clear()
    begun.operators |= mender.databases
    return begun


def forms(page: Answer, action: str) -> list[dict[str, str]]:
    """The hidden fields of the forms of a page that are sent to some address, but for their tokens."""
    found = re.findall(rf'<form method="post" action="{action}"[^>]*>(.*?)</form>', page.text, re.DOTALL)
    hidden = [dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', one)) for one in found]
    return [{name: unescape(value) for name, value in one.items() if name != "form_token"} for one in hidden]


def dry_run(browser: Browser, act: str = "retry") -> str:
    """Do the dry run of the only group, by its button; where that is shown."""
    page = browser.get("/fallos")
    (form,) = [one for one in forms(page, "/fallos") if one["acto"] == act]
    leads_to = browser.send("/fallos", **form).leads_to
    assert leads_to is not None
    return leads_to


def start(browser: Browser, path: str, **reason: str) -> Answer:
    """Start what a dry run has bound."""
    (form,) = forms(browser.get(path), path)
    return browser.send(path, **form, **(reason or MENDED))


def parked_by_hand(mender: Mender, many: int, **columns: Any) -> None:
    """Have messages be parked that nobody has sent."""
    said = {"state": "quarantined", "reason": "failed", "source": "redcross", "type": "service.published.v2"} | columns
    names, values = ", ".join(said), ", ".join("%s" for _ in said)
    for _ in range(many):
        id = uuid7()
        mender.probe.query(
            f"insert into parked (message_id, raw, {names}) values (%s, %s, {values})", id, id.bytes, *said.values()
        )


def counts_on(page: Answer) -> dict[str, int]:
    """What the table of an operation says of its one service."""
    found = re.findall(r'<td class="number" data-label="([^"]+)">(\d+)</td>', page.text)
    return {label: int(count) for label, count in found}


# -- the way through ---------------------------------------------------------------------------------------------------


def test_a_poisoned_batch_is_mended_in_eight_steps_with_the_way_in(mending: Mending, mender: Mender) -> None:
    batch = poisoned(12)
    mender.fail(*batch)
    browser, person = Browser(mending.running), mending.persons[0]
    steps = 0

    def step(answer: Answer) -> Answer:
        nonlocal steps
        steps += 1
        return browser.get(answer.leads_to) if answer.leads_to else answer  # by the browser itself

    mending.console.query("update staff set totp_step = 0 where code = %s", person.code)
    step(browser.get("/entrar"))
    assert step(mending.console.log_in(browser, person)).status == 200
    group = step(browser.get("/fallos"))
    for said in ("probe · service.published.v2", "<strong>12</strong>", "RuntimeError at service.py:", "Cruz Roja"):
        assert said in group.text
    (form,) = [one for one in forms(group, "/fallos") if one["acto"] == "retry"]
    planned = step(browser.send("/fallos", **form))
    path = f"/operacion/{form['formulario']}"
    assert "¿Intentar otra vez 12 mensajes?" in planned.text
    assert re.search(r"Quién espera</dt><dd>[^<]*Cruz Roja[^<]*: 12", planned.text)
    assert mender.notes() == []
    assert not any(row["started_at"] for row in mender.probe.query("select * from parked_operation"))

    mender.mend()
    (bound,) = forms(planned, path)
    started = step(browser.send(path, **bound, **MENDED))
    assert counts_on(started) == of(12, Faltan=12)
    assert (started.header("refresh") or "").endswith(f";url={path}?sola=1")
    mender.retry(2)
    ended = step(browser.get(path))

    assert counts_on(ended) == of(12, Aplicados=12)
    for said in ("Terminó.", "Se corrigió el programa · 1.4.2", "Inés 1 (mends.1)", *(str(one.id) for one in batch)):
        assert said in ended.text
    assert steps <= 8
    assert sorted(mender.notes()) == [one.id for one in batch]
    mending.console.see(operating.uncounted(clock.now().replace(microsecond=0)))
    after = browser.get("/fallos")
    assert ("De lo que se ve, nada espera" in after.text, "si RabbitMQ apartó mensajes" in after.text) == (True, True)
    mending.console.see(operating.well(clock.now().replace(microsecond=0)))
    after = browser.get("/fallos")
    assert ("Nada espera por una persona" in after.text, "si RabbitMQ" in after.text) == (True, False)
    assert f'href="{path}"' in after.text  # whoever has lost it finds it again


def test_of_what_was_given_up_all_pages_say_that_the_same_people_wait(mending: Mending, mender: Mender) -> None:
    browser = mending.people[0]
    mender.fail(*poisoned(2))
    parked_by_hand(mender, 1, source="iom")
    parked_by_hand(mender, 1, source="fuvadis", reason="id_reused")  # who was refused then waits for nothing
    parked_by_hand(mender, 1, source=HUB)
    parked_by_hand(mender, 1, source="americares", state="retry")  # and goes on by itself
    service = read_service(mender.probe.database_url)
    now = clock.now().replace(microsecond=0)
    mending.console.see(operating.given_up(now, json.loads(json.dumps(service))))

    assert waiting.whose((reason, source) for reason, source in service["given_up"]) == ("iom", "redcross")
    assert "<h2>Sí: esperan OIM, Cruz Roja Colombiana.</h2>" in browser.get("/estado").text
    page = browser.get("/fallos")
    rows = re.findall(r"<dt>Quién espera</dt><dd>([^<]*)</dd>", page.text)
    assert sorted(", ".join(rows).split(", ")) == ["Cruz Roja Colombiana", "OIM"]
    assert page.text.count("por esto no espera nadie") == 1
    (reused,) = [one for one in forms(page, "/fallos") if one.get("motivo") == "id_reused"]
    planned = browser.get(browser.send("/fallos", **reused).leads_to or "").text
    assert "<dt>Quién espera</dt><dd>nadie</dd>" in planned
    assert "<dt>Quién lo envió</dt><dd>FUVADIS: 1</dd>" in planned


def test_groups_with_one_cause_are_tried_together_in_one_dry_run(mending: Mending, mender: Mender) -> None:
    browser = mending.people[0]
    mender.fail(*poisoned(2))
    assert not [one for one in forms(browser.get("/fallos"), "/fallos") if "todo" in one]  # there is one group
    parked_by_hand(mender, 3, type="capacity.stated.v1")
    parked_by_hand(mender, 1, source="fuvadis", reason="id_reused")  # for which there is no other try

    page = browser.get("/fallos")
    assert "Ensayar el reintento de todo (5)" in page.text
    (form,) = [one for one in forms(page, "/fallos") if "todo" in one]
    assert browser.send("/fallos", **form | {"acto": "give_back"}).status == 400
    browser.get("/fallos")
    planned = browser.get(browser.send("/fallos", **form).leads_to or "").text
    assert "¿Intentar otra vez 5 mensajes?" in planned


def of(many: int, **ended: int) -> dict[str, int]:
    """What the table says: what is named, of everything else nothing; and all of it is what the dry run had."""
    labels = ("Aplicados", "Rechazados", "Fallaron otra vez", "Devueltos", "Detenidos", "Faltan")
    assert sum(ended.values()) == many
    return {"Ensayados": many} | dict.fromkeys(labels, 0) | ended


def test_what_is_given_back_is_refused_with_its_code(mending: Mending, mender: Mender) -> None:
    batch = poisoned(3)
    mender.fail(*batch)
    browser = mending.people[0]
    path = dry_run(browser, "give_back")
    assert "No se puede deshacer" in browser.get(path).text

    assert start(browser, path, motivo="said_anew").leads_to == path
    mender.retry()

    assert counts_on(browser.get(path)) == of(3, Devueltos=3)
    assert mender.refusals() == [(one.id, "given_back") for one in batch]


def test_what_remains_is_stopped_and_lies_as_before(mending: Mending, mender: Mender) -> None:
    mender.fail(*poisoned(4))
    browser = mending.people[0]
    path = dry_run(browser)
    start(browser, path)
    browser.get(path)

    assert browser.send(f"{path}/detener").leads_to == path

    page = browser.get(path)
    assert counts_on(page) == of(4, Detenidos=4)
    assert "Detener</button>" not in page.text
    assert "<strong>4</strong>" in browser.get("/fallos").text
    (stopped,) = [one for one in mending.console.acts("mending_stopped") if one["subject"] in path]
    assert stopped["actor"] == f"staff:{mending.persons[0].code}"


def test_what_fails_again_is_said_and_is_a_failure_again(mending: Mending, mender: Mender) -> None:
    mender.fail(*poisoned(2))
    browser = mending.people[0]
    path = dry_run(browser)
    start(browser, path, motivo="cause_unknown")
    mender.retry(3)

    page = browser.get(path)
    assert counts_on(page) == of(2, **{"Fallaron otra vez": 2})
    assert "2 mensajes fallaron otra vez" in page.text
    assert "<strong>2</strong>" in browser.get("/fallos").text


def test_without_a_reason_nothing_is_started_and_no_name_or_number_of_anybody_is_taken(
    mending: Mending, mender: Mender
) -> None:
    mender.fail(*poisoned(2))
    browser = mending.people[0]
    path = dry_run(browser)
    for reason in (
        {"motivo": ""}, {"motivo": "said_anew"}, {"motivo": "program_mended", "referencia": "María"},
        {"motivo": "program_mended", "referencia": "3001234567"}, {"motivo": "program_mended", "referencia": "x" * 300},
    ):  # fmt: skip
        answer = start(browser, path, **reason)
        assert (answer.status, 'role="alert"' in answer.text) == (422, True), reason
    assert not any(row["started_at"] for row in mender.probe.query("select * from parked_operation"))


# -- exactly one effect ------------------------------------------------------------------------------------------------


def test_a_double_click_on_a_dry_run_makes_one(mending: Mending, mender: Mender) -> None:
    mender.fail(*poisoned(2))
    browser = mending.people[0]
    (form,) = [one for one in forms(browser.get("/fallos"), "/fallos") if one["acto"] == "retry"]

    assert len({browser.send("/fallos", **form).leads_to for _ in range(2)}) == 1
    assert len(mender.probe.query("select * from parked_operation")) == 1


def test_a_double_click_two_tabs_and_two_people_have_one_effect(mending: Mending, mender: Mender) -> None:
    mender.fail(*poisoned(5))
    mender.mend()
    path = dry_run(mending.people[0])
    tabs = [(one, one.get(path)) for one in mending.people for _ in range(2)]
    said: list[int] = []

    def press(browser: Browser, page: Answer) -> None:
        tab = Browser(browser.running, cookies={**browser.cookies}, page=page)
        said.append(tab.send(path, **forms(page, path)[0], **MENDED).status)

    threads = [Thread(target=press, args=tab) for tab in tabs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    mender.retry(2)
    for tab in tabs:  # once more, when all is done
        press(*tab)

    assert set(said) <= {303, 503}  # 503: more at once than wait for services' databases
    assert said[-4:] == [303] * 4
    assert len(mender.notes()) == 5
    assert counts_on(mending.people[1].get(path)) == of(5, Aplicados=5)


@pytest.mark.parametrize("acts", [("retry", "give_back"), ("give_back", "retry")])
def test_of_two_dry_runs_of_the_same_messages_the_second_is_told_that_they_have_changed(
    mending: Mending, mender: Mender, acts: tuple[str, str]
) -> None:
    mender.fail(*poisoned(3))
    mender.mend()
    reasons = {"retry": "program_mended", "give_back": "sender_asks"}
    paths = [dry_run(one, act) for one, act in zip(mending.people, acts, strict=True)]

    first, second = (
        start(one, path, motivo=reasons[act]) for one, path, act in zip(mending.people, paths, acts, strict=True)
    )
    mender.retry(2)

    assert first.leads_to == paths[0]
    assert (second.status, "otra persona empezó" in second.text) == (409, True)
    assert len(mender.notes()) + len(mender.refusals()) == 3


def test_what_was_cut_off_after_it_had_begun_is_there_and_sent_again_is_done_once(
    mending: Mending, mender: Mender, monkeypatch: pytest.MonkeyPatch
) -> None:
    mender.fail(*poisoned(3))
    mender.mend()
    browser = mending.people[0]
    path = dry_run(browser)
    real = operations.start

    def cut(*arguments: Any) -> Any:
        real(*arguments)
        raise psycopg.OperationalError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(operations, "start", cut)
        (form,) = forms(browser.get(path), path)
        token = browser.page
        assert browser.send(path, **form, **MENDED).status == 503
    assert counts_on(browser.get(path)) == of(3, Faltan=3)
    browser.page = token
    assert browser.send(path, **form, **MENDED).leads_to == path
    mender.retry(2)

    assert len(mender.notes()) == 3
    assert counts_on(browser.get(path)) == of(3, Aplicados=3)


def test_a_digest_of_something_else_starts_nothing(mending: Mending, mender: Mender) -> None:
    mender.fail(*poisoned(1))
    browser = mending.people[0]
    path = dry_run(browser)
    browser.get(path)
    answer = browser.send(path, digest="0" * 64, **MENDED)
    assert (answer.status, "no es lo que ató el ensayo" in answer.text) == (409, True)


# -- who, and what is not known ----------------------------------------------------------------------------------------


def test_what_is_done_is_recorded_with_who_it_was(mending: Mending, mender: Mender) -> None:
    mender.fail(*poisoned(2))
    path = dry_run(mending.people[1])
    start(mending.people[1], path)

    by = f"staff:{mending.persons[1].code}"
    (row,) = mender.probe.query("select * from parked_operation")
    assert (row["planned_by"], row["started_by"], row["why"]) == (by, by, "program_mended 1.4.2")
    (act,) = [one for one in mending.console.acts("failures_retried") if one["subject"] in path]
    assert act["actor"] == by
    assert '"messages":2' in act["details"]
    assert mending.console.acts("mending_planned")[-1]["actor"] == by


def test_what_cannot_be_recorded_is_not_done(mending: Mending, mender: Mender, monkeypatch: pytest.MonkeyPatch) -> None:
    mender.fail(*poisoned(1))
    browser = mending.people[0]
    path = dry_run(browser)
    (form,) = forms(browser.get(path), path)

    def fail(*_: object) -> None:
        raise psycopg.OperationalError("no audit")

    with monkeypatch.context() as patched:
        patched.setattr(operators, "record", fail)
        patched.setattr("hub.monitor.web.operation.record", fail)
        assert browser.send(path, **form, **MENDED).status == 503
    assert not any(row["started_at"] for row in mender.probe.query("select * from parked_operation"))


def test_databases_that_are_away_are_named_and_keep_nothing_of_the_rest_back(mending: Mending, mender: Mender) -> None:
    mender.fail(*poisoned(2))
    browser = mending.people[0]
    mending.operators["referrals"] = AWAY
    page = browser.get("/fallos")
    assert page.status == 200
    for said in ("No se ve referrals", "probe · service.published.v2"):
        assert said in page.text
    path = dry_run(browser)
    assert "No se ve referrals" in browser.get(path).text

    mending.operators["probe"] = AWAY
    page = browser.get("/fallos")
    assert (page.status, "Sin dato" in page.text, "No se ve probe, referrals" in page.text) == (200, True, True)
    assert "Nada espera" not in page.text
    page = browser.get(path)
    assert (page.status, "Sin dato" in page.text, "No se ve probe, referrals" in page.text) == (200, True, True)


def test_without_the_setting_both_pages_say_that_nothing_is_seen(mending: Mending) -> None:
    mending.operators.clear()
    for path in ("/fallos", f"/operacion/{uuid7()}"):
        page = mending.people[0].get(path)
        assert (page.status, "Sin dato" in page.text, "Nada espera" in page.text) == (200, True, False)


def test_what_the_broker_has_set_aside_is_counted_with_the_command_and_no_button(mending: Mending) -> None:
    def page(**ago: float) -> str:
        well = operating.well(clock.now().replace(microsecond=0) - timedelta(**ago))
        dead = SeenQueue(HUB, "dead", 2, 0, "", None, False, None, None, None)
        mending.console.see(replace(well, queues=[*(well.queues or ()), dead]))
        return mending.people[0].get("/fallos").text

    shown = page()
    assert "2 mensajes en dead (hub)" in shown
    assert "./ruta repair --why" in shown
    assert "unrouted" not in shown  # nothing lies there
    assert "Nada espera" not in shown
    assert "<form" not in shown.split("Apartados por el bróker")[1].split("</section>")[0]
    assert "Apartados" not in page(minutes=10)


def test_what_was_done_stands_on_the_page_of_its_message(mending: Mending, mender: Mender) -> None:
    """What, when, by whom, why, with what result, with a link to the operation; also where the log is away."""
    one, other = poisoned(2)
    mender.fail(one)
    first = mending.people[0]
    assert "¿Qué se hizo con él?" not in first.get(f"/mensaje/{one.id}").text
    path = dry_run(first)
    start(first, path)
    page = first.get(f"/mensaje/{one.id}")
    assert cells(page, path) == {
        "Empezó (UTC)": ANY, "Quién": "Inés 1 (mends.1)", "Motivo": "Se corrigió el programa · 1.4.2",
        "Resultado": "falta",
    }  # fmt: skip
    mender.retry(3)
    assert cells(first.get(f"/mensaje/{one.id}"), path)["Resultado"].startswith(
        "falló otra vez <code>failed</code> <code>RuntimeError at "
    )
    back = dry_run(first, "give_back")
    start(first, back, motivo="sender_asks")
    mender.retry()

    page = first.get(f"/mensaje/{one.id}")

    assert cells(page, back)["Resultado"] == "devuelto <code>given_back</code>"
    assert page.text.index(f'href="{back}"') < page.text.index(f'href="{path}"')
    assert path not in first.get(f"/mensaje/{other.id}").text
    assert page.status == 200
    mending.operators["away"] = AWAY
    page = first.get(f"/mensaje/{one.id}")
    assert "se devolvió en away: su base de datos no contesta" in page.text
    assert cells(page, back)["Motivo"] == "Quien lo envió lo pidió"


def test_one_message_is_tried_again_or_given_back_from_its_own_page_and_no_other(
    mending: Mending, mender: Mender
) -> None:
    one, other = poisoned(2)
    mender.fail(one, other)
    first = mending.people[0]
    retry, give_back = forms(first.get(f"/mensaje/{one.id}"), "/fallos")
    assert (retry["acto"], give_back["acto"]) == ("retry", "give_back")

    paths = {first.send("/fallos", **retry).leads_to for _ in range(2)}
    (path,) = (str(path) for path in paths)  # a double click is one dry run
    assert str(one.id) in first.get(path).text
    assert str(other.id) not in first.get(path).text
    mender.mend()
    start(first, path)
    mender.retry()

    assert mender.notes() == [one.id]
    assert forms(first.get(f"/mensaje/{one.id}"), "/fallos") == []
    (_, back) = forms(first.get(f"/mensaje/{other.id}"), "/fallos")
    start(first, str(first.send("/fallos", **back).leads_to), motivo="sender_asks")
    mender.retry()
    assert mender.refusals() == [(other.id, "given_back")]


def test_a_dry_run_about_one_message_that_is_not_there_selects_nothing_and_no_number_is_none(
    mending: Mending, mender: Mender
) -> None:
    mender.fail(*poisoned(1))
    first = mending.people[0]

    def asked(number: str, service: str = "probe") -> Answer:
        first.get("/fallos")
        return first.send("/fallos", acto="retry", servicio=service, formulario=str(uuid7()), numero=number)

    path = str(asked("99999").leads_to)
    gone = first.get(path)
    assert gone.status == 200
    assert forms(gone, path) == []
    assert [asked(wrong).status for wrong in ("x", "-1", "1 or 1=1", "9" * 30, "٣")] == [400] * 5
    assert asked("1", service="nothing").status == 404


def cells(page: Answer, path: str) -> dict[str, str]:
    """What the row of an operation says on the page of a message."""
    (row,) = [one for one in re.findall(r"<tr>(.*?)</tr>", page.text, re.DOTALL) if f'href="{path}"' in one]
    return dict(re.findall(r'<td data-label="([^"]+)">(.*?)</td>', row))


def test_each_message_of_an_operation_leads_to_its_page(mending: Mending, mender: Mender) -> None:
    """Where it has an id: what could not be read stands under the number that it has here."""
    *readable, unread = poisoned(3)
    mender.fail(*readable, unread)
    mender.probe.query("update parked set message_id = null where message_id = %s", unread.id)
    page = mending.people[0].get(dry_run(mending.people[0])).text
    assert set(re.findall(r'<th scope="row"><a class="tall" href="/mensaje/([^"]+)"><code>\1<', page)) == {
        str(one.id) for one in readable
    }
    assert len(re.findall(r'<th scope="row"><code>\d+</code></th>', page)) == 1


def test_an_unknown_operation_is_not_found_and_what_no_form_says_is_not_taken(mending: Mending) -> None:
    browser, id = mending.people[0], str(uuid7())
    assert browser.get(f"/operacion/{id}").status == 404
    browser.get("/fallos")
    for form, status in (
        ({}, 400), ({"formulario": id}, 400), ({"formulario": id, "acto": "drop"}, 400),
        ({"formulario": "x", "acto": "retry", "servicio": "probe"}, 400),
        ({"formulario": id, "acto": "retry", "servicio": "nobody's"}, 404),
    ):  # fmt: skip
        assert browser.send("/fallos", **form).status == status, form
        browser.get("/fallos")


def test_of_many_messages_all_are_started_and_each_is_listed(mending: Mending, mender: Mender) -> None:
    parked_by_hand(mender, AT_ONCE + 50)
    browser = mending.people[0]
    path = dry_run(browser)
    first = browser.get(path)
    assert "¿Intentar otra vez 250 mensajes?" in first.text
    more = re.search(r'href="([^"]+tras=\d+)"', first.text)
    assert more is not None
    second = browser.get(unescape(more[1]))
    listed = [re.findall(r'href="/mensaje/([^"]+)"', one.text) for one in (first, second)]
    assert [len(one) for one in listed] == [200, 50]
    assert len({*listed[0], *listed[1]}) == 250
    for bad in ("?servicio=other", "?tras=x", f"?tras={10**30}", f"?tras={'9' * 5000}"):
        assert browser.get(path + bad).status == 404


def test_who_waits_for_databases_leaves_room_for_everybody_else(
    mending: Mending, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = mending.people[0]
    for _ in range(operators.AT_ONCE):
        assert operators._turns.acquire(blocking=False)
    try:
        assert browser.get("/fallos").status == 503
        assert browser.get("/alertas").status == 200
    finally:
        for _ in range(operators.AT_ONCE):
            operators._turns.release()
    assert browser.get("/fallos").status == 200


PLANTED = "Plantada Pérez 3001234567"


def test_a_planted_word_stands_on_no_page(mending: Mending, mender: Mender) -> None:
    """Whatever stood in a database, and whatever a message or a person says."""
    mender.fail(*[service_published(f"fail {PLANTED}") for _ in range(2)])
    for column in ("source", "type", "error", "subject", "reason"):
        parked_by_hand(mender, 1, **{column: PLANTED})
    typed = operations.plan(mender.databases, uuid7(), "retry", f"operator:{PLANTED}", Cause("probe"))
    pages = [mending.people[0].get("/fallos"), mending.people[0].get(f"/operacion/{typed.operation_id}")]
    operations.start(
        mender.databases,
        typed.operation_id,
        typed.digest,
        f"operator:{PLANTED}",
        f"said_anew {PLANTED}",
        lambda _: None,
    )
    mender.retry(3)
    mender.probe.query("update parked_outcome set code = %s, error = %s", PLANTED, PLANTED)
    (done,) = mender.probe.query("select message_id from parked_outcome where result = 'quarantined' limit 1")
    pages += [mending.people[0].get(f"/operacion/{typed.operation_id}"), mending.people[0].get("/fallos")]
    pages.append(mending.people[0].get(f"/mensaje/{done['message_id']}"))
    assert str(typed.operation_id) in pages[-1].text
    assert [one.status for one in pages] == [200] * 5
    assert "lo que se escribió en la línea de órdenes" in pages[2].text
    for word in ("Plantada", "Pérez", "3001234567"):
        assert not [one for one in pages if word in one.text]
