"""The pages of cases, as browsers get them: what each role is shown, in words, and what stands in no address."""

import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from openpyxl import load_workbook
from psycopg.rows import dict_row

import contracts
from contracts.codes import (
    CapacityState,
    DeadlineStep,
    InfoTopic,
    NoteKind,
    OverrideReason,
    ReferralState,
    ReminderAbout,
    Urgency,
)
from hub.console.store import cases, work
from hub.console.web import app, case, today
from hub.console.web.case import path_of
from messaging import clock
from tests.examples_reports import (
    an_id,
    consent_ended,
    consent_recorded,
    in_need,
    noted,
    referred,
    says,
    service_recorded,
)
from tests.hub.console.kept import Kept
from tests.hub.console.kit import CENTRE, Browser, Console, Running

DAY = timedelta(days=1)
ANSWERED_BY = {
    ReferralState.SENT: ReminderAbout.RECEIPT,
    ReferralState.RECEIVED: ReminderAbout.DECISION,
    ReferralState.INFO_REQUESTED: ReminderAbout.ANSWER,
    ReferralState.COMPLETED: ReminderAbout.OUTCOME,
}


@pytest.fixture(scope="module")
def service(console: Console) -> Iterator[Kept]:
    """The read service beside the pages, with some referrals."""
    service = Kept(console.url)
    now = clock.now()
    then: dict[str, Any] = {"noted_at": now, "next_step": DeadlineStep.EXPIRE, "next_step_at": now + DAY}
    escalated = noted("x", referral_id=an_id("late"), **then)
    again: dict[str, Any] = {**then, "next_step": DeadlineStep.REMIND}
    reminded = noted("y", "reminded", "sent", referral_id=an_id("elsewhere"), **again)
    service.hear(
        *steps("late", ReferralState.SENT, ReferralState.RECEIVED, ago=3 * DAY),
        *steps(
            "asked", ReferralState.SENT, ReferralState.RECEIVED, ReferralState.INFO_REQUESTED, topic=InfoTopic.DOCUMENTS
        ),
        *steps("elsewhere", ReferralState.SENT, sender="americares", recipient="fuvadis"),
        says(escalated),
        says(reminded),
    )
    yield service
    service.close()


def steps(name: str, *states: ReferralState, ago: timedelta = timedelta(), **said: Any) -> list[Any]:
    """What is recorded of a referral from the Red Cross to IOM, a step a minute, the last of them so long ago."""
    facts = []
    for number, state in enumerate(states, 1):
        at = clock.now() - ago - timedelta(minutes=len(states) - number + 1)
        more = {"sender": "redcross", "recipient": "iom", "person_id": an_id(("person", name)), **said}
        if state is not ReferralState.INFO_REQUESTED:
            more.pop("topic", None)
        fact = referred(
            name, state, referral_id=an_id(name), changed_at=at, sent_at=at,
            waits_for=ANSWERED_BY.get(state), due_at=at + DAY if state in ANSWERED_BY else None,
            changed_by=more["sender"], **more,
        )  # fmt: skip
        facts.append(says(fact, number=number, time=at))
    return facts


@pytest.fixture(scope="module")
def staff(console: Console, running: Running, service: Kept) -> dict[str, Browser]:
    """Somebody of each organisation, and a coordinator and an auditor of the centre."""
    found = {}
    for organisation in ("redcross", "iom", "americares", "fuvadis"):
        found[organisation] = Browser(running)
        console.enrol(found[organisation], f"pages.{organisation}", "partner_staff", organisation=organisation)
    for role in ("coordinator", "auditor"):
        found[role] = Browser(running)
        console.enrol(found[role], f"pages.{role}", role, organisation=CENTRE)
    return found


def codes_on(page: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])[0-9A-Z]{4}-[0-9A-Z]{4}(?![\w-])", page))  # and no part of an id


def code_of(name: str) -> str:
    return contracts.short_code(an_id(name))


def test_each_sees_on_every_page_the_cases_that_are_theirs_and_no_others(staff: dict[str, Browser]) -> None:
    theirs = {
        "redcross": {"late", "asked"}, "iom": {"late", "asked"}, "americares": {"elsewhere"}, "fuvadis": {"elsewhere"},
        "coordinator": {"late", "asked", "elsewhere"}, "auditor": {"late", "asked", "elsewhere"},
    }  # fmt: skip
    for who, names in theirs.items():
        assert codes_on(staff[who].get("/referencias").text) == {code_of(name) for name in names}, who
        for name in ("late", "asked", "elsewhere"):
            answer = staff[who].get(path_of(an_id(name)))
            assert answer.status == (200 if name in names else 404), (who, name)
            if who != "auditor":
                staff[who].get("/buscar")
                found = staff[who].send("/buscar/casos", q=code_of(name).lower().replace("-", " "))
                assert (found.leads_to == path_of(an_id(name))) == (name in names), (who, name)


def test_what_is_not_for_somebody_is_answered_as_what_there_is_not(staff: dict[str, Browser]) -> None:
    def told(path: str) -> tuple[int, str]:
        answer = staff["fuvadis"].get(path)
        return answer.status, re.sub(r"[0-9a-f]{32}", "", answer.text)

    assert told(path_of(an_id("late"))) == told(path_of(an_id("nothing")))

    def searched(words: str) -> str:
        staff["fuvadis"].get("/buscar")
        return re.sub(r"[0-9a-f]{32,}|value=\"[^\"]*\"", "", staff["fuvadis"].send("/buscar/casos", q=words).text)

    assert searched(code_of("late")) == searched("0000-0000") == searched(str(an_id("late")))


def test_today_says_why_each_row_is_there(staff: dict[str, Browser]) -> None:
    iom, redcross, coordinator = (staff[who].get("/hoy").text for who in ("iom", "redcross", "coordinator"))
    assert "Vencidas: la respuesta de ustedes está atrasada (1)" in iom
    assert codes_on(iom) == {code_of("late")}
    assert "Les preguntan, y el plazo corre (1)" in redcross
    assert codes_on(redcross) == {code_of("asked")}
    assert "Nadie responde: alguien de coordinación tiene que llamar (1)" in coordinator
    assert "hace 2 días" in iom
    assert "Nada espera por ustedes ahora" in staff["americares"].get("/hoy").text


def test_a_case_tells_its_story_in_the_readers_language(staff: dict[str, Browser]) -> None:
    page = staff["redcross"].get(path_of(an_id("asked"))).text
    for sentence in ("Cruz Roja Colombiana la envió a OIM.", "OIM la recibió.", "preguntó algo a Cruz Roja Colombiana"):
        assert sentence in page
    assert "Pregunta sobre" in page
    late = staff["coordinator"].get(path_of(an_id("late"))).text
    assert "Ruta avisó a coordinación: nadie respondía." in late
    assert re.search(r"Si nadie responde, mañana \d+:\d\d: la referencia vence\.", late)

    reminded = staff["coordinator"].get(path_of(an_id("elsewhere"))).text
    assert "Ruta mandó un recordatorio: falta la respuesta." in reminded
    assert re.search(r"Si nadie responde, mañana \d+:\d\d: Ruta manda un recordatorio\.", reminded)

    staff["redcross"].get("/idioma/en")
    english = staff["redcross"].get(path_of(an_id("asked"))).text
    staff["redcross"].get("/idioma/es")
    assert "Cruz Roja Colombiana sent it to OIM." in english
    assert 'lang="en"' in english


HOSTILE = "<script>alert(1)</script> \u202e" + "C" * 150


def test_services_stand_by_the_names_that_their_organisations_gave_them_and_do_nothing_there(
    staff: dict[str, Browser], service: Kept
) -> None:
    now = clock.now()
    stated: dict[str, Any] = {
        "capacity": CapacityState.WAITING_LIST, "waiting": 1, "estimate_days": 20,
        "stated_at": now - 9 * DAY, "valid_until": now - 2 * DAY,
    }  # fmt: skip
    service.hear(says(service_recorded(HOSTILE, published_at=now - 9 * DAY, **stated)))
    page = staff["iom"].get(path_of(an_id("asked"))).text
    assert "<script>alert" not in page
    assert f"<bdi>&lt;script&gt;alert(1)&lt;/script&gt; \u202e{'C' * 150}</bdi>" in page
    assert re.search(r"con lista de espera, 1 en espera, más o menos 20 días\s*; dicho <time.*ya venció", page)
    for path in ("/referencias", "/hoy"):
        page = staff["iom"].get(path).text
        assert "<script>alert" not in page
        assert "<bdi>&lt;script&gt;alert(1)" in page
        assert "C" * 60 not in page

    service.hear(says(service_recorded("Consulta médica", published_at=now, active=False, **stated)))
    page = staff["iom"].get(path_of(an_id("asked"))).text
    assert "<bdi>Consulta médica</bdi> (ya no recibe referencias)" in page


def test_every_state_event_and_reason_has_its_words() -> None:
    from contracts import codes
    from contracts.words import catalogue

    assert case.STEPS.keys() == {*codes.ReferralState}
    assert case.EVENTS.keys() == {*codes.ReferralEvent}
    assert case.NEXT.keys() == {*codes.DeadlineStep}
    assert today.REASONS.keys() == {*work.Bucket}
    assert {of for _, of in case.CODED.values()} <= catalogue().keys()
    said = contracts.ReferralRecorded.model_fields.keys() | contracts.ReferralNoted.model_fields.keys()
    assert {*case.CODED, *case.MOMENTS, *case.NUMBERS, *case.ORGANISATIONS} <= said


def test_what_is_seen_stands_in_the_audit_and_the_person_only_so_that_nobody_reads_it(
    console: Console, staff: dict[str, Browser], service: Kept
) -> None:
    before = len(console.acts("case_seen"))
    staff["iom"].get(path_of(an_id("late")))
    (row,) = console.acts("case_seen")[before:]
    assert len(json.loads(row["details"])["people"]) == 2  # who it is, and the code of the case
    staff["iom"].get("/referencias")
    assert len(json.loads(console.acts("referrals_seen")[-1]["details"])["people"]) == 2
    for name in ("late", "asked"):
        for act in ("case_seen", "searched", "referrals_seen", "work_seen"):
            for each in console.acts(act):
                assert code_of(name) not in each["details"]
                assert str(an_id(("person", name))) not in each["details"]


@pytest.mark.parametrize(
    "query", ["parte=x", "estado=x", "necesidad=x", "despues=x", "despues=2026-01-01T00:00~x", "despues=~"]
)
def test_an_address_that_means_nothing_is_none(staff: dict[str, Browser], query: str) -> None:
    assert staff["iom"].get(f"/referencias?{query}").status == 404


def test_pages_of_a_list_follow_each_other(
    console: Console, staff: dict[str, Browser], service: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.console.web.listing.AT_ONCE", 1)
    shown: list[str] = []
    path = "/referencias?parte=todas"
    while path:
        page = staff["coordinator"].get(path).text
        shown += codes_on(page)
        found = re.search(r'href="(/referencias\?[^"]*despues[^"]*)"', page)
        path = found[1].replace("&amp;", "&") if found else ""
    assert len(shown) == 3
    assert {*shown} == {code_of(name) for name in ("late", "asked", "elsewhere")}


@pytest.mark.parametrize("path", ["/hoy", "/referencias"])
def test_a_list_that_takes_too_long_is_refused_soon_and_says_so(
    console: Console, staff: dict[str, Browser], path: str
) -> None:
    with psycopg.connect(console.url) as other:
        other.execute("lock table referral in access exclusive mode")
        answer = staff["iom"].get(path)
    assert (answer.status, "too_slow" in answer.text) == (503, True)
    assert staff["iom"].get(path).status == 200


def test_what_records_a_list_may_take_as_long_as_ever(console: Console) -> None:
    with psycopg.connect(console.url, options=app.OPTIONS, row_factory=dict_row) as connection:
        with cases.promptly(connection):
            within = connection.execute("show statement_timeout").fetchone()
        after = connection.execute("show statement_timeout").fetchone()
    assert (within, after) == ({"statement_timeout": "300ms"}, {"statement_timeout": "5s"})


def test_a_case_says_whether_its_consent_holds_and_only_to_the_centre_where_it_was_taken_back(
    staff: dict[str, Browser], service: Kept
) -> None:
    consent_id = an_id(("consent", "allowed"))
    service.hear(*steps("allowed", ReferralState.SENT, sender="americares", recipient="fuvadis", consent_id=consent_id))

    def shown(who: str) -> str:
        page = staff[who].get(path_of(an_id("allowed"))).text
        return re.sub(r"<[^>]*>|\s+", " ", page[page.index("Consentimiento") :].partition("<dt>Qué falta")[0])

    assert "No se sabe si está vigente" in shown("fuvadis")
    service.hear(says(consent_recorded("allowed", granted_to="americares", recipients=("fuvadis",))))
    for words in ("Vigente", "la persona, con firma", "español"):
        assert words in shown("fuvadis")
    service.hear(says(consent_ended("allowed", withdrawn_through="iom")))
    for who in ("americares", "fuvadis", "coordinator", "auditor"):
        assert "Retirado" in shown(who)
        assert "la persona, de palabra y ante un testigo" in shown(who)
        assert ("OIM" in shown(who)) == (who in ("coordinator", "auditor")), who


def test_a_case_says_who_has_looked_how_urgent_it_is_and_no_party_who_else_that_was(
    staff: dict[str, Browser], service: Kept
) -> None:
    person = an_id(("person", "looked at"))
    service.hear(*steps("looked at", ReferralState.SENT, sender="americares", recipient="fuvadis",
                        need_id=an_id("its need")))  # fmt: skip

    def shown(who: str) -> str:
        page = staff[who].get(path_of(an_id("looked at"))).text
        return re.sub(r"<[^>]*>|\s+", " ", page[page.index("Urgencia") :].partition("<dt>De")[0])

    def triaged(by: str, ago: timedelta) -> None:
        at = clock.now() - ago
        need: dict[str, Any] = {"need_id": an_id("its need"), "person_id": person, "urgency": Urgency.URGENT}
        service.hear(says(in_need("looked at", **need, triaged_by=by, triaged_at=at)))

    assert "Clasificación" not in shown("fuvadis")
    triaged("americares", 2 * DAY)
    assert "urgente, según Americares" in shown("fuvadis")
    triaged("iom", DAY)
    triaged("redcross", 3 * DAY)  # late
    for who in ("americares", "fuvadis", "coordinator", "auditor"):
        knows = who in ("coordinator", "auditor")
        assert f"urgente, según {'OIM' if knows else 'otra organización'} (" in shown(who), who


def test_a_need_that_nobody_has_looked_at_says_nothing(staff: dict[str, Browser], service: Kept) -> None:
    service.hear(*steps("not looked at", ReferralState.SENT, sender="americares", recipient="fuvadis",
                        need_id=an_id("no need")))  # fmt: skip
    service.hear(says(in_need("not looked at", need_id=an_id("no need"))))
    assert "Clasificación" not in staff["coordinator"].get(path_of(an_id("not looked at"))).text


def test_a_case_says_that_a_note_was_written_and_to_whom(staff: dict[str, Browser], service: Kept) -> None:
    service.hear(*steps("written", ReferralState.SENT, sender="americares", recipient="fuvadis"))
    note: dict[str, Any] = {
        "referral_id": an_id("written"), "noted_at": clock.now(), "noted_by": "americares", "addressees": ("fuvadis",),
        "note_kind": NoteKind.CALL, "call_back_at": clock.now() + DAY,
    }  # fmt: skip
    service.hear(says(noted("x", "note_added", **note)))
    page = re.sub(r"<[^>]*>|\s+", " ", staff["fuvadis"].get(path_of(an_id("written"))).text)
    assert re.search(r"Americares escribió una nota\. +De qué +llamada +Volver a llamar .* Para +FUVADIS", page), page


def test_of_a_note_only_its_author_its_addressees_and_who_coordinates_are_told(
    staff: dict[str, Browser], service: Kept
) -> None:
    service.hear(*steps("between", ReferralState.SENT, sender="americares", recipient="fuvadis"))
    written = "Americares escribió una nota."

    def told(*addressees: str) -> set[str]:
        note: dict[str, Any] = {
            "referral_id": an_id("between"), "noted_at": clock.now(), "noted_by": "americares",
            "addressees": addressees, "note_kind": NoteKind.CALL, "call_back_at": clock.now() + DAY,
        }  # fmt: skip
        before = {who: staff[who].get(path_of(an_id("between"))).text.count(written) for who in staff}
        service.hear(says(noted("x", "note_added", **note)))
        pages = {who: staff[who].get(path_of(an_id("between"))).text for who in staff}
        assert all(("Volver a llamar" in page) == (written in page) for page in pages.values())
        return {who for who, page in pages.items() if page.count(written) > before[who]}

    assert told(CENTRE) == {"americares", "coordinator", "auditor"}
    assert told("fuvadis") == {"americares", "fuvadis", "coordinator", "auditor"}


def test_a_case_says_that_it_went_out_because_a_life_was_at_risk(staff: dict[str, Browser], service: Kept) -> None:
    said: dict[str, Any] = {"sender": "americares", "recipient": "fuvadis", "override": OverrideReason.LIFE_AT_RISK}
    service.hear(*steps("overridden", ReferralState.SENT, **said))
    page = staff["fuvadis"].get(path_of(an_id("overridden"))).text
    assert re.search(r'class="wanting">Sin consentimiento</strong>.*hay una vida en riesgo', page, re.DOTALL)


def test_a_list_is_the_same_as_a_file_in_which_nothing_is_a_formula_and_the_audit_has_what_was_taken(
    console: Console, staff: dict[str, Browser], service: Kept
) -> None:
    service.hear(
        *steps("filed", ReferralState.SENT, sender="americares", recipient="redcross"),
        says(service_recorded('=HYPERLINK("http://x.example","mire")', published_at=clock.now())),
    )
    for path in ("/referencias", "/referencias?estado=received", "/referencias?parte=recibidas"):
        for who in ("redcross", "fuvadis", "auditor"):
            page = codes_on(staff[who].get(path).text)
            answer = staff[who].get(path.replace("/referencias", "/referencias.xlsx"))
            assert answer.header("content-disposition") is not None
            assert answer.header("cache-control") == "no-store"
            sheet = load_workbook(io.BytesIO(answer.body)).active
            assert sheet is not None
            rows = [list(row) for row in sheet.iter_rows(min_row=2)]
            assert {str(row[0].value) for row in rows} == page
            assert all(cell.data_type in ("s", "d", "n") for row in rows for cell in row)
            assert console.acts("referrals_exported")[-1]["actor"] == console.acts("referrals_seen")[-1]["actor"]
    assert staff["redcross"].get("/referencias.xlsx?estado=nothing").status == 404


def offered(page: str, field: str) -> set[str]:
    """What a filter lets choose, but for all."""
    (choices,) = re.findall(f'<select id="{field}".*?</select>', page, re.DOTALL)
    return {value for value in re.findall(r'<option value="([^"]*)"', choices) if value}


def test_a_filter_offers_what_the_viewers_referrals_have_and_nothing_else(
    staff: dict[str, Browser], service: Kept
) -> None:
    page = {who: staff[who].get("/referencias").text for who in staff}
    assert "declined" not in offered(page["auditor"], "estado")
    service.hear(
        *steps("wanted", ReferralState.DECLINED, sender="oportunidades", recipient="fuvadis",
               need_code="education.school_place")
    )  # fmt: skip
    for who, browser in staff.items():
        before, after = page[who], browser.get("/referencias").text
        sees = who in ("fuvadis", "coordinator", "auditor")
        assert offered(after, "estado") == offered(before, "estado") | ({"declined"} if sees else set()), who
        more = {"education.school_place"} if sees else set()
        assert offered(after, "necesidad") == offered(before, "necesidad") | more, who
        for field in ("estado", "necesidad"):
            for value in offered(after, field):
                assert codes_on(browser.get(f"/referencias?{field}={value}").text), (who, value)


def test_what_was_asked_for_stays_chosen_where_there_is_no_more_of_it(staff: dict[str, Browser]) -> None:
    page = staff["redcross"].get("/referencias?estado=no_show").text
    assert '<option value="no_show" selected>' in page
    assert "No hay ninguna así" in page


def test_a_referral_is_new_to_whoever_it_is_for_until_one_of_them_has_opened_it(
    console: Console, running: Running, staff: dict[str, Browser], service: Kept
) -> None:
    colleague = Browser(running)
    console.enrol(colleague, "pages.colleague", "partner_staff", organisation="fuvadis")
    service.hear(*steps("just come", ReferralState.SENT, sender="americares", recipient="fuvadis"))
    row = re.compile(f"{code_of('just come')}</a> <strong>nueva</strong>")

    def is_new(*browsers: Browser) -> set[bool]:
        return {row.search(one.get(path).text) is not None for one in browsers for path in ("/hoy", "/referencias")}

    assert is_new(staff["fuvadis"], colleague) == {True}
    assert is_new(staff["americares"], staff["coordinator"]) == {False}
    staff["americares"].get(path_of(an_id("just come")))
    staff["coordinator"].get(path_of(an_id("just come")))
    assert is_new(staff["fuvadis"], colleague) == {True}
    colleague.get(path_of(an_id("just come")))
    assert is_new(staff["fuvadis"], colleague) == {False}


def test_what_is_decided_is_not_new_to_who_has_not_opened_it_here(staff: dict[str, Browser], service: Kept) -> None:
    states = ReferralState.SENT, ReferralState.ACCEPTED
    service.hear(*steps("decided elsewhere", *states, sender="americares", recipient="fuvadis"))
    page = staff["fuvadis"].get("/referencias").text
    assert f"{code_of('decided elsewhere')}</a> <strong>nueva" not in page
    assert code_of("decided elsewhere") in page
