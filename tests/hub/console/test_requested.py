"""Whoever is asked reads on the page of the case what is asked, what is shared and until when; nobody else does."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

import pytest

import contracts
from contracts import codes, sealing, stamp
from contracts.codes import ReferralState
from contracts.referral import SafeTime
from hub.console.inbox import storing
from hub.console.store import cases
from hub.console.web import learned
from hub.console.web.case import path_of
from messaging import clock, database
from tests.examples import referral_requested
from tests.examples_reports import an_id, erased, says
from tests.hub.console.custody.boxes import ANA, PLANTED
from tests.hub.console.kept import Kept
from tests.hub.console.kit import CENTRE, Browser, Console, Running
from tests.hub.console.test_pages import steps

SENT, RECEIVED = ReferralState.SENT, ReferralState.RECEIVED
ANSWER_BY = datetime(2031, 5, 6, 14, 0, tzinfo=UTC)  # at nine in the morning here
DECIDE_BY = "Decidir antes de"
ASKED: Mapping[str, Any] = {
    "accessibility": (codes.Accessibility.SIGN_LANGUAGE,),
    "contact": contracts.Contact(
        channel=codes.ContactChannel.PHONE,
        language="guc",
        interpreter=True,
        safe_times=(SafeTime(day=codes.Weekday.TUESDAY, starts="08:00", ends="10:00"),),
    ),
    "follow_up": contracts.FollowUp(channel=codes.ContactChannel.SMS, on=date(2031, 6, 1)),
    "minor": contracts.Minor(caregiver_is_sealed=True, unaccompanied=False, best_interest_assessed=False),
    "services_given": ("food_security.voucher",),
    "shares": (codes.FieldGroup.IDENTITY, codes.FieldGroup.HEALTH),
}
FACT = re.compile(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>")
NAMES = ("asked", "erased", "purged", "confidential")


@pytest.fixture(scope="module")
def service(console: Console) -> Iterator[Kept]:
    """The read service, and what IOM, which uses the screens, was sent by the Red Cross, which does not."""
    console.host("iom", CENTRE)
    with contextlib.closing(Kept(console.url)) as service:
        told = {name: ASKED[name] for name in ("minor", "shares")}
        for name in NAMES[:-1]:
            service.hear(*steps(name, SENT, answer_by=ANSWER_BY, **told))
        with database.connect(console.url) as connection:
            for name in NAMES:
                storing.keep(connection, "iom", [offered(name, console.private["iom"]).to_json()])
        yield service


def offered(name: str, key: sealing.Key) -> contracts.Message[Any]:
    """A referral of the Red Cross, as the hub brings it to IOM."""
    of_code: dict[str, Any] = {
        "person_id": None, "case_code": "GBV-0001", "need_code": "gbv.case_management", "services_given": (),
    }  # fmt: skip
    request = referral_requested(
        **{
            **ASKED,
            "recipient": "iom",
            "referral_id": an_id(name),
            "person_id": an_id(("person", name)),
            "sealed": sealing.seal(ANA, sealing.public_part(key)),
            **(of_code if name == "confidential" else {}),
        }
    )
    data = contracts.ReferralOffered(
        referral_id=an_id(name), sender="redcross", receive_by=clock.now(), answer_by=ANSWER_BY, request=request
    )
    draft = contracts.Draft(data, str(data.referral_id), sequence=1, recipient="iom")
    return stamp(draft, source="hub", time=clock.now())


@pytest.fixture(scope="module")
def staff(console: Console, running: Running, service: Kept) -> dict[str, Browser]:
    """Somebody of either party, a coordinator and an auditor who see every case, and who is not concerned."""
    found = {}
    for who, role, organisation in (
        ("iom", "partner_staff", "iom"), ("redcross", "partner_staff", "redcross"),
        ("fuvadis", "partner_staff", "fuvadis"),
        ("coordinator", "coordinator", CENTRE), ("auditor", "auditor", CENTRE),
    ):  # fmt: skip
        found[who] = Browser(running)
        console.enrol(found[who], f"requested.{who}", role, organisation=organisation)
    return found


def facts_on(page: str) -> dict[str, str]:
    """What stands on a page with a label each."""
    return {unescape(label): unescape(value) for label, value in FACT.findall(page)}


def test_the_recipient_reads_what_is_asked_and_what_is_shared(staff: dict[str, Browser]) -> None:
    page = staff["iom"].get(path_of(an_id("asked"))).text
    expected = {
        "Motivo de la referencia": "quien refiere no ofrece ese servicio",
        "Servicios que se dieron": "bono de alimentos",
        "Menor de edad": "Con quien responde; no se ha evaluado su interés superior",
        "Contacto seguro": "llamada; wayuunaiki; Necesita intérprete; martes 8:00\N{EN DASH}10:00",
        "Accesibilidad": "lengua de señas",
        "Seguimiento": "mensaje de texto, 1 de junio de 2031",
        "Datos que se comparten": "nombre, fecha de nacimiento, sexo y género; salud",
    }
    shown = facts_on(page)
    assert {label: shown.get(label) for label in expected} == expected
    assert page.index("Lo que se pide") < page.index("¿Qué hacemos?")
    assert not [word for word in PLANTED if word in page]  # of what is sealed nothing: that is opened by its button
    assert "Ver nombre y teléfono" in page


def test_while_it_is_only_sent_two_clocks_stand_there(service: Kept, staff: dict[str, Browser]) -> None:
    for who in ("iom", "redcross", "coordinator"):
        page = staff[who].get(path_of(an_id("asked"))).text
        assert page.index("<dt>Plazo</dt>") < page.index(f"<dt>{DECIDE_BY}</dt>"), who
        assert ANSWER_BY.isoformat() in page, who
    service.hear(*steps("decided", SENT, RECEIVED, answer_by=ANSWER_BY))
    assert DECIDE_BY not in staff["iom"].get(path_of(an_id("decided"))).text  # then it is the only one


def test_the_sender_reads_what_the_network_knows_of_its_own_request(staff: dict[str, Browser]) -> None:
    shown = facts_on(staff["redcross"].get(path_of(an_id("asked"))).text)
    assert shown["Datos que se comparten"] == "nombre, fecha de nacimiento, sexo y género; salud"
    assert shown["Menor de edad"] == "Con quien responde; no se ha evaluado su interés superior"
    assert "Accesibilidad" not in shown


@pytest.mark.parametrize("who", ["coordinator", "auditor"])
def test_who_is_no_party_reads_nothing_of_it(staff: dict[str, Browser], who: str) -> None:
    answer = staff[who].get(path_of(an_id("asked")))
    assert answer.status == 200
    for words in ("Lo que se pide", "Datos que se comparten", "Menor de edad", "Accesibilidad", "wayuunaiki"):
        assert words not in answer.text


def test_of_a_confidential_case_nothing_is_there_for_anybody(staff: dict[str, Browser]) -> None:
    for browser in staff.values():
        assert browser.get(path_of(an_id("confidential"))).status == 404


def test_once_its_person_is_erased_or_all_of_it_deleted_nothing_stands_there(
    console: Console, service: Kept, staff: dict[str, Browser]
) -> None:
    service.hear(says(erased(("person", "erased"))))
    with database.connect(console.url) as connection:
        cases.purge(connection, "iom", an_id("purged"))
        connection.commit()
    for who, name in (("iom", "erased"), ("redcross", "erased"), ("iom", "purged")):
        answer = staff[who].get(path_of(an_id(name)))
        assert answer.status == 200
        assert "Lo que se pide" not in answer.text, (who, name)
        assert "Menor de edad" not in answer.text, (who, name)


def test_every_field_of_a_request_stands_on_the_page_or_is_said_there_otherwise() -> None:
    elsewhere = {
        "referral_id",
        "recipient",
        "service_id",
        "person_id",
        "need_id",
        "case_code",
        "consent_id",
        "override",
    }
    names = contracts.ReferralRequested.model_fields.keys() - elsewhere - learned.OF_THE_CASE - {"sealed"}
    assert names <= learned.REQUEST.keys() | learned.SHARED.keys()


def test_a_page_in_english_says_it_in_english(staff: dict[str, Browser]) -> None:
    browser = staff["iom"]
    browser.language, before = "en", browser.language
    try:
        page = browser.get(path_of(an_id("asked"))).text
    finally:
        browser.language = before
    assert "What is asked" in page
    assert facts_on(page)["Data that is shared"] == "name, birth date, sex and gender; health"


def test_a_time_that_is_over_is_said_to_be(service: Kept, staff: dict[str, Browser]) -> None:
    service.hear(*steps("too late", SENT, answer_by=clock.now() - timedelta(hours=3)))
    page = staff["iom"].get(path_of(an_id("too late"))).text
    assert re.search(rf"<dt>{DECIDE_BY}</dt><dd><time[^>]*>[^<]*</time>[^<]*, ya venció</dd>", page)
