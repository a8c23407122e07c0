"""What is typed and not done waits for whoever typed it: while they type, after a refusal, and through the lock."""

import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import quote

import pytest

from hub.console.web import kept, pages
from tests.hub.console.kit import CENTRE, PIN, Answer, Browser, Console, Person

Enrolled = Callable[..., Person]
MINUTE: Final = 60
TYPED: Final = "s-typed-1"
WAITS: Final = 'value="s-typed-1"'
TOLD: Final = "todavía no se ha hecho"


@pytest.fixture(autouse=True)
def nothing_waits(console: Console) -> Iterator[None]:
    console.query("truncate kept_form")
    yield
    console.query("truncate kept_form")


@pytest.fixture
def administrator(enrolled: Enrolled, browser: Browser) -> Person:
    return enrolled("administrator", organisation=CENTRE)


def types(browser: Browser, path: str = "/recuperar", **fields: str) -> Answer:
    """What the page's script says a moment after something was typed."""
    return browser.send("/escrito", a=path, **(fields or {"staff": TYPED}))


def sent_from_before(console: Console, person: Person, browser: Browser, path: str, **fields: str) -> Answer:
    """Send a form that was opened before whoever sends it came in anew."""
    browser.get(path)
    opened = browser.page
    browser.send("/salir")
    console.log_in(browser, person)
    browser.page = opened
    return browser.send(path, **fields)


def test_what_is_typed_waits_sealed_and_for_nobody_else(
    console: Console, administrator: Person, browser: Browser, another: Browser, enrolled: Enrolled
) -> None:
    enrolled("administrator", organisation=CENTRE, where=another)
    browser.get("/recuperar")
    assert types(browser).leads_to == "/recuperar"
    (row,) = console.query("select staff, path, content from kept_form")
    assert (row["staff"], row["path"]) == (administrator.code, "/recuperar")
    assert TYPED.encode() not in bytes(row["content"])
    page = browser.get("/recuperar").text
    assert (WAITS in page, TOLD in page) == (True, True)
    assert TYPED not in another.get("/recuperar").text
    assert console.query("select * from recovery") == []
    browser.send("/recuperar", staff=administrator.code)  # which is not taken, and comes back
    assert TOLD not in browser.get(browser.at).text


def test_that_a_page_says_what_is_typed_puts_off_no_lock(
    console: Console, administrator: Person, browser: Browser
) -> None:
    browser.get("/recuperar")
    console.age("session", 9 * MINUTE, "seen_at")
    seen = "select seen_at from session where staff = %s"
    before = console.query(seen, administrator.code)
    types(browser)
    assert console.query(seen, administrator.code) == before
    console.age("session", 2 * MINUTE, "seen_at")
    assert browser.get("/recuperar").leads_to == "/abrir?a=/recuperar"


def test_a_page_that_goes_by_itself_is_come_back_to_with_what_was_typed_last(
    console: Console, administrator: Person, browser: Browser
) -> None:
    left = browser.get("/recuperar").header("refresh") or ""
    assert left == "601;url=/abrir?a=/recuperar"
    console.age("session", 11 * MINUTE, "seen_at")
    assert types(browser).leads_to == "/abrir?a=/recuperar"  # as the page was left
    browser.get("/abrir?a=/recuperar")
    assert TYPED not in browser.page.text  # type: ignore[union-attr]
    (session,) = console.query("select id from session where staff = %s", administrator.code)
    asked = {"who": str(session["id"]), "pin": PIN}
    assert browser.open("/abrir?a=/recuperar", **asked, a="/recuperar").leads_to == "/recuperar"
    assert WAITS in browser.get("/recuperar").text


def test_the_way_back_is_kept_by_the_page_of_the_pin_itself(administrator: Person, browser: Browser) -> None:
    browser.get("/recuperar")
    browser.send("/bloquear")
    page = browser.get("/abrir?a=/recuperar%3Fx%3D1")
    assert (page.header("refresh") or "").endswith(f";url=/abrir?a={quote('/recuperar?x=1')}")
    assert (browser.get("/abrir").header("refresh") or "").endswith(";url=/abrir")


def test_nobody_keeps_more_than_some_pages(console: Console, administrator: Person, browser: Browser) -> None:
    browser.get("/recuperar")
    for number in range(kept.MOST + 3):
        types(browser, f"/caso/{number}")
    paths = {row["path"] for row in console.query("select path from kept_form")}
    assert paths == {f"/caso/{number}" for number in range(3, kept.MOST + 3)}


@pytest.mark.parametrize("path", ["", "//evil.example", "https://evil.example", "/" + "x" * 600])
def test_for_what_is_no_page_of_ours_nothing_is_kept(
    console: Console, administrator: Person, browser: Browser, path: str
) -> None:
    browser.get("/recuperar")
    assert types(browser, path).leads_to == "/"
    assert console.query("select from kept_form") == []


def test_of_a_form_that_was_opened_before_somebody_came_in_anew_what_was_typed_waits(
    console: Console, administrator: Person, browser: Browser
) -> None:
    answer = sent_from_before(console, administrator, browser, "/recuperar", staff=TYPED)
    assert (answer.status, "form_expired" in answer.text) == (403, True)
    assert 'href="/recuperar"' in answer.text
    assert "le espera" in answer.text
    assert WAITS in browser.get("/recuperar").text


def test_without_the_database_nobody_is_told_that_what_they_typed_is_kept(
    console: Console, administrator: Person, browser: Browser
) -> None:
    browser.get("/recuperar")
    away = Browser(console.run(database_url="postgresql://nobody@127.0.0.1:1/none"), cookies=browser.cookies)
    away.page = browser.page
    answer = away.send("/recuperar", staff=TYPED)
    assert (answer.status, "database_away" in answer.text) == (503, True)
    assert "no se pudo guardar" in answer.text
    assert "se guardó, y le espera" not in answer.text
    assert 'href="/recuperar"' in answer.text
    assert "no se pudo guardar" not in away.get("/recuperar").text  # nothing was typed


def test_no_code_that_lets_somebody_in_waits(console: Console, administrator: Person, browser: Browser) -> None:
    answer = sent_from_before(console, administrator, browser, "/alta", codigo=TYPED)
    assert (answer.status, "form_expired" in answer.text, "le espera" in answer.text) == (403, True, False)
    assert console.query("select from kept_form") == []


@pytest.mark.parametrize("page", ["//evil.example", "https://evil.example", "javascript:x()", "/recuperar\\x"])
def test_no_link_leads_from_such_a_page_to_another_site(browser: Browser, page: str) -> None:
    answer = browser.get(f"/alto/changed?respuesta={'1' * 32}&a={quote(page)}")
    assert (answer.status, "evil" in answer.text, "Volver al formulario" in answer.text) == (409, False, False)


# -- every form --------------------------------------------------------------------------------------------------------

FORM_OF_PAGE: Final = re.compile(r'<form [^\n]*method="post"[^\n]*>')
ASKED_ELSEWHERE: Final = {
    "login.html", "unlock.html", "enrolment.html", "enrolment_code.html", "emergency.html",  # whoever has not come in
    "box.html", "message_box.html", "messages.html", "audit.html",  # looks for something, and changes nothing
}  # fmt: skip
CODE: Final = "/codigo"  # of a mail, which is over in minutes


def test_every_form_that_asks_for_something_waits_or_is_named_here() -> None:
    found: dict[str, list[str]] = {}
    for file in pages.TEMPLATES.iterdir():
        asks = [one for one in FORM_OF_PAGE.findall(file.read_text()) if "autocomplete" in one and CODE not in one]
        found |= {file.name: [one for one in asks if "data-draft" not in one]} if asks else {}
    assert {name for name, one in found.items() if one} == ASKED_ELSEWHERE
    assert {"act.html", "redirect.html", "redirect_told.html", "chase.html", "absence.html"} <= found.keys()


def test_the_name_of_a_list_waits_and_is_given_to_the_list_of_the_address(browser: Browser, enrolled: Enrolled) -> None:
    enrolled()
    browser.get("/referencias/vistas?estado=expired")
    types(browser, "/referencias/vistas", nombre="Vencidas", estado="expired", parte="todas")
    page = browser.get("/referencias/vistas?estado=received").text
    assert 'value="Vencidas"' in page
    assert 'name="estado" value="received"' in page
    assert 'name="estado" value="expired"' in browser.get("/referencias/vistas").text
