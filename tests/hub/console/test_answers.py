"""What answers a form: never a page with what was typed, for browsers keep both on their disk; and where that is."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import quote
from uuid import uuid4

import pytest
from starlette.responses import Response

from hub.console.web import app, pages, permissions
from hub.console.web.permissions import Role
from hub.console.web.screen import Screen
from hub.console.web.visit import Visit
from tests.examples_reports import an_id
from tests.hub.console.kit import CENTRE, ENROLMENT, TOKEN, Answer, Browser, Console, Person
from tests.hub.console.test_permissions import browsers, path_of

__all__ = ["browsers"]

TYPED = "Hexquilombia"
NAMES = re.compile(r'name="(\w+)"')
OF_MACROS = re.compile(r"forms\.field\('(\w+)'")


def fields() -> set[str]:
    """Every name that a field of a form has, but for those of contracts, whose notes are `notes` and `reason`."""
    texts = [one.read_text() for one in pages.TEMPLATES.iterdir()]
    found = {name for text in texts for pattern in (NAMES, OF_MACROS) for name in pattern.findall(text)}
    return {*found, "notes", "note", "reason", "service"} - {"form_token", "formulario"}


def forms() -> Iterator[dict[str, str]]:
    """What is typed: all that there is, with what programs fill in as it has to be, and as it cannot be."""
    typed = dict.fromkeys(fields(), TYPED)
    yield typed
    yield {**typed, "formulario": str(an_id("form"))}
    yield {"formulario": str(an_id("form")), "q": TYPED, "nombre": TYPED * 9, "correo": TYPED, "avisos": "all"}
    for act in ("retry", "empezar", "sola", "confirmar"):
        yield {**typed, "formulario": str(an_id(act)), "acto": act}


def sent(browser: Browser, path: str, typed: Mapping[str, str]) -> Answer:
    """What itself answers a form of the page that is shown, wherever that leads."""
    assert browser.page is not None
    token = TOKEN.search(browser.page.text)
    assert token is not None
    return browser.post_alone(path, {"form_token": token[1], **typed})


def whose(screen: Screen, browsers: Mapping[Role, Browser], stranger: Browser) -> tuple[Role | None, Browser]:
    """Somebody who may send what a screen takes."""
    if permissions.MAY[screen.name] is permissions.ANYBODY:
        return None, stranger
    return next((role, browser) for role, browser in browsers.items() if permissions.may_come(screen.name, [role]))


def answered_badly(screens: Sequence[Screen], browsers: Mapping[Role, Browser], stranger: Browser) -> set[str]:
    """The screens that answer some form with what was typed, or with a page though they do not say so."""
    found = set()
    for screen in screens:
        if screen.post is None:
            continue
        role, browser = whose(screen, browsers, stranger)
        for typed in forms():
            browser.get("/entrar" if role is None else "/")
            answer = sent(browser, path_of(screen, role), typed)
            said = answer.text + str(answer.headers)
            if TYPED in said or not (answer.leads_to or screen.answers_itself):
                found.add(screen.name)
    return found


def show_typed(visit: Visit) -> Response:
    """A page that shows what was typed."""
    return visit.page("recovery.html", say=None, pending=(), error="", done="", enrolment=visit.said("q"))


PLANTED = (
    Screen("planted", "/plantada", post=show_typed),
    Screen("planted_itself", "/plantada/sola", post=show_typed, answers_itself=True),
)


@pytest.fixture
def planted(console: Console) -> Iterator[Browser]:
    """A browser of somebody who has come in, where two more screens answer forms with a page."""
    may = {**permissions.MAY, **{one.name: permissions.ALL_STAFF for one in PLANTED}}
    with pytest.MonkeyPatch.context() as patch:
        screens = (*PLANTED, *app.all_screens(console.settings))
        patch.setattr(app, "all_screens", lambda _: screens)
        patch.setattr(permissions, "MAY", may)
        patch.setattr(permissions.check, "__defaults__", (may,))
        patch.setattr(permissions.may_come, "__defaults__", (may,))
        browser = Browser(console.run())
        console.enrol(browser, f"planted.{uuid4().hex[:8]}", "coordinator", organisation=CENTRE)
        yield browser


@pytest.fixture
def administrator(console: Console, enrolled: Callable[..., Person], browser: Browser) -> Browser:
    enrolled("administrator", organisation=CENTRE)
    return browser


def test_no_form_of_any_screen_is_answered_with_what_was_typed(
    console: Console, browsers: dict[Role, Browser], browser: Browser
) -> None:
    screens = app.all_screens(console.settings)
    assert answered_badly(screens, browsers, browser) == set()
    itself = {one.name for one in screens if one.answers_itself}
    assert itself == {"person", "login", "unlock", "enrolment_form"}


def test_of_planted_screens_one_is_found_and_the_other_is_not_sent(planted: Browser) -> None:
    assert answered_badly(PLANTED, {Role.COORDINATOR: planted}, planted) == {"planted_itself"}
    planted.get("/")
    answer = planted.send("/plantada", q=TYPED)
    assert (answer.status, "internal" in answer.text, TYPED in answer.text) == (500, True, False)


# -- the form that comes back ------------------------------------------------------------------------------------------


def test_it_comes_back_with_what_was_typed_to_that_session_and_tab_alone(
    console: Console, administrator: Browser, another: Browser, enrolled: Callable[..., Person]
) -> None:
    enrolled("administrator", organisation=CENTRE, where=another)
    tabs = []
    for typed in ("s-one", "s-two"):
        administrator.get("/recuperar")
        answer = administrator.send("/recuperar", staff=typed)
        assert (answer.status, f'value="{typed}"' in answer.text) == (422, True)
        tabs.append((administrator.at, typed))
    for at, typed in tabs:
        assert f'value="{typed}"' in administrator.get(at).text
        assert "s-one" not in another.get(at).text
        assert "s-two" not in another.get(at).text
        assert another.get(at).status == 200
    assert 'value="s-' not in administrator.get("/recuperar").text


def test_it_is_over_with_the_session_the_lock_and_the_minutes(console: Console, administrator: Browser) -> None:
    administrator.get("/recuperar")
    administrator.send("/recuperar", staff="s-one")
    at = administrator.at
    console.age("kept_answer", 16 * 60, "kept_at")
    assert "s-one" not in administrator.get(at).text
    administrator.send("/recuperar", staff="s-two")
    administrator.send("/bloquear")
    assert console.query("select from kept_answer where path = %s", administrator.at) == []
    assert administrator.get(at).leads_to == f"/abrir?a={quote(at)}"


def test_it_goes_from_the_screen_as_every_page_does(administrator: Browser) -> None:
    administrator.get("/recuperar")
    assert administrator.send("/recuperar", staff="s-one").header("refresh") == "601;url=/abrir?a=/recuperar"


def test_of_the_page_of_another_form_an_address_shows_nothing(administrator: Browser) -> None:
    administrator.get("/recuperar")
    administrator.send("/recuperar", staff="s-one")
    asked = administrator.at.partition("?")[2]
    for path in ("/avisos/oficina", "/auditoria", "/"):
        answer = administrator.get(f"{path}?{asked}")
        assert (answer.status, "s-one" in answer.text) == (200, False), path
    for value in ("", "x", "0" * 32):
        assert administrator.get(f"/recuperar?respuesta={value}").status == 200


def test_a_code_to_enrol_with_is_shown_once(
    console: Console, administrator: Browser, another: Browser, enrolled: Callable[..., Person]
) -> None:
    enrolled("administrator", organisation=CENTRE, where=another)
    lost = enrolled(where=Browser(administrator.running))
    for one, times in ((administrator, 0), (another, 1)):
        one.get("/recuperar")
        assert len(ENROLMENT.findall(one.send("/recuperar", staff=lost.code).text)) == times
    assert ENROLMENT.search(another.get(another.at).text) is None
    (row,) = console.query("select count(*) as many from kept_answer where path = %s", another.at)
    assert row["many"] == 0


# -- what ends a form before it is looked at ---------------------------------------------------------------------------


def test_why_a_form_was_refused_is_a_page_of_its_own_with_the_number_of_that_request(administrator: Browser) -> None:
    administrator.get("/")
    answer = sent(administrator, "/plantada", {"q": TYPED})
    assert answer.leads_to == f"/alto/not_found?respuesta={answer.header('x-request-id')}"
    page = administrator.get(answer.leads_to)
    assert page.status == 404
    assert str(answer.header("x-request-id")) in page.text


@pytest.mark.parametrize(
    "path", ["/alto", "/alto/nada?respuesta=" + "1" * 32, "/alto/changed", "/alto/changed?respuesta=Llame%20al%20300"]
)
def test_no_link_makes_such_a_page_say_anything_else(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.leads_to or answer.status == 404
    assert "Llame" not in answer.text
