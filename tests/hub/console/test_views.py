"""Lists of Referencias that somebody keeps under a name: theirs alone, few, and what they ask for."""

import html
import itertools
import re

import pytest

from hub.console.store import views
from tests.hub.console.kit import Browser, Console, Running

NUMBERS = itertools.count()
PATH = "/referencias/vistas"
ASKED = {"parte": "recibidas", "estado": "received"}


@pytest.fixture
def browser(console: Console, running: Running) -> Browser:
    browser = Browser(running)
    console.enrol(browser, f"views.{next(NUMBERS)}", "partner_staff")
    return browser


def keep(browser: Browser, name: str, **asked: str) -> None:
    browser.get(PATH)
    assert browser.send(PATH, nombre=name, **asked).status == 303


def kept(browser: Browser) -> dict[str, str]:
    """Where each of somebody's lists leads, by its name, as Referencias shows them."""
    page = browser.get("/referencias").text
    shown = page[page.index('aria-label="Mis vistas"') :].partition("</nav>")[0]
    links = re.findall(r'<li><a href="([^"]*)"[^>]*>([^<]*)</a>', shown)
    return {html.unescape(name): html.unescape(path) for path, name in links if not path.startswith(PATH)}


def test_a_list_is_kept_under_a_name_and_found_again(browser: Browser) -> None:
    form = browser.get("/referencias?parte=recibidas&estado=received")
    link = re.search(rf'href="({PATH}[^"]*)"', form.text)
    assert link is not None
    page = browser.get(html.unescape(link[1])).text
    fields = dict(re.findall(r'<input type="hidden" name="(parte|estado|necesidad)" value="([^"]*)"', page))
    assert fields == ASKED
    done = browser.send(PATH, nombre="  Por   decidir ", **fields)
    assert done.leads_to == "/referencias?parte=recibidas&estado=received"
    assert kept(browser) == {"Por decidir": "/referencias?parte=recibidas&estado=received"}
    assert 'aria-current="true">Por decidir<' in browser.get(str(done.leads_to)).text


def test_a_list_is_kept_as_it_was_sent_whatever_was_typed_before(browser: Browser) -> None:
    browser.get(f"{PATH}?estado=sent&parte=todas")
    browser.send("/escrito", a=PATH, nombre="Otra", parte="todas", estado="sent")  # and left
    browser.get(f"{PATH}?parte=recibidas")
    assert browser.send(PATH, nombre="Mías", parte="recibidas").leads_to == "/referencias?parte=recibidas"
    assert kept(browser) == {"Mías": "/referencias?parte=recibidas"}


def test_the_same_name_again_is_for_what_is_asked_for_now(browser: Browser) -> None:
    keep(browser, "Mías", **ASKED)
    keep(browser, "Mías", estado="sent")
    assert kept(browser) == {"Mías": "/referencias?parte=todas&estado=sent"}


def test_a_list_is_dropped_by_whom_it_is_of_alone(browser: Browser, console: Console, running: Running) -> None:
    keep(browser, "Mías", **ASKED)
    other = Browser(running)
    console.enrol(other, "views.other", "partner_staff")
    assert kept(other) == {}
    (row,) = console.query("select id from saved_view where name = 'Mías' order by saved_at desc limit 1")
    other.get(PATH)
    assert other.send(f"{PATH}/quitar", vista=str(row["id"])).leads_to == PATH
    assert len(kept(browser)) == 1
    browser.get(PATH)
    assert browser.send(f"{PATH}/quitar", vista=str(row["id"])).leads_to == PATH
    assert kept(browser) == {}


@pytest.mark.parametrize("name", ["", "   ", "x" * 41])
def test_a_name_that_is_none_or_too_long_is_shown_again_with_what_is_wrong(browser: Browser, name: str) -> None:
    browser.get(PATH)
    page = browser.send(PATH, nombre=name, **ASKED)
    assert page.status == 422
    assert 'name="estado" value="received"' in page.text
    assert kept(browser) == {}


def test_a_name_is_no_markup(browser: Browser) -> None:
    keep(browser, "<b>&amp;", **ASKED)
    assert list(kept(browser)) == ["<b>&amp;"]


@pytest.mark.parametrize("asked", [{"estado": "planted"}, {"parte": "planted"}, {"necesidad": "planted"}])
def test_what_means_nothing_is_not_kept(browser: Browser, asked: dict[str, str]) -> None:
    browser.get(PATH)
    assert browser.send(PATH, nombre="x", **asked).status == 404
    assert kept(browser) == {}


def test_beyond_twenty_one_is_to_be_dropped_first(browser: Browser) -> None:
    for number in range(views.AT_MOST):
        keep(browser, f"Vista {number}", **ASKED)
    browser.get(PATH)
    assert browser.send(PATH, nombre="Una más", **ASKED).status == 422
    keep(browser, "Vista 7", estado="sent")  # that is there
    assert len(kept(browser)) == views.AT_MOST


def test_with_an_account_its_lists_go(browser: Browser, console: Console) -> None:
    keep(browser, "De quien se va", **ASKED)
    (row,) = console.query("select staff from saved_view where name = 'De quien se va'")
    console.query("delete from staff where code = %s", row["staff"])
    assert console.query("select id from saved_view where staff = %s", row["staff"]) == []
