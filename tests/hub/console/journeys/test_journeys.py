"""What staff do with the console, from beginning to end, in a real browser, with the page's script and without."""

import http.client
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Error

import contracts
from demo.people import BARRANQUILLA
from demo.sample.people import Person
from demo.sample.script import Line
from tests.hub.console.journeys.conftest import DESK, PHONE, House, Referral, Sitting, moment
from tests.waiting import eventually

either_way = pytest.mark.parametrize("javascript", [True, False], ids=["with script", "without script"])
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


# But for what keeps what is typed, no page has a script of ours: with and without, a browser has the same page.
@either_way
def test_somebody_is_accepted_on_a_phone_misses_the_visit_comes_to_another_and_is_served(
    house: House, javascript: bool
) -> None:
    referral = house.refers("redcross", "casapuente.apoyo")
    with house.sits("casapuente", width=PHONE, javascript=javascript) as phone:
        phone.opens("/hoy")
        phone.sees(referral.code)
        phone.acts(referral, "Aceptar")
        visit = {"mode": "at_provider", "sealed": "Preguntar por Recepción. (Caso inventado.)"}
        phone.acts(referral, "Dar una cita", visit_at=moment(house.now() + DAY), **visit)
        house.wait_for(2 * DAY)
        phone.acts(referral, "No vino")
        phone.acts(referral, "Dar otra cita", visit_at=moment(house.now() + DAY), **visit)
        house.wait_for(2 * DAY)
        phone.acts(referral, "Vino")
        phone.acts(referral, "Terminamos", outcome="need_met")
        referral.says("redcross", "closed", outcome="need_met")
        eventually(lambda: referral.states[-1] == "closed")
        phone.opens(referral.path)
        assert "cerrada" in phone.read()

    assert referral.states == [
        "sent", "received", "accepted", "scheduled", "no_show", "scheduled", "in_service", "completed", "closed",
    ]  # fmt: skip


def test_a_question_is_asked_and_its_answer_is_read(house: House) -> None:
    referral = house.refers("iom", "casapuente.mercado")
    with house.sits("casapuente", width=PHONE) as phone:
        phone.acts(referral, "Preguntar algo", topic="documents", sealed="¿Qué documento tiene? (Caso inventado.)")
        referral.says("iom", "info_provided", note="Tiene el comprobante. (Caso inventado.)")

        def is_read() -> bool:
            phone.opens_person(referral)
            return "Tiene el comprobante." in phone.read()

        eventually(is_read)
        phone.acts(referral, "Aceptar")

    eventually(lambda: referral.states == ["sent", "received", "info_requested", "received", "accepted"])


def test_where_nobody_answers_the_coordinator_is_told_chases_gives_more_time_and_takes_it_on(
    house: House,
) -> None:
    referral = house.refers("redcross", "fuvadis.higiene", "urgent")
    with house.sits("coordinacion", width=DESK) as desk:
        _nobody_answers(house, referral)
        desk.opens("/hoy")
        desk.sees(referral.code)
        desk.acts(
            referral, "Anotar que pedimos respuesta",
            organisation="fuvadis", means="telephone", result="needs_time", chased_at=moment(house.now()),
        )  # fmt: skip
        before = referral.due_at
        desk.acts(
            referral, "Dar más plazo", due_at=moment(max(before, house.now()) + HOUR), reason="organisation_asked",
        )  # fmt: skip
        desk.acts(referral, "Encargarnos")
        desk.opens(referral.path)
        assert "Se encarga" in desk.read()

    assert {"chased", "taken_on"} <= referral.notes
    assert referral.due_at > before


def _nobody_answers(house: House, referral: Referral) -> None:
    """Let days pass until somebody is called in: the hub takes one step after the other, each when it is due."""
    for step in ("reminded", "escalated"):
        for _ in range(6):
            if step in referral.notes:
                break
            house.wait_for(DAY)
            with suppress(AssertionError):
                eventually(lambda step=step: step in referral.notes, within=10)  # type: ignore[misc]
    assert "escalated" in referral.notes, referral.notes


def test_what_a_consent_no_longer_allows_is_not_done_and_says_why(house: House) -> None:
    referral = house.refers("redcross", "casapuente.mercado")
    with house.sits("casapuente", width=PHONE) as phone:
        phone.opens(referral.path)
        phone.may("Aceptar")
        phone.page.locator("main button:text-is('Aceptar')").wait_for()
        referral.withdraws_consent()  # elsewhere, while the page stands open
        with phone.page.expect_navigation():
            phone.page.locator("main button:text-is('Aceptar')").first.click()
        assert "El caso cambió" in phone.read() or "No se aplicó" in phone.read()
        phone.opens(referral.path)
        phone.sees("detenida porque el consentimiento se retiró")
        assert not phone.page.locator("main button:text-is('Aceptar'):not([disabled])").count()

    assert "accepted" not in referral.states


def test_of_two_who_act_on_one_referral_at_once_one_is_heard_and_the_other_told(house: House) -> None:
    referral = house.refers("fuvadis", "casapuente.apoyo")
    with (
        house.sits("casapuente", width=PHONE) as one,
        house.sits("colega", width=DESK) as other,
    ):
        for somebody in (one, other):
            somebody.opens(referral.path)
            somebody.may("Aceptar")
        other.presses("No podemos")
        other.fills(reason="no_capacity")
        one.presses("Aceptar")
        with other.page.expect_navigation():
            other.page.locator("main button:text-is('No podemos')").click()
        one.is_applied(referral)
        other.opens(referral.path)
        other.sees("aceptada")

    eventually(lambda: referral.states == ["sent", "received", "accepted"])


def test_a_form_that_is_sent_twice_and_from_two_devices_has_one_effect(house: House) -> None:
    referral = house.refers("iom", "casapuente.apoyo")
    with (
        house.sits("casapuente", width=PHONE) as phone,
        house.sits("casapuente", width=DESK) as desk,
    ):
        phone.opens(referral.path)
        phone.may("Aceptar")
        form = phone.form_of("Aceptar")
        phone.page.locator("main button:text-is('Aceptar')").dblclick()
        desk.opens(referral.path)
        for _ in range(3):  # as a browser does that has not heard the answer
            desk.page.context.request.post(
                f"{house.address}{referral.path}/hacer/accepted",
                form={"formulario": form, "form_token": desk.token()},
            )
        eventually(lambda: referral.states == ["sent", "received", "accepted"])

    acts = house.asks_the_console(
        "select state, contract, message_id::text from act where referral_id = %s and contract = %s",
        referral.id,
        "referral.accepted.v1",
    )
    assert [row["state"] for row in acts] == ["applied"], acts


def test_what_was_typed_waits_where_the_session_is_locked_or_the_connection_cut(house: House) -> None:
    referral = house.refers("redcross", "casapuente.apoyo")
    question = "¿Puede venir por la tarde? (Caso inventado.)"
    form = f"{referral.path}/hacer/info_requested"

    def stands_there(somebody: Sitting) -> bool:
        return somebody.page.input_value("[name=sealed]") == question and somebody.page.is_checked("[value=contact]")

    with house.sits("casapuente", width=PHONE) as phone, house.sits("casapuente", width=DESK) as desk:
        phone.opens(referral.path)
        phone.may("Preguntar algo")
        phone.presses("Preguntar algo")
        phone.fills(topic="contact", sealed=question)  # once, and never again
        waiting = "select from kept_form where path = %s"
        eventually(lambda: house.asks_the_console(waiting, form))
        phone.page.context.set_offline(True)
        phone.page.locator("main form button").first.click()
        phone.page.locator("[role=alert]").wait_for()
        assert stands_there(phone)  # on the page itself
        with pytest.raises(Error):
            phone.page.reload()  # to the browser's own page
        phone.page.context.set_offline(False)
        phone.opens(form)
        assert stands_there(phone)
        desk.opens(form)
        assert stands_there(desk)  # on another device
        house.asks_the_console(
            "update session set locked_at = now() where ended_at is null and locked_at is null "
            "and staff = (select code from staff where login = 'casapuente') returning id"
        )
        phone.presses("Preguntar algo")
        phone.fills(pin=house.accounts["casapuente"].pin)
        phone.presses("Abrir")
        assert stands_there(phone)
        phone.presses("Preguntar algo")
        phone.is_applied(referral)

    eventually(lambda: referral.states == ["sent", "received", "info_requested"])
    acts = house.asks_the_console(
        "select from act where referral_id = %s and contract like '%%info_requested%%'", referral.id
    )
    assert len(acts) == 1
    assert house.asks_the_console(waiting, form) == []


def test_without_script_what_was_sent_while_the_session_was_locked_waits(house: House) -> None:
    referral = house.refers("redcross", "casapuente.apoyo")
    question = "¿Puede venir por la mañana? (Caso inventado.)"
    with house.sits("casapuente", width=PHONE, javascript=False) as phone:
        phone.opens(referral.path)
        phone.may("Preguntar algo")
        phone.presses("Preguntar algo")
        phone.fills(topic="contact", sealed=question)
        house.asks_the_console(
            "update session set locked_at = now() where ended_at is null and locked_at is null "
            "and staff = (select code from staff where login = 'casapuente') returning id"
        )
        phone.presses("Preguntar algo")
        phone.fills(pin=house.accounts["casapuente"].pin)
        phone.presses("Abrir")
        assert phone.page.input_value("[name=sealed]") == question
        phone.presses("Preguntar algo")
        phone.is_applied(referral)

    eventually(lambda: referral.states == ["sent", "received", "info_requested"])


def test_a_decision_that_is_undone_was_never_said(house: House) -> None:
    referral = house.refers("americares", "casapuente.apoyo")
    eventually(lambda: "received" in referral.states)
    house.network["console-acting"].stop()
    try:
        with house.sits("casapuente", width=PHONE) as phone:
            phone.opens(referral.path)
            phone.may("Aceptar")
            phone.presses("Aceptar")
            house.asks_the_console("update act set say_at = now() + interval '1 minute' where state = 'kept'")
            phone.page.reload()
            phone.presses("Deshacer")
            phone.sees("Se deshizo")
    finally:
        house.network["console-acting"].start()
        house.network.wait_ready(["console-acting"])

    eventually(lambda: referral.states == ["sent", "received"])


def test_somebody_is_redirected_with_a_consent_that_they_give_there(house: House) -> None:
    service = contracts.uuid7()
    published = {
        "service_id": service, "name": "Mercado solidario", "need_codes": ("food_security.food_basket",),
        "active": True, "zones": (BARRANQUILLA,), "languages": ("es",),
    }  # fmt: skip
    house.says("fuvadis", Line(f"service {service}", "fuvadis", "service.published.v2", lambda _: published))
    referral = house.refers("redcross", "casapuente.mercado")
    eventually(lambda: house.asks_the_console("select from service where service_id = %s", service))
    with house.sits("casapuente", width=PHONE) as phone:
        phone.opens(referral.path)
        phone.sees("Redirigir")
        phone.presses("Redirigir")
        phone.fills(service=str(service))
        phone.presses("Ver qué se le pasa")
        person = Person(referral.number)
        assert person.family_names in phone.read()
        phone.fills(
            reason="no_capacity", given_by="person", manner="spoken_and_witnessed", language="es", lasts="90",
            agreed="yes",
        )  # fmt: skip
        phone.presses("Redirigir")
        phone.is_applied(referral)
        phone.sees("la pasó a otra organización")

    told = house.hears(
        "redcross", "referral.status.v1", lambda it: it.referral_id == referral.id and it.new_referral_id
    )
    onward = told.new_referral_id
    assert (told.state, told.changed_by) == ("redirected", "casapuente")
    offered = house.hears("fuvadis", "referral.offered.v1", lambda it: it.referral_id == onward)
    block = house.opens("fuvadis", offered.request.sealed)
    assert (block["given_names"], block["family_names"]) == (person.given_names, person.family_names)
    (consent,) = house.asks_the_console(
        "select granted_to, recipients from consent where consent_id = %s", offered.request.consent_id
    )
    assert consent == {"granted_to": "casapuente", "recipients": ["fuvadis"]}
    for verb in ("received", "accepted"):
        line = Line(f"{onward} {verb}", "fuvadis", f"referral.{verb}.v1", lambda _: {"referral_id": onward})
        house.says("fuvadis", line)
    house.hears("redcross", "referral.status.v1", lambda it: (it.referral_id, it.state) == (onward, "accepted"))
    with house.sits("coordinacion") as desk:
        for path in (referral.path, f"/caso/{onward}"):
            desk.opens(path)
            desk.sees("aceptada")
            assert {referral.code, contracts.short_code(onward)} <= {*desk.read().replace("(", " ").split()}, (
                desk.read()
            )


def test_two_who_press_at_the_same_moment_leave_one_effect(house: House) -> None:
    referral = house.refers("fuvadis", "casapuente.mercado")
    with house.sits("casapuente") as one, house.sits("colega") as other:
        sent = []
        for somebody in (one, other):
            somebody.opens(referral.path)
            somebody.may("Aceptar")
            sent.append(_as_sent(somebody, "Aceptar"))
        with ThreadPoolExecutor() as at_once:
            told = list(at_once.map(lambda form: _send(house, f"{referral.path}/hacer/accepted", *form), sent))
        assert 303 in told
        assert set(told) <= {303, 409}
        one.opens(referral.path)
        one.sees("aceptada")

    eventually(lambda: referral.states == ["sent", "received", "accepted"])


def _as_sent(somebody: Sitting, words: str) -> tuple[str, str]:
    """What a browser would send, and who it is, for a thread that has no browser."""
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in somebody.page.context.cookies())
    return urlencode({"formulario": somebody.form_of(words), "form_token": somebody.token()}), cookies


def _send(house: House, path: str, form: str, cookies: str) -> int:
    headers = {"content-type": "application/x-www-form-urlencoded", "cookie": cookies}
    with closing(http.client.HTTPConnection(urlsplit(house.address).netloc, timeout=30)) as connection:
        connection.request("POST", path, form, headers)
        return connection.getresponse().status
