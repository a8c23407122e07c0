"""The box of every page and the opened person, on the processes that serve and open: who finds whom, what is left."""

import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest

import contracts
from contracts.codes import ContactChannel, ReferralEvent, ReferralState, Weekday
from deploy.local import Stack
from hub.console.custody.client import CustodyError
from hub.console.web import answers, asking, pace
from hub.console.web.case import path_of
from hub.console.web.visit import BY_ITSELF
from messaging import clock, database
from messaging.believing import COLOMBIA
from tests.examples import NOW, consent_granted
from tests.examples_reports import an_id, noted, referred, says
from tests.hub.console.acting import gateway as gateways
from tests.hub.console.custody.boxes import ANA, PLANTED, brought, by_the_hub
from tests.hub.console.custody.boxes import Console as Box
from tests.hub.console.custody.test_process import Running as Custody
from tests.hub.console.kept import Kept
from tests.hub.console.kit import CENTRE, TOKEN, Answer, Browser, Console, Remote
from tests.hub.console.test_process import Served, start
from tests.waiting import eventually

OTHER: dict[str, Any] = {"given_names": "Gisela", "family_names": "Tolvanera", "phone": "+573014440001"}
LED_TO = re.compile(r"/buscar/casos\?respuesta=[0-9a-f]{32}")
NOTHING = "Entre los casos que usted puede ver no hay ninguno así."
AWAY = "Ahora no se puede buscar por nombre"


class World:
    """The pages' process, custody's, and the cases of some organisations."""

    def __init__(self, stack: Stack, directory: Any) -> None:
        self.console = Console(stack, directory, hosted=("redcross", "iom"))
        self.box = Box(self.console.url, self.console.state.directory)
        self.service = Kept(self.console.url)
        self.custody = Custody(self.box).start()
        self.served: Served = start(
            self.console, directory / "console-web.log", CONSOLE_CUSTODY_SOCKET=str(self.custody.socket)
        )
        self.staff: dict[str, Browser] = {}
        self.enrolled = self.searched = 0

    def close(self) -> None:
        self.custody.close()
        self.served.process.send_signal(signal.SIGKILL)
        self.service.close()
        self.box.recording.close()

    def by(self, organisation: str, role: str = "partner_staff") -> Browser:
        """Somebody's browser, in which they have come in."""
        name = f"{organisation}.{role}"
        if name not in self.staff:
            self.enrolled += 1
            self.staff[name] = Browser(Remote(self.served.port))
            self.console.enrol(self.staff[name], f"s{self.enrolled}.{name}", role, organisation=organisation)
        return self.staff[name]

    def refer(
        self, name: str, person: dict[str, Any] = ANA, *, recipient: str = "redcross", sender: str = "fuvadis",
        inbox: str | None = None, **request: Any,
    ) -> UUID:  # fmt: skip
        """Have a referral be recorded, and its recipient be sent it."""
        id, whose = an_id(name), an_id(("person", name))
        at = clock.now() - timedelta(minutes=5)
        self.service.hear(
            says(
                referred(
                    name, ReferralState.SENT, referral_id=id, person_id=whose, sender=sender, recipient=recipient,
                    changed_by=sender, changed_at=at, sent_at=at,
                ),
                number=1, time=at,
            )
        )  # fmt: skip
        to = inbox or recipient
        self.box.offer(to, person, referral_id=id, person_id=whose, **request)
        sql = "select count(*) as due from sealed_block where index_due is not null"
        eventually(lambda: self.console.query(sql)[0]["due"] == 0)
        return id

    def search(self, who: str, typed: str, role: str = "partner_staff") -> Answer:
        self.searched += 1
        browser = self.by(who, role)
        browser.get("/")
        return browser.send("/buscar/casos", q=typed, a="/buscar")

    def open(self, who: str, id: UUID) -> Answer:
        browser = self.by(who)
        browser.get("/")
        return browser.send(f"{path_of(id)}/persona", a=path_of(id))


@pytest.fixture(scope="module")
def world(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(stack, tmp_path_factory.mktemp("world"))
    made.refer("ana")
    made.refer("gisela", OTHER)
    made.refer("gisela again", OTHER | {"family_names": "Tolvanera Ruiz"})
    yield made
    made.close()


@pytest.fixture(autouse=True)
def others(world: World) -> None:
    """Somebody else searches, before who has done so until now is stopped for it."""
    if world.searched > 5:
        world.staff.clear()
        world.searched = 0


# -- the box ----------------------------------------------------------------------------------------------------------


def test_the_box_stands_once_on_every_page_of_who_may_search_and_on_no_other(world: World) -> None:
    box = 'action="/buscar/casos"'
    case = path_of(an_id("ana"))
    for role, organisation in (("partner_staff", "redcross"), ("coordinator", CENTRE)):
        for path in ("/", "/hoy", "/referencias", "/buscar", case):
            page = world.by(organisation, role).get(path)
            assert page.text.count(box) == 1, (role, path)
            assert page.text.count('<label class="unseen" for="q">') == 1
    for role in ("auditor", "administrator"):
        assert box not in world.by(CENTRE, role).get("/").text
    assert box not in Browser(Remote(world.served.port)).get("/entrar").text


def test_who_has_no_one_in_custody_is_not_told_to_search_by_name(world: World) -> None:
    assert "Buscar por código, nombre, teléfono" in world.by("redcross").get("/hoy").text
    assert "Buscar por el código del caso" in world.by("fuvadis").get("/hoy").text


# -- finding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        "Zulmarixa Qorvelle", "brezhuvia ZULMARIXA", "Sulmarixa Korveye", "Xándoquint", "QX-77.310.495", "3017731049",
        "1049", "+57 301 773 1049", "Zulmarixa 1049", contracts.short_code(an_id("ana")).lower().replace("-", " "),
        str(an_id("ana")),
    ],
)  # fmt: skip
def test_what_a_caller_says_leads_to_the_case_at_once(world: World, typed: str) -> None:
    assert world.search("redcross", typed).leads_to == path_of(an_id("ana"))


def test_a_receipt_leads_to_the_cases_of_whose_it_is(world: World) -> None:
    granted = {
        name: value for name, value in dict(consent_granted(consent_id=uuid4())).items()
        if name in contracts.ConsentReceiptIssued.model_fields
    } | {"person_id": an_id(("person", "ana"))}  # fmt: skip
    issued = contracts.ConsentReceiptIssued(
        **granted, receipt_code="7K2M-9QXD-0A1B", granted_to="redcross", recorded_at=NOW
    )
    world.box.keep("redcross", by_the_hub(issued, "redcross"))
    for typed in ("7K2M-9QXD-0A1B", "7k2m 9qxd oaib"):
        assert world.search("redcross", typed).leads_to == path_of(an_id("ana"))
        assert NOTHING in world.search("iom", typed).text


def test_several_are_a_list_with_names_that_is_one_row_of_the_audit_with_all_of_them(world: World) -> None:
    before = len(world.console.acts())
    answer = world.search("redcross", "Gisela Tolvanera")
    assert answer.status == 200
    assert answer.header("cache-control") == "no-store"
    for said in ("Gisela Tolvanera", "Gisela Tolvanera Ruiz", "ustedes"):
        assert said in answer.text
    for name in ("gisela", "gisela again"):
        assert contracts.short_code(an_id(name)) in answer.text
    acts = [(row["actor"][:6], row["act"], json.loads(row["details"])) for row in world.console.acts()[before:]]
    searched, found, opened = (one for one in acts if one[1] in ("searched", "opened"))
    assert (searched[2]["purpose"], searched[2]["terms"]) == ("box", 2)
    assert (opened[2]["purpose"], len(opened[2]["blocks"]), len(opened[2]["people"])) == ("search_list", 2, 2)
    assert (found[2]["found"], len(found[2]["people"])) == (2, 4)  # the codes, and whose they are


def test_one_who_is_only_partly_what_was_typed_is_shown_by_name_first(world: World) -> None:
    answer = world.search("redcross", "Zulmarixa Fernández")
    assert answer.status == 200
    assert "Zulmarixa Qorvelle Xandoquint" in answer.text
    assert "Así exactamente no hay ninguno" in answer.text


# -- what is kept of a search ------------------------------------------------------------------------------------------


def kept_last(world: World) -> dict[str, Any]:
    """What was kept for whoever has searched last, and has not found one alone."""
    return world.console.query("select session, content from kept_answer order by kept_at desc limit 1")[0]


def searching_for_two(world: World) -> Browser:
    """Somebody who has come to the list of two people."""
    assert "Gisela Tolvanera Ruiz" in world.search("redcross", "Gisela Tolvanera").text
    return world.by("redcross")


def test_a_search_leads_to_an_address_without_a_word_whatever_it_finds(world: World) -> None:
    browser = world.by("redcross")
    for typed in ("Gisela Tolvanera", "Nadie Ninguna", "", "x" * 101):
        browser.get("/")
        assert browser.send("/buscar/casos", q=typed, a="/buscar").status == 200, typed
        assert LED_TO.fullmatch(browser.at), typed
    assert NOTHING in browser.get(browser.at).text


def test_a_reload_shows_the_same_list_and_notes_only_that_names_are_opened(world: World) -> None:
    browser = searching_for_two(world)
    before, first = len(world.console.acts()), browser.get(browser.at)
    again = browser.get(browser.at)
    assert TOKEN.sub("", first.text) == TOKEN.sub("", again.text)
    assert 'value="Gisela Tolvanera"' in again.text
    acts = [(row["act"], json.loads(row["details"])) for row in world.console.acts()[before:]]
    assert [(act, details["purpose"], len(details["blocks"])) for act, details in acts] == [
        ("opened", "search_list", 2)
    ] * 2


def test_nobody_elses_session_sees_it_nor_another_one_of_the_same_person(world: World) -> None:
    world.staff.clear()  # whoever has searched by themselves
    browser, other = Browser(Remote(world.served.port)), Browser(Remote(world.served.port))
    person = world.console.enrol(browser, "twice.redcross", "partner_staff", organisation="redcross")
    browser.get("/")
    assert "Gisela" in browser.send("/buscar/casos", q="Gisela Tolvanera").text
    world.console.log_in(other, person)
    for one in (other, world.by("redcross"), world.by("iom")):
        page = one.get(browser.at)
        assert (page.status, "Gisela" in page.text, "Hay varios casos" in page.text) == (200, False, False)
        assert "Escriba arriba el código del caso" in page.text
    assert "Gisela" in browser.get(browser.at).text


def test_each_tab_keeps_what_its_own_search_has_led_to(world: World) -> None:
    browser = searching_for_two(world)
    first = browser.at
    assert NOTHING in browser.send("/buscar/casos", q="Nadie Ninguna").text
    assert "Gisela Tolvanera Ruiz" in browser.get(first).text
    assert "Escriba arriba el código del caso" in browser.get("/buscar/casos").text


def test_of_what_one_session_was_led_to_no_more_is_kept_than_fits(world: World) -> None:
    world.staff.clear()
    browser = searching_for_two(world)
    session, first = kept_last(world)["session"], browser.at
    for of in range(answers.MOST + 1):
        with database.connect(world.console.url) as tx:
            answers.keep(tx, world.console.keyring, session, f"/x?{of}", answers.Kept({"of": of}, {}))
    kept = world.console.query("select path from kept_answer where session = %s", session)
    assert {row["path"] for row in kept} == {f"/x?{of}" for of in range(1, answers.MOST + 1)}
    assert "Gisela" not in browser.get(first).text


def test_what_is_no_longer_for_the_viewer_is_not_in_the_list(world: World) -> None:
    browser = searching_for_two(world)
    sql = "update referral set recipient = %s where referral_id = %s"
    world.console.query(sql, "iom", an_id("gisela again"))
    try:
        page = browser.get(browser.at).text
    finally:
        world.console.query(sql, "redcross", an_id("gisela again"))
    assert contracts.short_code(an_id("gisela")) in page
    assert contracts.short_code(an_id("gisela again")) not in page
    assert "Ruiz" not in page


def test_it_is_kept_so_that_the_database_alone_does_not_tell_it(world: World) -> None:
    searching_for_two(world)
    content = bytes(kept_last(world)["content"])
    assert not [word for word in (b"Gisela", b"Tolvanera", an_id("gisela").hex.encode()) if word in content]


@pytest.mark.parametrize("how", ["logout", "lock", "minutes", "erasure", "deletion"])
def test_it_is_gone_with_the_session_the_lock_the_minutes_and_anybody_who_is_erased(world: World, how: str) -> None:
    world.staff.clear()  # whoever goes here is nobody elsewhere
    browser = searching_for_two(world)
    session, at = kept_last(world)["session"], browser.at
    match how:
        case "logout" | "lock":
            browser.send("/salir" if how == "logout" else "/bloquear")
            world.staff.clear()
        case "minutes":
            world.console.age("kept_answer", 16 * 60, "kept_at")
        case "erasure":
            world.box.forget(uuid4())
        case "deletion":
            world.console.query("insert into purged (organisation, referral_id) values ('redcross', %s)", uuid4())
    left = world.console.query("select kept_at from kept_answer where session = %s", session)
    assert bool(left) == (how == "minutes")  # which is dropped a little later, and shown to nobody before
    page = browser.get(at)
    assert "Gisela" not in page.text
    assert page.status == (303 if how in ("logout", "lock") else 200)


# -- what is not for whoever asks -------------------------------------------------------------------------------------


def test_a_case_that_is_not_for_the_viewer_changes_no_byte_of_any_page(world: World) -> None:
    hidden = {
        "given_names": "Quintiliana",
        "family_names": "Ostrogorska",
        "documents": [{"type": "CC", "number": "70711223"}],
        "phone": "+573029998877",
    }
    id = an_id("hidden")
    paths = ["/", "/hoy", "/referencias", "/buscar", path_of(id)]
    typed = [
        "Quintiliana Ostrogorska", "70711223", "3029998877", "8877", contracts.short_code(id), str(id),
        "0000-0000-0000", "Nadie Ninguna", "%", "x" * 150,
    ]  # fmt: skip

    def everything(who: str) -> list[tuple[int, list[tuple[str, str]], str]]:
        answers = [world.by(who).get(path) for path in paths]
        answers += [world.search(who, one) for one in typed]
        opened = world.by(who)
        opened.get("/")
        answers.append(opened.send(f"{path_of(id)}/persona"))
        return [
            (
                one.status,
                [header for header in one.headers if header[0] not in ("x-request-id", "date")],
                # The number of a refused page and in an address, the hour, the mask of the token.
                re.sub(r"[0-9a-f]{32}(?=<)|(?<=respuesta%3D)[0-9a-f]{32}|\b\d+:\d\d\b", "", TOKEN.sub("", one.text)),
            )
            for one in answers
        ]

    before = {who: everything(who) for who in ("redcross", "fuvadis")}
    world.refer("hidden", hidden, sender="americares", recipient="iom")
    after = {who: everything(who) for who in ("redcross", "fuvadis")}
    assert after == before
    assert world.search("iom", "Quintiliana Ostrogorska").leads_to == path_of(id)


def test_what_is_found_passes_the_viewers_own_conditions_again(world: World) -> None:
    """Its block came to one organisation, and its referral is between two others."""
    world.refer("astray", {"given_names": "Filomeria", "family_names": "Astrayada"}, recipient="iom", inbox="redcross")
    assert NOTHING in world.search("redcross", "Filomeria Astrayada").text
    assert world.open("redcross", an_id("astray")).status == 404


def test_the_same_words_for_nobody_for_not_yours_and_for_who_has_nobody_in_custody(world: World) -> None:
    def said(who: str, typed: str) -> str:
        return re.sub(
            r'value="[^"]*"|respuesta%3D[0-9a-f]{32}|<header.*</header>',
            "",
            world.search(who, typed).text,
            flags=re.DOTALL,
        )

    assert said("redcross", "Nadie Ninguna") == said("fuvadis", "Zulmarixa Qorvelle") == said("iom", "Zulmarixa")
    assert NOTHING in said("iom", "Zulmarixa")


# -- the opened person ------------------------------------------------------------------------------------------------


def test_the_person_is_opened_by_one_tap_and_the_row_of_the_audit_stands_first(world: World) -> None:
    closed = world.by("redcross").get(path_of(an_id("ana"))).text
    assert "Ver nombre y teléfono" in closed
    assert not [planted for planted in PLANTED if planted in closed]
    before = len(world.console.acts("opened"))
    answer = world.open("redcross", an_id("ana"))
    assert answer.status == 200
    assert answer.header("cache-control") == "no-store"
    for said in ("Zulmarixa Qorvelle Xandoquint Brezhuvia", "QX-77.310.495", "Ondrixia Vlachopuente", "Wurzelbaum"):
        assert said in answer.text
    (row,) = world.console.acts("opened")[before:]
    details = json.loads(row["details"])
    assert (details["purpose"], len(details["blocks"]), len(details["people"])) == ("case", 1, 1)
    assert row["subject"] == "redcross"


def test_where_it_cannot_be_recorded_nothing_is_opened_and_the_case_is_shown(world: World) -> None:
    key = world.console.state.console_audit / "private.pem"
    hidden = key.with_suffix(".away")
    key.rename(hidden)
    try:
        answer = world.open("redcross", an_id("ana"))
        said = world.search("redcross", "Zulmarixa")
    finally:
        hidden.rename(key)
    assert "Ahora no se puede abrir" in answer.text
    assert AWAY in said.text
    assert not [planted for planted in PLANTED if planted in answer.text + said.text.partition("</header>")[2]]
    assert "Zulmarixa" in world.open("redcross", an_id("ana")).text


def test_who_sent_it_or_is_not_hosted_has_nothing_to_open(world: World) -> None:
    assert "Ver nombre" not in world.by("fuvadis").get(path_of(an_id("ana"))).text
    answer = world.open("fuvadis", an_id("ana"))
    assert answer.status == 200
    assert "La persona" not in answer.text.partition('<ol class="story">')[0]
    assert "Ver nombre" not in world.by(CENTRE, "coordinator").get(path_of(an_id("ana"))).text


def test_an_erased_person_is_neither_found_nor_opened(world: World) -> None:
    id = world.refer("erased", {"given_names": "Ubaldrina", "family_names": "Perecedera"})
    assert world.search("redcross", "Ubaldrina").leads_to == path_of(id)
    world.box.forget(an_id(("person", "erased")))
    assert NOTHING in world.search("redcross", "Ubaldrina").text
    assert "Ver nombre" not in world.by("redcross").get(path_of(id)).text
    assert written(world, id) == []


def test_notes_of_the_case_are_opened_with_the_person(world: World) -> None:
    id = world.refer("noted", {"given_names": "Notburga"})
    world.box.note(text="Preguntar por Hexquilombia\nen la esquina", referral_id=id)
    assert "Hexquilombia" not in world.by("redcross").get(path_of(id)).text
    page = world.open("redcross", id).text
    assert "Lo que escribieron" in page
    assert "Preguntar por Hexquilombia" in page


def test_each_note_says_who_wrote_it_however_it_came(world: World) -> None:
    id = world.refer("brought", {"given_names": "Notburga"})
    world.box.note(text="Primera", referral_id=id)
    for by, text in ((CENTRE, "Segunda"), ("americares", "Tercera")):
        world.box.keep("redcross", brought(world.box.private["redcross"], "redcross", text, id, by))
    page = re.sub(r"<[^>]*>|\s+", " ", world.open("redcross", id).text.partition("Lo que escribieron")[2])
    for by, text in (("FUVADIS", "Primera"), ("Centro Intégrate", "Segunda"), ("Americares", "Tercera")):
        assert re.search(f"{by}: +{text}", page), page[:800]


def test_what_is_deleted_of_a_person_is_gone_from_all_that_the_organisation_holds(world: World) -> None:
    id = world.refer("purged", {"given_names": "Purgatoria", "family_names": "Lustrosa"})
    world.box.note(text="Hexquilombia", referral_id=id)
    owed = noted(
        "x", ReferralEvent.PURGE_OWED, referral_id=id, noted_at=clock.now(), awaited=("redcross",), noted_by="hub"
    )
    world.service.hear(says(owed))
    come_in = "update act set state = 'refused', look_at = null where referral_id = %s returning message_id"
    eventually(lambda: world.console.query(come_in, id))  # which nobody says here
    browser = world.by("redcross")
    path = f"{path_of(id)}/hacer/purged"
    staff = world.console.query("select code from staff where organisation = 'redcross' order by code limit 1")[0]
    for page in (path_of(id), f"{path_of(id)}/hacer/note_added", path_of(an_id("ana"))):
        world.console.query("insert into kept_form (staff, path, content) values (%s, %s, 'x')", staff["code"], page)
    gateway, applied = gateways.Gateway(), gateways.Gateway().becomes
    gateway.becomes = {"state": "refused", "final": True, "services": []}
    with gateways.speaking(world.console, gateway) as speaker:
        for becomes in (gateway.becomes, applied):
            gateway.becomes = becomes
            form = re.search(r'name="formulario" value="([^"]+)"', browser.get(path).text)
            assert form is not None
            assert browser.send(path, formulario=form[1]).leads_to == f"/hecho/{form[1]}"
            # What the hub has not taken, or refuses, has deleted nothing.
            assert len(world.console.query("select id from sealed_block where referral_id = %s", id)) == 2
            gateways.said(world.console, speaker)
    box = world.box
    box.keep("redcross", brought(box.private["redcross"], "redcross", "Wurzelbaum", id, "fuvadis"))  # what came late
    left = world.console.query("select data, people from delivered where referral_id = %s", id)
    assert left == [{"data": None, "people": []}] * 3
    assert world.console.query("select id from sealed_block where referral_id = %s", id) == []
    forms = world.console.query("delete from kept_form where content = 'x' returning path")
    assert [one["path"] for one in forms] == [path_of(an_id("ana"))]
    assert "Ver nombre" not in browser.get(path_of(id)).text
    assert NOTHING in world.search("redcross", "Purgatoria Lustrosa").text
    assert written(world, id) == []  # on a page that was open since before


def written(world: World, id: UUID) -> list[dict[str, Any]]:
    """What is kept of what somebody types into a form of a case, and sends when it cannot be done any more."""
    browser, path = world.by("redcross"), f"{path_of(id)}/hacer/note_added"
    browser.get(path_of(an_id("ana")))
    for page in (path, path.replace(str(id), str(id).upper()), path.replace("-", "")):
        browser.send("/escrito", a=page, text="Hexquilombia")
    answer = browser.send(path, text="Hexquilombia")
    assert "le espera" not in answer.text
    return world.console.query("select path from kept_form")


def contact(channel: ContactChannel, *times: tuple[Weekday, str, str], **more: Any) -> contracts.Contact:
    safe = [contracts.SafeTime(day=day, starts=starts, ends=ends) for day, starts, ends in times]
    return contracts.Contact(channel=channel, language="fr", safe_times=tuple(safe), **more)


def test_a_telephone_is_a_link_where_calling_is_safe_and_only_then(world: World) -> None:
    today = clock.now().astimezone(COLOMBIA).weekday()
    days = [*Weekday]
    later = (days[(today + 3) % 7], "09:00", "11:30")
    person = ANA | {"given_names": "Telesfora", "family_names": "Marcante", "phone": "+573015556677"}
    cases = {
        "any time": contact(ContactChannel.PHONE, interpreter=True),
        "later": contact(ContactChannel.PHONE, later),
        "written": contact(ContactChannel.WHATSAPP),
        "written later": contact(ContactChannel.SMS, later),
        "caregiver": contact(ContactChannel.THROUGH_CAREGIVER),
        "sender": contact(ContactChannel.THROUGH_SENDER),
    }
    pages = {name: world.open("redcross", world.refer(name, person, contact=said)).text for name, said in cases.items()}
    links = {name: re.findall(r'href="tel:([^"]*)"', page) for name, page in pages.items()}
    assert links == {
        "any time": ["+573015556677"], "later": [], "written": [], "written later": [], "sender": [],
        "caregiver": ["+573026048193"],
    }  # fmt: skip
    assert "Necesita intérprete" in pages["any time"]
    assert "francés" in pages["any time"]
    for name in ("later", "written later"):
        assert "+573015556677" not in pages[name]
        assert "termina en 6677" in pages[name]
        assert re.search(r"No llame ni escriba ahora\. Es seguro desde: \w+ [^.]*9:00\.", pages[name])
    assert "+573015556677" in pages["written"]
    assert "No llame: escriba por WhatsApp." in pages["written"]
    assert "+573015556677" not in pages["sender"]
    assert "No llame a este número: lo seguro es por medio de quien refiere." in pages["sender"]
    assert "No use este número: lo seguro es el de la persona." in pages["any time"]
    alone = {name: said for name, said in person.items() if name != "phone"}
    page = world.open("redcross", world.refer("alone", alone, contact=cases["any time"])).text
    assert re.findall(r'href="tel:([^"]*)"', page) == ["+573026048193"]  # who has no other is called there


@pytest.fixture
def at_noon(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """A browser of the Red Cross at pages for which it is noon in Colombia, as it is for us."""
    running = world.console.run(custody=world.custody.socket)
    browser = Browser(running)
    world.console.enrol(browser, "at.noon", "partner_staff")  # by the machine's clock, as authenticators go
    now = clock.now().astimezone(COLOMBIA)
    moved = now.replace(hour=12, minute=0, second=0, microsecond=0) - now
    monkeypatch.setattr(clock, "machine_now", lambda: datetime.now(UTC) + moved)
    yield browser
    world.console.stop()


def test_a_telephone_leaves_the_screen_when_its_safe_time_ends(world: World, at_noon: Browser) -> None:
    browser = at_noon
    person = ANA | {"given_names": "Vesperina", "phone": "+573015556677"}
    now = clock.now().astimezone(COLOMBIA)
    soon = now + timedelta(minutes=5)
    lock = 60 * world.console.settings.lock_after

    def refreshed(name: str, *times: tuple[Weekday, str, str]) -> tuple[str, str, str]:
        id = world.refer(name, person, contact=contact(ContactChannel.PHONE, *times))
        browser.get(path_of(id))
        answer = browser.send(f"{path_of(id)}/persona")
        seconds, _, url = (answer.header("refresh") or "").partition(";url=")
        assert (url == f"{path_of(id)}?{BY_ITSELF}=1") == (name == "ends soon")
        assert ("tel:+573015556677" in answer.text) == (name != "not now")
        return seconds, url, answer.text

    today, start = [*Weekday][now.weekday()], f"{now - timedelta(minutes=1):%H:%M}"
    seconds, by_itself, _ = refreshed("ends soon", (today, start, f"{soon:%H:%M}"))
    ends = soon.replace(second=0, microsecond=0)
    assert 0 < int(seconds) <= (ends - now).total_seconds() + 1
    assert int(seconds) >= (ends - clock.now()).total_seconds()
    every_day = [(day, "00:00", "23:59") for day in Weekday]
    assert refreshed("ends late", *every_day)[:2] == (f"{lock + 1}", "/abrir")
    assert refreshed("at any time")[:2] == (f"{lock + 1}", "/abrir")
    other_day = [*Weekday][(now.weekday() + 3) % 7]
    assert refreshed("not now", (other_day, "09:00", "10:00"))[:2] == (f"{lock + 1}", "/abrir")

    def idle(minutes: int) -> None:
        of = "select code from staff where login = 'at.noon'"
        world.console.query(f"update session set seen_at = now() - interval '{minutes} minutes' where staff = ({of})")

    # That the page went by itself shows nobody to be there: the session is locked when it would have been.
    idle(4)
    page = browser.get(by_itself)
    assert page.status == 200
    seconds, _, url = (page.header("refresh") or "").partition(";url=")
    assert (lock - 250 < int(seconds) <= lock - 239, url) == (True, f"/abrir?a={quote(by_itself)}")
    idle(11)
    assert (browser.get(by_itself).leads_to or "").startswith("/abrir?a=")


# -- bounds -----------------------------------------------------------------------------------------------------------


def test_who_searches_on_and_on_is_stopped_by_a_page_with_a_code(world: World) -> None:
    browser = world.by("americares")
    browser.get("/")
    answers = [browser.send("/buscar/casos", q="0000-0000")]
    while answers[-1].status == 200 and len(answers) <= pace.OF_A_PERSON.at_once + 30:
        browser.get("/")
        answers.append(browser.send("/buscar/casos", q="0000-0000"))
    assert answers[-1].status == 429
    assert "too_many_searches" in answers[-1].text
    assert len(answers) > pace.OF_A_PERSON.at_once
    assert json.loads(world.console.acts("access_refused")[-1]["details"])["code"] == "too_many_searches"
    assert browser.get("/hoy").status == 200


def test_who_opens_person_after_person_is_stopped_by_a_page_with_a_code_before_custody_is_asked(world: World) -> None:
    browser = Browser(Remote(world.served.port))
    world.console.enrol(browser, "opener.redcross", "partner_staff", organisation="redcross")
    browser.get("/")
    path = path_of(an_id("ana"))
    began = time.monotonic()
    many, answer = -1, None
    while answer is None or answer.status == 200:
        many += 1
        before = len(world.console.acts("opened"))
        answer = browser.send(f"{path}/persona", a=path)
        browser.get("/")
    assert (answer.status, "too_many_opened" in answer.text) == (429, True)
    every = pace.OPENED_BY_A_PERSON.every
    assert 0 <= many - pace.OPENED_BY_A_PERSON.at_once <= (time.monotonic() - began) / every + 1
    assert not [planted for planted in PLANTED if planted in answer.text]
    assert len(world.console.acts("opened")) == before
    assert json.loads(world.console.acts("access_refused")[-1]["details"])["code"] == "too_many_opened"
    assert browser.get(path).status == 200


def test_a_page_for_which_there_is_no_room_is_told_so_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_room", threading.BoundedSemaphore(1))
    settings = replace(world.console.settings, custody=world.custody.socket)
    assert asking._room.acquire(blocking=False)
    began = time.monotonic()
    with pytest.raises(CustodyError) as refused:
        asking._ask(settings, lambda _: pytest.fail("custody is asked"))
    assert time.monotonic() - began < 0.5
    assert refused.value.code == "away"


def test_searches_count_for_a_person_and_for_their_organisation(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("hub.console.web.pace.time", SimpleNamespace(monotonic=lambda: now))
    few, some = pace.Pace(2, 10.0), pace.Pace(3, 1.0)
    paces = pace.Paces()

    def may(who: str) -> bool:
        return paces.may([(who, few), ("all", some)])

    assert [may("a"), may("a"), may("a"), may("b"), may("b")] == [True, True, False, True, False]
    now += 1.0
    assert [may("a"), may("b"), may("b")] == [False, True, False]
    now += 10.0
    assert [may("a"), may("a")] == [True, False]


# -- what is away -----------------------------------------------------------------------------------------------------


def test_with_custody_killed_pages_are_served_and_say_so_to_who_is_hosted(world: World) -> None:
    world.custody.close()
    try:
        for path in ("/", "/hoy", "/referencias", path_of(an_id("ana"))):
            assert world.by("redcross").get(path).status == 200
        assert world.search("redcross", contracts.short_code(an_id("ana"))).leads_to == path_of(an_id("ana"))
        assert AWAY in world.search("redcross", "Zulmarixa").text
        assert NOTHING in world.search("fuvadis", "Zulmarixa").text
        answer = world.open("redcross", an_id("ana"))
        assert answer.status == 200
        assert "Ahora no se puede abrir" in answer.text
    finally:
        world.custody.start()
    assert world.search("redcross", "Zulmarixa").leads_to == path_of(an_id("ana"))


def test_while_custody_hangs_other_pages_wait_for_nobody(world: World) -> None:
    other = world.by("iom")
    world.by("redcross")
    answers: list[Answer] = []
    os.kill(world.custody.process.pid, signal.SIGSTOP)
    try:
        waiting = threading.Thread(target=lambda: answers.append(world.search("redcross", "Zulmarixa")))
        waiting.start()
        began = time.monotonic()
        while waiting.is_alive():
            asked = time.monotonic()
            assert other.get("/hoy").status == 200
            assert time.monotonic() - asked < 2.0
        assert time.monotonic() - began < 9.0
    finally:
        os.kill(world.custody.process.pid, signal.SIGCONT)
    assert AWAY in answers[0].text


# -- what is left of it -----------------------------------------------------------------------------------------------


def test_nothing_of_a_person_stands_in_a_log_an_address_a_cookie_or_the_audit(world: World) -> None:
    answers = [world.search("redcross", "Zulmarixa Qorvelle"), world.search("redcross", "Gisela"),
               world.search("redcross", "QX-77.310.495"), world.open("redcross", an_id("ana"))]  # fmt: skip
    world.by("redcross").get("/buscar?q=Zulmarixa")
    logs = world.served.log.read_text() + world.custody.log.read_text()
    audit = "".join(row["details"] for row in world.console.acts())
    headers = str([answer.headers for answer in answers])
    cookies = str(world.by("redcross").cookies)
    assert "ready" in logs
    for planted in (*PLANTED, "Gisela", "Tolvanera"):
        assert planted not in logs + audit + headers + cookies, planted
    for answer in answers:
        assert answer.header("cache-control") == "no-store"
