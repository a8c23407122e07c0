"""Who comes when, whose a case is, and who stands in for whom: as pages show it, and as the database keeps it."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, time
from typing import Any
from uuid import UUID

import pytest

import contracts
from contracts.codes import ChaseMeans, ChaseResult, ReferralState
from hub.console.web import agenda, chasing
from hub.console.web.case import path_of
from hub.console.web.holding import path_of as holder_path
from messaging import clock
from messaging.believing import COLOMBIA
from tests.examples_reports import an_id, noted, says
from tests.hub.console.kept import Kept
from tests.hub.console.kit import CENTRE, Browser, Console, Person, Running
from tests.hub.console.test_pages import DAY, steps

STATE = ReferralState
SCHEDULED = STATE.SENT, STATE.RECEIVED, STATE.ACCEPTED, STATE.SCHEDULED
MOVES = re.compile(r'/caso/[^"]+/hacer/(\w+)"')


@pytest.fixture(scope="module")
def service(console: Console) -> Iterator[Kept]:
    console.host("redcross", "iom", CENTRE)
    service = Kept(console.url)
    yield service
    service.close()


@pytest.fixture(scope="module")
def people(console: Console, running: Running, service: Kept) -> dict[str, tuple[Browser, Person]]:
    """Three of IOM, and one each of two others, and of who coordinates."""
    found = {}
    for name, organisation, role in (
        ("ana", "iom", "partner_staff"), ("beto", "iom", "partner_staff"), ("cora", "iom", "partner_staff"),
        ("rita", "redcross", "partner_staff"), ("fito", "fuvadis", "partner_staff"),
        ("marta", CENTRE, "coordinator"), ("pablo", CENTRE, "partner_staff"),
    ):  # fmt: skip
        browser = Browser(running)
        found[name] = browser, console.enrol(browser, f"agenda.{name}", role, organisation=organisation, name=name)
    return found


@pytest.fixture
def visit(console: Console, service: Kept, request: pytest.FixtureRequest) -> Callable[..., UUID]:
    """Has the Red Cross' referral to IOM come to have a visit; its id. Nobody has or is away from before."""
    for table in ("referral", "assignment", "absence", "act"):
        console.query(f"delete from {table}")

    def make(at: datetime, *, states: tuple[ReferralState, ...] = SCHEDULED, name: str = "", **more: Any) -> UUID:
        name = f"{request.node.nodeid} {name}"
        service.hear(*steps(name, *states, visit_at=at, **more))
        return an_id(name)

    return make


@pytest.fixture
def browsers(people: dict[str, tuple[Browser, Person]]) -> dict[str, Browser]:
    return {name: browser for name, (browser, _) in people.items()}


@pytest.fixture
def codes(people: dict[str, tuple[Browser, Person]]) -> dict[str, str]:
    return {name: person.code for name, (_, person) in people.items()}


def at_noon(days: int = 0) -> datetime:
    return datetime.combine((clock.now().astimezone(COLOMBIA) + days * DAY).date(), time(12), COLOMBIA)


def day_path(days: int) -> str:
    return f"/agenda?dia={at_noon(days).date()}"


def codes_on(page: str) -> set[str]:
    """The codes of the rows; a form's id may look like one."""
    return {*re.findall(r'class="code-word">([0-9A-Z]{4}-[0-9A-Z]{4})<', page)}


def code(id: UUID) -> str:
    return contracts.short_code(id)


def hold(browser: Browser, id: UUID, to: str, before: str = "") -> int:
    browser.get(path_of(id))
    return browser.send(holder_path(id), a_quien=to, antes=before).status


def go_away(browser: Browser, colleague: str, days: int = 3) -> int:
    browser.get("/ausencia")
    return browser.send("/ausencia", colega=colleague, hasta=str(at_noon(days).date())).status


def mine(browser: Browser) -> set[str]:
    return codes_on(browser.get("/hoy?de=mios").text)


def test_visits_stand_on_their_day_and_in_their_week_of_their_recipient_alone(
    browsers: dict[str, Browser], visit: Callable[..., UUID], console: Console
) -> None:
    today, tomorrow = visit(at_noon()), visit(at_noon(1), name="tomorrow")
    assert codes_on(browsers["ana"].get("/agenda").text) == {code(today)}
    assert "12:00" in browsers["ana"].get("/agenda").text
    assert codes_on(browsers["ana"].get(day_path(1)).text) == {code(tomorrow)}
    of_week = {code(id) for id, days in ((today, 0), (tomorrow, 1))
               if at_noon(days).isocalendar()[:2] == at_noon().isocalendar()[:2]}  # fmt: skip
    assert codes_on(browsers["ana"].get(f"/agenda?semana={at_noon().date()}").text) == of_week
    for other in ("rita", "fito", "marta"):
        page = browsers[other].get("/agenda").text
        assert codes_on(page) == set()
        assert "No hay citas aquí" in page
        assert codes_on(browsers[other].get(day_path(1)).text) == set()
    row = [one for one in console.acts("agenda_seen") if '"count":1' in one["details"].replace(" ", "")][-1]
    assert code(tomorrow) not in row["details"]


def test_only_the_clock_moves_a_visit_from_tomorrow_to_today_and_to_what_is_overdue(
    browsers: dict[str, Browser], visit: Callable[..., UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    id, real = visit(at_noon(1)), clock.now
    assert codes_on(browsers["ana"].get("/agenda").text) == set()
    for days, is_overdue in ((1, False), (2, True)):
        monkeypatch.setattr(clock, "now", lambda so_far=days * DAY: real() + so_far)
        page = browsers["ana"].get("/agenda").text
        assert codes_on(page) == {code(id)}
        assert ("nadie ha dicho si la persona vino" in page) == is_overdue
    assert "nada todavía: ¿vino?" in page


def test_what_is_done_about_a_visit_is_what_the_page_of_its_case_offers(
    browsers: dict[str, Browser], visit: Callable[..., UUID], console: Console
) -> None:
    cases = [visit(at_noon(), states=(*SCHEDULED[:3], state), name=state)
             for state in (STATE.SCHEDULED, STATE.IN_SERVICE, STATE.NO_SHOW)]  # fmt: skip
    under_way = visit(at_noon(), name="under way")
    console.query(
        "insert into act (message_id, organisation, staff, referral_id, contract, say_at)"
        " values (%s, 'iom', 's', %s, 'referral.accepted.v1', now())", an_id(under_way), under_way,
    )  # fmt: skip
    page = browsers["ana"].get("/agenda").text
    for id in (*cases, under_way):
        on_case = {*MOVES.findall(browsers["ana"].get(path_of(id)).text)} & {*agenda.MOVES}
        assert {*re.findall(rf'/caso/{id}/hacer/(\w+)"', page)} == on_case
    assert {*re.findall(rf'/caso/{cases[0]}/hacer/(\w+)"', page)} == {*agenda.MOVES}
    assert f'id="why-{under_way}"' in page


def test_a_tap_on_the_agenda_keeps_one_act(
    browsers: dict[str, Browser], visit: Callable[..., UUID], console: Console
) -> None:
    id, page = visit(at_noon()), browsers["ana"].get("/agenda").text
    found = re.search(rf'action="(/caso/{id}/hacer/no_show)">\s*<input[^>]+>\s*<input[^>]+value="([^"]+)"', page)
    assert found is not None
    for _ in range(2):
        assert browsers["ana"].send(found[1], formulario=found[2]).leads_to == f"/hecho/{found[2]}"
    assert [row["contract"] for row in console.query("select contract from act")] == ["referral.no_show.v1"]


@pytest.mark.parametrize(
    "query",
    ["dia=x", "semana=2026-13-01", "dia=0001-01-01", "dia=9999-12-31", "dia=2026-01-01&semana=2026-01-01",
     "despues=x", "despues=2026-01-01T00:00~x", "despues=~", "sin_decir=x", "sin_decir=2026-01-01T00:00~x"],
)  # fmt: skip
def test_an_address_that_means_nothing_is_none(browsers: dict[str, Browser], query: str) -> None:
    assert browsers["ana"].get(f"/agenda?{query}").status == 404


def test_pages_of_a_day_follow_each_other(
    browsers: dict[str, Browser], visit: Callable[..., UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agenda, "AT_ONCE", 1)
    made = {code(visit(at_noon(), name=str(number))) for number in range(3)}
    path = "/agenda"
    shown: list[str] = []
    while path:
        page = browsers["ana"].get(path).text
        shown += codes_on(page)
        found = re.search(r'href="(/agenda\?[^"]*despues[^"]*)"', page)
        path = found[1].replace("&amp;", "&") if found else ""
    assert (len(shown), {*shown}) == (3, made)


def test_every_visit_of_which_nothing_was_said_is_on_a_page(
    browsers: dict[str, Browser], visit: Callable[..., UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agenda, "UNSAID_AT_ONCE", 2)
    made = [code(visit(at_noon(-days), name=str(days))) for days in range(1, 6)]
    today = code(visit(at_noon(), name="today"))
    path, shown, pages = "/agenda", [], 0
    while path and pages < 9:
        page = browsers["ana"].get(path).text
        shown += re.findall(r'class="code-word">([0-9A-Z]{4}-[0-9A-Z]{4})<', page)
        found = re.search(r'href="(/agenda\?[^"]*sin_decir[^"]*)"', page)
        path, pages = found[1].replace("&amp;", "&") if found else "", pages + 1
    assert (pages, [one for one in shown if one != today]) == (3, made)
    assert shown.count(today) == 1


def test_each_row_of_today_says_since_when_until_when_and_has_its_next_act(
    browsers: dict[str, Browser], visit: Callable[..., UUID]
) -> None:
    ids = {
        "accepted": visit(at_noon(), states=SCHEDULED[:2], name="received"),
        "service_started": visit(at_noon(), name="scheduled"),
        "cancelled": visit(at_noon(), states=(*SCHEDULED[:3], STATE.CANCEL_REQUESTED), name="cancel requested"),
    }
    page = browsers["ana"].get("/hoy").text
    offered = re.findall(r'/caso/([^"/]+)/hacer/(\w+)"', page)
    assert {(str(id), name) for name, id in ids.items()} == {*offered}
    for bucket, until in (("undecided", "Plazo"), ("visits_today", "Cita"), ("to_cancel", None)):
        whole = browsers["ana"].get(f"/hoy/{bucket}").text
        assert "Desde <time" in whole
        assert until is None or f'data-label="{until}"><time' in whole
        (done,) = {*re.findall(r'/caso/[^"/]+/hacer/(\w+)"', whole)}
        assert (str(ids[done]), done) in offered


def test_coordinators_see_on_both_lists_and_before_they_ask_who_sees_to_it_and_who_has_asked(
    browsers: dict[str, Browser], visit: Callable[..., UUID], service: Kept
) -> None:
    late = visit(at_noon(), states=SCHEDULED[:2], ago=3 * DAY, name="late", recipient="fuvadis")
    other = visit(at_noon(), states=SCHEDULED[:2], ago=3 * DAY, name="other", recipient="fuvadis")
    now = clock.now()
    service.hear(says(noted("p", referral_id=late, noted_at=now - DAY)))
    paths = "/hoy/escalated", "/hoy/overdue_elsewhere", chasing.path_of("fuvadis")
    for path in paths:
        page = browsers["marta"].get(path).text
        assert "Se encarga" not in page
        assert "Pedido" not in page
    assert f'value="{late}" checked' in page
    offered = f'/caso/{late}/hacer/taken_on"'
    assert offered in browsers["marta"].get("/hoy").text
    asked = {"organisation": "fuvadis", "means": ChaseMeans.TELEPHONE, "result": ChaseResult.NEEDS_TIME}
    service.hear(
        says(noted("p", "taken_on", referral_id=late, noted_at=now, noted_by="fuvadis")),
        says(noted("p", "chased", referral_id=late, noted_at=now, noted_by=CENTRE, chased_at=now, **asked)),
    )
    for path in paths:
        page = browsers["marta"].get(path).text
        assert page.count("Se encarga FUVADIS") == 1, path
        assert re.search(r"Pedido <time[^>]*>hoy \d+:\d\d</time>", page), path
    assert f'value="{late}" checked' not in page  # nobody is asked twice unseen
    assert f'value="{other}" checked' in page
    whole = browsers["marta"].get("/hoy").text
    assert offered in whole
    service.hear(says(noted("p", "taken_on", referral_id=late, noted_at=clock.now(), noted_by=CENTRE)))
    whole = browsers["marta"].get("/hoy").text
    assert whole.count("Se encargan ustedes") == 2
    assert offered not in whole
    assert f'/caso/{late}/hacer/chased"' in whole


def test_a_case_is_taken_given_and_put_back_and_a_second_tap_changes_nothing(
    browsers: dict[str, Browser], codes: dict[str, str], visit: Callable[..., UUID], console: Console
) -> None:
    id, ana = visit(at_noon()), browsers["ana"]
    before = len(console.acts("case_taken", "case_given", "case_put_back"))
    said = [(codes["ana"], ""), (codes["beto"], codes["ana"]), ("", codes["beto"])]
    for to, shown in said:
        assert [hold(ana, id, to, shown), hold(ana, id, to, shown)] == [303, 303]
    acts = [row["act"] for row in console.acts("case_taken", "case_given", "case_put_back")[before:]]
    assert acts == ["case_taken", "case_given", "case_put_back"]
    assert console.query("select * from assignment") == []


def test_what_has_become_anothers_since_is_not_taken_from_them_unseen(
    browsers: dict[str, Browser], codes: dict[str, str], visit: Callable[..., UUID], console: Console
) -> None:
    id = visit(at_noon())
    assert hold(browsers["ana"], id, codes["ana"]) == 303
    assert hold(browsers["beto"], id, codes["beto"]) == 409
    assert [row["staff"] for row in console.query("select staff from assignment")] == [codes["ana"]]


def test_nobody_gives_a_case_to_another_organisation_or_to_who_may_not_see_it_or_come_in(
    browsers: dict[str, Browser], codes: dict[str, str], visit: Callable[..., UUID], console: Console
) -> None:
    id = visit(at_noon())
    invited, _ = console.invite("agenda.invited", organisation="iom")
    for to in (codes["rita"], "s-nobody", invited):
        assert hold(browsers["ana"], id, to) == 409
    assert hold(browsers["marta"], id, codes["pablo"]) == 409  # he would not see it
    assert hold(browsers["marta"], id, codes["marta"]) == 303
    assert browsers["fito"].get(holder_path(id)).status == 404
    browsers["fito"].get("/")
    assert browsers["fito"].send(holder_path(id), a_quien=codes["fito"], antes="").status == 404
    assert "de todos" in browsers["ana"].get(path_of(id)).text  # whose it is at the centre is the centre's own


def test_today_shows_mine_or_everybodys(
    browsers: dict[str, Browser], codes: dict[str, str], visit: Callable[..., UUID], console: Console
) -> None:
    taken, left = visit(at_noon(), name="taken"), visit(at_noon(), name="left")
    hold(browsers["ana"], taken, codes["ana"])
    assert mine(browsers["ana"]) == {code(taken)}
    assert mine(browsers["beto"]) == set()
    assert "Nada de lo suyo espera ahora" in browsers["beto"].get("/hoy?de=mios").text
    for name in ("ana", "beto"):
        assert codes_on(browsers[name].get("/hoy").text) == {code(taken), code(left)}
    assert "de ana" in browsers["beto"].get("/hoy").text
    hold(browsers["rita"], taken, codes["rita"])
    assert mine(browsers["ana"]) == {code(taken)}  # another organisation's own is another


def test_each_reason_of_today_is_found_among_what_somebody_has_taken(
    browsers: dict[str, Browser], codes: dict[str, str], visit: Callable[..., UUID], service: Kept
) -> None:
    late = visit(at_noon(), states=(STATE.SENT, STATE.RECEIVED), ago=3 * DAY)
    for name in ("ana", "marta"):
        assert mine(browsers[name]) == set()
        hold(browsers[name], late, codes[name])
        assert mine(browsers[name]) == {code(late)}
    assert "Vencidas en otras organizaciones (1)" in browsers["marta"].get("/hoy?de=mios").text


def test_whom_somebody_telephones_again_is_found_among_what_they_have_taken(
    browsers: dict[str, Browser], codes: dict[str, str], visit: Callable[..., UUID], console: Console
) -> None:
    calling, other = visit(at_noon() + DAY, name="calling"), visit(at_noon() + DAY, name="other")
    for id, organisation in ((calling, "iom"), (other, "redcross")):
        console.query("insert into call_back values (%s, %s, now(), now())", id, organisation)
        hold(browsers["ana"], id, codes["ana"])
    assert mine(browsers["ana"]) == {code(calling)}
    assert 'id="call_back"' in browsers["ana"].get("/hoy?de=mios").text


def test_of_who_is_suspended_everything_is_everybodys_again_and_shown_so(
    browsers: dict[str, Browser], codes: dict[str, str], visit: Callable[..., UUID], console: Console
) -> None:
    id = visit(at_noon())
    hold(browsers["ana"], id, codes["cora"])
    console.query("update staff set status = 'suspended' where code = %s", codes["cora"])
    try:
        for path in ("/hoy", "/agenda", path_of(id)):
            assert "de todos: era de cora, que ya no entra" in browsers["beto"].get(path).text
        assert hold(browsers["beto"], id, codes["beto"], codes["cora"]) == 303
    finally:
        console.query("update staff set status = 'active' where code = %s", codes["cora"])


def test_while_somebody_is_away_all_that_is_theirs_is_a_colleagues_and_it_ends_by_itself(
    browsers: dict[str, Browser], codes: dict[str, str], visit: Callable[..., UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, later = visit(at_noon(), name="before"), visit(at_noon(), name="later")
    hold(browsers["ana"], before, codes["ana"])
    assert go_away(browsers["ana"], codes["beto"]) == 303
    hold(browsers["cora"], later, codes["ana"])
    assert mine(browsers["beto"]) == {code(before), code(later)}
    assert "suyo, en lugar de ana" in browsers["beto"].get("/agenda").text
    assert "suyo; lo ve beto mientras usted no está" in browsers["ana"].get("/agenda").text
    assert "de ana; mientras no está, de beto" in browsers["cora"].get("/agenda").text
    assert "Usted reemplaza a ana" in browsers["beto"].get("/ausencia").text
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + 4 * DAY)
    assert mine(browsers["beto"]) == set()
    assert "Usted reemplaza a ana" not in browsers["beto"].get("/ausencia").text


def test_an_absence_is_ended_early_by_either_and_by_no_other(
    browsers: dict[str, Browser], codes: dict[str, str], visit: Callable[..., UUID], console: Console
) -> None:
    id = visit(at_noon())
    hold(browsers["ana"], id, codes["ana"])
    for who in ("ana", "beto"):
        go_away(browsers["ana"], codes["beto"])
        for other in ("cora", "rita"):
            browsers[other].get("/ausencia")
            assert browsers[other].send("/ausencia/terminar", de=codes["ana"]).status == 409
        browsers[who].get("/ausencia")
        assert browsers[who].send("/ausencia/terminar", de=codes["ana"]).status == 303
        assert mine(browsers["beto"]) == set()
        assert mine(browsers["ana"]) == {code(id)}
    assert [row["act"] for row in console.acts("absence_begun", "absence_ended")[-4:]] == [
        "absence_begun", "absence_ended",
    ] * 2  # fmt: skip


def test_nobody_is_away_for_another(
    browsers: dict[str, Browser], codes: dict[str, str], visit: Callable[..., UUID], console: Console
) -> None:
    assert go_away(browsers["ana"], codes["beto"]) == 303
    assert go_away(browsers["beto"], codes["cora"]) == 422
    assert go_away(browsers["cora"], codes["ana"]) == 422
    assert go_away(browsers["ana"], codes["cora"]) == 303  # somebody else, in place of the first
    assert [row["colleague"] for row in console.query("select colleague from absence")] == [codes["cora"]]


def test_only_a_colleague_who_is_there_stands_in_and_until_a_day_to_come(
    browsers: dict[str, Browser], codes: dict[str, str], visit: Callable[..., UUID], console: Console
) -> None:
    for colleague in (codes["rita"], codes["ana"], "", "s-nobody"):
        assert go_away(browsers["ana"], colleague) == 422
    for days in (-1, 400):
        assert go_away(browsers["ana"], codes["beto"], days) == 422
    assert go_away(browsers["marta"], codes["pablo"]) == 422  # he does not see all that she does
    browsers["ana"].get("/ausencia")
    assert browsers["ana"].send("/ausencia", colega=codes["beto"], hasta="x").status == 422
    assert console.query("select * from absence") == []


def test_who_stands_in_and_is_suspended_has_nothing_and_the_absent_have_it(
    browsers: dict[str, Browser], codes: dict[str, str], visit: Callable[..., UUID], console: Console
) -> None:
    id = visit(at_noon())
    hold(browsers["ana"], id, codes["ana"])
    go_away(browsers["ana"], codes["cora"])
    console.query("update staff set status = 'suspended' where code = %s", codes["cora"])
    try:
        assert "de ana" in browsers["beto"].get("/agenda").text
        assert "mientras no está" not in browsers["beto"].get("/agenda").text
        assert "Pero ya no entra" in browsers["ana"].get("/ausencia").text
    finally:
        console.query("update staff set status = 'active' where code = %s", codes["cora"])
